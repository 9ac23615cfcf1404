/** Requests of the v2 API as entries of the log hold them. Bytes as gogo/protobuf writes etcdserverpb.Request. */
import { describe, expect, it } from 'vitest';
import { decodeV2Request, encodeV2Request, wrappedV2Request } from '../../../src/datadir/v2-request-codec.js';
import { InternalRaftRequest } from '../../../src/proto/gen/etcdserverpb.js';
import { emptyRequest, type V2Request } from '../../../src/v2/request.js';

const set: V2Request = { ...emptyRequest, id: 0x1234n, method: 'PUT', path: '/1/k', value: 'v\xff' };
const all: V2Request = {
  id: 2n ** 64n - 1n,
  method: 'PUT',
  path: '/1/k',
  value: 'v',
  dir: true,
  prevValue: 'p',
  prevIndex: 2n ** 64n - 1n,
  prevExist: false,
  expiration: -1n,
  wait: true,
  since: 1n,
  recursive: true,
  sorted: true,
  quorum: true,
  time: 5n,
  stream: true,
  refresh: true,
};
const FIRST_OF_ALL = '08ffffffffffffffffff0112035055541a042f312f6b220176280132017038ffffffffffffffffff014000';
const REST_OF_ALL = '48ffffffffffffffffff01500158016001680170017805800101880101';
const rows: readonly (readonly [string, V2Request, string])[] = [
  ['a set', set, '08b42412035055541a042f312f6b220276ff2800320038004800500058006000680070007800800100'],
  ['one with every field', all, FIRST_OF_ALL + REST_OF_ALL],
];
const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

describe('a v2 request', () => {
  it.each(rows)('is written as etcd writes it, and read again: %s', (_name, request, hex) => {
    expect(Buffer.from(encodeV2Request(request)).toString('hex')).toBe(hex);
    expect(decodeV2Request(bytes(hex))).toEqual(request);
  });

  it('is written under another id where one is given', () => {
    expect(decodeV2Request(encodeV2Request(set, 7n))).toEqual({ ...set, id: 7n });
  });

  it('is found in what wraps it, byte for byte, whatever stands around it', () => {
    const data = encodeV2Request(all);
    const around = InternalRaftRequest.encode(InternalRaftRequest.create({ ID: 9n, authStatus: {} }));
    const wrapped = Buffer.concat([around, bytes('12'), bytes(data.length.toString(16)), data, around]);
    expect(InternalRaftRequest.decode(wrapped).v2).toBeDefined();
    expect(wrappedV2Request(wrapped)).toEqual(all);
  });

  it('has the last of a field that comes twice, and nothing of one that is not known', () => {
    expect(decodeV2Request(bytes('1a012f1a022f31a20603616263'))).toEqual({ ...emptyRequest, path: '/1' });
  });

  it.each([
    ['a field in another wire type', '1801', 'proto: wrong wireType = 0 for field Path'],
    ['a text that ends too early', '1a052f31', 'unexpected EOF'],
  ])('is refused with %s', (_name, hex, message) => {
    expect(() => decodeV2Request(bytes(hex))).toThrow(message);
  });
});
