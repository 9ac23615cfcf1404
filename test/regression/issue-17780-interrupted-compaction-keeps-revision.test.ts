/**
 * Of a compaction in several batches that was interrupted, the first batches had removed the newest records: after the
 * restart the store's revision was lower than what clients had seen (#17780, 3.5.14 and 3.4.32).
 */
import { expect, test } from 'vitest';
import { SimCrash, SimDisk } from '../sim/disk.js';
import { InProcessMember, memberConfig } from '../support/in-process-member.js';
import { seededRandom } from '../support/seeded-random.js';
import { requestOf } from '../support/store-model.js';

const config = memberConfig('/data', { walSegmentBytes: 20_000, compactionBatchLimit: 2, snapshotCount: 10 });

async function crashAt(step: number): Promise<number> {
  const disk = new SimDisk(seededRandom(step));
  const opened = await InProcessMember.open(disk, config);
  for (let i = 0; i < 12; i++)
    await opened.run(opened.member.propose(requestOf({ t: 'put', key: `k${i % 4}`, value: `${i}` })));
  // The newest revisions are tombstones, which a compaction at the current revision may remove.
  for (let i = 0; i < 4; i++) await opened.run(opened.member.propose(requestOf({ t: 'delete', key: `k${i}` })));
  const { currentRevision } = opened.member;
  await opened.run(opened.member.propose(requestOf({ t: 'compact', revision: currentRevision })));
  disk.plan({ crashAt: step });
  for (let i = 0; i < 10 && opened.fatal.length === 0; i++) await opened.clock.advance(100);
  expect(opened.fatal.every((cause) => isCrash(cause))).toBe(true);
  const { steps } = disk;
  if (opened.fatal.length === 0) await opened.stop();
  disk.restart();

  await using again = await InProcessMember.open(disk, config);
  expect(again.member.currentRevision, `after step ${step}`).toBe(currentRevision);
  await again.clock.advance(1000);
  expect(
    again.history().filter(({ main }) => main < currentRevision),
    'the compaction was finished',
  ).toEqual([]);
  await again.run(again.member.propose(requestOf({ t: 'put', key: 'next', value: '' })));
  expect(again.member.currentRevision).toBe(currentRevision + 1);
  return steps;
}

const isCrash = (cause: unknown): boolean => {
  for (let at = cause; at instanceof Error; at = at.cause) if (at instanceof SimCrash) return true;
  return false;
};

test('power failing at any step of a compaction leaves the revision where it was', async () => {
  const steps = await crashAt(1_000_000);
  expect(steps).toBeGreaterThan(8);
  for (let step = 1; step <= steps; step++) await crashAt(step);
});
