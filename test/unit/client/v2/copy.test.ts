import { describe, expect, it } from 'vitest';
import { describeCopy, planCopy, runCopy } from '../../../../src/client/v2/copy.js';
import type { V2Node } from '../../../../src/client/v2/types.js';

const base = { createdIndex: 1, modifiedIndex: 1, expiration: undefined };
const file = (key: string, value: string, ttl = 0): V2Node => ({ ...base, key, value, ttl, dir: false, nodes: [] });
const dir = (key: string, nodes: readonly V2Node[], ttl = 0): V2Node => ({
  ...base,
  key,
  value: '',
  ttl,
  dir: true,
  nodes,
});

const tree = dir('', [
  file('/a', '1'),
  dir('/d', [file('/d/long', '2', 900), file('/d/short', '3', 10), dir('/d/e', [file('/d/e/f', '4')])], 500),
  dir('/empty', []),
  file('/t', '5', 60),
]);

describe('a copy from v2 to v3', () => {
  it('gives what goes together one lease, and what goes earlier its own', async () => {
    const plan = planCopy(tree, { keepsTtl: true });
    const puts: unknown[] = [];
    let last = 0n;
    const granted: number[] = [];
    await runCopy(plan, {
      grant: async (seconds) => {
        granted.push(seconds);
        last += 1n;
        return last;
      },
      put: async (...put) => {
        puts.push(put);
      },
    });
    expect(granted).toEqual([500, 10, 60]);
    expect(puts).toEqual([
      ['/a', '1', 0n],
      ['/d/long', '2', 1n],
      ['/d/short', '3', 2n],
      ['/d/e/f', '4', 1n],
      ['/t', '5', 3n],
    ]);
    expect(describeCopy(plan)).toBe('5 keys, 4 of them with 3 leases, 1 empty directory left out');
  });

  it('leaves lifetimes behind where that is asked for', () => {
    const plan = planCopy(tree, { keepsTtl: false });
    expect(plan.leases).toEqual([]);
    expect(plan.keys.every(({ lease }) => lease === undefined)).toBe(true);
  });

  it('takes a key alone, and an empty store', () => {
    expect(planCopy(file('/x', 'v'), { keepsTtl: true }).keys).toHaveLength(1);
    expect(describeCopy(planCopy(dir('', []), { keepsTtl: true }))).toBe('0 keys');
  });
});
