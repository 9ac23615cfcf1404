import { describe, expect, test } from 'vitest';
import { MemoryStorage } from '../../../src/raft/log/memory-storage.js';
import { RaftPanic } from '../../../src/raft/world/logger.js';
import { entriesSize, limitSize } from '../../../src/raftpb/sizes.js';
import { type Entry, EntryType, makeConfState, makeEntry, makeSnapshot } from '../../../src/raftpb/types.js';
import { seededRandom } from '../../support/seeded-random.js';

const entriesOf = (first: number, ...terms: number[]): Entry[] =>
  terms.map((term, at) => makeEntry({ term, index: first + at }));

/** Entries 4, 5, 6 of terms 4, 5, 6 after a snapshot at 3 of term 3. */
function filled(): MemoryStorage {
  const storage = new MemoryStorage();
  storage.applySnapshot(makeSnapshot({ index: 3, term: 3, confState: makeConfState({ voters: [1n] }) }));
  storage.append(entriesOf(4, 4, 5, 6));
  return storage;
}

const termsOf = (storage: MemoryStorage): unknown[] => {
  const terms: unknown[] = [];
  for (let index = storage.firstIndex(); index <= storage.lastIndex(); index++) terms.push(storage.term(index));
  return terms;
};

test('an empty storage begins at index 1', () => {
  const storage = new MemoryStorage();
  expect([storage.firstIndex(), storage.lastIndex(), storage.term(0), storage.term(1)]).toEqual([
    1,
    0,
    0,
    'unavailable',
  ]);
  expect(storage.entries(1, 1, 10)).toBe('unavailable');
});

test('terms are known from the last compacted entry on', () => {
  const storage = filled();
  expect([2, 3, 4, 5, 6, 7].map((index) => storage.term(index))).toEqual(['compacted', 3, 4, 5, 6, 'unavailable']);
});

test.each([
  [3, 5, Infinity, 'compacted'],
  [4, 5, Infinity, [4]],
  [4, 7, Infinity, [4, 5, 6]],
  [4, 7, 0, [4]],
  [4, 7, entriesSize(entriesOf(4, 4, 5)), [4, 5]],
  [4, 7, entriesSize(entriesOf(4, 4, 5, 6)) - 1, [4, 5]],
] as const)('entries from %i to %i within %d bytes', (low, high, max, expected) => {
  const entries = filled().entries(low, high, max);
  expect(typeof entries === 'string' ? entries : entries.map(({ term }) => term)).toEqual(expected);
});

test('entries beyond the end are a fault of the caller', () => {
  expect(() => filled().entries(4, 8, Infinity)).toThrow(RaftPanic);
});

describe('append', () => {
  test.each([
    ['what is there already', 4, [4, 5, 6], [4, 5, 6]],
    ['what conflicts replaces all from there', 5, [9], [4, 9]],
    ['what follows', 7, [6, 7], [4, 5, 6, 6, 7]],
    ['what is partly compacted', 2, [2, 3, 4, 8], [4, 8]],
    ['what is wholly compacted', 2, [2, 3], [4, 5, 6]],
    ['nothing', 4, [], [4, 5, 6]],
  ])('%s', (_, first, terms, expected) => {
    const storage = filled();
    storage.append(entriesOf(first, ...terms));
    expect(termsOf(storage)).toEqual(expected);
  });
  test('a gap is a fault of the caller', () => {
    expect(() => filled().append(entriesOf(8, 8))).toThrow('missing log entry [last: 6, append at: 8]');
  });
});

describe('compaction and snapshots', () => {
  test('compaction drops entries at and below its index, once', () => {
    const storage = filled();
    expect(storage.compact(5)).toBeUndefined();
    expect([storage.firstIndex(), storage.term(5), termsOf(storage)]).toEqual([6, 5, [6]]);
    expect(storage.compact(5)).toBe('compacted');
    expect(() => storage.compact(7)).toThrow(RaftPanic);
  });
  test('a snapshot is made of what is in the log, and never goes back', () => {
    const storage = filled();
    const data = Buffer.from('data');
    expect(storage.createSnapshot(5, { data })).toEqual(
      makeSnapshot({ index: 5, term: 5, data, confState: makeConfState({ voters: [1n] }) }),
    );
    expect(storage.createSnapshot(4, { data })).toBe('snapshot-out-of-date');
    expect(() => storage.createSnapshot(7, { data })).toThrow(RaftPanic);
  });
  test('a snapshot taken over replaces the log; an older one does not', () => {
    const storage = filled();
    expect(storage.applySnapshot(makeSnapshot({ index: 9, term: 7 }))).toBeUndefined();
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(9)]).toEqual([10, 9, 7]);
    expect(storage.applySnapshot(makeSnapshot({ index: 8, term: 7 }))).toBe('snapshot-out-of-date');
    expect(storage.snapshot()?.metadata.index).toBe(9);
  });
  test('what was read before stays as it was', () => {
    const storage = filled();
    const before = storage.entries(4, 7, Infinity);
    storage.append(entriesOf(4, 9));
    storage.compact(4);
    expect(typeof before === 'string' ? before : before.map(({ term }) => term)).toEqual([4, 5, 6]);
  });
});

/** Terms that each tell their index, packed three at a time, up to 12. */
const packed = (): MemoryStorage => {
  const storage = new MemoryStorage({ pack: 3, recent: 1 });
  storage.append(entriesOf(1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
  return storage;
};

test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])('compacted to %i, packs give way anywhere', (compacted) => {
  for (let first = compacted + 1; first <= 13; first++) {
    const storage = packed();
    if (compacted > 0) expect(storage.compact(compacted)).toBeUndefined();
    storage.append(entriesOf(first, 20, 21, 22, 23, 24));
    const kept = Array.from({ length: first - 1 - compacted }, (_, at) => compacted + 1 + at);
    expect([storage.firstIndex(), storage.term(compacted)]).toEqual([compacted + 1, compacted]);
    expect(termsOf(storage)).toEqual([...kept, 20, 21, 22, 23, 24]);
    const entries = storage.entries(compacted + 1, storage.lastIndex() + 1, Infinity);
    expect(typeof entries === 'string' ? entries : entries.map(({ index }) => index)).toEqual([
      ...kept,
      ...[0, 1, 2, 3, 4].map((at) => first + at),
    ]);
  }
});

test.each([1, 2, 3, 4, 5, 6])('thousands of entries are those of a plain list, seed %d', (seed) => {
  const random = seededRandom(seed);
  const storage = new MemoryStorage();
  let offset = { index: 0, term: 0 };
  let list: Entry[] = [];
  const types = Object.values(EntryType);
  const last = (): number => offset.index + list.length;
  for (let step = 0; step < 60; step++) {
    const kind = random.below(4);
    if (kind < 2) {
      const first = Math.max(offset.index + 1, last() + 1 - (random.below(3) === 0 ? random.below(9000) : 0));
      const entries = Array.from({ length: 1 + random.below(4000) }, (_, at) => {
        const data = Buffer.alloc(random.below(random.below(500) === 0 ? 9000 : 4), random.below(256));
        return makeEntry({ index: first + at, term: step + 1, type: types[random.below(types.length)] ?? 0, data });
      });
      storage.append(entries);
      list = [...list.slice(0, first - offset.index - 1), ...entries];
    } else if (kind === 2 && list.length > 0) {
      const count = 1 + random.below(random.below(2) === 0 ? list.length : Math.min(list.length, 900));
      offset = list[count - 1] as Entry;
      list = list.slice(count);
      expect(storage.compact(offset.index)).toBeUndefined();
    }
    expect([storage.firstIndex(), storage.lastIndex()]).toEqual([offset.index + 1, last()]);
    expect(termsOf(storage)).toEqual(list.map(({ term }) => term));
    expect([storage.term(offset.index), storage.term(last() + 1)]).toEqual([offset.term, 'unavailable']);
    if (list.length === 0) continue;
    const low = offset.index + 1 + random.below(list.length);
    const high = low + 1 + random.below(last() + 1 - low);
    const limit = random.below(3) === 0 ? Number.POSITIVE_INFINITY : random.below(40_000);
    const expected = limitSize(list.slice(low - offset.index - 1, high - offset.index - 1), limit);
    const found = storage.entries(low, high, limit);
    if (typeof found === 'string') throw new Error(found);
    expect(found.map(plain)).toEqual(expected.map(plain));
  }
});

const plain = ({ type, term, index, data }: Entry): string =>
  `${type} ${term} ${index} ${Buffer.from(data).toString('hex')}`;
