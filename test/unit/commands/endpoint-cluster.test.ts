/**
 * `endpoint … --cluster` and others with authentication on: the user's name goes along when the members are listed.
 * Who may not list them, or not look, learns it in etcd's words and codes.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ProgramImage } from '../../../src/cli/run-program.js';
import { etcdctl } from '../../../src/ctl/program.js';
import { type ClusterPlace, type LocalCluster, startCluster } from '../../support/cluster.js';
import { programImage, runCommand } from '../../support/run-command.js';

let cluster: LocalCluster;
let served: ClusterPlace;
let image: ProgramImage;
const ctl = (...argv: string[]) => runCommand(image, ['--endpoints', served.endpoint, ...argv]);

beforeAll(async () => {
  cluster = await startCluster({ members: 1 });
  served = cluster.only;
  image = await programImage(etcdctl, 'ctl');
  const steps = [
    'user add root:r',
    'user grant-role root root',
    'user add ann:a',
    'role add some',
    'role grant-permission some readwrite k',
    'user grant-role ann some',
    'auth enable',
  ];
  for (const step of steps) await ctl(...step.split(' '));
}, 30_000);
afterAll(() => cluster?.[Symbol.asyncDispose]());

const EMPTY = 'Error: failed to fetch endpoints from etcd cluster member list: etcdserver: user name is empty';
const WRONG = 'Error: etcdserver: authentication failed, invalid user ID or password';

it.each<[string, string, number, RegExp | '', string]>([
  ['health', '--user=root:r', 0, /^http:\S+ is healthy: successfully committed proposal: took = \S+\n$/, ''],
  ['status', '--user=root:r', 0, /^http:\S+, [0-9a-f]+, 3\.5\.\d+, /, ''],
  ['hashkv', '--user=root:r', 0, /^http:\S+, \d+\n$/, ''],
  // A refusal went through consensus, too.
  ['health', '--user=ann:a', 0, /^http:\S+ is healthy: /, ''],
  ['status', '--user=ann:a', 1, '', 'Failed to get the status of endpoint http'],
  ['hashkv', '--user=ann:a', 1, '', 'auth: permission denied'],
  ['health', '--user=', 1, '', EMPTY],
  ['status', '--user=', 1, '', EMPTY],
  ['hashkv', '--user=', 1, '', EMPTY],
  ['health', '--user=root:x', 1, '', WRONG],
  ['status', '--user=root:x', 2, '', WRONG],
  ['hashkv', '--user=root:x', 2, '', WRONG],
])('endpoint %s --cluster with %s', async (command, user, exitCode, stdout, stderr) => {
  const ran = await ctl(user, 'endpoint', command, '--cluster');
  expect(ran.exitCode).toBe(exitCode);
  if (stdout === '') expect(ran.stdout).toBe('');
  else expect(ran.stdout).toMatch(stdout);
  expect(ran.stderr).toContain(stderr);
});

it('endpoint health gives its clients a name of their own in what they log', async () => {
  const words = ['--endpoints', '127.0.0.1:1', '--command-timeout=200ms', 'endpoint', 'health'];
  const { exitCode, stderr } = await runCommand(image, words);
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/"logger":"client",.*"retrying of unary invoker failed"/);
});

it.each<[string, string, number, RegExp | '', string]>([
  ['defrag --cluster', '--user=root:r', 0, /^Finished defragmenting etcd member\[http:\S+\]\n$/, ''],
  ['defrag --cluster', '--user=ann:a', 1, '', 'auth: permission denied'],
  ['defrag --cluster', '--user=', 1, '', EMPTY],
  // Whatever an observer was refused for, its end is all that is told.
  ['elect -l other', '--user=ann:a', 1, '', 'Error: elect: observer lost'],
  ['elect other me', '--user=ann:a', 1, '', 'Error: etcdserver: permission denied'],
  ['lock other true', '--user=ann:a', 1, '', 'Error: etcdserver: permission denied'],
  ['lock k true', '--user=root:r', 0, '', ''],
  ['snapshot save /nowhere/s.db', '--user=root:r', 5, '', 'Error: could not open /nowhere/s.db'],
])('%s with %s', async (words, user, exitCode, stdout, stderr) => {
  const ran = await ctl(user, ...words.split(' '));
  expect(ran.exitCode).toBe(exitCode);
  if (stdout === '') expect(ran.stdout).toBe('');
  else expect(ran.stdout).toMatch(stdout);
  expect(ran.stderr).toContain(stderr);
});

it('a snapshot that is refused leaves no file, and a log of how it came to that', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'refused-'));
  try {
    const ran = await ctl('--user=ann:a', 'snapshot', 'save', join(folder, 's.db'));
    expect([ran.exitCode, ran.stdout]).toEqual([5, '']);
    const lines = ran.stderr.split('\n').filter((line) => line.startsWith('{'));
    expect(lines.map((line) => JSON.parse(line)).map(({ logger, msg }) => [logger, msg])).toEqual([
      [undefined, 'created temporary db file'],
      ['client', 'opened snapshot stream; downloading'],
      [undefined, 'fetching snapshot'],
      ['client', 'failed to receive from snapshot stream; closing'],
    ]);
    expect(ran.stderr).toContain('auth: permission denied');
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
