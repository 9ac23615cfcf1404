/**
 * A log whose length words were forged made etcd allocate without bound, or panic (GHSA-p4g4-wgrh-qrg2; and #11924:
 * checksums were not looked at).
 */
import { describe, expect, test } from 'vitest';
import { diskWith, filesOf } from '../support/disk-files.js';
import { InProcessMember, memberConfig } from '../support/in-process-member.js';
import { MemoryDisk } from '../support/memory-disk.js';
import { describeMember, requestOf } from '../support/store-model.js';

const config = memberConfig('/data', { walSegmentBytes: 50_000 });

/** Where records begin: little-endian length, its top byte saying how much padding follows. */
function recordsOf(segment: Buffer): number[] {
  const starts: number[] = [];
  for (let at = 0; at + 8 <= segment.length; ) {
    const length = segment.readUIntLE(at, 6);
    if (length === 0) break;
    starts.push(at);
    const top = segment[at + 7] ?? 0;
    at += 8 + length + (top & 0x80 ? top & 0x7 : 0);
  }
  return starts;
}

describe('a log', () => {
  test('with any forged length word is refused with file and offset, or read as far as it is whole', async () => {
    const disk = new MemoryDisk();
    const opened = await InProcessMember.open(disk, config);
    for (let i = 0; i < 4; i++)
      await opened.run(opened.member.propose(requestOf({ t: 'put', key: `k${i}`, value: 'value '.repeat(20) })));
    const content = describeMember(opened);
    const files = new Map([...filesOf(disk)].filter(([path]) => path.endsWith('.wal')));
    const [name = '', segment = Buffer.alloc(0)] = [...files][0] ?? [];
    const starts = recordsOf(segment);
    expect(starts.length).toBeGreaterThan(10);
    const forged = [
      0x7fff_ffff_ffff_ffffn,
      -1n,
      0x8000_0000_0000_0000n,
      1n << 40n,
      1n << 30n,
      49_999n,
      1n,
      0x81ffn << 48n,
    ];
    for (const start of starts.slice(0, -1)) {
      for (const length of forged) {
        const changed = Buffer.from(segment);
        changed.writeBigInt64LE(BigInt.asIntN(64, length), start);
        await expect(
          InProcessMember.prepare(diskWith(new Map([[name, changed]])), config),
          `${length} at ${start}`,
        ).rejects.toThrow(/wal: .*\.wal, offset \d+.*restore/);
      }
    }
    await using again = await InProcessMember.open(diskWith(files), config);
    expect(describeMember(again)).toBe(content);
  });
});
