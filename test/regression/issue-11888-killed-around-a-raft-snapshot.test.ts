/**
 * A member killed between writing its snapshot file and the log's marker of it could not start again (#11888, #11652);
 * after a power failure `.snap` files were newer than the database, or the database was missing (#11949, #12237,
 * #12492).
 */
import { describe, expect, test } from 'vitest';
import { AlarmRequest } from '../../src/proto/gen/etcdserverpb.js';
import { SimCrash, SimDisk } from '../sim/disk.js';
import { diskWith, type Files, filesOf } from '../support/disk-files.js';
import { InProcessMember, memberConfig } from '../support/in-process-member.js';
import { MemoryDisk } from '../support/memory-disk.js';
import { seededRandom } from '../support/seeded-random.js';
import { describeMember, requestOf } from '../support/store-model.js';

const config = memberConfig('/data', {
  snapshotCount: 5,
  snapshotCatchupEntries: 2,
  walSegmentBytes: 2000,
  maxWals: 1,
  maxSnapshots: 1,
});

async function putSome(opened: InProcessMember, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await opened.run(opened.member.propose(requestOf({ t: 'put', key: `k${i % 3}`, value: `v${i}`.repeat(20) })));
    // Entries that change no key count too: the index must be saved with them as well.
    await opened.run(opened.member.propose({ kind: 'alarm', request: AlarmRequest.create({}) }));
  }
}

describe('a member killed', () => {
  test('between any two changes of its files starts again with all it acknowledged', async () => {
    const disk = new MemoryDisk();
    const opened = await InProcessMember.open(disk, config);
    const left: { files: Files; what: string; acknowledged: number }[] = [];
    let acknowledged = 1;
    disk.beforeChange = (what, path) => {
      if (left.length < 400) left.push({ files: filesOf(disk), what: `${what} ${path}`, acknowledged });
    };
    for (let i = 0; i < 12; i++) {
      await putSome(opened, 1);
      acknowledged = opened.member.currentRevision;
      if (i % 4 === 3) await opened.clock.advance(31_000);
    }
    disk.beforeChange = () => {};
    expect(left.filter(({ what }) => what.includes('.snap')).length).toBeGreaterThan(6);
    expect(left.filter(({ what }) => what.startsWith('remove') && what.endsWith('.wal')).length).toBeGreaterThan(0);
    for (const state of left) {
      await using again = await InProcessMember.open(diskWith(state.files), config);
      expect(again.member.currentRevision, `before ${state.what}`).toBeGreaterThanOrEqual(state.acknowledged);
    }
  });
});

describe('a member whose power fails', () => {
  test.each([1, 2, 3])(
    'at any step around its snapshots starts again with what it acknowledged (seed %i)',
    async (seed) => {
      const crashAt = async (step: number): Promise<number> => {
        const disk = new SimDisk(seededRandom(seed * 1000 + step));
        const opened = await InProcessMember.open(disk, config);
        await putSome(opened, 2);
        disk.plan({ crashAt: step });
        let acknowledged = describeMember(opened);
        try {
          for (let i = 0; i < 4; i++) {
            await putSome(opened, 1);
            acknowledged = describeMember(opened);
          }
          for (let i = 0; i < 4; i++) await opened.clock.advance(10_000);
        } catch (error) {
          if (!isCrash(opened.fatal[0])) throw error;
        }
        for (const cause of opened.fatal) if (!isCrash(cause)) throw cause;
        const { steps } = disk;
        disk.restart();
        await using again = await InProcessMember.open(disk, config);
        const found = describeMember(again);
        const [before = 0, after = 0] = [acknowledged, found].map((text) => Number(/revision (\d+)/.exec(text)?.[1]));
        // One put more may have reached the log without anybody having been told.
        expect(after - before, `after step ${step}`).toBeOneOf([0, 1]);
        if (after === before) expect(found).toBe(acknowledged);
        return steps;
      };
      const steps = await crashAt(1_000_000);
      expect(steps).toBeGreaterThan(20);
      for (let step = 1; step <= steps; step++) await crashAt(step);
    },
  );
});

const isCrash = (cause: unknown): boolean => {
  for (let at = cause; at instanceof Error; at = at.cause) if (at instanceof SimCrash) return true;
  return false;
};
