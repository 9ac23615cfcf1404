import { describe, expect, it } from 'vitest';
import { KeyIndex } from '../../../src/mvcc/key-index.js';
import { seededRandom } from '../../support/seeded-random.js';

const LEAF_SIZE = 128;
const found = (index: KeyIndex): string[] => {
  const keys: string[] = [];
  index.range('', undefined, (key) => keys.push(key));
  return keys;
};

describe('a key that comes into a full leaf', () => {
  const keys = Array.from({ length: LEAF_SIZE }, (_, at) => `${1000 + at}`);

  it.each(Array.from({ length: LEAF_SIZE + 1 }, (_, at) => at))('is found again at place %i', (at) => {
    const index = new KeyIndex();
    for (const key of keys) index.put(key, 2, 0);
    const between = at === 0 ? '0999' : `${999 + at}+`;
    index.put(between, 3, 0);
    expect(index.get(between)).toBe(3);
    expect(found(index)).toEqual([...keys, between].sort());
    expect(keys.filter((key) => index.get(key) !== 2)).toEqual([]);
    expect(index.put(between, 4, 0)).toMatchObject({ created: 3, version: 2 });
    expect(index.tombstone(between, 5, 0)).toBe(true);
    expect(index.countAlive('', undefined)).toBe(LEAF_SIZE);
  });
});

describe('twenty thousand random keys, some deleted, some compacted away', () => {
  it.each([1, 2, 3])('are as a sorted list has them, seed %i', (seed) => {
    const random = seededRandom(seed);
    const index = new KeyIndex();
    const alive = new Map<string, boolean>();
    const known = (): string[] => [...alive.keys()].sort();
    for (let at = 2; at < 20_002; at++) {
      const key = random.below(1_000_000).toString(36);
      if (random.below(5) === 0) {
        expect(index.tombstone(key, at, 0), key).toBe(alive.get(key) === true);
        if (alive.has(key)) alive.set(key, false);
      } else {
        expect(index.put(key, at, 0).version === 1, key).toBe(alive.get(key) !== true);
        alive.set(key, true);
      }
      if (at % 5000 !== 0) continue;
      for (let next: string | undefined = ''; next !== undefined; )
        next = index.sweepLeaf(next, (history) =>
          typeof history === 'number' || history.version > 0 ? history : undefined,
        );
      for (const [dead, isAlive] of alive) if (!isAlive) alive.delete(dead);
    }
    expect(found(index)).toEqual(known());
    expect(known().filter((key) => index.get(key) === undefined)).toEqual([]);
    expect(index.countAlive('', undefined)).toBe([...alive.values()].filter(Boolean).length);
  });
});
