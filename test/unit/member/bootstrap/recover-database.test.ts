/** Which database goes with the newest raft snapshot: none that lags behind it, not even by an entry. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { FileBackend } from '../../../../src/backend/options.js';
import { silentLogger } from '../../../../src/lib/logger.js';
import { recoverDatabase } from '../../../../src/member/bootstrap/recover-database.js';
import { MemoryDisk } from '../../../support/memory-disk.js';

let disk: MemoryDisk;
let closed: number;

/** A database is a file whose content is its consistent index. */
function recovered(snapshotIndex: number): { index: number } {
  const openDb = (): FileBackend => {
    const index = Number(disk.stat('/snap/db') === undefined ? 0 : disk.content('/snap/db').toString());
    return {
      get: () => Buffer.from(index.toString(16).padStart(16, '0'), 'hex'),
      close: async () => {
        closed++;
      },
      index,
    } as unknown as FileBackend;
  };
  return recoverDatabase({
    disk,
    logger: silentLogger,
    dbPath: '/snap/db',
    snapshots: { dbPath: (index) => `/snap/${index}.snap.db` },
    snapshotIndex,
    openDb,
  }) as unknown as { index: number };
}

const file = (name: string, index: number): void => disk.setContent(`/snap/${name}`, Buffer.from(String(index)));
const error = (run: () => unknown): unknown => {
  try {
    run();
  } catch (thrown) {
    return (thrown as { code: string }).code;
  }
  return undefined;
};

beforeEach(() => {
  disk = new MemoryDisk();
  disk.makeDir('/snap');
  closed = 0;
});

describe('a database', () => {
  it.each([10, 11, 500])('at index %i goes with a snapshot at 10', (index) => {
    file('db', index);
    expect(recovered(10).index).toBe(index);
    expect(closed).toBe(0);
  });

  it.each([9, 1, 0])('at index %i does not', (index) => {
    file('db', index);
    expect(error(() => recovered(10))).toBe('ERR_BACKEND_BEHIND');
    expect(() => recovered(10)).toThrow("failed to find database snapshot file (snap: snapshot file doesn't exist)");
    expect([closed, disk.content('/snap/db').toString()]).toEqual([2, String(index)]);
  });

  it('that is not there goes with no snapshot, and may be made where there is none', () => {
    expect(error(() => recovered(10))).toBe('ERR_BACKEND_BEHIND');
    expect(disk.stat('/snap/db')).toBeUndefined();
    expect(recovered(0).index).toBe(0);
    disk.setContent('/snap/db', Buffer.alloc(0));
    expect(error(() => recovered(10))).toBe('ERR_BACKEND_BEHIND');
  });

  it('that was received with the snapshot takes the place of one that lags, and of none', () => {
    file('db', 9);
    file('10.snap.db', 12);
    expect(recovered(10).index).toBe(12);
    expect(disk.list('/snap')).toEqual(['db']);
    disk.remove('/snap/db');
    file('10.snap.db', 10);
    expect(recovered(10).index).toBe(10);
  });

  it('that was received is left alone beside one that is far enough', () => {
    file('db', 10);
    file('10.snap.db', 12);
    expect(recovered(10).index).toBe(10);
    expect(disk.list('/snap').sort()).toEqual(['10.snap.db', 'db']);
    file('0.snap.db', 7);
    file('db', 3);
    expect(recovered(0).index).toBe(3);
  });

  it('that was received and lags, too, is refused', () => {
    file('db', 3);
    file('10.snap.db', 9);
    expect(error(() => recovered(10))).toBe('ERR_BACKEND_BEHIND');
    file('10.snap.db', 9);
    expect(() => recovered(10)).toThrow(/^database file \(\/snap\/db index 9\) does not match with snapshot/);
  });
});
