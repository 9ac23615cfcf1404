import { describe, expect, it } from 'vitest';
import { writesOverlap } from '../../../src/api/v3/txn-overlap.js';
import { DeleteRangeRequest, PutRequest, type RequestOp, TxnRequest } from '../../../src/proto/gen/etcdserverpb.js';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const put = (key: string): RequestOp => ({
  request: { case: 'requestPut', value: PutRequest.create({ key: bytes(key) }) },
});
const del = (key: string, rangeEnd = ''): RequestOp => ({
  request: {
    case: 'requestDeleteRange',
    value: DeleteRangeRequest.create({ key: bytes(key), rangeEnd: bytes(rangeEnd) }),
  },
});
const txn = (success: RequestOp[], failure: RequestOp[] = []): RequestOp => ({
  request: { case: 'requestTxn', value: TxnRequest.create({ success, failure }) },
});

const cases: readonly (readonly [string, RequestOp[], boolean])[] = [
  ['two puts of one key', [put('a'), put('a')], true],
  ['puts of two keys', [put('a'), put('b')], false],
  ['a put of a deleted key', [put('a'), del('a')], true],
  ['a deletion before the put', [del('a'), put('a')], true],
  ['a put inside a deleted range', [put('b'), del('a', 'c')], true],
  ['a put at the end of a deleted range', [put('c'), del('a', 'c')], false],
  ['a put behind the start of an open deletion', [put('z'), del('a', '\0')], false],
  ['a put and the deletion of everything', [put('z'), del('\0', '\0')], false],
  ['a nested put and an open deletion', [txn([put('z')]), del('a', '\0')], false],
  ['a put of the first key of an open deletion', [put('a'), del('a', '\0')], false],
  ['a put beside a deletion of a prefix and an open one', [del('b', 'c'), del('a', '\0'), put('d')], false],
  ['a put inside a deletion of a prefix, beside an open one', [del('b', 'c'), del('a', '\0'), put('b1')], true],
  ['a put and the deletion from the empty key on', [put('z'), del('', '\0')], false],
  ['a nested open deletion and an outer put', [txn([del('a', '\0')]), put('b')], false],
  ['a nested open deletion and a nested put', [txn([del('a', '\0')]), txn([put('b')])], false],
  ['an open deletion and a put, nested twice', [txn([txn([del('a', '\0'), put('c')])])], false],
  ['deletions over each other', [del('a', 'c'), del('b')], false],
  ['a nested put of an outer key', [put('a'), txn([put('a')])], true],
  ['a nested put inside an outer deletion', [del('a', 'c'), txn([put('b')])], true],
  ['an outer put inside a nested deletion', [txn([del('a', 'c')]), put('b')], true],
  ['one key in both branches of one nested transaction', [txn([put('a')], [put('a')])], false],
  ['one key in two nested transactions', [txn([put('a')]), txn([put('a')])], true],
  ['one key in failure branches of two nested transactions', [txn([], [put('a')]), txn([], [put('a')])], true],
  ['two puts inside a nested transaction', [txn([put('a'), put('a')])], true],
  ['two puts deep inside the branch not taken', [txn([], [txn([put('a'), put('a')])])], true],
];

describe('writes of one transaction', () => {
  for (const [name, ops, overlap] of cases) {
    it(`${name}: ${overlap ? 'refused' : 'allowed'}`, () => expect(writesOverlap(ops)).toBe(overlap));
  }
});
