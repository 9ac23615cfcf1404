/**
 * The database files of real members, opened through our own backend: index, reads and hashes come from the file
 * itself.
 */
import { describe, expect, test } from 'vitest';
import { openBackend } from '../../../src/backend/backend.js';
import { Lessor } from '../../../src/lease/lessor.js';
import { silentLogger } from '../../../src/lib/logger.js';
import { MvccStore } from '../../../src/mvcc/store.js';
import { ManualClock } from '../../support/manual-clock.js';
import { MemoryDisk } from '../../support/memory-disk.js';
import { unpack } from '../../support/tar.js';
import { put, read, work } from './support.js';

const hashes = { 0: 3321997150, 47: 612106340, 49: 2972314088, 52: 1589660683, 60: 237645143 };

function openDatabase(disk: MemoryDisk) {
  const backend = openBackend({ disk, clock: new ManualClock(), path: '/d/data/member/snap/db', logger: silentLogger });
  const lessor = new Lessor(backend, { minTtlSeconds: 2, electionTimeoutMs: 1000, expiredRetryMs: 7000 });
  const store = MvccStore.open({ backend, leases: lessor });
  lessor.setKeyDeleter(() => store.write());
  return { backend, store, lessor };
}

describe.each(['3.4.23', '3.5.30'])('the database of etcd %s', (version) => {
  test('hashes as its writer did, and after changes, commits and a restart as we did', async () => {
    const disk = new MemoryDisk();
    unpack(new URL(`../../fixtures/datadir/datadir-${version}.tar.gz`, import.meta.url), disk, '/d');
    const first = openDatabase(disk);
    expect(first.store.currentRevision).toBe(61);
    for (const [revision, hash] of Object.entries(hashes)) {
      const asked = first.store.hashKV(Number(revision));
      work(first.store, 10);
      expect((await asked).hash, `revision ${revision}`).toBe(hash);
    }
    put(first.store, 'ours', 'value', 305419896n);
    first.lessor.revoke(305419896n);
    void first.store.compact(60);
    work(first.store, 10);
    const asked = first.store.hashKV(0);
    work(first.store);
    const before = await asked;
    await first.backend.close();

    const second = openDatabase(disk);
    expect(second.store.currentRevision).toBe(63);
    expect(second.store.compactRevision).toBe(60);
    expect(second.lessor.lookup(305419896n)).toBe(undefined);
    expect(read(second.store, 'ours')).toEqual([]);
    const again = second.store.hashKV(0);
    work(second.store, 1);
    expect((await again).hash).toBe(before.hash);
    await second.backend.close();
  });
});
