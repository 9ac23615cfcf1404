import { describe, expect, test } from 'vitest';
import { revisionKey } from '../../../src/backend/schema/key.js';
import { finishedCompactKey, scheduledCompactKey } from '../../../src/backend/schema/meta.js';
import { AbandonedError } from '../../../src/lib/caller.js';
import { BusyError, CompactedError, FutureRevisionError, InterruptedError } from '../../../src/mvcc/errors.js';
import { KvHasher } from '../../../src/mvcc/hash.js';
import { MvccStore } from '../../../src/mvcc/store.js';
import type { Change } from '../../../src/mvcc/types.js';
import { operationsOf } from '../../../src/mvcc/write-txn.js';
import { MemoryBackend } from '../../support/memory-backend.js';
import { bytes, del, openStore, plain, put, read, readAll, work, write } from './support.js';

const names = (kvs: { key: string }[]) => kvs.map((kv) => kv.key).join(' ');

describe('revisions', () => {
  test('an empty store is at revision 1 and its first write makes 2', () => {
    const { store } = openStore();
    expect(store.currentRevision).toBe(1);
    expect(store.compactRevision).toBe(-1);
    expect(put(store, 'a')).toBe(2);
  });

  test('a transaction has one revision for all its changes, one without changes has none', () => {
    const { store } = openStore();
    const revision = write(store, (txn) => {
      expect(txn.revision).toBe(1);
      txn.put(bytes('a'), bytes('1'), 0n);
      expect(txn.revision).toBe(2);
      txn.put(bytes('b'), bytes('2'), 0n);
      expect(txn.deleteRange(bytes('nothing'), undefined)).toBe(0);
    });
    expect(revision).toBe(2);
    expect(del(store, 'nothing')).toBe(2);
    expect(write(store, () => {})).toBe(2);
    expect(readAll(store).map((kv) => kv.mod)).toEqual([2, 2]);
  });

  test('a key keeps its creation while it lives, and begins anew after its deletion', () => {
    const { store } = openStore();
    put(store, 'a', '1');
    put(store, 'a', '2');
    expect(read(store, 'a')).toMatchObject([{ create: 2, mod: 3, version: 2 }]);
    del(store, 'a');
    expect(read(store, 'a')).toEqual([]);
    put(store, 'a', '3');
    expect(read(store, 'a')).toMatchObject([{ create: 5, mod: 5, version: 1 }]);
    expect(read(store, 'a', undefined, 3)).toMatchObject([{ value: '2' }]);
    expect(read(store, 'a', undefined, 4)).toEqual([]);
  });

  test('a failpoint stands where a write becomes visible, and nowhere else', () => {
    const seen: string[] = [];
    const backend = new MemoryBackend();
    const failpoints = { hit: (name: string) => void seen.push(`${name} at ${store.currentRevision}`) };
    const leases = openStore().lessor;
    const store = MvccStore.open({ backend, leases, failpoints: failpoints as never });
    put(store, 'a');
    write(store, () => {});
    expect(seen).toEqual(['beforeWritebackBuf at 1', 'afterWritebackBuf at 2']);
  });

  test('a second write transaction beside an open one is refused, ending twice too', () => {
    const { store } = openStore();
    const txn = store.write();
    expect(() => store.write()).toThrow('open already');
    txn.end();
    expect(() => txn.end()).toThrow('ended already');
    store.write().end();
  });

  test('#18799: a transaction sees its own changes, readers beside it cannot name them', () => {
    const { store } = openStore();
    put(store, 'a', 'old');
    const txn = store.write();
    txn.put(bytes('a'), bytes('new'), 0n);
    txn.deleteRange(bytes('b'), undefined);
    expect(read(txn, 'a')).toMatchObject([{ value: 'new', mod: 3 }]);
    expect(plain(txn.get(bytes('a')) as Uint8Array).value).toBe('new');
    expect(read(txn, 'a', undefined, 2)).toMatchObject([{ value: 'old' }]);
    expect(store.currentRevision).toBe(2);
    expect(() => read(store, 'a', undefined, 3)).toThrow(FutureRevisionError);
    txn.end();
    expect(read(store, 'a', undefined, 3)).toMatchObject([{ value: 'new' }]);
  });
});

describe('ranges', () => {
  const filled = () => {
    const { store } = openStore();
    for (const key of ['a', 'b', 'ba', 'c', '\xff']) put(store, key, key);
    return store;
  };

  test.each([
    ['a', undefined, 'a'],
    ['a', '', 'a'],
    ['a', 'c', 'a b ba'],
    ['b', '\0', 'b ba c \xff'],
    ['\0', '\0', 'a b ba c \xff'],
    ['c', 'a', ''],
    ['a', 'a', ''],
    ['nothing', undefined, ''],
  ])('[%j, %j) holds %j', (key, end, expected) => {
    expect(names(read(filled(), key, end))).toBe(expected);
  });

  test('the count is of all keys, whatever the limit', () => {
    const store = filled();
    const found = store.range(bytes('a'), bytes('\0'), { revision: 0, limit: 2, countOnly: false });
    expect([found.kvs.length, found.count]).toEqual([2, 5]);
    const past = store.range(bytes('a'), bytes('\0'), { revision: 4, limit: 2, countOnly: false });
    expect([past.kvs.length, past.count]).toEqual([2, 3]);
    const counted = store.range(bytes('a'), undefined, { revision: 0, limit: 0, countOnly: true });
    expect([counted.kvs.length, counted.count]).toEqual([0, 1]);
  });

  test('keys are counted beforehand as a range counts them', () => {
    const { store } = openStore();
    for (const key of ['a', 'b', 'c', 'd']) put(store, key);
    del(store, 'c');
    const counted = (key: string, end: string) => store.keysIn(bytes(key), bytes(end));
    expect([counted('a', 'd'), counted('a', '\0'), counted('\0', '\0'), counted('c', 'd')]).toEqual([2, 3, 3, 0]);
    expect([counted('b', 'b'), counted('d', 'a'), counted('a', ''), counted('x', '')]).toEqual([0, 0, 1, 1]);
  });

  test('operations are puts, deletions and ranges together', () => {
    const counts = { puts: 4, putBytes: 9, deletes: 2, ranges: 3, txns: 9, compactedRecords: 9, compactions: 9 };
    expect(operationsOf(counts)).toBe(9);
  });

  test('what a range returned stays as it is', () => {
    const store = filled();
    const { kvs } = store.range(bytes('a'), bytes('\0'), { revision: 0, limit: 0, countOnly: false });
    const before = kvs.map((kv) => Buffer.from(kv).toString('hex'));
    for (const key of ['a', 'b', 'c']) put(store, key, 'changed');
    expect(kvs.map((kv) => Buffer.from(kv).toString('hex'))).toEqual(before);
  });

  test('many keys in many leaves come in byte order', () => {
    const { store } = openStore();
    const keys = Array.from({ length: 3000 }, (_, index) => `k${(index * 7919) % 3000}`);
    for (const key of keys) put(store, key);
    del(store, 'k1', 'k2');
    const expected = keys.filter((key) => key < 'k1' || key >= 'k2').sort();
    expect(names(readAll(store))).toBe(expected.join(' '));
    const count = store.range(bytes('k2'), bytes('k5'), { revision: 0, limit: 0, countOnly: true }).count;
    expect(count).toBe(expected.filter((key) => key >= 'k2' && key < 'k5').length);
    void store.compact(store.currentRevision);
    work(store, 100);
    del(store, '\0', '\0');
    void store.compact(store.currentRevision);
    work(store, 100);
    put(store, 'last');
    void store.compact(store.currentRevision);
    work(store, 100);
    expect(store.keyCount).toBe(1);
    expect(names(readAll(store))).toBe('last');
  });
});

describe('ranges in slices', () => {
  const slices = (cursor: { read(limit: number): Uint8Array[] }, limit: number) => {
    const all: string[] = [];
    for (;;) {
      const kvs = cursor.read(limit);
      all.push(...kvs.map((kv) => `${plain(kv).key}=${plain(kv).value}`));
      if (kvs.length < limit) return all.join(' ');
    }
  };

  test('show one revision, whatever is written or compacted between them', () => {
    const { store } = openStore();
    for (const key of ['a', 'b', 'c', 'd', 'e']) put(store, key, '1');
    const cursor = store.openRange(bytes('b'), bytes('\0'), 0);
    expect([cursor.revision, cursor.count]).toEqual([6, 4]);
    expect(cursor.read(1).map((kv) => plain(kv).key)).toEqual(['b']);
    put(store, 'c', '2');
    put(store, 'bb', 'new');
    del(store, 'd');
    void store.compact(9);
    expect(store.work(1000)).toBe(true);
    expect(store.work(1000)).toBe(true);
    expect(slices(cursor, 2)).toBe('c=1 d=1 e=1');
    cursor.close();
    cursor.close();
    expect(() => cursor.read(1)).toThrow('closed');
    work(store);
    expect(store.pendingWork).toBe('none');
    expect(slices(store.openRange(bytes('\0'), bytes('\0'), 9), 3)).toBe('a=1 b=1 bb=new c=2 e=1');
  });

  test('of the past, of one key, of nothing', () => {
    const { store } = openStore();
    put(store, 'a', '1');
    put(store, 'a', '2');
    expect(slices(store.openRange(bytes('a'), undefined, 2), 5)).toBe('a=1');
    expect(slices(store.openRange(bytes('a'), bytes('b'), 3), 1)).toBe('a=2');
    const none = store.openRange(bytes('b'), bytes('a'), 0);
    expect([none.count, none.read(5)]).toEqual([0, []]);
    expect(() => store.openRange(bytes('a'), undefined, 9)).toThrow(FutureRevisionError);
  });

  test('a compaction at or below their revision goes on, a restored store ends them', () => {
    const { store } = openStore();
    put(store, 'a', '1');
    put(store, 'a', '2');
    const cursor = store.openRange(bytes('\0'), bytes('\0'), 3);
    void store.compact(3);
    work(store);
    expect(store.pendingWork).toBe('none');
    expect(slices(cursor, 1)).toBe('a=2');
    store.restore(openStore().backend);
    expect(() => cursor.read(1)).toThrow(InterruptedError);
  });
});

describe('leases', () => {
  test('a put moves its key to the named lease, 0 takes it off, the same one does nothing', () => {
    const { store, lessor } = openStore();
    lessor.grant(1n, 10, 0);
    lessor.grant(2n, 10, 0);
    put(store, 'a', '', 1n);
    put(store, 'a', '', 1n);
    expect([...lessor.keysOf(1n)]).toEqual(['a']);
    put(store, 'a', '', 2n);
    expect([...lessor.keysOf(1n)]).toEqual([]);
    expect(lessor.leaseOf('a')).toBe(2n);
    put(store, 'a');
    expect(lessor.leaseOf('a')).toBe(0n);
    put(store, 'a', '', 2n);
    del(store, 'a');
    expect([...lessor.keysOf(2n)]).toEqual([]);
    put(store, 'a');
    expect(lessor.leaseOf('a')).toBe(0n);
  });

  test('a restart attaches each key to the lease of its newest record', () => {
    const { store, lessor, backend } = openStore();
    lessor.grant(1n, 10, 0);
    lessor.grant(2n, 10, 0);
    put(store, 'moved', '', 1n);
    put(store, 'moved', '', 2n);
    put(store, 'off', '', 1n);
    put(store, 'off');
    put(store, 'gone', '', 1n);
    del(store, 'gone');
    put(store, 'on', '', 1n);
    const again = openStore(backend.copy());
    expect([...again.lessor.keysOf(1n)]).toEqual(['on']);
    expect([...again.lessor.keysOf(2n)]).toEqual(['moved']);
  });

  test('a put with a lease that does not exist is a broken precondition', () => {
    const { store } = openStore();
    expect(() => put(store, 'a', '', 9n)).toThrow('does not exist');
  });
});

describe('compaction', () => {
  test('revision 0 can be compacted once on a fresh store', () => {
    const { store } = openStore();
    void store.compact(0);
    expect(() => store.compact(0)).toThrow(CompactedError);
  });

  test('refuses what is compacted already and what is to come', () => {
    const { store } = openStore();
    put(store, 'a');
    put(store, 'a');
    void store.compact(2);
    expect(() => store.compact(2)).toThrow(CompactedError);
    expect(() => store.compact(4)).toThrow(FutureRevisionError);
    expect(read(store, 'a', undefined, 2)).toHaveLength(1);
    expect(() => read(store, 'a', undefined, 1)).toThrow(CompactedError);
  });

  test('takes effect at once, and on disk in steps', async () => {
    const { store, backend } = openStore();
    for (let index = 0; index < 10; index++) put(store, 'a', String(index));
    const done = store.compact(9);
    expect(store.pendingWork).toBe('compaction');
    const records = () => backend.buckets.get('key')?.keys.length;
    expect(records()).toBe(10);
    store.work(4);
    expect(records()).toBe(6);
    expect(backend.get('meta', finishedCompactKey)).toBe(undefined);
    expect(backend.get('meta', scheduledCompactKey)).toEqual(revisionKey(9, 0, false));
    work(store, 4);
    expect(records()).toBe(3);
    expect(backend.get('meta', finishedCompactKey)).toEqual(revisionKey(9, 0, false));
    expect(store.pendingWork).toBe('none');
    expect(await done).toBe(true);
    expect(openStore(backend.copy()).store.pendingWork, 'a restart has nothing left to do').toBe('none');
  });

  test('#17780: a crash before its end never lowers the revision, though the newest record is gone', () => {
    const { store, backend } = openStore();
    put(store, 'a');
    put(store, 'b');
    del(store, 'a');
    void store.compact(4);
    store.work(1000); // records are dropped, the index sweep and the finished mark are still to come
    backend.delete('key', revisionKey(4, 0, true)); // as a version that drops the tombstone leaves it
    const again = openStore(backend.copy());
    expect(again.store.currentRevision).toBe(4);
    expect(again.store.pendingWork).toBe('compaction');
    work(again.store);
    expect(again.store.compactRevision).toBe(4);
    expect(put(again.store, 'c')).toBe(5);
  });

  test('the hash of an interrupted compaction is not stored, of a whole one it is', async () => {
    const { store, backend } = openStore();
    for (let index = 0; index < 6; index++) put(store, 'a', String(index));
    void store.compact(4);
    store.work(2);
    const again = openStore(backend.copy()).store;
    work(again);
    expect(again.compactionHashes()).toEqual([]);
    work(store);
    expect(store.compactionHashes()).toMatchObject([{ revision: 4, compactRevision: -1 }]);
    void store.compact(6);
    work(store);
    expect(store.compactionHashes()).toMatchObject([{ revision: 4 }, { revision: 6, compactRevision: 4 }]);
    expect(await store.hashKV(6)).toMatchObject({ revision: 6, compactRevision: 4, currentRevision: 7 });
  });

  test('ten hashes are kept', () => {
    const { store } = openStore();
    for (let index = 0; index < 15; index++) {
      const revision = put(store, 'a', String(index));
      void store.compact(revision);
      work(store);
    }
    expect(store.compactionHashes().map((it) => it.revision)).toEqual([7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
  });

  test(
    'a restore with a bumped revision leaves a record that is no KeyValue: its revision counts, its key ' + 'is nobody',
    () => {
      const first = openStore();
      put(first.store, 'a', 'kept');
      const backend = first.backend.copy();
      backend.put('key', revisionKey(1000, 0, false), new Uint8Array(0));
      backend.put('meta', scheduledCompactKey, revisionKey(1000, 0, false));
      const { store } = openStore(backend);
      expect(store.currentRevision).toBe(1000);
      expect(store.pendingWork).toBe('compaction');
      work(store);
      expect(store.compactRevision).toBe(1000);
      expect(names(readAll(store))).toBe('a');
      expect(put(store, 'b')).toBe(1001);
      void store.compact(1001);
      work(store);
      expect(backend.get('key', revisionKey(1000, 0, false))).toEqual(new Uint8Array(0));
    },
  );
});

describe('hashes', () => {
  test('at 0 are those of now, or what a compaction at 0 left behind, as in etcd', async () => {
    const { store } = openStore();
    put(store, 'a');
    void store.compact(0);
    work(store);
    put(store, 'b');
    expect(await store.hashKV(0)).toMatchObject({ revision: 0, compactRevision: -1, currentRevision: 3 });
    const computed = store.hashKV(0, { computed: true });
    work(store);
    expect(await computed).toMatchObject({ revision: 3, compactRevision: 0, currentRevision: 3 });
  });

  test('wait for the jobs before them and are the same before and after a compaction is worked off', async () => {
    const make = () => {
      const parts = openStore();
      for (const key of ['a', 'b', 'a', 'c', 'b', 'a']) put(parts.store, key, key);
      del(parts.store, 'c');
      return parts.store;
    };
    const plainStore = make();
    const asked = plainStore.hashKV(0);
    expect(plainStore.pendingWork).toBe('hash');
    work(plainStore, 2);
    const before = await asked;
    expect(before).toMatchObject({ revision: 8, compactRevision: -1, currentRevision: 8 });

    const late = make();
    const early = make();
    void early.compact(5);
    work(early);
    const earlyHash = early.hashKV(7);
    work(early, 1);
    void late.compact(5);
    const lateHash = late.hashKV(7);
    put(late, 'more'); // above the asked revision
    work(late, 1);
    expect((await lateHash).hash).toBe((await earlyHash).hash);
  });

  test('of stores in which nothing is alive are as etcd 3.5.30 gave them', async () => {
    const { store } = openStore();
    const hash = async (revision: number) => {
      const asked = store.hashKV(revision);
      work(store, 1);
      const { hash, compactRevision } = await asked;
      return [hash, compactRevision];
    };
    const compact = (revision: number) => {
      void store.compact(revision);
      work(store, 1);
    };
    put(store, 'a', '1');
    put(store, 'b', '2');
    compact(3);
    del(store, 'a');
    del(store, 'b');
    expect(await hash(5)).toEqual([3647447639, 3]);
    expect(await hash(4)).toEqual([776148148, 3]);
    expect(await hash(3)).toEqual([1827592406, -1]);
    put(store, 'a', '9');
    del(store, 'a');
    compact(7);
    expect(await hash(7)).toEqual([2837540144, 3]);
    expect(await hash(0)).toEqual([1084519789, 7]);
    put(store, 'z', '1');
    del(store, 'z');
    expect(await hash(9)).toEqual([631233872, 7]);
    expect(await hash(8)).toEqual([836086201, 7]);
    compact(9);
    expect(await hash(9)).toEqual([631233872, 7]);
    expect(await hash(0)).toEqual([1084519789, 9]);
    put(store, 'q', '1');
    expect(await hash(0)).toEqual([3737534284, 9]);
  });

  test('take no record that is newer than their revision', () => {
    const { store, backend } = openStore();
    for (const value of ['1', '2', '3']) put(store, 'a', value);
    const hashOf = (upTo: number): number => {
      const hasher = new KvHasher(store.index, { revision: 3, compactRevision: -1, forCompaction: false });
      backend.range('key', new Uint8Array(0), revisionKey(upTo + 1, 0, false), 0, (key, record) => {
        hasher.add(key, record);
      });
      return hasher.hash;
    };
    expect(hashOf(4)).toBe(hashOf(3));
    expect(hashOf(3)).not.toBe(hashOf(2));
  });

  test('are refused outside of what is there', async () => {
    const { store } = openStore();
    put(store, 'a');
    put(store, 'a');
    void store.compact(3);
    await expect(store.hashKV(2)).rejects.toThrow(CompactedError);
    await expect(store.hashKV(4)).rejects.toThrow(FutureRevisionError);
  });

  test('those whose callers are gone make room for others', async () => {
    const { store } = openStore();
    const caller = { aborted: false };
    const asked = Array.from({ length: 128 }, (_, i) => store.hashKV(0, i < 100 ? { caller } : {}));
    const left = asked.slice(1, 100).map((it) => expect(it).rejects.toThrow(AbandonedError));
    caller.aborted = true;
    const more = Array.from({ length: 99 }, () => store.hashKV(0));
    await Promise.all(left);
    await expect(store.hashKV(0)).rejects.toThrow(BusyError);
    work(store);
    await expect(asked[0]).rejects.toThrow(AbandonedError);
    const { hash } = await (asked[127] as ReturnType<typeof store.hashKV>);
    for (const it of more) expect((await it).hash).toBe(hash);
  });

  test('a queue that is full refuses, a closed store interrupts', async () => {
    const { store } = openStore();
    const asked = Array.from({ length: 128 }, () => store.hashKV(0));
    await expect(store.hashKV(0)).rejects.toThrow(BusyError);
    const compacted = store.compact(1);
    store.close();
    expect(await compacted).toBe(false);
    for (const it of asked) await expect(it).rejects.toThrow(InterruptedError);
    expect(store.work(10)).toBe(false);
  });
});

describe('listeners and restore', () => {
  test('each transaction is told with its changes in order', () => {
    const { store } = openStore();
    const told: [number, readonly Change[]][] = [];
    const stop = store.listen({ written: (revision, changes) => told.push([revision, changes]), restored: () => {} });
    put(store, 'a', '1');
    write(store, (txn) => {
      txn.deleteRange(bytes('a'), undefined);
      txn.put(bytes('b'), bytes('2'), 0n);
    });
    del(store, 'nothing');
    stop();
    put(store, 'c');
    expect(
      told.map(([revision, changes]) => [revision, changes.map((it) => `${it.kind} ${it.key} ${it.isCreate}`)]),
    ).toEqual([
      [2, ['put a true']],
      [3, ['delete a false', 'put b true']],
    ]);
  });

  test('who is called off is told no more, once or twice, and all others are', () => {
    const { store } = openStore();
    const told: string[] = [];
    const [first, second] = ['a', 'b', 'c'].map((name) =>
      store.listen({ written: (revision) => told.push(`${name}${revision}`), restored: () => {} }),
    );
    put(store, 'k');
    second?.();
    second?.();
    put(store, 'k');
    first?.();
    put(store, 'k');
    expect(told).toEqual(['a2', 'b2', 'c2', 'a3', 'c3', 'c4']);
  });

  test('another backend replaces everything', async () => {
    const other = openStore();
    for (let index = 0; index < 5; index++) put(other.store, 'theirs', String(index));
    const { store } = openStore();
    put(store, 'ours');
    const asked = store.hashKV(0);
    let restored = 0;
    store.listen({ written: () => {}, restored: () => restored++ });
    store.restore(other.backend);
    await expect(asked).rejects.toThrow(InterruptedError);
    expect(restored).toBe(1);
    expect(store.currentRevision).toBe(6);
    expect(names(readAll(store))).toBe('theirs');
    expect(put(store, 'ours')).toBe(7);
  });

  test('a key on a lease that is not there is reported, not fatal', async () => {
    const backend = new MemoryBackend();
    const first = openStore(backend);
    first.lessor.grant(5n, 10, 0);
    put(first.store, 'a', '', 5n);
    backend.delete('lease', Buffer.from('0000000000000005', 'hex'));
    const { lessor, store } = openStore(backend.copy());
    expect(lessor.leaseOf('a')).toBe(0n);
    expect(names(readAll(store))).toBe('a');
  });
});
