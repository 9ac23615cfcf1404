/**
 * A member that installs a leader's snapshot while the power fails, or a write does: at every step. It must always
 * start again, with what it had before or with what the leader sent, whole, and take the snapshot when it comes again
 * (etcd #11949, #12237, #12492, #14246).
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { checkDataDir } from '../../src/datadir/check.js';
import type { MemberConfig } from '../../src/member/world/types.js';
import type { LocalMember, RaftReceiver } from '../../src/peer/types.js';
import type { Message } from '../../src/raftpb/types.js';
import { SimCrash, SimDisk } from '../sim/disk.js';
import { type Files, filesOf } from '../support/disk-files.js';
import { InProcessMember } from '../support/in-process-member.js';
import { ManualClock } from '../support/manual-clock.js';
import { seededRandom } from '../support/seeded-random.js';
import { startSimulatedCluster } from '../support/simulated-cluster.js';
import { PeerNetwork } from '../support/simulated-peers.js';

/** A member's only peer is the test. */
class LeaderNetwork extends PeerNetwork {
  receiver: RaftReceiver | undefined;

  override join(local: LocalMember, receiver: RaftReceiver): void {
    this.receiver = receiver;
    super.join(local, receiver);
  }
}

let config: MemberConfig;
/** The directory of a member that lags, and what its leader sends it. */
let files: Files;
let message: Message;
let database: readonly Uint8Array[];
let hashes: { readonly before: string; readonly after: string };

const describeState = async (opened: InProcessMember): Promise<string> => {
  const { member } = opened;
  const { hash, revision } = await opened.hashKv(0);
  const leases = [...member.leases.list()].map(String).sort();
  return JSON.stringify({ hash, revision, leases, members: member.cluster.members.length });
};

beforeAll(async () => {
  await using cluster = await startSimulatedCluster({
    config: { snapshotCount: 10, snapshotCatchupEntries: 3, walSegmentBytes: 16_000 },
  });
  const leader = await cluster.untilLeader();
  const lagging = cluster.members.find((member) => member !== leader);
  if (lagging === undefined) throw new Error('three were asked for');
  config = lagging.config;
  for (let i = 0; i < 25; i++) await cluster.run(leader.put(`k${i % 7}`, `old ${i}`));
  await cluster.settle();
  const before = await describeState(lagging.opened);
  await lagging.stop();
  files = filesOf(lagging.disk);
  await cluster.run(leader.member.propose({ kind: 'leaseGrant', request: { ID: 9n, TTL: 1000 } }));
  for (let i = 0; i < 60; i++) await cluster.run(leader.put(`k${i % 7}`, `new ${i}`));
  const chunks: Uint8Array[] = [];
  let sent: Message | undefined;
  const { transport } = leader.opened;
  transport.sendSnapshot = (asked, source) => {
    void (async () => {
      for await (const chunk of source.chunks()) chunks.push(Uint8Array.from(chunk));
      source.close('finished');
      sent = asked;
    })();
  };
  await lagging.start();
  await cluster.until(() => sent !== undefined);
  if (sent === undefined) throw new Error('no snapshot was sent');
  [message, database] = [sent, chunks];
  hashes = { before, after: await describeState(leader.opened) };
}, 60_000);

/** From its start to the end of what a leader's snapshot brings about. */
async function live(disk: SimDisk): Promise<{ readonly opened: InProcessMember; readonly installed: boolean }> {
  const clock = new ManualClock();
  const network = new LeaderNetwork(clock);
  const opened = await InProcessMember.prepare(disk, config, { clock, network });
  opened.member.start().catch(() => {});
  try {
    const chunks = async function* () {
      yield* database;
    };
    await network.receiver?.processSnapshot(message, chunks());
    for (let i = 0; i < 40; i++) await clock.advance(5);
    if (opened.fatal.length > 0) throw opened.fatal[0];
    return { opened, installed: opened.member.figures().appliedIndex >= (message.snapshot?.metadata.index ?? 0) };
  } catch (cause) {
    await opened.member.stop().catch(() => {});
    throw opened.fatal[0] ?? cause;
  }
}

function newDisk(seed: number): SimDisk {
  const disk = new SimDisk(seededRandom(seed));
  for (const dir of [`/${config.name}/member/snap`, `/${config.name}/member/wal`]) disk.makeDir(dir);
  for (const [path, bytes] of files) disk.setContent(path, bytes);
  for (const dir of ['snap', 'wal']) disk.syncDir(`/${config.name}/member/${dir}`);
  for (const dir of [`/${config.name}/member`, `/${config.name}`, '/']) disk.syncDir(dir);
  return disk;
}

const leftovers = (disk: SimDisk): string[] =>
  disk.list(`/${config.name}/member/snap`).filter((name) => /^tmp|^db\.tmp/.test(name));

/** What a start after the failure finds; then the leader sends its snapshot again. */
async function verify(disk: SimDisk): Promise<string> {
  const opened = await InProcessMember.prepare(disk, config);
  const found = await describeState(opened);
  expect([hashes.before, hashes.after]).toContain(found);
  await opened.member.stop();
  expect(leftovers(disk)).toEqual([]);
  expect(checkDataDir(disk, config.dataDir, undefined).filter(({ level }) => level === 'error')).toEqual([]);
  const again = await live(disk);
  expect(again.installed).toBe(true);
  expect(await describeState(again.opened)).toBe(hashes.after);
  await again.opened.member.stop();
  const last = await InProcessMember.prepare(disk, config);
  expect(await describeState(last)).toBe(hashes.after);
  await last.member.stop();
  return found;
}

const isPlanned = (cause: unknown, code: string): boolean => {
  for (let at = cause; at instanceof Error; at = at.cause) {
    if (at instanceof SimCrash || ('code' in at && at.code === code) || at.message.includes(code)) return true;
  }
  return false;
};

describe('a member that installs a snapshot', () => {
  test('has it whole when nothing fails', async () => {
    const disk = newDisk(1);
    const { opened, installed } = await live(disk);
    expect(installed).toBe(true);
    expect(await describeState(opened)).toBe(hashes.after);
    expect(disk.list(`/${config.name}/member/snap`).filter((name) => name.endsWith('.snap.db'))).toEqual([]);
    await opened.member.stop();
  });

  test('and loses power at any step starts with the old state or the new one', { timeout: 120_000 }, async () => {
    const found = new Set<string>();
    let steps = 1;
    for (let step = 0; step <= steps; step++) {
      for (const seed of step === 0 ? [0] : [1, 2]) {
        const disk = newDisk(seed * 1000 + step);
        disk.plan(step === 0 ? {} : { crashAt: step });
        try {
          const { opened } = await live(disk);
          await opened.member.stop();
        } catch (cause) {
          if (!isPlanned(cause, 'none')) throw new Error(`step ${step}, seed ${seed}`, { cause });
        }
        if (step === 0) steps = disk.steps;
        disk.restart();
        const state = await verify(disk).catch((cause: unknown) => {
          throw new Error(`after power failed at step ${step}, seed ${seed}`, { cause });
        });
        found.add(state);
      }
    }
    expect(steps).toBeGreaterThan(20);
    expect(found.size, 'both happen').toBe(2);
  });

  test.each(['ENOSPC', 'EIO'])('and gets %s at any step loses nothing', { timeout: 120_000 }, async (code) => {
    for (let step = 1; step <= 60; step += 2) {
      const disk = newDisk(step);
      disk.plan({ failAt: { step, code } });
      try {
        const { opened } = await live(disk);
        expect(leftovers(disk)).toEqual([]);
        await opened.member.stop();
      } catch (cause) {
        if (!isPlanned(cause, code)) throw new Error(`${code} at step ${step}`, { cause });
      }
      disk.restart();
      await verify(disk).catch((cause: unknown) => {
        throw new Error(`after ${code} at step ${step}`, { cause });
      });
    }
  });
});
