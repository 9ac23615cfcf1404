/**
 * v3 discovery at a member that asks for a certificate of the right authority and for a user; and tokens that lead
 * nowhere, each with etcd's words (server/etcdserver/api/v3discovery/discovery.go; no etcd before 3.6 has it).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../../src/client/client.js';
import { certificateFolder, issue } from '../support/certificates.js';
import { type LocalCluster, startCluster } from '../support/cluster.js';
import { buildPrograms, ourProgram } from '../support/member-process.js';
import { Newcomers } from '../support/newcomers.js';
import { outputOfSync } from '../support/program.js';

const program = ourProgram('etcd');
const files = certificateFolder();
const ca = issue({ commonNames: ['ca'], isAuthority: true });
let service: LocalCluster;
let endpoint: string;

beforeAll(async () => {
  buildPrograms();
  const node = issue({ by: ca, commonNames: ['node'], usages: ['client', 'server'], addresses: ['127.0.0.1'] });
  const [authority, cert, key] = [
    files.write('ca.pem', ca.cert),
    files.write('cert.pem', node.cert),
    files.write('key.pem', node.key),
  ];
  service = await startCluster({
    members: 1,
    runner: 'ours',
    clientScheme: 'https',
    flags: ['--client-cert-auth', '--cert-file', cert, '--key-file', key, '--trusted-ca-file', authority],
  });
  ({ endpoint } = service.only);
  await using client = new Client({
    endpoints: [`https://${endpoint}`],
    tls: { ca: ca.cert, cert: node.cert, key: node.key },
  });
  const sizes = { negative: '-1', zero: '0', word: 'three', huge: '1001', full: '1', odd: '2', twins: '2' };
  for (const [token, size] of Object.entries(sizes)) await client.kv.put(`/_etcd/registry/${token}/_config/size`, size);
  await client.kv.put('/_etcd/registry/full/members/1', 'a=http://127.0.0.1:1');
  await client.kv.put('/_etcd/registry/odd/members/1', 'nonsense');
  await client.kv.put('/_etcd/registry/twins/members/1', 'm0=http://127.0.0.1:1');
  await client.auth.roleAdd('root');
  await client.auth.userAdd('root', 'secret');
  await client.auth.userGrantRole('root', 'root');
  await client.auth.enable();
}, 180_000);

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
  files[Symbol.dispose]();
});

/** Of the commands about tokens; the members' begin with `discovery-`. */
const credentials = (prefix: string, user = 'root:secret'): string[] => [
  ...[`--${prefix}endpoints`, `https://${endpoint}`, `--${prefix}cacert`, files.path('ca.pem')],
  ...[`--${prefix}cert`, files.path('cert.pem'), `--${prefix}key`, files.path('key.pem')],
  ...[`--${prefix}user`, user],
];

const flagsFor = (token: string, user?: string): string[] => [
  ...['--discovery-token', token],
  ...credentials('discovery-', user),
];

/** How the start of a member ends that is given these flags. */
async function endOf(flags: readonly string[]): Promise<string> {
  await using newcomers = new Newcomers();
  const late = await newcomers.start({ program }, flags);
  expect(await late.ended()).toBe(1);
  return late.output;
}

const TOKEN_USED = 'failed to bootstrap; discovery token was already used';

describe('v3 discovery', () => {
  it('goes with a certificate and a user where the service asks for them', async () => {
    const run = (...words: string[]): string => outputOfSync(program, ['discovery', ...words]);
    const made = run('new', '--size', '1', ...credentials(''));
    const token = /^token (\w+)/.exec(made)?.[1] ?? '';
    await using newcomers = new Newcomers();
    await newcomers.start({ program }, flagsFor(token));
    await newcomers.agree();
    expect(run('status', token, ...credentials(''))).toContain('1 of 1 members registered, complete');
  }, 60_000);

  it("ends a start at a token that leads nowhere, in etcd's words", async () => {
    const ends = [
      ['missing', 'discovery: size key not found'],
      ['negative', 'discovery: size key is bad'],
      ['zero', 'discovery: size key is bad'],
      ['word', 'discovery: size key is bad'],
      ['huge', 'discovery: size key is bad'],
      ['full', 'discovery: cluster is full'],
      ['odd', 'discovery: invalid peer URL'],
      ['twins', 'discovery: found duplicate name'],
    ] as const;
    const outputs = await Promise.all(ends.map(([token]) => endOf(flagsFor(token))));
    for (const [at, [token, why]] of ends.entries()) {
      expect(outputs[at], token).toContain(`failed to join discovery cluster (${why})`);
      const advice = token === 'twins' ? 'member with duplicated name has already been registered' : TOKEN_USED;
      expect(outputs[at], token).toContain(advice);
    }
  }, 60_000);

  it('ends a start with the wrong password', async () => {
    const why = 'etcdserver: authentication failed, invalid user ID or password';
    expect(await endOf(flagsFor('zero', 'root:wrong'))).toContain(`failed to join discovery cluster (${why})`);
  }, 60_000);

  it('asks again after a while where the service cannot be reached, and says why', async () => {
    const reasons = [
      [['--discovery-cert', '', '--discovery-key', ''], 'error reading server preface'],
      [['--discovery-cacert', files.path('cert.pem')], 'certificate'],
      [['--discovery-endpoints', 'https://127.0.0.1:1'], 'connection refused'],
    ] as const;
    const quick = ['--discovery-dial-timeout', '500ms', '--discovery-request-timeout', '1s'];
    await using newcomers = new Newcomers();
    for (const [flags] of reasons) await newcomers.start({ program }, [...flagsFor('zero'), ...flags, ...quick]);
    for (const [at, [flags, why]] of reasons.entries()) {
      const asking = newcomers.processes[at];
      await asking?.untilSays('retry connecting to discovery service');
      const client = new RegExp(`"retrying of unary invoker failed".*latest balancer error.*${why}`);
      expect(asking?.output, flags[0]).toMatch(client);
      expect(asking?.output, flags[0]).toMatch(/"failed to reach discovery service".*"context deadline exceeded"/);
    }
  }, 60_000);
});
