import { describe, expect, it } from 'vitest';
import { checkPut, checkRange, checkTxn } from '../../../src/api/v3/checks.js';
import { boundedTxn } from '../../../src/api/v3/txn-size.js';
import {
  Compare,
  PutRequest,
  RangeRequest,
  type RangeRequest_SortOrder,
  type RequestOp,
  TxnRequest,
} from '../../../src/proto/gen/etcdserverpb.js';

const key = Buffer.from('k');
const options = { maxTxnOps: 4, refuseUnknownSort: false };
const put = (name: string): RequestOp => ({
  request: { case: 'requestPut', value: PutRequest.create({ key: Buffer.from(name) }) },
});
const puts = (count: number, prefix = 'k'): RequestOp[] =>
  Array.from({ length: count }, (_, at) => put(`${prefix}${at}`));

describe('the shape of a request', () => {
  it('a range needs a key', () => {
    expect(() => checkRange(RangeRequest.create(), options)).toThrow('etcdserver: key is not provided');
  });

  it('unknown sort orders are refused only from 3.6 on', () => {
    const request = RangeRequest.create({ key, sortOrder: 7 as RangeRequest_SortOrder });
    expect(() => checkRange(request, options)).not.toThrow();
    expect(() => checkRange(request, { ...options, refuseUnknownSort: true })).toThrow('invalid sort option');
  });

  it('a put that keeps the value brings none, one that keeps the lease names none', () => {
    expect(() => checkPut(PutRequest.create({ key, ignoreValue: true, value: key }))).toThrow('value is provided');
    expect(() => checkPut(PutRequest.create({ key, ignoreLease: true, lease: 1n }))).toThrow('lease is provided');
  });

  it('a transaction has at most so many operations in its longest list', () => {
    expect(() => checkTxn(TxnRequest.create({ success: puts(4) }), options)).not.toThrow();
    expect(() => checkTxn(TxnRequest.create({ success: puts(5) }), options)).toThrow('too many operations');
    const compare = Array.from({ length: 5 }, () => Compare.create({ key }));
    expect(() => checkTxn(TxnRequest.create({ compare }), options)).toThrow('too many operations');
  });

  it('a nested transaction has what its parent leaves', () => {
    const nested = (count: number): RequestOp => ({
      request: { case: 'requestTxn', value: TxnRequest.create({ success: puts(count, 'n') }) },
    });
    expect(() => checkTxn(TxnRequest.create({ success: [...puts(1), nested(2)] }), options)).not.toThrow();
    expect(() => checkTxn(TxnRequest.create({ success: [...puts(1), nested(3)] }), options)).toThrow(
      'too many operations',
    );
  });

  it('compares and operations need keys, operations a kind', () => {
    expect(() => checkTxn(TxnRequest.create({ compare: [Compare.create()] }), options)).toThrow('key is not provided');
    expect(() => checkTxn(TxnRequest.create({ failure: [put('')] }), options)).toThrow('key is not provided');
    const empty: RequestOp = { request: { case: undefined } };
    expect(() => checkTxn(TxnRequest.create({ success: [empty] }), options)).toThrow('key not found');
  });

  it('one key is written once', () => {
    expect(() => checkTxn(TxnRequest.create({ success: [put('a'), put('a')] }), options)).toThrow('duplicate key');
  });

  it('a transaction of hundreds of thousands of operations is refused before it is decoded, nested ones too', () => {
    const codec = boundedTxn(4, '3.5');
    const nest = (request: TxnRequest): TxnRequest =>
      TxnRequest.create({ failure: [{ request: { case: 'requestTxn', value: request } }] });
    const many = TxnRequest.create({ success: puts(8192) });
    expect(codec.decode(TxnRequest.encode(many))).toEqual(many);
    const refused = 'etcdserver: too many operations in txn request';
    expect(() => codec.decode(TxnRequest.encode(nest(many)))).toThrow(refused);
    expect(() => codec.decode(Buffer.alloc(700_000, Buffer.of(0x12, 0)))).toThrow(refused);
    expect(() => codec.decode(Buffer.alloc(700_000, Buffer.of(0x0a, 0)))).toThrow(refused);
    expect(() => codec.decode(Buffer.alloc(700_000, 0x12))).toThrow('unexpected EOF');
    expect(() => boundedTxn(10_000, '3.5').decode(TxnRequest.encode(nest(many)))).not.toThrow();
  });
});
