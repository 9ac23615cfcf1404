/**
 * A part of the keyspace that looks like all of it: every key of a request gets a prefix, every key of an answer loses
 * it.
 *
 *   client       a      [a, c)       [a, \0) = from a on      \0, \0 = all
 *   etcd       ns/a   [ns/a, ns/c)   [ns/a, ns0)              [ns/\0, ns0)      (`ns0` = first key behind all that
 *                                                                               begin with `ns/`)
 *
 * Invariant: no request reaches a key outside the prefix, so no answer holds one. An empty key stays empty, so that
 * etcd refuses it in its own words and order; in a watch it means `\0`, as etcd takes it there. What has no keys
 * (compaction, hashes, users, roles) is the whole cluster's and passes as it is. As etcd's client/v3/namespace.
 *
 * `etcd-diff:` etcd computes the end of a prefix that ends in 0xff with a carry but keeps its length (`a\xff` → `b\0`),
 * which lets the key `b` in; here the end is `b`. And etcd passes the names of its Lock and Election services on
 * without the prefix; here they get it.
 */
import { prefixEnd } from '../../client/key-range.js';
import type {
  Compare,
  DeleteRangeResponse,
  LeaseTimeToLiveResponse,
  PutResponse,
  RangeResponse,
  RangeStreamResponse,
  RequestOp,
  ResponseOp,
  TxnRequest,
  TxnResponse,
  WatchRequest,
  WatchResponse,
} from '../../proto/gen/etcdserverpb.js';
import type { Event, KeyValue } from '../../proto/gen/mvccpb.js';
import type { LeaderKey } from '../../proto/gen/v3electionpb.js';

const zeroKey: Uint8Array = Uint8Array.of(0);

interface Interval {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

export class Namespace {
  readonly #prefix: Buffer;
  /** First key behind the namespace; `\0` when there is none. */
  readonly #end: Uint8Array;

  constructor(prefix: Uint8Array) {
    this.#prefix = Buffer.from(prefix);
    this.#end = prefixEnd(this.#prefix);
  }

  // Requests. A message is the caller's own copy; only its keys are replaced.

  add(key: Uint8Array): Uint8Array {
    return key.length === 0 ? key : Buffer.concat([this.#prefix, key]);
  }

  /** For requests with one interval: Range, DeleteRange. */
  addInterval<T extends Interval>(request: T): T {
    return { ...request, key: this.add(request.key), rangeEnd: this.#addEnd(request.rangeEnd) };
  }

  addKey<T extends { readonly key: Uint8Array }>(request: T): T {
    return { ...request, key: this.add(request.key) };
  }

  /** Names of locks and elections are prefixes of keys. An empty one is a name, too. */
  addName<T extends { readonly name: Uint8Array }>(request: T): T {
    return { ...request, name: Buffer.concat([this.#prefix, request.name]) };
  }

  addTxn(request: TxnRequest): TxnRequest {
    return {
      compare: request.compare.map((compare): Compare => this.addInterval(compare)),
      success: request.success.map((op) => this.#addOp(op)),
      failure: request.failure.map((op) => this.#addOp(op)),
    };
  }

  addWatch({ requestUnion }: WatchRequest): WatchRequest {
    if (requestUnion.case !== 'createRequest') return { requestUnion };
    const { value } = requestUnion;
    const key = value.key.length === 0 ? zeroKey : value.key;
    return { requestUnion: { case: 'createRequest', value: this.addInterval({ ...value, key }) } };
  }

  addLeader<T extends { readonly leader: LeaderKey | undefined }>(request: T): T {
    const { leader } = request;
    return leader === undefined ? request : { ...request, leader: this.addName(this.addKey(leader)) };
  }

  #addEnd(end: Uint8Array): Uint8Array {
    if (end.length === 0) return end;
    return end.length === 1 && end[0] === 0 ? this.#end : Buffer.concat([this.#prefix, end]);
  }

  #addOp({ request }: RequestOp): RequestOp {
    switch (request.case) {
      case 'requestRange':
        return { request: { case: request.case, value: this.addInterval(request.value) } };
      case 'requestDeleteRange':
        return { request: { case: request.case, value: this.addInterval(request.value) } };
      case 'requestPut':
        return { request: { case: request.case, value: this.addKey(request.value) } };
      case 'requestTxn':
        return { request: { case: request.case, value: this.addTxn(request.value) } };
      case undefined:
        return { request };
    }
  }

  // Answers.

  /** Throws when the key is none of the namespace: that must not be shown. */
  strip(key: Uint8Array): Uint8Array {
    if (!this.#holds(key)) throw new Error('a key outside the namespace came back');
    return key.subarray(this.#prefix.length);
  }

  stripRange(response: RangeResponse): RangeResponse {
    return { ...response, kvs: response.kvs.map((kv) => this.#stripKv(kv)) };
  }

  stripRangeStream(response: RangeStreamResponse): RangeStreamResponse {
    const { rangeResponse } = response;
    return rangeResponse === undefined ? response : { rangeResponse: this.stripRange(rangeResponse) };
  }

  stripPut(response: PutResponse): PutResponse {
    return { ...response, prevKv: this.#stripMaybe(response.prevKv) };
  }

  stripDeleteRange(response: DeleteRangeResponse): DeleteRangeResponse {
    return { ...response, prevKvs: response.prevKvs.map((kv) => this.#stripKv(kv)) };
  }

  stripTxn(response: TxnResponse): TxnResponse {
    return { ...response, responses: response.responses.map((op) => this.#stripOp(op)) };
  }

  stripWatch(response: WatchResponse): WatchResponse {
    if (response.events.length === 0) return response;
    const events = response.events.map(
      (event): Event => ({ ...event, kv: this.#stripMaybe(event.kv), prevKv: this.#stripMaybe(event.prevKv) }),
    );
    return { ...response, events };
  }

  /** A lease may hold keys of others: those are left out. */
  stripLease(response: LeaseTimeToLiveResponse): LeaseTimeToLiveResponse {
    return { ...response, keys: response.keys.filter((key) => this.#holds(key)).map((key) => this.strip(key)) };
  }

  stripKey<T extends { readonly key: Uint8Array }>(response: T): T {
    return { ...response, key: this.strip(response.key) };
  }

  stripLeader<T extends { readonly leader: LeaderKey | undefined }>(response: T): T {
    const { leader } = response;
    if (leader === undefined) return response;
    return { ...response, leader: { ...this.stripKey(leader), name: this.strip(leader.name) } };
  }

  stripLeaderKv<T extends { readonly kv: KeyValue | undefined }>(response: T): T {
    return { ...response, kv: this.#stripMaybe(response.kv) };
  }

  #holds(key: Uint8Array): boolean {
    const length = this.#prefix.length;
    return key.length >= length && this.#prefix.compare(key, 0, length) === 0;
  }

  #stripKv(kv: KeyValue): KeyValue {
    return this.stripKey(kv);
  }

  #stripMaybe(kv: KeyValue | undefined): KeyValue | undefined {
    return kv === undefined ? undefined : this.stripKey(kv);
  }

  #stripOp({ response }: ResponseOp): ResponseOp {
    switch (response.case) {
      case 'responseRange':
        return { response: { case: response.case, value: this.stripRange(response.value) } };
      case 'responsePut':
        return { response: { case: response.case, value: this.stripPut(response.value) } };
      case 'responseDeleteRange':
        return { response: { case: response.case, value: this.stripDeleteRange(response.value) } };
      case 'responseTxn':
        return { response: { case: response.case, value: this.stripTxn(response.value) } };
      case undefined:
        return { response };
    }
  }
}
