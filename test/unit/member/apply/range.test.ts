import { describe, expect, it } from 'vitest';
import { executeRange } from '../../../../src/member/apply/range.js';
import type { KeyReader } from '../../../../src/mvcc/types.js';
import {
  RangeRequest,
  RangeRequest_SortOrder as SortOrder,
  RangeRequest_SortTarget as SortTarget,
} from '../../../../src/proto/gen/etcdserverpb.js';
import { KeyValue } from '../../../../src/proto/gen/mvccpb.js';

/** Keys k0 … k3, their values in an order of their own; a later key has a later revision. */
const stored = ['d', 'b', 'c', 'a'].map((value, at) => ({ key: `k${at}`, value, revision: at + 2 }));
const source: Pick<KeyReader, 'range' | 'namesLeases'> = {
  namesLeases: true,
  range: (_start, _end, options) => ({
    kvs: stored.slice(0, options.limit === 0 ? undefined : options.limit).map(({ key, value, revision }) =>
      KeyValue.encode(
        KeyValue.create({
          key: Buffer.from(key),
          value: Buffer.from(value),
          createRevision: revision,
          modRevision: revision,
          version: 1,
          lease: 7n,
        }),
      ),
    ),
    count: stored.length,
  }),
};

function range(request: Partial<RangeRequest>) {
  const { kvs, more, count } = executeRange(
    source as KeyReader,
    RangeRequest.create({ key: Buffer.from('k'), ...request }),
  );
  const keys = kvs.map((kv) => Buffer.from((kv instanceof Uint8Array ? KeyValue.decode(kv) : kv).key).toString());
  return { keys: keys.join(' '), more, count };
}

describe('a range', () => {
  it.each([
    ['in key order, cut to its limit', { limit: 2 }, 'k0 k1', true],
    ['without a limit', {}, 'k0 k1 k2 k3', false],
    [
      'by value, with an order: all are sorted, then cut',
      { limit: 2, sortTarget: SortTarget.VALUE, sortOrder: SortOrder.ASCEND },
      'k3 k1',
      true,
    ],
    [
      'by value, without an order: cut to one more than the limit, then sorted',
      { limit: 2, sortTarget: SortTarget.VALUE },
      'k1 k2',
      true,
    ],
    [
      'by revision, newest first',
      { limit: 3, sortTarget: SortTarget.MOD, sortOrder: SortOrder.DESCEND },
      'k3 k2 k1',
      true,
    ],
    ['of revisions from 4 on, which a limit does not hide', { limit: 2, minModRevision: 4 }, 'k2 k3', false],
    ['of revisions up to 3', { maxModRevision: 3 }, 'k0 k1', false],
    ['of creations from 4 on', { minCreateRevision: 4 }, 'k2 k3', false],
    ['of creations up to 3, cut to its limit', { limit: 1, maxCreateRevision: 3 }, 'k0', true],
    ['of revisions between two', { minModRevision: 3, maxModRevision: 4, maxCreateRevision: 9 }, 'k1 k2', false],
    [
      'of an order that nobody knows: as they are',
      { sortOrder: 3 as never, sortTarget: SortTarget.VALUE },
      'k0 k1 k2 k3',
      false,
    ],
    [
      'of an order below all: as they are',
      { sortOrder: -1 as never, sortTarget: SortTarget.VALUE },
      'k0 k1 k2 k3',
      false,
    ],
  ] as const)('%s', (_name, request, keys, more) => {
    expect(range(request)).toEqual({ keys, more, count: 4 });
  });
});

describe('keys without values', () => {
  const leases = (request: Partial<RangeRequest>, namesLeases: boolean) =>
    executeRange(
      { ...source, namesLeases } as KeyReader,
      RangeRequest.create({ key: Buffer.from('k'), keysOnly: true, limit: 1, ...request }),
    ).kvs.map((kv) => (kv instanceof Uint8Array ? KeyValue.decode(kv) : kv).lease);

  it('name their leases where the store has them at hand', () => {
    expect(leases({}, true)).toEqual([7n]);
    expect(leases({}, false)).toEqual([0n]);
    expect(leases({ sortTarget: SortTarget.MOD, sortOrder: SortOrder.DESCEND }, false)).toEqual([0n]);
  });

  it('name them where values are read to sort by them', () => {
    expect(leases({ sortTarget: SortTarget.VALUE, sortOrder: SortOrder.ASCEND }, false)).toEqual([7n]);
  });
});
