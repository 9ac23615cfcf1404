import { describe, expect, test } from 'vitest';
import { crc32c } from '../../src/lib/crc32c.js';
import { silentLogger } from '../../src/lib/logger.js';
import { Record } from '../../src/proto/gen/walpb.js';
import type { Entry } from '../../src/raftpb/types.js';
import { Encoder } from '../../src/wal/encoder.js';
import { createWal, openWal, readSnapshotFile, readWal, snapshotFiles, WalCorruptError } from '../../src/wal/index.js';
import { decodeEntry } from '../../src/wal/marshal.js';
import { SimDisk } from '../sim/disk.js';
import fc from '../support/drawn.js';
import { seededRandom } from '../support/seeded-random.js';
import { stillClock } from '../support/still-clock.js';

const options = { clock: stillClock, logger: silentLogger, segmentSizeBytes: 8192 };
const start = { index: 0, term: 0 };
const dir = '/m/wal';
const path = `${dir}/0000000000000000-0000000000000000.wal`;

/** A log of one segment, closed; `data` gives the entries. */
function logOf(data: readonly Uint8Array[]): { disk: SimDisk; bytes: Buffer; ends: number[] } {
  const disk = new SimDisk(seededRandom(1));
  disk.makeDir('/m');
  const wal = createWal(disk, dir, Buffer.from('metadata'), options);
  const ends: number[] = [];
  const encoder = new Encoder(0);
  encoder.crcRecord();
  encoder.metadata(Buffer.from('metadata'));
  encoder.snapshot(Buffer.from([8, 0, 16, 0]));
  for (const [i, one] of data.entries()) {
    const entry: Entry = { type: 0, term: 1, index: i + 1, data: one };
    wal.save({ term: 0, vote: 0n, commit: 0 }, [entry]);
    encoder.entry(entry);
    ends.push(encoder.size);
  }
  wal.close();
  return { disk, bytes: disk.content(path), ends };
}

/**
 * What is left of a log whose segment has become `bytes`, or that it was refused. Anything else thrown fails the test.
 */
function openedWith(bytes: Uint8Array): { count: number; repaired: boolean } | 'refused' {
  const disk = new SimDisk(seededRandom(1));
  disk.makeDir(dir);
  disk.setContent(path, bytes);
  try {
    const { wal, entries, repaired } = openWal(disk, dir, start, options);
    wal.close();
    expect(readWal(disk, dir, start).entries, 'and it reads the same again').toHaveLength(entries.length);
    if (repaired) expect(disk.content(repaired.backup).equals(Buffer.from(bytes))).toBe(true);
    return { count: entries.length, repaired: repaired !== undefined };
  } catch (error) {
    if (!(error instanceof WalCorruptError)) throw error;
    expect(error.file).toBe(path);
    expect(error.message).toContain(`offset ${error.offset}`);
    expect(disk.content(path).equals(Buffer.from(bytes)), 'a refused log is left as it was').toBe(true);
    return 'refused';
  }
}

const texts = (count: number): Buffer[] =>
  Array.from({ length: count }, (_, i) => Buffer.from(`entry number ${i + 1} `.repeat(9)));

describe('a damaged log', () => {
  test('cut at any byte keeps every whole record (issue 15069)', () => {
    const { bytes, ends } = logOf(texts(6));
    const firstEnd = ends[0] ?? 0;
    for (let size = firstEnd; size <= (ends.at(-1) ?? 0); size++) {
      const whole = ends.filter((end) => end <= size).length;
      expect([size, openedWith(bytes.subarray(0, size))]).toEqual([
        size,
        { count: whole, repaired: !ends.includes(size) },
      ]);
    }
  });

  test('with any one bit of a record flipped is refused, rather than cut to what comes before it', () => {
    const { bytes, ends } = logOf(texts(4));
    const end = ends.at(-1) ?? 0;
    for (let at = 0; at < end * 8; at++) {
      const flipped = Buffer.from(bytes);
      flipped[at >> 3] = (flipped[at >> 3] ?? 0) ^ (1 << (at & 7));
      const outcome = openedWith(flipped);
      // Padding is not covered by a checksum, and does not matter.
      if (outcome !== 'refused') expect([at >> 3, outcome]).toEqual([at >> 3, { count: 4, repaired: false }]);
    }
  });

  test('with a sector lost in its last records is cut there, as a torn write', () => {
    const { bytes, ends } = logOf(texts(12));
    for (let sector = 1; sector * 512 < (ends.at(-1) ?? 0); sector++) {
      const torn = Buffer.from(bytes);
      torn.fill(0, sector * 512, sector * 512 + 512);
      const before = ends.filter((end) => end <= sector * 512).length;
      expect([sector, openedWith(torn)]).toMatchObject([sector, { count: before }]);
    }
  });

  test('with a forged length is refused or cut, without reserving the memory it asks for (GHSA-p4g4-wgrh-qrg2)', () => {
    const { bytes, ends } = logOf(texts(3));
    const [, second = 0] = ends;
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (length) => {
        const forged = Buffer.from(bytes);
        forged.writeBigUInt64LE(length, second);
        const outcome = openedWith(forged);
        if (outcome !== 'refused') expect(outcome.count === 2 || forged.equals(bytes)).toBe(true);
      }),
    );
  });

  test('with any bytes overwritten, or made of any bytes at all, is opened or refused, nothing else', () => {
    const { bytes, ends } = logOf(texts(5));
    fc.assert(
      fc.property(fc.nat(ends.at(-1) ?? 0), fc.uint8Array({ minLength: 1, maxLength: 600 }), (at, with_) => {
        const changed = Buffer.from(bytes);
        changed.set(with_.subarray(0, changed.length - at), at);
        openedWith(changed);
      }),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), (any) => {
        expect(openedWith(any)).toBe('refused');
      }),
    );
  });
});

describe('the encoder', () => {
  test('writes what the generated record codec and the entry codec read back, whatever the sizes', () => {
    const anyEntry = fc.record({
      type: fc.constantFrom(0 as const, 1 as const, 2 as const),
      term: fc.maxSafeNat(),
      index: fc.maxSafeNat(),
      data: fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 3000, size: 'max' })),
    });
    fc.assert(
      fc.property(fc.array(anyEntry, { maxLength: 20 }), fc.nat(0xffffffff), (entries, crcBefore) => {
        const encoder = new Encoder(crcBefore);
        for (const entry of entries) encoder.entry(entry);
        const bytes = Buffer.from(encoder.bytes());
        let crc = crcBefore;
        let at = 0;
        for (const entry of entries) {
          const word = bytes.readBigUInt64LE(at);
          const bodySize = Number(word & 0xff_ffff_ffff_ffffn);
          const padding = Number((word >> 56n) & 7n);
          expect(word >> 63n).toBe(padding === 0 ? 0n : 1n);
          expect((bodySize + padding) % 8).toBe(0);
          const record = Record.decode(bytes.subarray(at + 8, at + 8 + bodySize));
          const data = record.data ?? new Uint8Array();
          crc = crc32c(crc, data);
          expect(record).toMatchObject({ type: 2, crc });
          const read = decodeEntry(data);
          expect({ ...read, data: Buffer.from(read.data) }).toEqual({ ...entry, data: Buffer.from(entry.data) });
          at += 8 + bodySize + padding;
        }
        expect(at).toBe(bytes.length);
        expect(encoder.crc).toBe(crc);
      }),
    );
  });
});

describe('a damaged .snap file', () => {
  test('is never read as another snapshot', () => {
    const disk = new SimDisk(seededRandom(1));
    disk.makeDir('/m/snap');
    const files = snapshotFiles(disk, '/m/snap', silentLogger);
    const confState = {
      voters: [2n ** 64n - 1n],
      learners: [3n],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: true,
    };
    const snapshot = { data: Buffer.from('{"Root":{}}'), metadata: { index: 700, term: 3, confState } };
    files.save(snapshot);
    const name = '/m/snap/0000000000000003-00000000000002bc.snap';
    const good = disk.content(name);
    expect(readSnapshotFile(disk, name)).toEqual(snapshot);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), fc.nat(good.length), (at, flip, size) => {
        const bad = Buffer.from(good);
        bad[at] = (bad[at] ?? 0) ^ flip;
        disk.setContent(name, bad);
        // The bits of the checksum's last byte beyond the 32nd mean nothing.
        if (at === 5 && flip % 16 === 0 && flip < 128) expect(readSnapshotFile(disk, name)).toEqual(snapshot);
        else expect(() => readSnapshotFile(disk, name)).toThrow(/^snap: /);
        disk.setContent(name, good.subarray(0, size));
        if (size < good.length) expect(() => readSnapshotFile(disk, name)).toThrow(/^snap: /);
      }),
    );
  });
});
