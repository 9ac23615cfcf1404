/**
 * Members that end at each step on the way of their leader's snapshot, and at those that only followers take: each
 * joins a leader whose log no longer reaches back far enough, panics where the failpoint says, and goes on from what
 * that left behind. It then has all that the leader ever acknowledged. What each crash leaves on a disk that loses
 * power: `snapshot-install.test.ts`.
 */
import { beforeAll, expect, test } from 'vitest';
import { Client } from '../../src/client/index.js';
import { type ClusterPlace, startCluster } from '../support/cluster.js';
import { buildPrograms } from '../support/member-process.js';

beforeAll(buildPrograms, 120_000);

/** Of each member, one crash after the other. Once the hard state is durable, a start needs no other snapshot. */
const whileJoining: readonly (readonly string[])[] = [
  ['snapDBRenameBeforeDirSync', 'raftBeforeSaveSnap', 'raftAfterSaveSnap', 'raftBeforeApplySnap'],
  ['raftAfterApplySnap'],
  ['raftAfterWALRelease'],
  ['applyBeforeOpenSnapshot'],
  ['applyAfterOpenSnapshot'],
];
/** Of one that lacks two entries. */
const whileFollowing = ['raftBeforeFollowerSend', 'beforeApplyOneConfChange'];

const FLAGS = ['--snapshot-count=10', '--experimental-snapshot-catchup-entries=3'];
/** More than a leader keeps: who has missed them needs a snapshot. */
const MISSED = 25;
const callLimits = { timeoutMs: 10_000 };

test('members that panic on their way through a snapshot lose nothing', { timeout: 300_000 }, async () => {
  await using cluster = await startCluster({ members: 1, flags: [...FLAGS, '--experimental-max-learners=8'] });
  const leader = cluster.at(0);
  await using client = new Client({ endpoints: [leader.endpoint] });
  const known = { prefix: true, ...callLimits };
  let last: ClusterPlace | undefined;
  for (const points of whileJoining) {
    const place = await cluster.joining('ours');
    await client.cluster.add([place.peerUrl], { isLearner: true, ...callLimits });
    for (let i = 0; i < MISSED; i++) await client.kv.put(`k${i % 7}`, `${points} ${i}`, callLimits);
    for (const point of points) await crash(place, point);
    await last?.stop('SIGKILL');
    await place.start();
    await expectAll(place);
    last = place;
  }
  if (last === undefined) throw new Error('nobody joined');
  const { members } = await client.cluster.list(callLimits);
  const learner = members.find(({ name }) => name === last?.name);
  for (const point of whileFollowing) {
    await last.stop();
    await client.kv.put(`before ${point}`, 'v', callLimits);
    // A change that changes nothing.
    await client.cluster.update(learner?.ID ?? 0n, [last.peerUrl], callLimits);
    await crash(last, point);
    await last.start();
    await expectAll(last);
  }

  async function expectAll(place: ClusterPlace): Promise<void> {
    await using learner = new Client({ endpoints: [place.endpoint] });
    const { kvs } = await client.kv.get('', known);
    await expect.poll(async () => (await learner.kv.get('', { serializable: true, ...known })).kvs).toEqual(kvs);
  }
});

async function crash(place: ClusterPlace, point: string): Promise<void> {
  const words = await lastWords(place, { GOFAIL_FAILPOINTS: `${point}=panic("as asked")` });
  expect(words, point).toContain('panic: failpoint panic: as asked');
}

/** What a member says until it ends, by itself, before it serves or after. */
async function lastWords(place: ClusterPlace, variables: Readonly<Record<string, string>>): Promise<string> {
  try {
    await place.start(variables);
  } catch (cause) {
    return (cause as Error).message;
  }
  const { process } = place;
  await process.ended();
  await place.stop();
  return process.output;
}
