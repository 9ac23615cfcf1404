/**
 * The commands of etcdctl for the v2 API, each once on a member that serves it: what it prints, and its exit code.
 * `exec-watch` never ends by itself.
 */
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BaseCommand } from '../../../src/cli/base-command.js';
import { noteOfCommand } from '../../../src/cli/manifest.js';
import type { ProgramImage } from '../../../src/cli/run-program.js';
import { etcdctl2 } from '../../../src/ctl/v2/program.js';
import { runV2Program } from '../../../src/ctl/v2/run.js';
import { freePort } from '../../support/free-port.js';
import { ServedMember } from '../../support/served-member.js';

const folder = fileURLToPath(new URL('../../../commands/ctl2', import.meta.url));

async function imageOf(): Promise<ProgramImage> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const commands = await Promise.all(
    files.map(async (file) => {
      const { default: command } = await import(pathToFileURL(join(folder, file)).href);
      const path = relative('', file).replace(/\.ts$/, '').replaceAll('/', ' ');
      return [path, command as typeof BaseCommand] as const;
    }),
  );
  return {
    program: etcdctl2,
    manifest: Object.fromEntries(commands.map(([path, command]) => [path, noteOfCommand(command)])),
    load: Object.fromEntries(commands.map(([path, command]) => [path, () => Promise.resolve(command)])),
  } as unknown as ProgramImage;
}

let served: ServedMember;
let image: ProgramImage;

beforeAll(async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const flags = [
    '--enable-v2',
    '--emulate-version=3.4',
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
  ];
  served = await ServedMember.start(flags);
  image = await imageOf();
});
afterAll(() => served?.[Symbol.asyncDispose]());

async function ctl(words: readonly string[], input = '') {
  const said = { stdout: '', stderr: '' };
  const into = (stream: 'stdout' | 'stderr'): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        said[stream] += chunk.toString();
        done();
      },
    });
  const io = {
    env: {},
    stdin: new PassThrough().end(input),
    stdout: into('stdout'),
    stderr: into('stderr'),
    wallMs: () => Date.now(),
  };
  const argv = ['--endpoints', `http://${served.address}`, ...words];
  return { exitCode: await runV2Program(image, argv, io as never), ...said };
}

const table: readonly (readonly [string, number, string | RegExp, input?: string])[] = [
  ['set /k v', 0, 'v\n'],
  ['get /k', 0, 'v\n'],
  ['get /nope', 4, ''],
  ['mk /m one', 0, 'one\n'],
  ['mk /m one', 4, ''],
  ['mk --in-order /queue a', 0, 'a\n'],
  ['update /m two', 0, 'two\n'],
  ['set --swap-with-value two /m three', 0, 'three\n'],
  ['mkdir /d', 0, ''],
  ['setdir /d2', 0, ''],
  ['updatedir --ttl 100 /d2', 0, ''],
  ['set /d/a 1', 0, '1\n'],
  ['ls --sort', 0, '/d\n/d2\n/k\n/m\n/queue\n'],
  ['ls --recursive -p /d', 0, '/d/a\n'],
  ['-o extended get /k', 0, /^Key: \/k\nCreated-Index: \d+\nModified-Index: \d+\nTTL: 0\nIndex: \d+\n\nv\n$/],
  ['-o json get /k', 0, /^\{"action":"get","node":\{"key":"\/k",.*"value":"v",.*\}/],
  ['watch --after-index 3 /k', 0, 'v\n'],
  ['rmdir /d2', 0, ''],
  ['rm /m', 0, 'PrevNode.Value: three\n'],
  ['rm --recursive /d', 0, ''],
  ['cluster-health', 0, /^member [0-9a-f]+ is healthy: got healthy result from http:\/\/127.*\ncluster is healthy\n$/],
  ['member list', 0, /^[0-9a-f]+: name=default peerURLs=\S+ clientURLs=\S+ isLeader=true\n$/],
  ['member update 1 http://127.0.0.1:1', 1, ''],
  ['member remove 1', 1, ''],
  ['member add x', 1, ''],
  ['user add root', 0, 'New password: \nUser root created\n', 'secret\n'],
  ['user add ann:pw', 0, 'User ann created\n'],
  ['user list', 0, 'ann\nroot\n'],
  ['role add r', 0, 'Role r created\n'],
  ['role grant r --path /x/* --read', 0, 'Role r updated\n'],
  ['role get r', 0, 'Role: r\nKV Read:\n\t/x/*\nKV Write:\n'],
  ['role revoke r --path /x/* --read', 0, 'Role r updated\n'],
  ['role list', 0, 'r\nroot\n'],
  ['user grant ann --roles r', 0, 'User ann updated\n'],
  ['user get ann', 0, 'User: ann\nRoles:  r\n'],
  ['user revoke ann --roles r', 0, 'User ann updated\n'],
  ['user passwd ann', 0, 'New password: \nPassword updated\n', 'new\n'],
  ['role remove r', 0, 'Role r removed\n'],
  ['auth enable', 0, 'Authentication Enabled\n'],
  ['user list', 1, ''],
  ['--username root:secret user remove ann', 0, 'User ann removed\n'],
  ['--username root:secret auth disable', 0, 'Authentication Disabled\n'],
  ['frobnicate', 3, ''],
];

describe('etcdctl for the v2 API', () => {
  it('has each of its commands do what it says', async () => {
    const used = new Set<string>();
    const wrong: unknown[] = [];
    for (const [words, exitCode, stdout, input] of table) {
      const outcome = await ctl(words.split(' '), input);
      const isAsSaid = typeof stdout === 'string' ? outcome.stdout === stdout : stdout.test(outcome.stdout);
      if (outcome.exitCode !== exitCode || !isAsSaid) wrong.push({ words, ...outcome });
      for (const path of Object.keys(image.manifest)) if (` ${words} `.includes(` ${path} `)) used.add(path);
    }
    expect(wrong).toEqual([]);
    expect(Object.keys(image.manifest).filter((path) => !used.has(path))).toEqual(['backup', 'exec-watch']);
  }, 60_000);

  it('says why on stderr', async () => {
    expect(await ctl(['get', '/nope'])).toMatchObject({
      exitCode: 4,
      stderr: expect.stringMatching(/^Error: {2}100: Key not found \(\/nope\) \[\d+\]\n$/),
    });
  });
});
