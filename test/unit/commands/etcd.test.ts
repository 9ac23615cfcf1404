/**
 * The commands of etcd beside the client's. What lasts until a signal is only refused here: members, gateways, proxies
 * and clusters that run are in `etcd/cluster.test.ts`, `test/unit/bin` and `test/unit/start`.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProgramImage } from '../../../src/cli/run-program.js';
import { etcd } from '../../../src/etcd/program.js';
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
  cluster = await startCluster({ members: 1 });
  served = cluster.only;
  image = await programImage(etcd, 'etcd');
}, 30_000);
afterAll(() => cluster?.[Symbol.asyncDispose]());

/** `~` in a word stands for the test's folder, `@` for the member's address. */
const run = (words: string) =>
  runCommand(
    image,
    words.split(' ').map((word) => word.replaceAll('~', served.folder).replaceAll('@', served.endpoint)),
  );

const rows: readonly CommandRow[] = [
  ['start --version', 0, /^etcd Version: \d/],
  ['start --nonsense', 2, ''],
  ['gateway start --retry-delay=soon', 1, ''],
  ['grpc-proxy start --resolver-prefix=/p', 1, ''],
  ['discovery new --size 0 --endpoints=@', 128, ''],
  ['discovery new --size 2 --endpoints=@', 0, /^token (\w+) for 2 members\n\n.*\n {2}--discovery-token \1 /],
  ['discovery status nothing --endpoints=@', 1, ''],
  ['cluster up --size 0', 128, ''],
  ['cluster kill m1 --data-dir=~/none', 1, ''],
  ['cluster restart m1 --data-dir=~/none', 1, ''],
];

describe('etcd', () => {
  it('has each of its commands do what it says', async () => {
    expect(await wrongRows(rows, run)).toEqual([]);
    expect(notRun(image, rows)).toEqual([]);
  }, 30_000);

  it('tells of each what it is for', async () => {
    expect(await withoutHelp(image)).toEqual(['start']);
  });
});
