/**
 * A last record that was only partly written kept a member from starting (#15069, 3.5.7), though nobody had been told
 * that it was there.
 */
import { expect, test } from 'vitest';
import { diskWith, type Files, filesOf } from '../support/disk-files.js';
import { InProcessMember, memberConfig } from '../support/in-process-member.js';
import { MemoryDisk } from '../support/memory-disk.js';
import { describeMember, requestOf } from '../support/store-model.js';

const config = memberConfig('/data', { walSegmentBytes: 100_000 });
const put = (key: string) => requestOf({ t: 'put', key, value: 'some value over three sectors '.repeat(50) });

test(
  'a log cut at any byte of its last write, or zero from any sector of it on, starts, and loses that ' +
    'write at most',
  async () => {
    const disk = new MemoryDisk();
    await using opened = await InProcessMember.open(disk, config);
    for (let i = 0; i < 5; i++) await opened.run(opened.member.propose(put(`k${i}`)));
    const without = describeMember(opened);

    // The moments before and after the last write to the log, before it is synced and so before anything of it is
    // applied.
    let before: Files | undefined;
    let after: Files | undefined;
    disk.beforeChange = (what, path) => {
      if (!path.endsWith('.wal')) return;
      if (what === 'write') before ??= filesOf(disk);
      if (what === 'sync') after ??= filesOf(disk);
    };
    await opened.run(opened.member.propose(put('last')));
    disk.beforeChange = () => {};
    const withIt = describeMember(opened);
    const name = [...(after?.keys() ?? [])].find((path) => path.endsWith('.wal')) ?? '';
    const whole = after?.get(name) ?? Buffer.alloc(0);
    const old = before?.get(name) ?? Buffer.alloc(0);
    const from = whole.findIndex((byte, i) => byte !== old[i]);
    const end = whole.length - [...whole].reverse().findIndex((byte) => byte !== 0);
    expect(end - from).toBeGreaterThan(1500);

    // Every byte where lengths and checksums stand, every seventh of the value; at last the write as a whole.
    const cuts: number[] = [];
    for (let cut = from; cut <= end; cut += cut - from < 100 || end - cut < 60 ? 1 : 7) cuts.push(cut);
    for (let edge = Math.ceil(from / 512) * 512; edge < end; edge += 512) cuts.push(edge);
    cuts.push(whole.length);
    const found = new Set<string>();
    for (const cut of cuts) {
      // Disks write whole sectors; what was not written of a preallocated segment is zero.
      const zeroed = cut % 512 === 0 ? [Buffer.from(whole).fill(0, cut)] : [];
      for (const left of [whole.subarray(0, cut), ...zeroed]) {
        await using again = await InProcessMember.open(diskWith(new Map([...(after ?? []), [name, left]])), config);
        const content = describeMember(again);
        expect([without, withIt], `cut at ${cut}`).toContain(content);
        found.add(content);
        await again.run(again.member.propose(put('next')));
      }
    }
    expect(found.size).toBe(2);
  },
);
