import { describe, expect, test } from 'vitest';
import type { History } from '../../../src/mvcc/key-history.js';
import { type Restored, restore, restoreInSteps } from '../../../src/mvcc/restore.js';
import { seededRandom } from '../../support/seeded-random.js';
import { bytes, del, openStore, plain, put, write } from './support.js';

const keysOf = ({ index }: Restored): [string, History][] => {
  const keys: [string, History][] = [];
  index.range('', undefined, (key, history) => keys.push([key, history]));
  return keys;
};

describe('a store read back in steps', () => {
  test('is the one that is read at once, whatever its size', () => {
    const random = seededRandom(7);
    for (const puts of [0, 1, 1999, 2000, 2001, 12_000]) {
      const { backend, lessor, store } = openStore();
      lessor.grant(5n, 10, 0);
      for (let i = 0; i < puts; i += 100)
        write(store, (txn) => {
          for (let n = i; n < Math.min(puts, i + 100); n++)
            txn.put(bytes(`k${random.below(9000)}`), bytes('v'), n % 7 === 0 ? 5n : 0n);
        });
      if (puts > 1) del(store, 'k1', 'k5');
      put(store, 'last');
      const steps = restoreInSteps(backend);
      let pauses = 0;
      let step = steps.next();
      for (; step.done !== true; step = steps.next()) pauses++;
      const expected = restore(backend);
      const { index, ...rest } = step.value;
      const { index: _, ...others } = expected;
      expect(rest).toEqual(others);
      expect(keysOf(step.value)).toEqual(keysOf(expected));
      expect(index.size).toBe(expected.index.size);
      expect(pauses).toBeGreaterThan(puts / 2000);
      // What is put later finds its place.
      for (const each of [index, expected.index]) for (const key of ['', 'k3', 'z']) each.put(key, 100_000, 0);
      expect(keysOf(step.value)).toEqual(keysOf(expected));
    }
  });

  test('goes on counting where each key was', () => {
    const { backend, store } = openStore();
    put(store, 'new');
    for (let i = 0; i < 3; i++) put(store, 'changed');
    put(store, 'begun anew');
    del(store, 'begun anew');
    put(store, 'begun anew');
    const again = openStore(backend).store;
    const names = ['new', 'changed', 'begun anew'];
    for (const name of names) put(again, name);
    const now = { revision: 0, limit: 0, countOnly: false };
    const found = names.flatMap((name) => again.range(bytes(name), undefined, now).kvs.map(plain));
    expect(found.map(({ create, version }) => [create, version])).toEqual([
      [2, 2],
      [3, 4],
      [8, 2],
    ]);
  });

  test('pauses after a megabyte of large values', () => {
    const { backend, store } = openStore();
    for (let i = 0; i < 20; i++) write(store, (txn) => void txn.put(bytes(`k${i}`), Buffer.alloc(300_000), 0n));
    const steps = restoreInSteps(backend);
    let pauses = 0;
    let step = steps.next();
    for (; step.done !== true; step = steps.next()) pauses++;
    expect(pauses).toBeGreaterThanOrEqual(5);
    expect(keysOf(step.value)).toEqual(keysOf(restore(backend)));
  });
});
