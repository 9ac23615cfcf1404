/**
 * Directories that a member must not start from, or not as they are. It says which file it is about (and where in it,
 * and what to do), and leaves on the disk what was there: a second look, by anybody, finds what the first one found.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Disk, DiskFile } from '../../../src/lib/disk.js';
import { diskWith, type Files, filesOf } from '../../support/disk-files.js';
import { InProcessMember, memberConfig } from '../../support/in-process-member.js';
import { MemoryDisk } from '../../support/memory-disk.js';
import { seededRandom } from '../../support/seeded-random.js';
import { describeMember, type Operation, requestOf } from '../../support/store-model.js';

const walDir = '/data/member/wal';
const snapDir = '/data/member/snap';
const db = `${snapDir}/db`;
const config = memberConfig('/data', {
  snapshotCount: 10,
  snapshotCatchupEntries: 3,
  walSegmentBytes: 8000,
  maxWals: 0,
  maxSnapshots: 0,
});

let whole: Files;
let content: string;

beforeAll(async () => {
  const disk = new MemoryDisk();
  await using opened = await InProcessMember.open(disk, config);
  for (let i = 0; i < 60; i++) {
    const operation: Operation =
      i === 3 ? { t: 'grant', lease: 7n } : { t: 'put', key: `k${i % 9}`, value: `value ${i} `.repeat(60) };
    await opened.run(opened.member.propose(requestOf(operation)));
  }
  content = describeMember(opened);
  await opened.stop();
  whole = filesOf(disk);
});

/**
 * What matters of the files: preallocated zeros behind the log, and segments preallocated but not yet in use, do not.
 */
function essence(files: Files): string[] {
  return [...files]
    .filter(([path]) => !/\/wal\/\d+\.tmp$/.test(path))
    .map(([path, bytes]) => {
      let end = bytes.length;
      if (path.endsWith('.wal')) while (end > 0 && bytes[end - 1] === 0) end--;
      return `${path} ${bytes.subarray(0, end).toString('base64')}`;
    });
}

const segments = (files: Files): string[] => [...files.keys()].filter((path) => path.endsWith('.wal'));
const snaps = (files: Files): string[] => [...files.keys()].filter((path) => path.endsWith('.snap'));

function at<T>(list: readonly T[], index: number): T {
  const found = list.at(index);
  if (found === undefined) throw new Error(`nothing at ${index}`);
  return found;
}

type Damage = (files: Map<string, Buffer>) => void;

const set =
  (path: string | ((files: Files) => string), change: (bytes: Buffer) => Buffer): Damage =>
  (files) => {
    const name = typeof path === 'string' ? path : path(files);
    files.set(name, change(Buffer.from(files.get(name) ?? Buffer.alloc(0))));
  };
const flip =
  (where: (bytes: Buffer) => number) =>
  (bytes: Buffer): Buffer => {
    const position = where(bytes);
    bytes[position] = (bytes[position] ?? 0) ^ 0x10;
    return bytes;
  };
const half = (bytes: Buffer): number => bytes.length >> 1;
const foreign = (bytes: Buffer): Buffer => Buffer.from('SQLite format 3\0'.repeat(Math.ceil(bytes.length / 16)));
const onlyIn =
  (...damages: Damage[]): Damage =>
  (files) => {
    for (const damage of damages) damage(files);
  };
const removeAll =
  (which: (path: string) => boolean): Damage =>
  (files) => {
    for (const path of [...files.keys()]) if (which(path)) files.delete(path);
  };
/** The last segment's records end where its zeros begin. */
const dataEnd = (bytes: Buffer): number => {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
};
const bothMetas = (change: (meta: Buffer) => void) =>
  set(db, (bytes) => {
    change(bytes.subarray(0, 4096));
    change(bytes.subarray(4096, 8192));
    return bytes;
  });

/** Damage → what the start must end with. */
const refused: readonly [string, Damage, RegExp][] = [
  [
    'a flipped bit in the middle of the segment that is read',
    set(
      (files) => at(segments(files), -1),
      flip((bytes) => dataEnd(bytes) >> 1),
    ),
    /crc mismatch.*\.wal, offset \d+.*restore/,
  ],
  [
    'a log cut short in the middle of a segment that others follow',
    onlyIn(
      removeAll((path) => path.endsWith('.snap')),
      set(
        (files) => at(segments(files), 0),
        (bytes) => bytes.subarray(0, half(bytes) & ~7),
      ),
    ),
    /\.wal|wal: /,
  ],
  [
    'a missing segment between others',
    onlyIn(
      removeAll((path) => path.endsWith('.snap')),
      (files) => files.delete(at(segments(files), 1)),
    ),
    /wal/,
  ],
  [
    'a log that is something else',
    (files) => {
      for (const path of segments(files)) files.set(path, foreign(files.get(path) ?? Buffer.alloc(0)));
    },
    /\.wal/,
  ],
  ['a database that is something else', set(db, foreign), /snap\/db.*not a bbolt database.*restore/],
  ['a database cut in half', set(db, (bytes) => bytes.subarray(0, 8192)), /snap\/db.*cut short.*offset 8192.*restore/],
  ['an empty database beside raft snapshots', set(db, () => Buffer.alloc(0)), /snap\/db.*restore/],
  ['no database beside raft snapshots', (files) => files.delete(db), /snap\/db.*restore/],
  ['a database whose both heads are damaged', bothMetas((meta) => meta.fill(0xff, 16, 64)), /snap\/db/],
  ['a database of a newer format', bothMetas((meta) => meta.writeUInt32LE(3, 16 + 4)), /snap\/db/],
  ['a database whose root page is damaged', set(db, (bytes) => bytes.fill(0xff, 8192)), /snap\/db/],
  ['no log beside a database that was used', removeAll((path) => path.startsWith(walDir)), /snap\/db.*--wal-dir/],
  [
    'a log that ends before the database',
    (files) => {
      // The log of the first start only, without what came after.
      for (const path of segments(files).slice(1)) files.delete(path);
      for (const path of snaps(files)) files.delete(path);
    },
    /snap\/db.*log ends at index/,
  ],
];

describe('a member refuses', () => {
  test.each(refused)('%s, says so, and changes nothing', async (_what, damage, message) => {
    const files = new Map([...whole].map(([path, bytes]) => [path, Buffer.from(bytes)]));
    damage(files);
    const before = essence(files);
    expect(before).not.toEqual(essence(whole));
    const disk = diskWith(files);
    await expect(InProcessMember.prepare(disk, config)).rejects.toThrow(message);
    expect(essence(filesOf(disk))).toEqual(before);
    // Whoever looks again, after this process has ended, finds the same.
    const again = diskWith(filesOf(disk));
    await expect(InProcessMember.prepare(again, config)).rejects.toThrow(message);
  });

  test('a directory in use, and touches nothing of it', async () => {
    const disk = diskWith(whole);
    await using opened = await InProcessMember.open(disk, config);
    // What looks like a leftover is a defragmentation, or a snapshot, being made.
    disk.setContent(`${snapDir}/db.tmp.1`, Buffer.from('half a copy'));
    disk.setContent(`${snapDir}/tmp-0000000000000002-0000000000000020.snap`, Buffer.from('half a file'));
    const before = [...filesOf(disk)];
    await expect(InProcessMember.prepare(disk, config)).rejects.toThrow(/locked|another/);
    expect([...filesOf(disk)]).toEqual(before);
    expect(describeMember(opened)).toBe(content);
  });

  test('a cluster of a newer version, and names the way out', async () => {
    const disk = new MemoryDisk();
    const newer = { ...config, emulate: '3.6' } as const;
    {
      await using opened = await InProcessMember.open(disk, newer);
      await opened.run(opened.member.propose(requestOf({ t: 'put', key: 'k', value: 'v' })));
    }
    const files = filesOf(disk);
    await expect(InProcessMember.prepare(diskWith(files), config)).rejects.toThrow(
      /invalid downgrade.*--emulate-version 3\.6/,
    );
    await using opened = await InProcessMember.open(diskWith(files), newer);
    expect(opened.member.currentRevision).toBe(2);
  });

  test.each([
    ['3.5', false, false],
    ['3.5', true, true],
    ['3.6', true, false],
  ] as const)(
    'as 3.4 a cluster of %s, taking the next version: %s; it starts: %s',
    async (emulate, nextClusterVersionCompatible, starts) => {
      const disk = new MemoryDisk();
      {
        await using opened = await InProcessMember.open(disk, { ...config, emulate });
        await opened.run(opened.member.propose(requestOf({ t: 'put', key: 'k', value: 'v' })));
      }
      const older = { ...config, emulate: '3.4', nextClusterVersionCompatible } as const;
      const started = InProcessMember.open(diskWith(filesOf(disk)), older);
      if (!starts) return expect(started).rejects.toThrow(/invalid downgrade/);
      await using opened = await started;
      expect(opened.member.currentRevision).toBe(2);
      await opened.run(opened.member.propose(requestOf({ t: 'put', key: 'k', value: 'w' })));
      expect(opened.member.currentRevision).toBe(3);
    },
  );
});

describe('damage anywhere', () => {
  test.each(['db', '.wal', '.snap'])('in a %s file is named with the file, or harmless', async (kind) => {
    const random = seededRandom(5);
    let refusals = 0;
    for (let round = 0; round < 150; round++) {
      const files = new Map([...whole].map(([path, bytes]) => [path, Buffer.from(bytes)]));
      const paths = [...files.keys()].filter((path) => path.endsWith(kind));
      const path = at(paths, random.below(paths.length));
      const bytes = files.get(path) ?? Buffer.alloc(0);
      // What is in a value nobody can tell; heads of pages are where a database shows it.
      const page = kind === 'db' && random.below(2) === 0 ? random.below(bytes.length >> 12) << 12 : undefined;
      const from = page === undefined ? random.below(bytes.length) : page + random.below(80);
      for (let i = from; i < Math.min(bytes.length, from + 1 + random.below(64)); i++) bytes[i] = random.below(256);
      try {
        await InProcessMember.prepare(diskWith(files), config);
      } catch (error) {
        refusals++;
        expect(String(error)).toMatch(/Error: .*\/data\/member\/.*restore this member/);
      }
    }
    // A damaged .snap file is passed over for the one before it.
    if (kind !== '.snap') expect(refusals).toBeGreaterThan(2);
  });
});

/** Damage that a start puts right by itself, as etcd does. */
const repaired: readonly [string, Damage][] = [
  ['nothing at all', () => {}],
  ['a damaged head of the database, where the other one is whole', set(db, (bytes) => olderMetaDamaged(bytes))],
  ['a newest .snap file that is damaged', set((files) => at(snaps(files), -1), flip(half))],
  [
    'a newest .snap file that is empty',
    set(
      (files) => at(snaps(files), -1),
      () => Buffer.alloc(0),
    ),
  ],
  ['no .snap file at all, with a log that is whole', removeAll((path) => path.endsWith('.snap'))],
  ['no database, with a log that is whole', removeAll((path) => path.endsWith('.snap') || path === db)],
  [
    'leftovers of interrupted work',
    (files) => {
      for (const name of ['db.tmp.123', 'tmp123', 'db.tmp.new']) files.set(`${snapDir}/${name}`, Buffer.from('half'));
    },
  ],
];

function olderMetaDamaged(bytes: Buffer): Buffer {
  const txid = (page: number): bigint => bytes.readBigUInt64LE(page * 4096 + 16 + 48);
  const older = txid(0) < txid(1) ? 0 : 1;
  bytes.fill(0, older * 4096, older * 4096 + 4096);
  return bytes;
}

describe('a member starts from', () => {
  test.each(repaired)('%s, with all it had', async (_what, damage) => {
    const files = new Map([...whole].map(([path, bytes]) => [path, Buffer.from(bytes)]));
    damage(files);
    const disk = diskWith(files);
    await using opened = await InProcessMember.open(disk, config);
    expect(describeMember(opened)).toBe(content);
    expect(disk.list(snapDir).filter((name) => name.includes('tmp'))).toEqual([]);
  });
});

/** A disk on which opening (some) files is refused. */
function refusing(disk: MemoryDisk, code: string, isRefused: (path: string, options: string) => boolean): Disk {
  const fail = (path: string): never => {
    throw Object.assign(new Error(`${code}: refused, open '${path}'`), { code, path });
  };
  const open = (path: string, options: 'read' | 'write' | 'create' | 'open-or-create', mode?: number): DiskFile =>
    isRefused(path, options) ? fail(path) : disk.open(path, options, mode);
  const list = (path: string): string[] => (isRefused(path, 'list') ? fail(path) : disk.list(path));
  return {
    open,
    list,
    rename: (from, to) => (isRefused(to, 'rename') ? fail(to) : disk.rename(from, to)),
    remove: (path, options) => (isRefused(path, 'remove') ? fail(path) : disk.remove(path, options)),
    makeDir: (path) => (isRefused(path, 'make') ? fail(path) : disk.makeDir(path)),
    stat: (path) => disk.stat(path),
    syncDir: (path) => disk.syncDir(path),
  };
}

describe('a member whose disk is full', () => {
  test(
    'ends its start with the file that could not be written, and starts with all it had once there ' + 'is space',
    async () => {
      let isFull = true;
      for (let allowed = 0; isFull; allowed++) {
        const disk = diskWith(whole);
        let changes = 0;
        isFull = false;
        disk.beforeChange = (what, path) => {
          if (what === 'remove' || changes++ < allowed) return;
          isFull = true;
          throw Object.assign(new Error(`ENOSPC: no space left on device, ${what} '${path}'`), {
            code: 'ENOSPC',
            path,
          });
        };
        const failures: unknown[] = [];
        try {
          const opened = await InProcessMember.prepare(disk, config);
          await opened.run(opened.member.start()).catch(() => {});
          failures.push(...opened.fatal);
          await opened.member.stop().catch((error: unknown) => failures.push(error));
        } catch (error) {
          failures.push(error);
        }
        if (isFull) expect(String(failures[0]), `after ${allowed} changes`).toMatch(/ENOSPC.*'\/(data.*)?'/);
        else expect(failures).toEqual([]);
        await using again = await InProcessMember.open(diskWith(filesOf(disk)), config);
        expect(describeMember(again), `after ${allowed} changes`).toBe(content);
      }
    },
  );
});

describe('a member that may not', () => {
  test.each([
    ['read its log', 'EACCES', (path: string) => path.startsWith(walDir), /EACCES.*member\/wal/],
    ['read its database', 'EACCES', (path: string) => path === db, /EACCES.*snap\/db/],
    [
      'write anything',
      'EROFS',
      (_: string, options: string) => options !== 'read' && options !== 'list',
      /EROFS.*member/,
    ],
  ])('%s says so and changes nothing', async (_what, code, isRefused, message) => {
    const disk = diskWith(whole);
    const before = essence(filesOf(disk));
    await expect(InProcessMember.prepare(refusing(disk, code, isRefused), config)).rejects.toThrow(message);
    expect(essence(filesOf(disk))).toEqual(before);
  });

  test('make its folders says so', async () => {
    const disk = refusing(new MemoryDisk(), 'EACCES', (_path, options) => options === 'make');
    await expect(InProcessMember.prepare(disk, config)).rejects.toThrow(/EACCES.*\/data/);
  });
});
