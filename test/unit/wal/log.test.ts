import { describe, expect, test, vi } from 'vitest';
import { silentLogger } from '../../../src/lib/logger.js';
import type { Entry, HardState } from '../../../src/raftpb/types.js';
import { makeConfState } from '../../../src/raftpb/types.js';
import { Encoder } from '../../../src/wal/encoder.js';
import { paddingOf, putLengthWord } from '../../../src/wal/frame.js';
import {
  createWal,
  hasWal,
  openWal,
  purge,
  readWal,
  snapshotFiles,
  WalLockedError,
  walSnapshots,
} from '../../../src/wal/index.js';
import { encodeHardState } from '../../../src/wal/marshal.js';
import { SimDisk } from '../../sim/disk.js';
import { seededRandom } from '../../support/seeded-random.js';
import { stillClock } from '../../support/still-clock.js';

const options = { clock: stillClock, logger: silentLogger, segmentSizeBytes: 2000 };
const dir = '/m/wal';
const start = { index: 0, term: 0 };
const confState = makeConfState({ voters: [1n] });
const first = '0000000000000000-0000000000000000.wal';

function newDisk(): SimDisk {
  const disk = new SimDisk(seededRandom(1));
  disk.makeDir('/m');
  return disk;
}
const create = (disk: SimDisk) => createWal(disk, dir, Buffer.from('meta'), options);
const entry = (index: number, term = 1, size = 100): Entry => ({ type: 0, term, index, data: Buffer.alloc(size, 120) });
const state = (commit: number, term = 1): HardState => ({ term, vote: 1n, commit });
const wals = (disk: SimDisk): string[] => disk.list(dir).filter((name) => name.endsWith('.wal'));

/** What a first segment begins with. */
function headed(): Encoder {
  const encoder = new Encoder(0);
  encoder.crcRecord();
  encoder.metadata(Buffer.from('meta'));
  encoder.snapshot(Buffer.from([8, 0, 16, 0]));
  return encoder;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
  return [...bytes, value];
}

/** A log of `count` entries, with a marker at every tenth. */
function logWith(disk: SimDisk, count: number): void {
  const wal = create(disk);
  for (let i = 1; i <= count; i++) {
    wal.save(state(i), [entry(i)]);
    if (i % 10 === 0) wal.saveSnapshot({ index: i, term: 1, confState });
  }
  wal.close();
}

describe('save', () => {
  test('asks for a sync with entries, a new term or a new vote, and not for a commit index alone', () => {
    using wal = create(newDisk());
    expect(wal.save(state(0), [])).toBe(true);
    expect(wal.save(state(0), [entry(1)])).toBe(true);
    expect(wal.save(state(1), [])).toBe(false);
    expect(wal.save(state(1, 2), [])).toBe(true);
    expect(wal.save({ term: 2, vote: 9n, commit: 1 }, [])).toBe(true);
    expect(wal.save({ term: 0, vote: 0n, commit: 0 }, [])).toBe(false);
  });

  test('takes more in one write than it keeps memory for, and entries of all sizes', () => {
    const disk = newDisk();
    const sizes = [0, 1, 7, 8, 100, 70_000, 3, 300_000, 60_000, 60_000, 1_200_000, 5];
    const entries = sizes.map((size, at) => ({ ...entry(at + 1, 1, size), data: Buffer.alloc(size, at + 1) }));
    {
      using wal = create(disk);
      wal.save(state(0), entries);
      wal.save(state(entries.length), [entry(entries.length + 1)]);
    }
    const read = readWal(disk, dir, start);
    expect(read.entries.map(({ data }) => data.length)).toEqual([...sizes, 100]);
    expect(read.entries.every(({ data }, at) => at === sizes.length || data.every((byte) => byte === at + 1))).toBe(
      true,
    );
  });

  test('is one write, however many entries', () => {
    const onWrite = vi.fn();
    const disk = newDisk();
    using wal = createWal(disk, dir, Buffer.from('meta'), { ...options, onWrite });
    wal.save(state(0), [entry(1), entry(2), entry(3)]);
    expect(onWrite).toHaveBeenCalledTimes(1);
  });

  test('starts a new segment after the entry that fills one, headed by crc, metadata and state', () => {
    const disk = newDisk();
    const wal = create(disk);
    // Larger than what is left of the segment, and than a segment: records are never split (issue 14127).
    wal.save(state(0), [entry(1, 1, 1500)]);
    wal.save(state(1), [entry(2, 1, 9000)]);
    wal.save(state(2), [entry(3)]);
    wal.close();
    const second = '0000000000000001-0000000000000003.wal';
    expect(wals(disk)).toEqual([first, second]);
    expect(disk.stat(`${dir}/${first}`)?.size).toBeGreaterThan(10_500);
    const head = new Encoder(readLastCrc(disk));
    head.crcRecord();
    head.metadata(Buffer.from('meta'));
    head.state(encodeHardState(state(1)));
    expect(disk.content(`${dir}/${second}`).subarray(0, head.size).equals(Buffer.from(head.bytes()))).toBe(true);
    expect(readWal(disk, dir, start).entries.map((e) => [e.index, e.data.length])).toEqual([
      [1, 1500],
      [2, 9000],
      [3, 100],
    ]);
  });

  test('goes on in the same way after the log was opened again', () => {
    const disk = newDisk();
    logWith(disk, 25);
    for (let i = 26; i <= 60; i++) {
      const { wal, entries } = openWal(disk, dir, start, options);
      expect(entries).toHaveLength(i - 1);
      expect(wal.lastIndex).toBe(i - 1);
      wal.save(state(i - 1), [entry(i)]);
      wal.close();
    }
    expect(wals(disk).length).toBeGreaterThan(4);
  });

  test('of an entry that is there replaces it and all after it', () => {
    const disk = newDisk();
    const wal = create(disk);
    wal.save(state(1), [entry(1), entry(2), entry(3), entry(4)]);
    wal.save(state(2, 2), [entry(3, 2, 5)]);
    expect(wal.lastIndex).toBe(3);
    wal.close();
    const { entries, hardState } = readWal(disk, dir, start);
    expect(entries.map((e) => [e.index, e.term])).toEqual([
      [1, 1],
      [2, 1],
      [3, 2],
    ]);
    expect(hardState).toEqual(state(2, 2));
  });
});

function readLastCrc(disk: SimDisk): number {
  // The crc record is the head of the segment: 8 bytes length, 08 04 10, then the varint.
  const bytes = disk.content(`${dir}/0000000000000001-0000000000000003.wal`);
  let crc = 0;
  for (let at = 11, shift = 1; ; at++, shift *= 128) {
    const byte = bytes[at] ?? 0;
    crc += (byte & 0x7f) * shift;
    if (byte < 0x80) return crc;
  }
}

describe('sync', () => {
  test('is done in the call for a few entries, and off the thread for many', async () => {
    const onSync = vi.fn();
    using wal = createWal(newDisk(), dir, Buffer.from('meta'), { ...options, segmentSizeBytes: 1e6, onSync });
    wal.save(state(0), [entry(1)]);
    expect(wal.sync()).toBeUndefined();
    expect(wal.sync(), 'nothing to sync').toBeUndefined();
    expect(onSync).toHaveBeenCalledTimes(1);
    wal.save(
      state(0),
      Array.from({ length: 50 }, (_, i) => entry(i + 2)),
    );
    const done = wal.sync();
    expect(done).toBeInstanceOf(Promise);
    await done;
    expect(onSync).toHaveBeenCalledTimes(2);
  });

  test('leaves the thread also for one entry once the disk turned out to be slow', async () => {
    let now = 0;
    const slow = { ...stillClock, monotonicMs: () => (now += 20) };
    using wal = createWal(newDisk(), dir, Buffer.from('meta'), { ...options, clock: slow });
    wal.save(state(0), [entry(1)]);
    expect(wal.sync()).toBeUndefined();
    wal.save(state(0), [entry(2)]);
    const done = wal.sync();
    expect(done).toBeInstanceOf(Promise);
    await done;
  });

  test('in flight when the log is closed keeps its file open until it is done', async () => {
    const disk = newDisk();
    const wal = create(disk);
    wal.save(
      state(0),
      Array.from({ length: 10 }, (_, i) => entry(i + 1, 1, 10)),
    );
    const done = wal.sync();
    wal.close();
    wal.close();
    expect(() => openWal(disk, dir, start, options)).toThrow(WalLockedError);
    await done;
    openWal(disk, dir, start, options).wal.close();
    expect(() => wal.save(state(1), [entry(11)])).toThrow(/closed/);
  });
});

describe('locks', () => {
  test('keep a second log out of the same segments', () => {
    const disk = newDisk();
    const wal = create(disk);
    expect(() => openWal(disk, dir, start, options)).toThrow(
      expect.objectContaining({ code: 'ERR_WAL_LOCKED', file: `${dir}/${first}` }),
    );
    expect(readWal(disk, dir, start).entries, 'reading needs no lock').toEqual([]);
    wal.close();
    openWal(disk, dir, start, options).wal.close();
  });

  test('of segments before the index are given up by releaseTo, and purge removes those alone', () => {
    const disk = newDisk();
    logWith(disk, 60);
    const { wal } = openWal(disk, dir, start, options);
    const before = wals(disk);
    expect(before.length).toBeGreaterThan(4);
    expect(purge(disk, dir, '.wal', 1), 'all are locked').toEqual([]);
    wal.releaseTo(30);
    const removed = purge(disk, dir, '.wal', 1);
    expect(removed.length).toBeGreaterThan(0);
    expect(removed).toEqual(before.slice(0, removed.length).map((name) => `${dir}/${name}`));
    expect(purge(disk, dir, '.wal', 0), '0 keeps all').toEqual([]);
    wal.close();
    const { entries } = readWal(disk, dir, { index: 30, term: 1 });
    expect(entries.map((e) => e.index)).toEqual(Array.from({ length: 30 }, (_, i) => i + 31));
  });
});

describe('openWal', () => {
  const code = (error: unknown): unknown => (error as { code?: unknown }).code;
  function refusal(disk: SimDisk, from = start): { code: unknown; message: string } {
    try {
      openWal(disk, dir, from, options).wal.close();
    } catch (error) {
      return { code: code(error), message: (error as Error).message };
    }
    return { code: undefined, message: '' };
  }

  test('tells what is missing', () => {
    const disk = newDisk();
    expect(refusal(disk).code).toBe('ERR_WAL_NOT_FOUND');
    expect(hasWal(disk, dir)).toBe(false);
    disk.makeDir(dir);
    expect(refusal(disk).code).toBe('ERR_WAL_NOT_FOUND');
    logWith(disk, 60);
    expect(refusal(disk, { index: 25, term: 1 })).toEqual({
      code: 'ERR_WAL_SNAPSHOT_NOT_FOUND',
      message: 'wal: snapshot not found: no marker of snapshot index 25, term 1 (/m/wal)',
    });
    expect(refusal(disk, { index: 20, term: 7 }).message).toBe(
      'wal: snapshot mismatch: wanted index 20, term 7, found term 1 (/m/wal)',
    );
    const names = wals(disk);
    disk.remove(`${dir}/${names[2]}`);
    expect(refusal(disk)).toMatchObject({
      code: 'ERR_WAL_CORRUPT',
      message: expect.stringMatching(/segment 2 is missing before segment 3 /),
    });
    disk.remove(`${dir}/${names[0]}`);
    disk.remove(`${dir}/${names[1]}`);
    expect(refusal(disk)).toMatchObject({
      code: 'ERR_WAL_NOT_FOUND',
      message: expect.stringMatching(/no segment begins at or before index 0/),
    });
  });

  test('refuses a segment of another member, a gap, and a record from the future', () => {
    const segment = (write: (encoder: Encoder) => void): SimDisk => {
      const disk = newDisk();
      disk.makeDir(dir);
      const encoder = headed();
      write(encoder);
      disk.setContent(`${dir}/${first}`, Buffer.from(encoder.bytes()));
      return disk;
    };
    expect(refusal(segment(() => {})).code).toBeUndefined();
    expect(refusal(segment((e) => e.metadata(Buffer.from('other')))).message).toMatch(/conflicting metadata/);
    expect(refusal(segment((e) => [1, 2, 4].map((i) => e.entry(entry(i))))).message).toMatch(
      /entry 4 follows a gap: entry 3 is missing/,
    );
    expect(refusal(segment((e) => e.entry({ ...entry(1), type: 3 as 2 }))).message).toMatch(/unknown type 3/);
    expect(refusal(segment((e) => e.state(Buffer.from([8, 255])))).message).toMatch(
      /malformed content of a record of type 3: unexpected EOF/,
    );
    expect(refusal(segment((e) => [3, 2].map((t) => e.state(encodeHardState(state(0, t)))))).message).toMatch(
      /term goes back from 3 to 2/,
    );
    expect(refusal(segment((e) => [5, 4].map((t, i) => e.entry(entry(i + 1, t))))).message).toMatch(
      /entry 2 has term 4 after one of term 5/,
    );
  });

  test.each<[string, RegExp, (encoder: Encoder) => void]>([
    ['an entry whose index is beyond what counts', /term or index out of range/, (e) => e.entry(entry(2 ** 53 - 1))],
    ['an entry whose term is', /term or index out of range/, (e) => e.entry(entry(1, 2 ** 53 - 1))],
    [
      'a state whose term is',
      /term or commit index out of range/,
      (e) => e.state(encodeHardState(state(0, 2 ** 53 - 1))),
    ],
    [
      'a state whose commit is',
      /term or commit index out of range/,
      (e) => e.state(encodeHardState(state(2 ** 53 - 1))),
    ],
    ['a vote without a term', /a vote or commit index without a term/, (e) => e.state(encodeHardState(state(0, 0)))],
  ])('refuses %s', (_, message, write) => {
    const disk = newDisk();
    disk.makeDir(dir);
    const encoder = headed();
    write(encoder);
    disk.setContent(`${dir}/${first}`, Buffer.from(encoder.bytes()));
    expect(refusal(disk).message).toMatch(message);
  });

  test('takes the highest index and term that count', () => {
    const disk = newDisk();
    disk.makeDir(dir);
    const encoder = headed();
    encoder.entry(entry(1, 2 ** 53 - 2));
    encoder.state(encodeHardState({ term: 2 ** 53 - 2, vote: 1n, commit: 2 ** 53 - 2 }));
    disk.setContent(`${dir}/${first}`, Buffer.from(encoder.bytes()));
    expect(refusal(disk)).toEqual({ code: undefined, message: '' });
  });

  test('refuses a crc record that carries data, in whatever order its fields are', () => {
    const disk = newDisk();
    disk.makeDir(dir);
    const encoder = headed();
    const { crc } = encoder;
    // The data first (field 3), as no version writes it, then type (1) and crc (2).
    const body = Buffer.from([0x1a, 1, 120, 0x08, 4, 0x10, ...varint(crc)]);
    const frame = Buffer.alloc(8 + body.length + paddingOf(body.length));
    putLengthWord(frame, 0, body.length);
    body.copy(frame, 8);
    disk.setContent(`${dir}/${first}`, Buffer.concat([encoder.bytes(), frame]));
    expect(refusal(disk).message).toMatch(/a crc record with data/);
  });

  test('refuses a damaged record of the last segment, that no lost sector explains', () => {
    const disk = newDisk();
    logWith(disk, 3);
    const bytes = disk.content(`${dir}/${first}`);
    const at = bytes.lastIndexOf(120);
    bytes[at] = 121;
    disk.setContent(`${dir}/${first}`, bytes);
    expect(refusal(disk)).toMatchObject({ code: 'ERR_WAL_CORRUPT', message: expect.stringMatching(/crc mismatch/) });
    expect(disk.content(`${dir}/${first}`).equals(bytes)).toBe(true);
  });

  test('takes a sector that never reached the disk for the end, and half of one for damage', () => {
    const lost = (from: number, to: number): { code: unknown; count: number } => {
      const disk = newDisk();
      logWith(disk, 12);
      const bytes = disk.content(`${dir}/${first}`);
      bytes.fill(0, from, to);
      disk.setContent(`${dir}/${first}`, bytes);
      for (const name of wals(disk)) if (name !== first) disk.remove(`${dir}/${name}`);
      const { code: why } = refusal(disk);
      return { code: why, count: why === undefined ? readWal(disk, dir, start).entries.length : -1 };
    };
    // A sector holds some three entries.
    expect([lost(512, 1024), lost(1024, 1536)]).toEqual([
      { code: undefined, count: 3 },
      { code: undefined, count: 6 },
    ]);
    for (const at of [512, 1024]) expect(lost(at + 20, at + 512 - 20).code, String(at)).toBe('ERR_WAL_CORRUPT');
  });

  test('refuses a torn record in any segment but the last', () => {
    const disk = newDisk();
    logWith(disk, 60);
    const [, second = ''] = wals(disk);
    const bytes = disk.content(`${dir}/${second}`);
    disk.setContent(`${dir}/${second}`, bytes.subarray(0, bytes.length - 20));
    expect(refusal(disk)).toMatchObject({
      code: 'ERR_WAL_CORRUPT',
      message: expect.stringContaining(`${second}, offset`),
    });
    disk.setContent(`${dir}/${second}`, Buffer.alloc(0));
    expect(refusal(disk).message).toMatch(/crc mismatch between segments/);
  });

  test('clears a preallocated leftover and bytes after the end that were never synced', () => {
    const disk = newDisk();
    logWith(disk, 3);
    disk.setContent(`${dir}/0.tmp`, Buffer.from('leftover'));
    const torn = Buffer.concat([disk.content(`${dir}/${first}`)]);
    torn.fill(0xff, torn.length - 300);
    disk.setContent(`${dir}/${first}`, torn);
    const { wal } = openWal(disk, dir, start, options);
    wal.close();
    expect(disk.list(dir)).toEqual([first]);
    expect(
      disk
        .content(`${dir}/${first}`)
        .subarray(-300)
        .every((byte) => byte === 0),
    ).toBe(true);
  });
});

test('reading leaves no file open, whether the log is whole or not', () => {
  const disk = newDisk();
  logWith(disk, 30);
  let open = 0;
  const { open: openFile } = disk;
  disk.open = (...what) => {
    const file = openFile.apply(disk, what);
    const { close } = file;
    open++;
    file.close = () => {
      open--;
      close.call(file);
    };
    return file;
  };
  readWal(disk, dir, start);
  walSnapshots(disk, dir);
  expect(() => readWal(disk, dir, { index: 5, term: 1 })).toThrow('snapshot not found');
  const [, second = ''] = wals(disk);
  disk.setContent(`${dir}/${second}`, disk.content(`${dir}/${second}`).fill(1, 300, 500));
  expect(() => readWal(disk, dir, start)).toThrow('wal: ');
  expect(() => openWal(disk, dir, start, options)).toThrow('wal: ');
  expect(open).toBe(0);
});

describe('createWal', () => {
  test('refuses to replace a log, and takes the place of an empty folder and of one half built', () => {
    const disk = newDisk();
    disk.makeDir(dir);
    disk.makeDir(`${dir}.tmp`);
    disk.setContent(`${dir}.tmp/${first}`, Buffer.from('half'));
    create(disk).close();
    expect(() => create(disk)).toThrow(expect.objectContaining({ code: 'EEXIST' }));
    expect(disk.list('/m')).toEqual(['wal']);
  });
});

describe('snapshots', () => {
  test('markers count once they are committed', () => {
    const disk = newDisk();
    const wal = create(disk);
    wal.save(state(1), [entry(1), entry(2)]);
    wal.saveSnapshot({ index: 1, term: 1, confState });
    wal.saveSnapshot({ index: 2, term: 1, confState });
    expect(() => wal.saveSnapshot({ index: 3, term: 1 })).toThrow(/needs a configuration/);
    wal.close();
    expect(walSnapshots(disk, dir)).toEqual([
      { index: 0, term: 0 },
      { index: 1, term: 1, confState },
    ]);
  });

  test('ahead of the log move its end', () => {
    const disk = newDisk();
    const wal = create(disk);
    wal.saveSnapshot({ index: 500, term: 4, confState });
    wal.save(state(500, 4), []);
    expect(wal.lastIndex).toBe(500);
    wal.close();
    const opened = openWal(disk, dir, { index: 500, term: 4 }, options);
    expect(opened.wal.lastIndex).toBe(500);
    opened.wal.close();
  });

  test('are loaded newest first, only when the log knows them, and broken ones are put aside', () => {
    const disk = newDisk();
    disk.makeDir('/m/snap');
    const warn = vi.fn();
    const files = snapshotFiles(disk, '/m/snap', { ...silentLogger, warn });
    for (const [term, index] of [
      [1, 10],
      [1, 20],
      [2, 15],
      [3, 40],
    ] as const) {
      files.save({ data: Buffer.from('{}'), metadata: { index, term, confState } });
    }
    expect(disk.list('/m/snap').at(-1)).toBe('0000000000000003-0000000000000028.snap');
    disk.setContent('/m/snap/0000000000000003-0000000000000028.snap', Buffer.from('not a snapshot'));
    disk.setContent('/m/snap/stranger.snap', Buffer.from('?'));
    expect(
      files.loadNewest([
        { index: 20, term: 1 },
        { index: 10, term: 1 },
      ])?.snapshot.metadata.index,
    ).toBe(20);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(disk.list('/m/snap')).toContain('0000000000000003-0000000000000028.snap.broken');
    expect(files.loadNewest(undefined)?.file).toBe('/m/snap/0000000000000002-000000000000000f.snap');
    expect(files.loadNewest([])).toBeUndefined();
  });

  test('received databases and leftovers are cleared away', () => {
    const disk = newDisk();
    disk.makeDir('/m/snap');
    const files = snapshotFiles(disk, '/m/snap', silentLogger);
    for (const path of [files.dbPath(9), files.dbPath(10), '/m/snap/tmp1', '/m/snap/db.tmp.77', '/m/snap/db'])
      disk.setContent(path, Buffer.from('x'));
    files.releaseDbs(10);
    files.removeLeftovers();
    expect(disk.list('/m/snap')).toEqual(['000000000000000a.snap.db', 'db']);
  });
});

describe('a full disk', () => {
  test('is no reason to fail before the space is needed', () => {
    const disk = newDisk();
    const wal = create(disk);
    const warn = vi.fn();
    wal.close();
    disk.plan({ failAt: { step: 7, code: 'ENOSPC' } });
    const opened = openWal(disk, dir, start, { ...options, logger: { ...silentLogger, warn } });
    expect(warn).toHaveBeenCalledTimes(1);
    for (let i = 1; i < 40; i++) opened.wal.save(state(i), [entry(i)]);
    opened.wal.close();
    expect(readWal(disk, dir, start).entries).toHaveLength(39);
  });
});
