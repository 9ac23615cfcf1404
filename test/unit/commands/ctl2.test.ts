/**
 * The commands of etcdctl for the v2 API, each once on a member that serves it: what it prints, and its exit code.
 * `exec-watch` never ends by itself.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProgramImage } from '../../../src/cli/run-program.js';
import { etcdctl2 } from '../../../src/ctl/v2/program.js';
import { runV2Program } from '../../../src/ctl/v2/run.js';
import { type ClusterPlace, type LocalCluster, startCluster } from '../../support/cluster.js';
import {
  type CommandRow,
  notRun,
  programImage,
  runCommand,
  withoutHelp,
  wrongRows,
} from '../../support/run-command.js';

let cluster: LocalCluster;
let served: ClusterPlace;
let image: ProgramImage;

beforeAll(async () => {
  cluster = await startCluster({ members: 1, flags: ['--enable-v2', '--emulate-version=3.4'] });
  served = cluster.only;
  image = await programImage(etcdctl2, 'ctl2');
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

const ctl = (words: readonly string[], input?: string) =>
  runCommand(image, ['--endpoints', `http://${served.endpoint}`, ...words], input, runV2Program);

const rows: readonly CommandRow[] = [
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
  ['member list', 0, /^[0-9a-f]+: name=m peerURLs=\S+ clientURLs=\S+ isLeader=true\n$/],
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
    expect(await wrongRows(rows, (words, input) => ctl(words.split(' '), input))).toEqual([]);
    expect(notRun(image, rows)).toEqual(['backup', 'exec-watch']);
  }, 60_000);

  it('tells of each what it is for', async () => {
    expect(await withoutHelp(image, runV2Program)).toEqual([]);
  });

  it('says why on stderr', async () => {
    expect(await ctl(['get', '/nope'])).toMatchObject({
      exitCode: 4,
      stderr: expect.stringMatching(/^Error: {2}100: Key not found \(\/nope\) \[\d+\]\n$/),
    });
  });
});
