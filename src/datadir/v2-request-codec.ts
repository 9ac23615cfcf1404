/**
 * v2 requests as entries carry them: etcdserverpb.Request. By hand, since its text may be any bytes and its numbers any
 * of 64 bits, and a member that reads them otherwise than the others parts ways with them. As gogo/protobuf writes
 * proto2: every field that can't be absent is there.
 */
import { latin1Text } from '../lib/latin1.js';
import { Reader, Writer } from '../proto/wire.js';
import { emptyRequest, type V2Request } from '../v2/request.js';

const VARINT = 0;
const BYTES = 2;
const tag = (field: number, type: number): number => field * 8 + type;

type BooleanField = 'dir' | 'wait' | 'recursive' | 'sorted' | 'quorum' | 'stream' | 'prevExist' | 'refresh';
type NumberField = 'id' | 'prevIndex' | 'expiration' | 'since' | 'time';
type TextField = 'method' | 'path' | 'value' | 'prevValue';

type Field =
  | { readonly t: 'text'; readonly name: TextField }
  | { readonly t: 'boolean'; readonly name: BooleanField }
  | { readonly t: 'unsigned' | 'signed'; readonly name: NumberField };

const fields: ReadonlyMap<number, Field> = new Map<number, Field>([
  [tag(1, VARINT), { t: 'unsigned', name: 'id' }],
  [tag(2, BYTES), { t: 'text', name: 'method' }],
  [tag(3, BYTES), { t: 'text', name: 'path' }],
  [tag(4, BYTES), { t: 'text', name: 'value' }],
  [tag(5, VARINT), { t: 'boolean', name: 'dir' }],
  [tag(6, BYTES), { t: 'text', name: 'prevValue' }],
  [tag(7, VARINT), { t: 'unsigned', name: 'prevIndex' }],
  [tag(8, VARINT), { t: 'boolean', name: 'prevExist' }],
  [tag(9, VARINT), { t: 'signed', name: 'expiration' }],
  [tag(10, VARINT), { t: 'boolean', name: 'wait' }],
  [tag(11, VARINT), { t: 'unsigned', name: 'since' }],
  [tag(12, VARINT), { t: 'boolean', name: 'recursive' }],
  [tag(13, VARINT), { t: 'boolean', name: 'sorted' }],
  [tag(14, VARINT), { t: 'boolean', name: 'quorum' }],
  [tag(15, VARINT), { t: 'signed', name: 'time' }],
  [tag(16, VARINT), { t: 'boolean', name: 'stream' }],
  [tag(17, VARINT), { t: 'boolean', name: 'refresh' }],
]);

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The request at the reader's place, up to `end`. Throws ProtoDecodeError. */
export function readV2Request(reader: Reader, end: number): V2Request {
  const request: Mutable<V2Request> = { ...emptyRequest };
  while (reader.pos < end) {
    const found = reader.tag(end);
    const field = fields.get(found);
    if (field === undefined) reader.skipUnknown(found, end, 'Request', FIELDS);
    else if (field.t === 'text') request[field.name] = latin1Text(reader.bytes(end));
    else if (field.t === 'boolean') request[field.name] = reader.bool(end);
    else if (field.t === 'unsigned') request[field.name] = reader.uint64Big(end);
    else request[field.name] = reader.int64Big(end);
  }
  return request;
}

/** For the errors of fields in a wrong wire type. */
const FIELDS =
  '1 ID 2 Method 3 Path 4 Val 5 Dir 6 PrevValue 7 PrevIndex 8 PrevExist 9 Expiration 10 Wait 11 Since 12 Recursive ' +
  '13 Sorted 14 Quorum 15 Time 16 Stream 17 Refresh';

export function decodeV2Request(data: Uint8Array): V2Request {
  return readV2Request(new Reader(data), data.length);
}

const writer = new Writer();

export function encodeV2Request(request: V2Request): Uint8Array {
  const w = writer.begin();
  const boolean = (field: number, value: boolean | undefined): void => {
    if (value === undefined) return;
    w.bool(value);
    w.uint32(tag(field, VARINT));
  };
  const number = (field: number, value: bigint): void => {
    w.big(value);
    w.byte(tag(field, VARINT));
  };
  const text = (field: number, value: string): void => {
    w.latin1(value);
    w.byte(tag(field, BYTES));
  };
  // The writer goes from the last field to the first.
  boolean(17, request.refresh);
  boolean(16, request.stream);
  number(15, request.time);
  boolean(14, request.quorum);
  boolean(13, request.sorted);
  boolean(12, request.recursive);
  number(11, request.since);
  boolean(10, request.wait);
  number(9, request.expiration);
  boolean(8, request.prevExist);
  number(7, request.prevIndex);
  text(6, request.prevValue);
  boolean(5, request.dir);
  text(4, request.value);
  text(3, request.path);
  text(2, request.method);
  number(1, request.id);
  return w.finish();
}
