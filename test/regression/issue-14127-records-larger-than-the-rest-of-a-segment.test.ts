/** A record larger than what was left of its segment was taken for damage at the next start (#14127, 3.5.5). */
import { expect, test } from 'vitest';
import { diskWith, filesOf } from '../support/disk-files.js';
import { InProcessMember, memberConfig } from '../support/in-process-member.js';
import { MemoryDisk } from '../support/memory-disk.js';
import { describeMember, requestOf } from '../support/store-model.js';

test.each([2_000_000, 1_000_000, 100_000])(
  'values of 1.4 MB are there again after a kill, with segments of %i bytes',
  async (walSegmentBytes) => {
    const disk = new MemoryDisk();
    const config = memberConfig('/data', { walSegmentBytes });
    const opened = await InProcessMember.open(disk, config);
    for (let i = 0; i < 6; i++) {
      // Sizes that end before, at and behind the edge.
      const value = String(i).repeat(1_400_000 - i * 77_777);
      await opened.run(opened.member.propose(requestOf({ t: 'put', key: `k${i % 4}`, value })));
    }
    const before = describeMember(opened);
    const files = filesOf(disk);
    expect([...files.keys()].filter((path) => path.endsWith('.wal')).length).toBeGreaterThan(3);
    // All of it from the log, as after a kill before the first commit.
    await using again = await InProcessMember.open(
      diskWith(new Map([...files].filter(([path]) => path.endsWith('.wal')))),
      config,
    );
    expect(describeMember(again) === before).toBe(true);
    expect(again.member.currentRevision).toBe(7);
  },
);
