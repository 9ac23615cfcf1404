/** In which order a log's changes reach the disk, and what is left of it when one of them fails. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Entry, HardState } from '../../../src/raftpb/types.js';
import { makeConfState } from '../../../src/raftpb/types.js';
import { createWal, openWal, readWal, walSnapshots } from '../../../src/wal/index.js';
import type { Wal } from '../../../src/wal/types.js';
import { ManualClock } from '../../support/manual-clock.js';
import { MemoryDisk } from '../../support/memory-disk.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const dir = '/m/wal';
const start = { index: 0, term: 0 };
const confState = makeConfState({ voters: [1n] });
const first = '0000000000000000-0000000000000000.wal';

let disk: MemoryDisk;
let logger: RecordingLogger;
let changes: string[];
let failing: string | undefined;
/** How long a sync takes. */
let syncMs: number;
let nowMs: number;
let synced: number[];
let clock: ManualClock;

const options = () => ({ clock, logger, segmentSizeBytes: 2000, onSync: (tookMs: number) => synced.push(tookMs) });
const entry = (index: number, size = 100, term = 1): Entry => ({ type: 0, term, index, data: Buffer.alloc(size, 120) });
const entries = (from: number, count: number): Entry[] => Array.from({ length: count }, (_, at) => entry(from + at, 1));
const state = (commit: number, term = 1): HardState => ({ term, vote: 1n, commit });
const saved = (wal: Wal, list: readonly Entry[]): Wal => {
  wal.save(state(1), list);
  return wal;
};
const create = (): Wal => createWal(disk, dir, Buffer.from('meta'), options());

beforeEach(() => {
  disk = new MemoryDisk();
  disk.makeDir('/m');
  logger = new RecordingLogger();
  changes = [];
  failing = undefined;
  syncMs = 0;
  nowMs = 0;
  synced = [];
  clock = new ManualClock();
  clock.monotonicMs = () => nowMs;
  disk.beforeChange = (what, path) => {
    const change = `${what} ${path.slice(path.lastIndexOf('/') + 1)}`;
    if (change === failing) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
    changes.push(change);
    if (what === 'sync') nowMs += syncMs;
  };
});

describe('a write or a sync that fails', () => {
  const uses: readonly [string, (wal: Wal) => unknown][] = [
    ['save', (wal) => wal.save(state(9), [entry(99)])],
    ['sync', (wal) => wal.sync()],
    ['writeBuffered', (wal) => wal.writeBuffered()],
    ['syncAll', (wal) => wal.syncAll()],
    ['saveSnapshot', (wal) => wal.saveSnapshot({ index: 1, term: 1, confState })],
  ];
  const error = async (run: () => unknown): Promise<unknown> => {
    try {
      await run();
    } catch (thrown) {
      return thrown;
    }
    return undefined;
  };

  it.each<[string, string, (wal: Wal) => unknown]>([
    ['in the write of entries', `write ${first}`, (wal) => wal.save(state(1), [entry(1)])],
    ['in a sync of few entries', `sync ${first}`, (wal) => saved(wal, [entry(1)]).sync()],
    ['in a sync beside other work', `sync ${first}`, (wal) => saved(wal, entries(1, 20)).sync()],
    ['in the write of a marker', `write ${first}`, (wal) => wal.saveSnapshot({ index: 1, term: 1, confState })],
    ['in the sync of a marker', `sync ${first}`, (wal) => wal.saveSnapshot({ index: 1, term: 1, confState })],
    ['in the cut of a full segment', `truncate ${first}`, (wal) => wal.save(state(1), [entry(1, 5000)])],
    ['in the head of the next segment', 'write 0.tmp', (wal) => wal.save(state(1), [entry(1, 5000)])],
    ['in its sync', 'sync 0.tmp', (wal) => wal.save(state(1), [entry(1, 5000)])],
    ['in the sync of the folder', 'sync wal', (wal) => wal.save(state(1), [entry(1, 5000)])],
    ['in the sync of all', `sync ${first}`, (wal) => saved(wal, entries(1, 20)).syncAll()],
  ])('%s is the last thing the log does', async (_, change, run) => {
    const wal = create();
    wal.save(state(0), []);
    void wal.sync();
    failing = change;
    const why = await error(() => run(wal));
    expect(why).toMatchObject({ code: 'EIO' });
    failing = undefined;
    changes.length = 0;
    for (const [name, use] of uses) expect(await error(() => use(wal)), name).toBe(why);
    wal.close();
    // Nobody knows what is on the disk: nothing is added to it.
    expect(changes).toEqual([]);
    openWal(disk, dir, start, options()).wal.close();
  });
});

it('a log that could not be made durable leaves no lock behind', () => {
  failing = 'sync m';
  expect(create).toThrow('EIO');
  failing = undefined;
  // It has its name already: it is opened as any other.
  openWal(disk, dir, start, options()).wal.close();
});

describe('what is durable', () => {
  it('is the entries of a full segment before the next one has its name', () => {
    const wal = create();
    wal.save(state(1), [entry(1)]);
    void wal.sync();
    changes.length = 0;
    wal.save(state(2), [entry(2, 5000)]);
    const second = '0000000000000001-0000000000000003.wal';
    expect(changes).toEqual([
      `write ${first}`,
      `truncate ${first}`,
      `sync ${first}`,
      'write 0.tmp',
      'sync 0.tmp',
      `rename ${second}`,
      'sync wal',
      'create 1.tmp',
      'truncate 1.tmp',
    ]);
    // All of it is synced already.
    expect(wal.sync()).toBeUndefined();
    expect(changes).toHaveLength(9);
    wal.save(state(2), [entry(3, 5000)]);
    expect(changes.slice(9)).toContain('rename 0000000000000002-0000000000000004.wal');
    expect(changes.at(-2)).toBe('create 0.tmp');
    wal.close();
  });

  it('has no state in its next segment where there was none', () => {
    const wal = create();
    wal.save({ term: 0, vote: 0n, commit: 0 }, [entry(1, 5000)]);
    wal.close();
    expect(readWal(disk, dir, start).hardState).toEqual({ term: 0, vote: 0n, commit: 0 });
  });

  it('is a marker when saveSnapshot returns, and what was buffered before it', () => {
    const wal = create();
    wal.save(state(1), entries(1, 5));
    void wal.sync();
    wal.save(state(5), []);
    changes.length = 0;
    wal.saveSnapshot({ index: 5, term: 1, confState });
    expect(changes).toEqual([`write ${first}`, `sync ${first}`]);
    expect(() => wal.saveSnapshot({ index: 5, term: 1, confState: undefined as never })).toThrow(
      'needs a configuration',
    );
    wal.close();
    expect(walSnapshots(disk, dir).map(({ index }) => index)).toEqual([0, 5]);
  });

  it('is all at the end, though nobody asked', () => {
    const wal = create();
    wal.save(state(1), [entry(1)]);
    void wal.sync();
    wal.save(state(1, 1), []);
    wal.save({ term: 1, vote: 1n, commit: 1 }, []);
    changes.length = 0;
    wal.close();
    expect(changes).toEqual([`write ${first}`, `sync ${first}`, 'remove 0.tmp']);
    wal.close();
    expect(changes).toHaveLength(3);
    expect(() => wal.save(state(2), [entry(2)])).toThrow('is closed');
    expect(() => wal.sync()).toThrow('is closed');
    expect(readWal(disk, dir, start).hardState.commit).toBe(1);
    openWal(disk, dir, start, options()).wal.close();
  });

  it('is written where it is asked for, and once it is more than a page', () => {
    const wal = create();
    wal.save(state(0), []);
    void wal.sync();
    changes.length = 0;
    wal.save(state(1), []);
    expect(changes).toEqual([]);
    expect(wal.sync()).toBeUndefined();
    expect(changes).toEqual([]);
    wal.writeBuffered();
    wal.writeBuffered();
    expect(changes).toEqual([`write ${first}`]);
    wal.syncAll();
    wal.syncAll();
    expect(changes).toEqual([`write ${first}`, `sync ${first}`]);
    let saves = 0;
    for (; changes.length === 2; saves++) wal.save(state(2 + saves), []);
    expect(saves).toBeGreaterThan(100);
    expect(saves).toBeLessThan(400);
    expect(changes[2]).toBe(`write ${first}`);
    wal.close();
  });

  it('of nine entries is awaited, of eight it is there', async () => {
    const wal = create();
    wal.save(state(1), entries(1, 8));
    expect(wal.sync()).toBeUndefined();
    wal.save(state(1), entries(9, 4));
    wal.save(state(1), entries(13, 5));
    const later = wal.sync();
    expect(later).toBeInstanceOf(Promise);
    wal.save(state(1), entries(18, 1));
    await later;
    expect(wal.sync()).toBeUndefined();
    wal.close();
    expect(readWal(disk, dir, start).entries).toHaveLength(18);
  });

  it('is told with how long it took, and a warning beyond a second', () => {
    const wal = create();
    synced.length = 0;
    syncMs = 1000;
    wal.save(state(1), [entry(1)]);
    void wal.sync();
    expect(logger.records.some(({ message }) => message === 'slow fdatasync')).toBe(false);
    syncMs = 1001;
    wal.saveSnapshot({ index: 1, term: 1, confState });
    expect(logger.records.filter(({ message }) => message === 'slow fdatasync')).toMatchObject([
      { fields: { took: '1.001s', 'expected-duration': '1s' } },
    ]);
    expect(synced).toEqual([1000, 1001]);
    wal.close();
  });
});

describe('a torn record', () => {
  it('is cut off after the file was copied, and both are synced before anything is added', () => {
    const wal = create();
    for (let index = 1; index <= 5; index++) wal.save(state(index), [entry(index)]);
    wal.close();
    const path = `${dir}/${first}`;
    const whole = disk.content(path);
    // The last record reached the disk but for its end; no sector of zeros tells that it ends there.
    const end = whole.findLastIndex((byte) => byte !== 0) + 1;
    const torn = whole.subarray(0, end - 40);
    disk.setContent(path, torn);
    disk.setContent(`${path}.broken`, Buffer.from('of an earlier repair'));
    changes.length = 0;
    const opened = openWal(disk, dir, start, options());
    expect(opened.repaired).toMatchObject({ file: path, backup: `${path}.broken` });
    const repair = changes.slice(0, changes.indexOf(`sync ${first}`) + 1);
    expect(repair).toEqual([
      `remove ${first}.broken`,
      `create ${first}.broken`,
      `write ${first}.broken`,
      `sync ${first}.broken`,
      'sync wal',
      `truncate ${first}`,
      `sync ${first}`,
    ]);
    expect(disk.content(`${path}.broken`).equals(torn)).toBe(true);
    expect(disk.stat(`${path}.broken`)?.mode).toBe(0o600);
    expect(opened.entries.length).toBe(4);
    opened.wal.save(state(4), [entry(5)]);
    opened.wal.close();
    const again = openWal(disk, dir, start, options());
    expect([again.repaired, again.entries.length]).toEqual([undefined, 5]);
    again.wal.close();
  });

  it('that cannot be cut off is no log, and leaves no lock behind', () => {
    const wal = create();
    wal.save(state(1), [entry(1), entry(2)]);
    wal.close();
    const path = `${dir}/${first}`;
    const whole = disk.content(path);
    disk.setContent(path, whole.subarray(0, whole.findLastIndex((byte) => byte !== 0) - 40));
    failing = `sync ${first}`;
    expect(() => openWal(disk, dir, start, options())).toThrow('EIO');
    failing = undefined;
    openWal(disk, dir, start, options()).wal.close();
  });
});
