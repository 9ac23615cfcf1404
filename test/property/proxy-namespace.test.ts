/**
 * A namespace against a naive model: a keyspace of its own must answer exactly as the namespaced part of a larger one.
 */

import { describe, expect, it } from 'vitest';
import {
  Compare,
  Compare_CompareResult,
  Compare_CompareTarget,
  type RequestOp,
  type ResponseOp,
  type TxnRequest,
  TxnResponse,
  WatchCreateRequest,
} from '../../src/proto/gen/etcdserverpb.js';
import { KeyValue } from '../../src/proto/gen/mvccpb.js';
import { Namespace } from '../../src/proxy/grpc/namespace.js';
import fc from '../support/drawn.js';

/** Keys (as latin1, which sorts as bytes do) to values. */
type Store = ReadonlyMap<string, string>;

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const bytes = (latin1: string): Buffer => Buffer.from(latin1, 'latin1');

/** As etcd reads an interval: no end = the key alone, `\0` = all from the key on. */
function covers(interval: { key: Uint8Array; rangeEnd: Uint8Array }, key: string): boolean {
  const start = text(interval.key);
  const end = text(interval.rangeEnd);
  if (end === '') return key === start;
  return key >= start && (end === '\0' || key < end);
}

const keysIn = (store: Store, interval: { key: Uint8Array; rangeEnd: Uint8Array }): string[] =>
  [...store.keys()].filter((key) => covers(interval, key)).sort();

const kvOf = (key: string, value: string): KeyValue => KeyValue.create({ key: bytes(key), value: bytes(value) });

const holds = (store: Store, compare: Compare): boolean =>
  keysIn(store, compare).every((key) => store.get(key) === text(compare.targetUnion.value as Uint8Array));

/** Applies in place. */
function applyTxn(store: Map<string, string>, { compare, success, failure }: TxnRequest): TxnResponse {
  const succeeded = compare.every((each) => holds(store, each));
  const responses = (succeeded ? success : failure).map((op) => applyOp(store, op));
  return { header: undefined, succeeded, responses };
}

function applyOp(store: Map<string, string>, { request }: RequestOp): ResponseOp {
  switch (request.case) {
    case 'requestRange': {
      const kvs = keysIn(store, request.value).map((key) => kvOf(key, store.get(key) ?? ''));
      return { response: { case: 'responseRange', value: { header: undefined, kvs, more: false, count: kvs.length } } };
    }
    case 'requestPut': {
      const key = text(request.value.key);
      const before = store.get(key);
      store.set(key, text(request.value.value));
      const prevKv = before === undefined ? undefined : kvOf(key, before);
      return { response: { case: 'responsePut', value: { header: undefined, prevKv } } };
    }
    case 'requestDeleteRange': {
      const prevKvs = keysIn(store, request.value).map((key) => kvOf(key, store.get(key) ?? ''));
      for (const { key } of prevKvs) store.delete(text(key));
      return {
        response: { case: 'responseDeleteRange', value: { header: undefined, deleted: prevKvs.length, prevKvs } },
      };
    }
    case 'requestTxn':
      return { response: { case: 'responseTxn', value: applyTxn(store, request.value) } };
    case undefined:
      throw new Error('an empty operation');
  }
}

/** Few letters, the bytes at both ends among them, so that keys and prefixes often meet. */
const letters = fc.constantFrom('\0', 'a', 'b', '\xfe', '\xff');
const word = (range: { minLength: number; maxLength: number }) => fc.string({ unit: letters, ...range });
const someKey = word({ minLength: 1, maxLength: 3 });
const somePrefix = word({ minLength: 1, maxLength: 2 });
const someValue = fc.constantFrom('1', '2');
const someInterval = fc.record({
  key: someKey.map(bytes),
  rangeEnd: fc.oneof(fc.constant(''), fc.constant('\0'), someKey).map(bytes),
});
const someStore = fc.dictionary(word({ minLength: 1, maxLength: 5 }), someValue, { maxKeys: 12 });

const someCompare: fc.Arbitrary<Compare> = fc.tuple(someInterval, someValue).map(([interval, value]) => ({
  ...Compare.create(),
  ...interval,
  result: Compare_CompareResult.EQUAL,
  target: Compare_CompareTarget.VALUE,
  targetUnion: { case: 'value', value: bytes(value) },
}));

const zeroRange = {
  limit: 0,
  revision: 0,
  sortOrder: 0,
  sortTarget: 0,
  serializable: false,
  keysOnly: false,
  countOnly: false,
} as const;
const zeroBounds = { minModRevision: 0, maxModRevision: 0, minCreateRevision: 0, maxCreateRevision: 0 } as const;

const { txn: someTxn } = fc.letrec<{ op: RequestOp; txn: TxnRequest }>((tie) => ({
  op: fc.oneof(
    { maxDepth: 2 },
    someInterval.map(
      (interval): RequestOp => ({
        request: { case: 'requestRange', value: { ...zeroRange, ...zeroBounds, ...interval } },
      }),
    ),
    fc.tuple(someKey, someValue).map(
      ([key, value]): RequestOp => ({
        request: {
          case: 'requestPut',
          value: {
            key: bytes(key),
            value: bytes(value),
            lease: 0n,
            prevKv: true,
            ignoreValue: false,
            ignoreLease: false,
          },
        },
      }),
    ),
    someInterval.map(
      (interval): RequestOp => ({ request: { case: 'requestDeleteRange', value: { ...interval, prevKv: true } } }),
    ),
    tie('txn').map((value): RequestOp => ({ request: { case: 'requestTxn', value } })),
  ),
  txn: fc.record({
    compare: fc.array(someCompare, { maxLength: 2 }),
    success: fc.array(tie('op'), { maxLength: 3 }),
    failure: fc.array(tie('op'), { maxLength: 3 }),
  }),
}));

/** The namespaced part, as its clients see it. */
function within(store: Store, prefix: string): Map<string, string> {
  const inside = [...store].filter(([key]) => key.startsWith(prefix) && key !== prefix);
  return new Map(inside.map(([key, value]) => [key.slice(prefix.length), value]));
}

describe('a namespace', () => {
  it('answers a transaction, with all that is nested in it, as a keyspace of its own would', () => {
    fc.assert(
      fc.property(someStore, somePrefix, someTxn, (entries, prefix, txn) => {
        // Inside and outside are both there, and nothing stands at the prefix itself: that would be the empty key.
        const all = new Map(
          Object.entries(entries).flatMap(([key, value]) => [[key, value] as const, [prefix + key, value] as const]),
        );
        all.delete(prefix);
        const own = within(all, prefix);
        const outside = [...all].filter(([key]) => !key.startsWith(prefix)).sort();
        const namespace = new Namespace(bytes(prefix));

        const expected = applyTxn(own, txn);
        const answered = namespace.stripTxn(applyTxn(all, namespace.addTxn(txn)));

        expect(plain(answered)).toEqual(plain(expected));
        expect([...within(all, prefix)].sort()).toEqual([...own].sort());
        expect([...all].filter(([key]) => !key.startsWith(prefix)).sort()).toEqual(outside);
      }),
      { numRuns: 400 },
    );
  });

  it('watches the keys that a keyspace of its own would watch, and no others', () => {
    const someWatched = fc.record({
      key: fc.oneof(fc.constant(''), someKey),
      rangeEnd: fc.oneof(fc.constant(''), fc.constant('\0'), someKey),
    });
    fc.assert(
      fc.property(somePrefix, someWatched, word({ minLength: 1, maxLength: 5 }), (prefix, watched, key) => {
        const namespace = new Namespace(bytes(prefix));
        const create = WatchCreateRequest.create({ key: bytes(watched.key), rangeEnd: bytes(watched.rangeEnd) });
        const { requestUnion } = namespace.addWatch({ requestUnion: { case: 'createRequest', value: create } });
        if (requestUnion.case !== 'createRequest') throw new Error('another request came out');
        // To etcd the empty key of a watch is the smallest one.
        const asked = { key: bytes(watched.key === '' ? '\0' : watched.key), rangeEnd: bytes(watched.rangeEnd) };
        expect(covers(requestUnion.value, prefix + key)).toBe(covers(asked, key));
        if (!key.startsWith(prefix)) expect(covers(requestUnion.value, key)).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });
});

/** On the wire two answers are the same or not. */
const plain = (response: TxnResponse): string => text(TxnResponse.encode(response));
