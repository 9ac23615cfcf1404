/**
 * A crash during defragmentation left a database that had forgotten its consistent index: entries were applied once
 * more (#14685, 3.5.0 to 3.5.5). And interrupted work left files that filled the disk (#14246).
 */
import { expect, test } from 'vitest';
import { SimCrash, SimDisk } from '../sim/disk.js';
import { InProcessMember, memberConfig } from '../support/in-process-member.js';
import { seededRandom } from '../support/seeded-random.js';
import { describeMember, requestOf } from '../support/store-model.js';

const config = memberConfig('/data', { walSegmentBytes: 20_000 });

/** Power fails at this step of a defragmentation. Returns the steps it takes. */
async function crashAt(step: number): Promise<number> {
  const disk = new SimDisk(seededRandom(step));
  const opened = await InProcessMember.open(disk, config);
  for (let i = 0; i < 30; i++)
    await opened.run(opened.member.propose(requestOf({ t: 'put', key: `k${i % 5}`, value: `v${i}`.repeat(50) })));
  await opened.run(opened.member.propose(requestOf({ t: 'compact', revision: 20 })));
  await opened.clock.advance(500);
  const before = describeMember(opened);
  disk.plan({ crashAt: step });
  await opened.run(opened.member.maintenance.defragment()).catch((error: unknown) => {
    if (!(error instanceof SimCrash) && !(error instanceof Error && error.cause instanceof SimCrash)) throw error;
  });
  const { steps } = disk;
  disk.restart();

  await using again = await InProcessMember.open(disk, config);
  expect(describeMember(again), `after step ${step}`).toBe(before);
  expect(disk.list('/data/member/snap')).toEqual(['db']);
  await again.run(again.member.propose(requestOf({ t: 'put', key: 'next', value: '' })));
  expect(again.member.currentRevision).toBe(32);
  return steps;
}

test('power failing at any step of a defragmentation changes no revision and leaves no file', async () => {
  const steps = await crashAt(1_000_000);
  expect(steps).toBeGreaterThan(4);
  for (let step = 1; step <= steps; step++) await crashAt(step);
});
