import { describe, expect, it } from 'vitest';
import { MemoryStorage } from '../../../src/raft/log/memory-storage.js';
import { PackedEntries } from '../../../src/raft/log/packed-entries.js';
import { type Entry, EntryType, makeEntry } from '../../../src/raftpb/types.js';
import { seededRandom } from '../../support/seeded-random.js';

const random = seededRandom(1);
const noise = (size: number): Buffer => Buffer.from(Array.from({ length: size }, () => random.below(256)));

/** From index 5 on: some empty, one too large to be packed. */
const entriesOf = (dataOf: (at: number) => Uint8Array): Entry[] =>
  Array.from({ length: 60 }, (_, at) =>
    makeEntry({
      index: 5 + at,
      term: 1 + (at >> 3),
      type: at % 20 === 3 ? EntryType.EntryConfChangeV2 : EntryType.EntryNormal,
      data: at % 7 === 0 ? new Uint8Array(0) : dataOf(at),
    }),
  );
const texts = entriesOf((at) =>
  at === 11 ? Buffer.alloc(9000, 'large') : Buffer.from(`put key-${at} ${'v'.repeat(300)}`),
);
const noises = entriesOf(() => noise(300));

const plain = ({ type, term, index, data }: Entry): string =>
  `${type} ${term} ${index} ${Buffer.from(data).toString('hex')}`;
const readBack = (pack: PackedEntries): string[] =>
  Array.from({ length: pack.length }, (_, at) => plain(pack.entry(pack.first + at)));
const deflated = (pack: PackedEntries): Promise<void> => new Promise((done) => pack.deflate(done));

describe('packed entries', () => {
  it.each([
    ['texts', texts],
    ['noises', noises],
  ])('are what they were, before, while and after they are deflated: %s', async (_what, entries) => {
    const pack = new PackedEntries(entries);
    const expected = entries.map(plain);
    expect(readBack(pack)).toEqual(expected);
    const done = deflated(pack);
    expect(readBack(pack)).toEqual(expected);
    await done;
    for (let time = 0; time < 2; time++) expect(readBack(pack)).toEqual(expected);
    expect(pack.term(20)).toBe(entries[15]?.term);
  });

  it('take less memory then, until they are asked for', async () => {
    const pack = new PackedEntries(texts);
    const before = pack.entry(6).data.buffer;
    await deflated(pack);
    const inflated = pack.entry(6).data.buffer;
    expect(inflated).not.toBe(before);
    expect(pack.entry(7).data.buffer).toBe(inflated);
  });

  it('stay as they are where little would be gained', async () => {
    const pack = new PackedEntries(noises);
    const before = pack.entry(6).data.buffer;
    await deflated(pack);
    expect(pack.entry(6).data.buffer).toBe(before);
  });

  it('without any data are left alone', async () => {
    const pack = new PackedEntries([makeEntry({ index: 1, term: 1 })]);
    await deflated(pack);
    expect(pack.entry(1).data.length).toBe(0);
  });
});

it('the log deflates all that it packs, one pack after the other', async () => {
  const storage = new MemoryStorage({ pack: 16, recent: 16 });
  const entries = texts.map((entry, at) => ({ ...entry, index: at + 1 }));
  storage.append(entries);
  const dataOf = (index: number): Uint8Array => {
    const found = storage.entries(index, index + 1, 1000);
    return typeof found === 'string' ? Buffer.alloc(0) : (found[0] as Entry).data;
  };
  const before = [2, 18].map((index) => dataOf(index).buffer);
  // The second comes after the first.
  while (dataOf(18).buffer === before[1]) await new Promise((resolve) => setImmediate(resolve));
  expect(dataOf(2).buffer).not.toBe(before[0]);
  const all = storage.entries(1, 61, 1e6);
  expect(typeof all === 'string' ? all : all.map(plain)).toEqual(entries.map(plain));
});
