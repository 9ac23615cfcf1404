/** Keys and values: get, put, delete, transactions, compaction. */
import type { ClientStream } from '../grpc/types.js';
import type { LeaseId } from '../lib/ids.js';
import {
  type CompactionResponse,
  type Compare,
  Compare_CompareResult,
  Compare_CompareTarget,
  Compare as CompareCodec,
  DeleteRangeRequest,
  type DeleteRangeResponse,
  KV,
  PutRequest,
  type PutResponse,
  RangeRequest,
  RangeRequest_SortOrder,
  RangeRequest_SortTarget,
  type RangeResponse,
  type RangeStreamResponse,
  type RequestOp,
  TxnRequest,
  type TxnResponse,
} from '../proto/gen/etcdserverpb.js';
import type { Caller } from './caller.js';
import { canceled, deadlineExceeded, fromGrpc } from './errors.js';
import { type Bytes, type RangeSelection, selectRange, toBytes } from './key-range.js';
import type { CallLimits } from './options.js';
import { limitsOf } from './retry.js';

export interface GetOptions extends RangeSelection {
  /** At most this many keys; `more` in the answer says whether there are others. 0 = all. */
  readonly limit?: number | undefined;
  /** As of this revision; 0 = now. */
  readonly revision?: number | undefined;
  /** Without `by` keys are sorted by key. */
  readonly sort?: { readonly by?: SortBy | undefined; readonly order?: 'ascend' | 'descend' | undefined } | undefined;
  /** Answer from the member that is asked, without asking the cluster: faster, maybe stale. */
  readonly serializable?: boolean | undefined;
  readonly keysOnly?: boolean | undefined;
  readonly countOnly?: boolean | undefined;
  readonly minModRevision?: number | undefined;
  readonly maxModRevision?: number | undefined;
  readonly minCreateRevision?: number | undefined;
  readonly maxCreateRevision?: number | undefined;
}
export type SortBy = 'key' | 'version' | 'create' | 'mod' | 'value';

export interface PutOptions {
  /** The lease to attach; 0n = none. */
  readonly lease?: LeaseId | undefined;
  readonly prevKv?: boolean | undefined;
  /** Keep the key's value (the given one must be empty), or its lease. */
  readonly ignoreValue?: boolean | undefined;
  readonly ignoreLease?: boolean | undefined;
}

export interface DeleteOptions extends RangeSelection {
  readonly prevKv?: boolean | undefined;
}

const targets: Readonly<Record<SortBy, RangeRequest_SortTarget>> = {
  key: RangeRequest_SortTarget.KEY,
  version: RangeRequest_SortTarget.VERSION,
  create: RangeRequest_SortTarget.CREATE,
  mod: RangeRequest_SortTarget.MOD,
  value: RangeRequest_SortTarget.VALUE,
};
const orders = { ascend: RangeRequest_SortOrder.ASCEND, descend: RangeRequest_SortOrder.DESCEND };

export function rangeRequest(key: Bytes, options: GetOptions): RangeRequest {
  const { sort } = options;
  const target = targets[sort?.by ?? 'key'];
  let order: RangeRequest_SortOrder = sort?.order === undefined ? RangeRequest_SortOrder.NONE : orders[sort.order];
  // Ascending by key is the store's own order: asking for it would only make the server sort. As clientv3.
  if (target === RangeRequest_SortTarget.KEY && order === RangeRequest_SortOrder.ASCEND)
    order = RangeRequest_SortOrder.NONE;
  return RangeRequest.create({
    ...selectRange(key, options),
    limit: options.limit ?? 0,
    revision: options.revision ?? 0,
    sortOrder: order,
    sortTarget: target,
    serializable: options.serializable ?? false,
    keysOnly: options.keysOnly ?? false,
    countOnly: options.countOnly ?? false,
    minModRevision: options.minModRevision ?? 0,
    maxModRevision: options.maxModRevision ?? 0,
    minCreateRevision: options.minCreateRevision ?? 0,
    maxCreateRevision: options.maxCreateRevision ?? 0,
  });
}

export function putRequest(key: Bytes, value: Bytes, options: PutOptions): PutRequest {
  return PutRequest.create({
    key: toBytes(key),
    value: toBytes(value),
    lease: options.lease ?? 0n,
    prevKv: options.prevKv ?? false,
    ignoreValue: options.ignoreValue ?? false,
    ignoreLease: options.ignoreLease ?? false,
  });
}

function deleteRequest(key: Bytes, options: DeleteOptions): DeleteRangeRequest {
  return DeleteRangeRequest.create({ ...selectRange(key, options), prevKv: options.prevKv ?? false });
}

/** Operations of a transaction. */
export const op = {
  get: (key: Bytes, options: GetOptions = {}): RequestOp => ({
    request: { case: 'requestRange', value: rangeRequest(key, options) },
  }),
  put: (key: Bytes, value: Bytes, options: PutOptions = {}): RequestOp => ({
    request: { case: 'requestPut', value: putRequest(key, value, options) },
  }),
  delete: (key: Bytes, options: DeleteOptions = {}): RequestOp => ({
    request: { case: 'requestDeleteRange', value: deleteRequest(key, options) },
  }),
  txn: (txn: Transaction): RequestOp => ({ request: { case: 'requestTxn', value: txnRequest(txn) } }),
};

export type CompareSign = '=' | '!=' | '<' | '>';
const signs: Readonly<Record<CompareSign, Compare_CompareResult>> = {
  '=': Compare_CompareResult.EQUAL,
  '!=': Compare_CompareResult.NOT_EQUAL,
  '<': Compare_CompareResult.LESS,
  '>': Compare_CompareResult.GREATER,
};

const { VERSION, CREATE, MOD, VALUE, LEASE } = Compare_CompareTarget;

/**
 * Conditions of a transaction: `compare.version('k', '=', 0)` holds when there is no key `k`. With a range every key in
 * it must fulfil the condition.
 */
export const compare = {
  version: (key: Bytes, sign: CompareSign, value: number, range?: RangeSelection): Compare =>
    condition(key, sign, VERSION, { case: 'version', value }, range),
  createRevision: (key: Bytes, sign: CompareSign, value: number, range?: RangeSelection): Compare =>
    condition(key, sign, CREATE, { case: 'createRevision', value }, range),
  modRevision: (key: Bytes, sign: CompareSign, value: number, range?: RangeSelection): Compare =>
    condition(key, sign, MOD, { case: 'modRevision', value }, range),
  value: (key: Bytes, sign: CompareSign, value: Bytes, range?: RangeSelection): Compare =>
    condition(key, sign, VALUE, { case: 'value', value: toBytes(value) }, range),
  lease: (key: Bytes, sign: CompareSign, value: LeaseId, range?: RangeSelection): Compare =>
    condition(key, sign, LEASE, { case: 'lease', value }, range),
};

function condition(
  key: Bytes,
  sign: CompareSign,
  target: Compare_CompareTarget,
  targetUnion: Compare['targetUnion'],
  range: RangeSelection = {},
): Compare {
  return CompareCodec.create({ ...selectRange(key, range), result: signs[sign], target, targetUnion });
}

/** If all of `compare` hold `success` is done, otherwise `failure`, in one revision. */
export interface Transaction {
  readonly compare?: readonly Compare[] | undefined;
  readonly success?: readonly RequestOp[] | undefined;
  readonly failure?: readonly RequestOp[] | undefined;
}

function txnRequest(txn: Transaction): TxnRequest {
  return TxnRequest.create({
    compare: [...(txn.compare ?? [])],
    success: [...(txn.success ?? [])],
    failure: [...(txn.failure ?? [])],
  });
}

export class KvClient {
  readonly #caller: Caller;
  constructor(caller: Caller) {
    this.#caller = caller;
  }

  get(key: Bytes, options: GetOptions & CallLimits = {}): Promise<RangeResponse> {
    return this.#caller.unary(KV.range, rangeRequest(key, options), limitsOf(options, 'repeatable'));
  }

  /**
   * The same range in pieces, all as of one revision, so that neither side holds it whole. The last piece alone has
   * header, `more` and `count`. Members answer it from 3.7 on, and neither sorted nor filtered by revisions. It is not
   * made again: who reads has part of it already.
   */
  async *getStream(key: Bytes, options: GetOptions & CallLimits = {}): AsyncGenerator<RangeResponse> {
    const { timeoutMs, signal } = options;
    const ending = new AbortController();
    const end = () => ending.abort();
    let isLate = timeoutMs !== undefined && timeoutMs <= 0;
    if (isLate || signal?.aborted === true) end();
    signal?.addEventListener('abort', end, { once: true });
    const late = () => {
      isLate = true;
      end();
    };
    const cancelTimer = timeoutMs === undefined ? undefined : this.#caller.clock.after(Math.max(0, timeoutMs), late);
    let stream: ClientStream<RangeRequest, RangeStreamResponse> | undefined;
    try {
      stream = await this.#caller.stream(KV.rangeStream, { signal: ending.signal });
      stream.headers.catch(() => undefined);
      stream.send(rangeRequest(key, options));
      stream.end();
      for await (const { rangeResponse } of stream.messages) if (rangeResponse !== undefined) yield rangeResponse;
    } catch (error) {
      if (isLate) throw deadlineExceeded(error);
      throw signal?.aborted === true ? canceled(error) : fromGrpc(error);
    } finally {
      stream?.cancel();
      cancelTimer?.();
      signal?.removeEventListener('abort', end);
    }
  }

  put(key: Bytes, value: Bytes, options: PutOptions & CallLimits = {}): Promise<PutResponse> {
    return this.#caller.unary(KV.put, putRequest(key, value, options), limitsOf(options, 'non-repeatable'));
  }

  delete(key: Bytes, options: DeleteOptions & CallLimits = {}): Promise<DeleteRangeResponse> {
    return this.#caller.unary(KV.deleteRange, deleteRequest(key, options), limitsOf(options, 'non-repeatable'));
  }

  /** A transaction that only reads is repeated as a read would be. */
  txn(txn: Transaction, options: CallLimits = {}): Promise<TxnResponse> {
    const request = txnRequest(txn);
    const onlyReads = [...request.success, ...request.failure].every((it) => it.request.case === 'requestRange');
    return this.#caller.unary(KV.txn, request, limitsOf(options, onlyReads ? 'repeatable' : 'non-repeatable'));
  }

  /** Forgets all history before `revision`. With `physical` the answer waits until it is gone from the disk too. */
  compact(revision: number, options: { physical?: boolean } & CallLimits = {}): Promise<CompactionResponse> {
    return this.#caller.unary(
      KV.compact,
      { revision, physical: options.physical ?? false },
      limitsOf(options, 'non-repeatable'),
    );
  }
}
