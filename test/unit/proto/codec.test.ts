import { describe, expect, test } from 'vitest';
import { ProtoDecodeError } from '../../../src/lib/codec.js';
import {
  CompactionRequest,
  HashKVResponse,
  InternalRaftRequest,
  KV,
  PutRequest,
  RangeRequest,
  RangeResponse,
  Request,
  StatusResponse,
  TxnRequest,
  Watch,
  WatchCreateRequest,
  WatchResponse,
} from '../../../src/proto/gen/etcdserverpb.js';
import { gatewayRoutes } from '../../../src/proto/gen/gateway-routes.js';
import { Health, HealthCheckResponse } from '../../../src/proto/gen/grpc-health.js';
import { Event, KeyValue } from '../../../src/proto/gen/mvccpb.js';
import { Election } from '../../../src/proto/gen/v3electionpb.js';
import { Lock } from '../../../src/proto/gen/v3lockpb.js';
import { Record as WalRecord } from '../../../src/proto/gen/walpb.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const fromHex = (text: string) => Buffer.from(text, 'hex');
const text = (value: string) => Buffer.from(value);

describe('numbers', () => {
  test('a limit of MaxInt64 saturates instead of failing', () => {
    // field 3, varint 2^63-1
    const request = RangeRequest.decode(fromHex(`18${'ff'.repeat(8)}7f`));
    expect(request.limit).toBe(Number.MAX_SAFE_INTEGER);
  });

  test('the most negative int64 saturates the other way', () => {
    const request = CompactionRequest.decode(fromHex(`08${'80'.repeat(9)}01`));
    expect(request.revision).toBe(Number.MIN_SAFE_INTEGER);
  });

  test('an unsigned 2^64-1 saturates where a number stands and is exact where an id stands', () => {
    const status = StatusResponse.decode(fromHex(`20${'ff'.repeat(9)}01` + `28${'ff'.repeat(9)}01`));
    expect(status.leader).toBe(2n ** 64n - 1n);
    expect(status.raftIndex).toBe(Number.MAX_SAFE_INTEGER);
  });

  test('negative numbers take ten bytes', () => {
    expect(hex(CompactionRequest.encode({ revision: -1, physical: false }))).toBe(`08${'ff'.repeat(9)}01`);
    expect(CompactionRequest.decode(CompactionRequest.encode({ revision: -3, physical: true })).revision).toBe(-3);
  });

  test.each([0x7f, 0x80, 2 ** 28, 2 ** 32 - 1, 2 ** 32, 2 ** 35, 2 ** 49, Number.MAX_SAFE_INTEGER])(
    '%d survives',
    (revision) => {
      expect(CompactionRequest.decode(CompactionRequest.encode({ revision, physical: false })).revision).toBe(revision);
    },
  );

  test('a number that is no safe integer is refused by the encoder', () => {
    expect(() => CompactionRequest.encode({ revision: 1.5, physical: false })).toThrow(RangeError);
    expect(() => CompactionRequest.encode({ revision: 2 ** 53, physical: false })).toThrow(RangeError);
  });

  test('lease ids are signed, member ids are not', () => {
    expect(PutRequest.decode(PutRequest.encode(PutRequest.create({ lease: -1n }))).lease).toBe(-1n);
    expect(StatusResponse.decode(StatusResponse.encode(StatusResponse.create({ leader: 2n ** 63n }))).leader).toBe(
      2n ** 63n,
    );
  });
});

describe('shape', () => {
  test('decoded messages have every field', () => {
    expect(RangeResponse.decode(new Uint8Array(0))).toEqual({ header: undefined, kvs: [], more: false, count: 0 });
  });

  test('bytes fields are views into what was decoded', () => {
    const bytes = Uint8Array.from(PutRequest.encode(PutRequest.create({ key: text('key') })));
    const { key } = PutRequest.decode(bytes);
    expect(key.buffer).toBe(bytes.buffer);
  });

  test('what was encoded stays as it is when the next message is encoded', () => {
    const first = PutRequest.encode(PutRequest.create({ key: text('first') }));
    const before = hex(first);
    PutRequest.encode(
      PutRequest.create({ key: text('second, longer than the first'), value: Buffer.alloc(100_000, 1) }),
    );
    expect(hex(first)).toBe(before);
  });

  test('a message larger than the scratch buffer comes out whole', () => {
    const value = Buffer.alloc(9 * 1024 * 1024, 7);
    const decoded = PutRequest.decode(PutRequest.encode(PutRequest.create({ key: text('k'), value })));
    expect(Buffer.from(decoded.value).equals(value)).toBe(true);
    expect(hex(PutRequest.encode(PutRequest.create({ key: text('k') })))).toBe('0a016b');
  });

  test('repeated numbers are read packed and unpacked', () => {
    expect(WatchCreateRequest.decode(fromHex('28012800')).filters).toEqual([1, 0]);
    expect(WatchCreateRequest.decode(fromHex('2a020100')).filters).toEqual([1, 0]);
  });

  test('proto2 scalars are written even when zero, as etcd does up to 3.6', () => {
    expect(hex(WalRecord.encode({ type: 4, crc: 0, data: undefined }))).toBe('08041000');
    expect(hex(WalRecord.encode({ type: 4, crc: 0, data: new Uint8Array(0) }))).toBe('080410001a00');
    const request = Request.create({ Method: 'PUT', PrevExist: false });
    expect(Request.decode(Request.encode(request))).toEqual(request);
    expect(Request.decode(Request.encode(Request.create())).PrevExist).toBe(undefined);
  });
});

describe('spliced parts', () => {
  const kv = KeyValue.create({
    key: text('k'),
    createRevision: 2,
    modRevision: 3,
    version: 2,
    value: text('v'),
    lease: 7n,
  });
  const stored = KeyValue.encode(kv);

  test('stored records go into answers without decoding', () => {
    const spliced = RangeResponse.encode(RangeResponse.createSpliced({ kvs: [stored, kv], count: 2 }));
    expect(hex(spliced)).toBe(hex(RangeResponse.encode(RangeResponse.create({ kvs: [kv, kv], count: 2 }))));
  });

  test('an encoded event goes into a watch response', () => {
    const event = { type: 0 as const, kv, prevKv: kv };
    const bytes = Event.encode({ ...event, kv: stored, prevKv: stored });
    expect(hex(WatchResponse.encode(WatchResponse.createSpliced({ events: [bytes] })))).toBe(
      hex(WatchResponse.encode(WatchResponse.create({ events: [event] }))),
    );
  });

  test("a client's request goes into a raft entry as it came", () => {
    const put = PutRequest.create({ key: text('k'), value: text('v') });
    const header = { ID: 77n, username: '', authRevision: 0 };
    const entry = InternalRaftRequest.encode(
      InternalRaftRequest.createSpliced({ header, put: PutRequest.encode(put) }),
    );
    expect(InternalRaftRequest.decode(entry).put).toEqual(put);
    // header = 100 comes after put = 4
    expect(hex(entry)).toBe(`2206${hex(PutRequest.encode(put))}a2060208` + '4d');
  });
});

describe('malformed input is refused with the words of etcd', () => {
  test.each([
    ['0a05', 'unexpected EOF'],
    ['18', 'unexpected EOF'],
    ['0801', 'proto: wrong wireType = 0 for field Key'],
    ['1a0100', 'proto: wrong wireType = 2 for field Limit'],
    [`18${'ff'.repeat(10)}01`, 'proto: integer overflow'],
    ['0c', 'proto: RangeRequest: wiretype end group for non-group'],
    ['0000', 'proto: RangeRequest: illegal tag 0 (wire type 0)'],
    ['fe01', 'proto: illegal wireType 6'],
    [`0a${'ff'.repeat(9)}01`, 'proto: negative length found during unmarshaling'],
  ])('%s: %s', (bytes, message) => {
    expect(() => RangeRequest.decode(fromHex(bytes))).toThrow(new ProtoDecodeError(message));
  });

  test('a string that is not UTF-8 keeps its bytes', () => {
    const bytes = fromHex('3202c328');
    const { cancelReason } = WatchResponse.decode(bytes);
    expect(cancelReason).toBe('\udcc3(');
    expect(WatchResponse.encode(WatchResponse.create({ cancelReason }))).toEqual(bytes);
  });

  test('a bare v2 request is no InternalRaftRequest: its method is read as a sub-message and fails', () => {
    const bare = Request.encode(Request.create({ ID: 5n, Method: 'PUT', Path: '/0/version', Val: '3.5.0' }));
    expect(() => InternalRaftRequest.decode(bare)).toThrow(ProtoDecodeError);
  });

  test('transactions nested without end are refused, nested deeply they are read', () => {
    const nested = (levels: number) => {
      let txn = Buffer.alloc(0);
      const field = (tag: number, content: Buffer) => {
        const size = content.length;
        const length =
          size < 0x80
            ? [size]
            : size < 0x4000
              ? [(size & 0x7f) | 0x80, size >> 7]
              : [(size & 0x7f) | 0x80, ((size >> 7) & 0x7f) | 0x80, size >> 14];
        return Buffer.concat([Buffer.of(tag, ...length), content]);
      };
      for (let level = 0; level < levels; level++) txn = field(0x12, field(0x22, txn)); // success: request_txn
      return txn;
    };
    expect(() => TxnRequest.decode(nested(2_000))).toThrow(
      new ProtoDecodeError('proto: exceeded maximum recursion depth'),
    );
    const deep = TxnRequest.decode(nested(400));
    expect(hex(TxnRequest.encode(deep))).toBe(hex(nested(400)));
  });

  test('unknown fields are passed over, groups too', () => {
    // field 15 varint, field 16 group holding field 1, field 17 fixed32, field 18 fixed64, then revision 9
    const bytes = fromHex(`7801830108058401` + `8d0101020304` + `91010102030405060708` + `0809`);
    expect(CompactionRequest.decode(bytes)).toEqual({ revision: 9, physical: false });
  });
});

describe('services', () => {
  test('methods carry path, kind and codecs', () => {
    expect(KV.range.path).toBe('/etcdserverpb.KV/Range');
    expect(KV.range.input).toBe(RangeRequest);
    expect(KV.rangeStream.kind).toBe('server-streaming');
    expect(Watch.watch.kind).toBe('bidi');
    expect(Lock.lock.path).toBe('/v3lockpb.Lock/Lock');
    expect(Election.observe.kind).toBe('server-streaming');
    expect(Health.check.path).toBe('/grpc.health.v1.Health/Check');
    expect(hex(HealthCheckResponse.encode({ status: 1 }))).toBe('0801');
  });

  test('the gateway has a route for each method that etcd binds', () => {
    expect(gatewayRoutes.length).toBe(51);
    expect(gatewayRoutes).toContainEqual(['/v3/kv/range', '/etcdserverpb.KV/Range']);
    expect(gatewayRoutes).toContainEqual(['/v3/kv/lease/revoke', '/etcdserverpb.Lease/LeaseRevoke']);
    expect(gatewayRoutes.some(([, method]) => method.endsWith('RangeStream'))).toBe(false);
  });

  test('a hash above 2^31 survives', () => {
    const response = HashKVResponse.create({ hash: 0xffff_fffe, compactRevision: -1 });
    expect(HashKVResponse.decode(HashKVResponse.encode(response))).toEqual(response);
  });
});
