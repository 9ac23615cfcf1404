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

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * The request at the reader's place, up to `end`. Throws ProtoDecodeError. A field for each case and none by its name:
 * every set of the v2 API comes by here, with all of them.
 */
export function readV2Request(reader: Reader, end: number): V2Request {
  const request: Mutable<V2Request> = { ...emptyRequest };
  while (reader.pos < end) {
    const found = reader.tag(end);
    switch (found) {
      case tag(1, VARINT):
        request.id = reader.uint64Big(end);
        break;
      case tag(2, BYTES):
        request.method = text(reader, end);
        break;
      case tag(3, BYTES):
        request.path = text(reader, end);
        break;
      case tag(4, BYTES):
        request.value = text(reader, end);
        break;
      case tag(5, VARINT):
        request.dir = reader.bool(end);
        break;
      case tag(6, BYTES):
        request.prevValue = text(reader, end);
        break;
      case tag(7, VARINT):
        request.prevIndex = reader.uint64Big(end);
        break;
      case tag(8, VARINT):
        request.prevExist = reader.bool(end);
        break;
      case tag(9, VARINT):
        request.expiration = reader.int64Big(end);
        break;
      case tag(10, VARINT):
        request.wait = reader.bool(end);
        break;
      case tag(11, VARINT):
        request.since = reader.uint64Big(end);
        break;
      case tag(12, VARINT):
        request.recursive = reader.bool(end);
        break;
      case tag(13, VARINT):
        request.sorted = reader.bool(end);
        break;
      case tag(14, VARINT):
        request.quorum = reader.bool(end);
        break;
      case tag(15, VARINT):
        request.time = reader.int64Big(end);
        break;
      case tag(16, VARINT):
        request.stream = reader.bool(end);
        break;
      case tag(17, VARINT):
        request.refresh = reader.bool(end);
        break;
      default:
        reader.skipUnknown(found, end, 'Request', FIELDS);
    }
  }
  return request;
}

function text(reader: Reader, end: number): string {
  const stop = reader.stop(end);
  const start = reader.pos;
  reader.pos = stop;
  return start === stop ? '' : latin1Text(reader.buf, start, stop);
}

/** For the errors of fields in a wrong wire type. */
const FIELDS =
  '1 ID 2 Method 3 Path 4 Val 5 Dir 6 PrevValue 7 PrevIndex 8 PrevExist 9 Expiration 10 Wait 11 Since 12 Recursive ' +
  '13 Sorted 14 Quorum 15 Time 16 Stream 17 Refresh';

export function decodeV2Request(data: Uint8Array): V2Request {
  return readV2Request(new Reader(data), data.length);
}

const WRAPPED_TAG = tag(2, BYTES);

/** The one that an InternalRaftRequest holds, which is known to be one and to hold it. */
export function wrappedV2Request(data: Uint8Array): V2Request {
  const reader = new Reader(data);
  let request = emptyRequest;
  while (reader.pos < data.length) {
    const found = reader.tag(data.length);
    if (found === WRAPPED_TAG) request = readV2Request(reader, reader.stop(data.length));
    else reader.skipUnknown(found, data.length, 'InternalRaftRequest', '2 V2');
  }
  return request;
}

const writer = new Writer();

/** `id` stands in for the request's own. */
export function encodeV2Request(request: V2Request, id = request.id): Uint8Array {
  const w = writer.begin();
  // The writer goes from the last field to the first.
  writeBoolean(17, request.refresh);
  writeBoolean(16, request.stream);
  writeNumber(15, request.time);
  writeBoolean(14, request.quorum);
  writeBoolean(13, request.sorted);
  writeBoolean(12, request.recursive);
  writeNumber(11, request.since);
  writeBoolean(10, request.wait);
  writeNumber(9, request.expiration);
  writeBoolean(8, request.prevExist);
  writeNumber(7, request.prevIndex);
  writeText(6, request.prevValue);
  writeBoolean(5, request.dir);
  writeText(4, request.value);
  writeText(3, request.path);
  writeText(2, request.method);
  writeNumber(1, id);
  return w.finish();
}

function writeBoolean(field: number, value: boolean | undefined): void {
  if (value === undefined) return;
  writer.bool(value);
  writer.uint32(tag(field, VARINT));
}

function writeNumber(field: number, value: bigint): void {
  // Most are: a big integer's way takes ten times as long.
  if (value === 0n) writer.byte(0);
  else writer.big(value);
  writer.byte(tag(field, VARINT));
}

function writeText(field: number, value: string): void {
  writer.latin1(value);
  writer.byte(tag(field, BYTES));
}
