/**
 * v2 requests as entries carry them: etcdserverpb.Request. By hand, since its text may be any bytes and its numbers any
 * of 64 bits, and a member that reads them otherwise than the others parts ways with them. As gogo/protobuf writes
 * proto2: every field that can't be absent is there.
 */
import { latin1Bytes, latin1Text } from '../lib/latin1.js';
import { Reader, Writer } from '../proto/wire.js';
import { emptyRequest, type V2Request } from '../v2/request.js';

const VARINT = 0;
const BYTES = 2;
const tag = (field: number, type: number): number => field * 8 + type;

type BooleanField = 'dir' | 'wait' | 'recursive' | 'sorted' | 'quorum' | 'stream' | 'prevExist' | 'refresh';
type NumberField = 'id' | 'prevIndex' | 'expiration' | 'since' | 'time';
type TextField = 'method' | 'path' | 'value' | 'prevValue';

const texts: ReadonlyMap<number, TextField> = new Map([
  [tag(2, BYTES), 'method'],
  [tag(3, BYTES), 'path'],
  [tag(4, BYTES), 'value'],
  [tag(6, BYTES), 'prevValue'],
]);
const booleans: ReadonlyMap<number, BooleanField> = new Map([
  [tag(5, VARINT), 'dir'],
  [tag(8, VARINT), 'prevExist'],
  [tag(10, VARINT), 'wait'],
  [tag(12, VARINT), 'recursive'],
  [tag(13, VARINT), 'sorted'],
  [tag(14, VARINT), 'quorum'],
  [tag(16, VARINT), 'stream'],
  [tag(17, VARINT), 'refresh'],
]);
const unsigned: ReadonlyMap<number, NumberField> = new Map([
  [tag(1, VARINT), 'id'],
  [tag(7, VARINT), 'prevIndex'],
  [tag(11, VARINT), 'since'],
]);
const signed: ReadonlyMap<number, NumberField> = new Map([
  [tag(9, VARINT), 'expiration'],
  [tag(15, VARINT), 'time'],
]);

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The request at the reader's place, up to `end`. Throws ProtoDecodeError. */
export function readV2Request(reader: Reader, end: number): V2Request {
  const request: Mutable<V2Request> = { ...emptyRequest };
  while (reader.pos < end) {
    const found = reader.tag(end);
    const text = texts.get(found);
    const boolean = booleans.get(found);
    const number = unsigned.get(found);
    const time = signed.get(found);
    if (text !== undefined) request[text] = latin1Text(reader.bytes(end));
    else if (boolean !== undefined) request[boolean] = reader.bool(end);
    else if (number !== undefined) request[number] = reader.uint64Big(end);
    else if (time !== undefined) request[time] = reader.int64Big(end);
    else reader.skipUnknown(found, end, 'Request', FIELDS);
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
    w.bytes(latin1Bytes(value));
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
