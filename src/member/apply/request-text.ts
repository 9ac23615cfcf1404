/**
 * A request in the log, as etcd's stringers show it: `header:<ID:7 > put:<key:"a" value_size:3 >`. Values and secrets
 * stay out. Only for requests that were slow. Source: etcd's etcdserverpb/raft_internal_stringer.go, and protobuf's
 * text form for whatever has nothing to hide.
 */

import { AuthError } from '../../auth/errors.js';
import type { Identity } from '../../auth/types.js';
import { goQuote } from '../../lib/go/quote.js';
import type { RequestId } from '../../lib/ids.js';
import { CompactedError, FutureRevisionError } from '../../mvcc/errors.js';
import { wireErrors } from '../../proto/errors.js';
import {
  CompactionResponse,
  type Compare,
  Compare_CompareResult,
  Compare_CompareTarget,
  DeleteRangeResponse,
  type PutRequest,
  PutResponse,
  type RangeRequest,
  RangeRequest_SortOrder,
  RangeRequest_SortTarget,
  type RequestOp,
  type TxnRequest,
  TxnResponse,
} from '../../proto/gen/etcdserverpb.js';
import type { OperationKind, ResultOf, StoreOperation } from './operation.js';

export function requestText(id: RequestId, operation: StoreOperation, identity?: Identity): string {
  const header = fields({ ID: id, username: identity?.username ?? '', auth_revision: identity?.revision ?? 0 });
  return `header:<${header}> ${bodyText(operation)}`;
}

const results: { readonly [K in OperationKind]?: { encode(message: ResultOf<K>): Uint8Array } } = {
  put: PutResponse,
  deleteRange: DeleteRangeResponse,
  txn: TxnResponse,
  compaction: CompactionResponse,
};

/** Of what a write to the store gives: how long it is. */
export function resultText(kind: OperationKind, result: unknown): string {
  const codec = results[kind] as { encode(message: unknown): Uint8Array } | undefined;
  return codec === undefined ? '' : `size:${codec.encode(result).length}`;
}

/** An error as etcd has it where it happens, before it is made one for the wire. */
export function errorText(error: unknown): string {
  const text = outerText(error);
  if (text === wireErrors.permissionDenied.message) return new AuthError('permissionDenied').message;
  if (text === wireErrors.leaseNotFound.message) return 'lease not found';
  return text.replace(/^etcdserver: (?=mvcc: )/, '');
}

function outerText(error: unknown): string {
  if (error instanceof CompactedError) return wireErrors.compacted.message;
  if (error instanceof FutureRevisionError) return wireErrors.futureRevision.message;
  return error instanceof Error ? error.message : String(error);
}

export function rangeText(request: RangeRequest): string {
  return fields({
    key: request.key,
    range_end: request.rangeEnd,
    limit: request.limit,
    revision: request.revision,
    sort_order: nameOf(RangeRequest_SortOrder, request.sortOrder),
    sort_target: nameOf(RangeRequest_SortTarget, request.sortTarget),
    serializable: request.serializable,
    keys_only: request.keysOnly,
    count_only: request.countOnly,
    min_mod_revision: request.minModRevision,
    max_mod_revision: request.maxModRevision,
    min_create_revision: request.minCreateRevision,
    max_create_revision: request.maxCreateRevision,
  });
}

export function putText({ key, value, lease, prevKv, ignoreValue, ignoreLease }: PutRequest): string {
  return fields({
    key,
    value_size: value.length,
    lease,
    prev_kv: prevKv,
    ignore_value: ignoreValue,
    ignore_lease: ignoreLease,
  });
}

type DeleteRequest = { readonly key: Uint8Array; readonly rangeEnd: Uint8Array; readonly prevKv: boolean };

export function deleteText({ key, rangeEnd, prevKv }: DeleteRequest): string {
  return fields({ key, range_end: rangeEnd, prev_kv: prevKv });
}

/** More conditions and operations of a transaction are not shown; nor are more bytes of a key. */
const SHOWN_OPERATIONS = 1024;
const SHOWN_KEY_BYTES = 16 * 1024;
const REST = '...';

export function txnText(request: TxnRequest, room = { operations: SHOWN_OPERATIONS }): string {
  const list = <T>(name: string, all: readonly T[], text: (each: T) => string): string => {
    const parts: string[] = [];
    for (const each of all) {
      if (room.operations-- <= 0) {
        parts.push(REST);
        break;
      }
      parts.push(text(each));
    }
    return `${name}:<${parts.join(' ')}>`;
  };
  return [
    list('compare', request.compare, compareText),
    list('success', request.success, (each) => operationText(each, room)),
    list('failure', request.failure, (each) => operationText(each, room)),
  ].join(' ');
}

function compareText({ result, target, key, targetUnion, rangeEnd }: Compare): string {
  const union: Record<string, Shown> = {};
  switch (targetUnion.case) {
    case undefined:
      break;
    case 'value':
      union.value_size = targetUnion.value.length;
      break;
    case 'createRevision':
    case 'modRevision':
      union[targetUnion.case === 'modRevision' ? 'mod_revision' : 'create_revision'] = {
        name: String(targetUnion.value),
      };
      break;
    default:
      union[targetUnion.case] = { name: String(targetUnion.value) };
  }
  return fields({
    result: nameOf(Compare_CompareResult, result),
    target: nameOf(Compare_CompareTarget, target),
    key,
    ...union,
    range_end: rangeEnd,
  });
}

function operationText({ request }: RequestOp, room: { operations: number }): string {
  switch (request.case) {
    case 'requestPut':
      return `request_put:<${putText(request.value)}>`;
    case 'requestTxn':
      return `request_txn:<${txnText(request.value, room)}>`;
    case 'requestRange':
      return `request_range:<${rangeText(request.value)}> `;
    case 'requestDeleteRange':
      return `request_delete_range:<${deleteText(request.value)}> `;
    case undefined:
      return '';
  }
}

function bodyText(operation: StoreOperation): string {
  switch (operation.kind) {
    case 'put':
      return `put:<${putText(operation.request)}>`;
    case 'deleteRange':
      return `delete_range:<${deleteText(operation.request)}> `;
    case 'txn':
      return `txn:<${txnText(operation.request)}>`;
    case 'compaction': {
      const { revision, physical } = operation.request;
      return `compaction:<${fields({ revision, physical })}> `;
    }
    case 'leaseGrant': {
      const { TTL, ID } = operation.request;
      return `lease_grant:<ttl:${TTL}-second id:${hexId(ID)}>`;
    }
    case 'leaseRevoke':
      return `lease_revoke:<id:${hexId(operation.request.ID)}>`;
    case 'authUserAdd':
    case 'authUserChangePassword':
      return `${snake(operation.kind)}:<name:${operation.request.name}>`;
    default:
      return `${snake(operation.kind)}:<>`;
  }
}

const snake = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const hexId = (id: bigint): string => BigInt.asUintN(64, id).toString(16).padStart(16, '0');

/** A `name` stands as it is, also for zero. */
type Shown = Uint8Array | number | bigint | boolean | string | { readonly name: string };

/** The name of an enum's value; its first one is left out. */
function nameOf(values: Readonly<Record<string, number>>, value: number): Shown {
  if (value === 0) return 0;
  const found = Object.entries(values).find(([, each]) => each === value);
  return found === undefined ? value : { name: found[0] };
}

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '"': '\\"', '\\': '\\\\' };

/** As protobuf's text form has bytes: what cannot be printed is octal. */
function quoted(bytes: Uint8Array): string {
  const shownBytes = Math.min(bytes.length, SHOWN_KEY_BYTES);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, shownBytes).toString('latin1');
  const escaped = text.replaceAll(
    /[^ !#-[\]-~]/g,
    (char) => ESCAPES[char] ?? `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`,
  );
  return `"${escaped}"${shownBytes < bytes.length ? REST : ''}`;
}

/** What is zero or empty is left out, as in protobuf's text form. */
function fields(values: Readonly<Record<string, Shown>>): string {
  return Object.entries(values)
    .filter(([, value]) => (value instanceof Uint8Array ? value.length > 0 : value !== '' && Boolean(value)))
    .map(([name, value]) => `${name}:${shown(value)} `)
    .join('');
}

function shown(value: Shown): string {
  if (value instanceof Uint8Array) return quoted(value);
  if (typeof value === 'string') return goQuote(value);
  return typeof value === 'object' ? value.name : String(value);
}
