/**
 * A transaction, applied: first every comparison of every level is evaluated against the state before it, which fixes
 * the path; then all that the path would do is checked; only then is anything executed, so that a refusal leaves
 * nothing behind (etcd #18799). Every member checks and writes all of it, also where no client waits: members that skip
 * a part come apart (etcd #18667). Only keys that are read for the answer alone are left where nobody waits for one.
 * `etcd-diff:` etcd gathers them on every member. Source: etcd's server/etcdserver/txn.
 */
import type { LeaseId } from '../../lib/ids.js';
import type { KeyReader, WriteTransaction } from '../../mvcc/types.js';
import { EtcdError } from '../../proto/etcd-error.js';
import {
  type Compare,
  Compare_CompareResult as CompareResult,
  Compare_CompareTarget as CompareTarget,
  type PutRequest,
  type RequestOp,
  type ResponseHeader,
  type SplicedDeleteRangeResponse,
  type SplicedPutResponse,
  type SplicedResponseOp,
  type SplicedTxnResponse,
  type TxnRequest,
} from '../../proto/gen/etcdserverpb.js';
import { KeyValue } from '../../proto/gen/mvccpb.js';
import type { ApplyContext } from './layer.js';
import { executeRange } from './range.js';

type RevisionContext = Pick<TxnContext, 'currentRevision' | 'compactRevision'>;

/** What the checks look at besides keys. */
export interface TxnContext {
  hasLease(lease: LeaseId): boolean;
  readonly currentRevision: number;
  readonly compactRevision: number;
  /** Otherwise all puts are checked before the first range. */
  readonly checksInOrder: boolean;
}

/**
 * Outcome of the comparisons of one level and of the transactions nested in its chosen branch, in order of operations.
 */
interface Path {
  readonly succeeded: boolean;
  readonly nested: readonly Path[];
}

/**
 * True when no branch can write: such a transaction is a read and needs no log entry. A nested one, even empty, makes
 * it a write.
 */
export function isReadOnlyTxn(txn: TxnRequest): boolean {
  return txn.success.every(isRange) && txn.failure.every(isRange);
}

const isRange = ({ request }: RequestOp): boolean => request.case === 'requestRange';

/** Whether a read-only transaction may be answered from local state. */
export function isSerializableTxn(txn: TxnRequest): boolean {
  return txn.success.every(isSerializable) && txn.failure.every(isSerializable);
}

const isSerializable = ({ request }: RequestOp): boolean =>
  request.case !== 'requestRange' || request.value.serializable;

/** Throws EtcdError; then nothing has changed. */
export function checkedPath(reader: KeyReader, txn: TxnRequest, context: TxnContext): Path {
  const path = choosePath(reader, txn);
  if (context.checksInOrder) {
    checkOps(reader, txn, path, context);
    return path;
  }
  checkPuts(reader, txn, path, context);
  checkRanges(txn, path, context);
  return path;
}

export function executeReadOnlyTxn(reader: KeyReader, txn: TxnRequest, context: TxnContext): SplicedTxnResponse {
  const path = checkedPath(reader, txn, context);
  const header = innerHeader(context.currentRevision);
  const responses = branch(txn, path).map(({ request }): SplicedResponseOp => {
    if (request.case !== 'requestRange') throw new Error(`read-only transaction holds a ${request.case}`);
    return { response: { case: 'responseRange', value: { ...executeRange(reader, request.value), header } } };
  });
  return { header: undefined, succeeded: path.succeeded, responses };
}

export function executeTxn(
  write: WriteTransaction,
  txn: TxnRequest,
  path: Path,
  answer: Pick<ApplyContext, 'isAwaited'>,
): SplicedTxnResponse {
  let nested = 0;
  const responses = branch(txn, path).map((op) => executeOp(write, op, () => nestedPath(path, nested++), answer));
  return { header: undefined, succeeded: path.succeeded, responses };
}

function executeOp(
  write: WriteTransaction,
  { request }: RequestOp,
  nextPath: () => Path,
  answer: Pick<ApplyContext, 'isAwaited'>,
): SplicedResponseOp {
  switch (request.case) {
    case 'requestRange': {
      const range = answer.isAwaited ? request.value : { ...request.value, countOnly: true };
      const value = { ...executeRange(write, range), header: innerHeader(write.revision) };
      return { response: { case: 'responseRange', value } };
    }
    case 'requestPut': {
      const response = executePut(write, request.value, previousOf(write, request.value));
      return { response: { case: 'responsePut', value: { ...response, header: innerHeader(write.revision) } } };
    }
    case 'requestDeleteRange': {
      const response = executeDeleteRange(write, request.value, answer);
      return { response: { case: 'responseDeleteRange', value: { ...response, header: innerHeader(write.revision) } } };
    }
    case 'requestTxn': {
      const value = { ...executeTxn(write, request.value, nextPath(), answer), header: innerHeader(0) };
      return { response: { case: 'responseTxn', value } };
    }
    case undefined:
      return { response: { case: undefined } };
  }
}

/** What is there before a put, where that matters to it. */
const previousOf = (
  reader: KeyReader,
  { key, prevKv, ignoreValue, ignoreLease }: PutRequest,
): Uint8Array | undefined => (prevKv || ignoreValue || ignoreLease ? reader.get(key) : undefined);

/** Everything that could refuse the put has been checked; `previousBytes` is what is there before it. */
export function executePut(
  write: WriteTransaction,
  put: PutRequest,
  previousBytes: Uint8Array | undefined,
): SplicedPutResponse {
  let { value, lease } = put;
  if (previousBytes !== undefined && (put.ignoreValue || put.ignoreLease)) {
    const previous = KeyValue.decode(previousBytes);
    if (put.ignoreValue) value = previous.value;
    if (put.ignoreLease) lease = previous.lease;
  }
  write.put(put.key, value, lease);
  return { header: undefined, prevKv: put.prevKv ? previousBytes : undefined };
}

export function executeDeleteRange(
  write: WriteTransaction,
  request: { key: Uint8Array; rangeEnd: Uint8Array; prevKv: boolean },
  { isAwaited }: Pick<ApplyContext, 'isAwaited'>,
): SplicedDeleteRangeResponse {
  const prevKvs = request.prevKv
    ? write.range(request.key, request.rangeEnd, { revision: 0, limit: 0, countOnly: !isAwaited }).kvs
    : [];
  return { header: undefined, deleted: write.deleteRange(request.key, request.rangeEnd), prevKvs };
}

/**
 * What is there before the put, where that matters to it. Throws EtcdError for one that must not be applied. The lease
 * is looked for first; in a transaction the key is, as etcd has it.
 */
export function checkedPut(reader: KeyReader, put: PutRequest, context: TxnContext): Uint8Array | undefined {
  checkLease(put, context);
  const previous = previousOf(reader, put);
  checkKept(put, previous);
  return previous;
}

function checkPutOfTxn(reader: KeyReader, put: PutRequest, context: TxnContext): void {
  checkKept(put, put.ignoreValue || put.ignoreLease ? reader.get(put.key) : undefined);
  checkLease(put, context);
}

function checkLease({ lease }: PutRequest, context: TxnContext): void {
  if (lease !== 0n && !context.hasLease(lease)) throw new EtcdError('leaseNotFound');
}

/** What is to be kept must be there. */
function checkKept({ ignoreValue, ignoreLease }: PutRequest, previous: Uint8Array | undefined): void {
  if ((ignoreValue || ignoreLease) && previous === undefined) throw new EtcdError('keyNotFound');
}

export function innerHeader(revision: number): ResponseHeader {
  return { clusterId: 0n, memberId: 0n, revision, raftTerm: 0 };
}

function branch(txn: TxnRequest, path: Path): readonly RequestOp[] {
  return path.succeeded ? txn.success : txn.failure;
}

function nestedPath(path: Path, index: number): Path {
  const nested = path.nested[index];
  if (nested === undefined) throw new Error(`transaction path has no nested level ${index}`);
  return nested;
}

function choosePath(reader: KeyReader, txn: TxnRequest): Path {
  const succeeded = txn.compare.every((compare) => holds(reader, compare));
  const nested: Path[] = [];
  for (const { request } of succeeded ? txn.success : txn.failure) {
    if (request.case === 'requestTxn') nested.push(choosePath(reader, request.value));
  }
  return { succeeded, nested };
}

/** All puts, those of nested transactions too, before the first range. */
function checkPuts(reader: KeyReader, txn: TxnRequest, path: Path, context: TxnContext): void {
  let nested = 0;
  for (const { request } of branch(txn, path)) {
    if (request.case === 'requestPut') checkPutOfTxn(reader, request.value, context);
    else if (request.case === 'requestTxn') checkPuts(reader, request.value, nestedPath(path, nested++), context);
  }
}

function checkOps(reader: KeyReader, txn: TxnRequest, path: Path, context: TxnContext): void {
  let nested = 0;
  for (const { request } of branch(txn, path)) {
    if (request.case === 'requestRange') checkRevision(request.value.revision, context);
    else if (request.case === 'requestPut') checkPutOfTxn(reader, request.value, context);
    else if (request.case === 'requestTxn') checkOps(reader, request.value, nestedPath(path, nested++), context);
  }
}

export function checkRanges(txn: TxnRequest, path: Path, context: RevisionContext): void {
  let nested = 0;
  for (const { request } of branch(txn, path)) {
    if (request.case === 'requestRange') checkRevision(request.value.revision, context);
    else if (request.case === 'requestTxn') checkRanges(request.value, nestedPath(path, nested++), context);
  }
}

function checkRevision(revision: number, context: RevisionContext): void {
  if (revision === 0) return;
  if (revision > context.currentRevision) throw new EtcdError('futureRevision');
  // Before the first compaction etcd's number is -1. A range outside a transaction takes any negative one for the
  // present.
  if (revision < (context.compactRevision <= 0 ? -1 : context.compactRevision)) throw new EtcdError('compacted');
}

/** Every key of the range must satisfy it. */
function holds(reader: KeyReader, compare: Compare): boolean {
  if (compare.target === CompareTarget.VALUE || compare.target === CompareTarget.LEASE)
    return holdsForStored(reader, compare);
  let isAny = false;
  let holds = true;
  reader.visitNumbers(compare.key, compare.rangeEnd, (createRevision, modRevision, version) => {
    isAny = true;
    holds = matches(compare, KeyValue.create({ createRevision, modRevision, version }));
    return holds;
  });
  return isAny ? holds : holdsForNone(compare);
}

function holdsForStored(reader: KeyReader, compare: Compare): boolean {
  const found = reader.range(compare.key, compare.rangeEnd, { revision: 0, limit: 0, countOnly: false }).kvs;
  if (found.length === 0) return holdsForNone(compare);
  return found.every((bytes) => matches(compare, KeyValue.decode(bytes)));
}

/** Of an absent key, all numbers are 0; comparing its value is never true. */
export function holdsForNone(compare: Compare): boolean {
  return compare.target === CompareTarget.VALUE ? false : matches(compare, KeyValue.create());
}

export function matches(compare: Compare, kv: KeyValue): boolean {
  const order = difference(compare, kv);
  switch (compare.result) {
    case CompareResult.EQUAL:
      return order === 0;
    case CompareResult.NOT_EQUAL:
      return order !== 0;
    case CompareResult.GREATER:
      return order > 0;
    case CompareResult.LESS:
      return order < 0;
    default:
      return true;
  }
}

/** Sign of (what the key has − what the comparison names). A target without its value names zero. */
function difference({ target, targetUnion }: Compare, kv: KeyValue): number {
  switch (target) {
    case CompareTarget.VALUE:
      return Buffer.compare(kv.value, targetUnion.case === 'value' ? targetUnion.value : new Uint8Array(0));
    case CompareTarget.CREATE:
      return kv.createRevision - (targetUnion.case === 'createRevision' ? targetUnion.value : 0);
    case CompareTarget.MOD:
      return kv.modRevision - (targetUnion.case === 'modRevision' ? targetUnion.value : 0);
    case CompareTarget.VERSION:
      return kv.version - (targetUnion.case === 'version' ? targetUnion.value : 0);
    case CompareTarget.LEASE: {
      const wanted = targetUnion.case === 'lease' ? targetUnion.value : 0n;
      return kv.lease === wanted ? 0 : kv.lease > wanted ? 1 : -1;
    }
    default:
      return 0;
  }
}
