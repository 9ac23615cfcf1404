/**
 * A normal entry's bytes. An entry is decoded once, into exactly one operation; a kind that no row has is not ignored
 * but ends the member, as it ends etcd: members that skip what others carry out part ways.
 *
 *     InternalRaftRequest { header { ID, username, authRevision }, <kind>: <request> }
 */
import type { Identity } from '../../auth/types.js';
import { decodeV2Request, readV2Request } from '../../datadir/v2-request-codec.js';
import { ProtoDecodeError } from '../../lib/codec.js';
import type { RequestId } from '../../lib/ids.js';
import { latin1Text } from '../../lib/latin1.js';
import { type RequestHeader, readRequestHeader, writeRequestHeader } from '../../proto/gen/etcdserverpb.js';
import { Reader, Writer } from '../../proto/wire.js';
import type { V2Request } from '../../v2/request.js';
import { type Operation, type OperationKind, type Row, requests } from './operation.js';

/** A decoded entry. */
export type EntryData =
  /** A new leader's first entry. */
  | { readonly t: 'empty' }
  /** Written by 3.4 to 3.6 for the v2 store, and for membership up to 3.5. */
  | { readonly t: 'v2'; readonly request: V2Request }
  | {
      readonly t: 'operation';
      /** Under which somebody may wait for the result. */
      readonly id: RequestId;
      /**
       * Whom the member that took the request found behind it; with an empty name and revision 0 where there was
       * nobody.
       */
      readonly identity: Identity | undefined;
      readonly operation: Operation;
    };

/** An entry asks for something that this version does not know. */
export class UnknownRequestError extends Error {
  override readonly name = 'UnknownRequestError';
  readonly code = 'ERR_UNKNOWN_REQUEST';

  constructor(readonly field: number) {
    super(
      field === 0
        ? 'unimplemented apply: the entry has no request'
        : `unimplemented apply: the entry has a request in field ${field}, which this version does not know; ` +
            'it was written by a newer version',
    );
  }
}

const ID_TAG = 8;
const V2_TAG = 18;
const HEADER_TAG = 802;
const HEADER_FIELD = 100;

const kinds = Object.keys(requests) as OperationKind[];
const tagOf = (kind: OperationKind): number => requests[kind].field * 8 + 2;
const kindByTag: ReadonlyMap<number, OperationKind> = new Map(kinds.map((kind) => [tagOf(kind), kind]));
/** For the errors of fields in a wrong wire type: such an entry is no InternalRaftRequest at all. */
const fieldNames = ['1 ID', '2 V2', '100 Header', ...kinds.map((kind) => `${requests[kind].field} ${kind}`)].join(' ');

/**
 * The bytes of a normal entry: nothing, an InternalRaftRequest, or a bare v2 Request. The two are told apart only
 * because the wrong parse fails: field 2 of a Request is text such as "PUT", which is no valid message. Bytes fields
 * are views into `data`. Throws ProtoDecodeError and UnknownRequestError.
 */
export function decodeEntryData(data: Uint8Array): EntryData {
  if (data.length === 0) return { t: 'empty' };
  if (isV2Request(data)) return { t: 'v2', request: decodeV2Request(data) };
  try {
    return readInternalRequest(data);
  } catch (cause) {
    if (!(cause instanceof ProtoDecodeError)) throw cause;
    return { t: 'v2', request: decodeV2Request(data) };
  }
}

const v2Methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'QGET', 'SYNC']);

/** Whether field 2 is one of the words that are no message: known without the failure of a parse. */
function isV2Request(data: Uint8Array): boolean {
  if (data[0] !== ID_TAG) return false;
  let at = 1;
  while ((data[at] ?? 0) >= 0x80 && at < MAX_VARINT_BYTES) at++;
  const length = data[at + 2] ?? 0;
  if (data[at + 1] !== V2_TAG) return false;
  // Nearly all of them.
  if (length === 3 && data[at + 3] === P && data[at + 4] === U && data[at + 5] === T) return true;
  return v2Methods.has(latin1Text(data, at + 3, at + 3 + length));
}

const MAX_VARINT_BYTES = 10;
const P = 0x50;
const U = 0x55;
const T = 0x54;

/** By hand, since the generated reader passes over what it does not know; for a put it costs the same 0.4 µs. */
function readInternalRequest(data: Uint8Array): EntryData {
  const reader = new Reader(data);
  const end = data.length;
  let id = 0n;
  let header: RequestHeader | undefined;
  let v2: V2Request | undefined;
  let operation: Operation | undefined;
  let unknownField = 0;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    const kind = kindByTag.get(tag);
    if (kind !== undefined) {
      // Which kind goes with which request is what the row says.
      const request = requests[kind].read(reader, reader.stop(end));
      operation = { kind, request } as Operation;
    } else if (tag === HEADER_TAG) header = readRequestHeader(reader, reader.stop(end));
    else if (tag === ID_TAG) id = reader.uint64Big(end);
    else if (tag === V2_TAG) v2 = readV2Request(reader, reader.stop(end));
    else {
      reader.skipUnknown(tag, end, 'InternalRaftRequest', fieldNames);
      unknownField = tag >>> 3;
    }
  }
  if (v2 !== undefined) return { t: 'v2', request: v2 };
  if (operation === undefined) throw new UnknownRequestError(unknownField);
  return {
    t: 'operation',
    id: header === undefined || header.ID === 0n ? id : header.ID,
    identity: header === undefined ? undefined : { username: header.username, revision: header.authRevision },
    operation,
  };
}

const writer = new Writer();

/**
 * The entry that asks for `operation`. `encoded`: the request's bytes as a client sent them, used as they are instead
 * of encoding it again.
 */
export function encodeOperation(header: RequestHeader, operation: Operation, encoded?: Uint8Array): Uint8Array {
  const { field, write } = requests[operation.kind] as Row<unknown, unknown>;
  const w = writer.begin();
  // The writer goes from the last field to the first; fields ascend, as in what etcd writes.
  if (field < HEADER_FIELD) writeHeader(w, header);
  if (encoded !== undefined) w.bytes(encoded);
  else {
    const mark = w.mark();
    write(w, operation.request);
    w.length(mark);
  }
  w.uint32(field * 8 + 2);
  if (field > HEADER_FIELD) writeHeader(w, header);
  return w.finish();
}

function writeHeader(w: Writer, header: RequestHeader): void {
  const mark = w.mark();
  writeRequestHeader(w, header);
  w.length(mark);
  w.uint32(HEADER_TAG);
}
