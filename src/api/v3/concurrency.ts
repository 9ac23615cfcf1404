/**
 * What locks and elections on the server are made of: transactions, reads and watches in the name of the caller,
 * through the same handlers as if he had called them. Each refusal has no code of its own but Unknown, as etcd's
 * services give it. Source: etcd's client/v3/concurrency/key.go.
 */

import { contextCanceled } from '../../grpc/context-errors.js';
import { Code, GrpcError, type ServerCall } from '../../grpc/types.js';
import type { LeaseId } from '../../lib/ids.js';
import { latin1Bytes, latin1Text } from '../../lib/latin1.js';
import { joined } from '../../lib/pieces.js';
import type { WatchMessage, WatchStreamHandle } from '../../mvcc/watch/types.js';
import { wireErrors } from '../../proto/errors.js';
import {
  type Compare,
  Compare_CompareResult as CompareResult,
  Compare_CompareTarget as CompareTarget,
  DeleteRangeRequest,
  type KV,
  type Lease,
  LeaseGrantRequest,
  PutRequest,
  RangeRequest,
  RangeResponse,
  type RequestOp,
  RangeRequest_SortOrder as SortOrder,
  RangeRequest_SortTarget as SortTarget,
  TxnRequest,
  TxnResponse,
} from '../../proto/gen/etcdserverpb.js';
import { Event, Event_EventType as EventType, type KeyValue } from '../../proto/gen/mvccpb.js';
import type { MemberFace } from './face.js';
import { type Handlers, toGrpcError } from './service.js';

/** Of a session made for a caller who brings no lease. */
const SESSION_TTL_SECONDS = 60;

/** The handlers that a caller's steps go through. */
export interface StepHandlers {
  readonly kv: Handlers<typeof KV>;
  readonly lease: Handlers<typeof Lease>;
}

export class Steps {
  constructor(
    readonly member: MemberFace,
    readonly handlers: StepHandlers,
  ) {}

  /** The caller's lease, or a new one that nobody keeps alive. */
  async session(lease: LeaseId, call: ServerCall): Promise<LeaseId> {
    if (call.aborted) throw contextCanceled();
    if (lease !== 0n) return lease;
    const request = LeaseGrantRequest.create({ TTL: SESSION_TTL_SECONDS });
    const granted = joined(await this.#as(async () => this.handlers.lease.leaseGrant(request, call)));
    if (granted instanceof Uint8Array) throw new Error('a lease is granted as a message');
    return granted.ID;
  }

  async txn(request: Partial<TxnRequest>, call: ServerCall): Promise<TxnResponse> {
    const answer = await this.#as(async () => this.handlers.kv.txn(TxnRequest.create(request), call));
    return TxnResponse.decode(joined(answer) as Uint8Array);
  }

  async range(request: Partial<RangeRequest>, call: ServerCall): Promise<RangeResponse> {
    const answer = await this.#as(async () => this.handlers.kv.range(RangeRequest.create(request), call));
    return RangeResponse.decode(joined(answer) as Uint8Array);
  }

  /** The key under the prefix that was created first: whose lock it is, who leads. */
  async oldest(prefix: Uint8Array, call: ServerCall): Promise<RangeResponse> {
    return this.range(oldestOf(prefix), call);
  }

  /** Also once the caller is gone: what it made is taken away again. */
  async delete(key: Uint8Array, call: ServerCall): Promise<Uint8Array> {
    const request = DeleteRangeRequest.create({ key });
    return (await this.#as(async () => this.handlers.kv.deleteRange(request, outliving(call)))) as Uint8Array;
  }

  /**
   * Resolves when no key under the prefix was created at or before `maxCreateRevision`. Rejects when the call is
   * aborted, and with `lost` as soon as the caller's own key is gone (with its lease): etcd tells only when its turn
   * would have come.
   */
  async waitForDeletions(
    turn: {
      readonly prefix: Uint8Array;
      readonly maxCreateRevision: number;
      readonly ownKey: Uint8Array;
      readonly lost: string;
    },
    call: ServerCall,
  ): Promise<void> {
    const { prefix, maxCreateRevision, ownKey, lost } = turn;
    // Without one, any revision would do.
    if (maxCreateRevision < 1) return;
    for (;;) {
      const { header, kvs } = await this.range(
        {
          key: prefix,
          rangeEnd: prefixEnd(prefix),
          limit: 1,
          sortOrder: SortOrder.DESCEND,
          sortTarget: SortTarget.CREATE,
          maxCreateRevision,
        },
        call,
      );
      const [newest] = kvs;
      if (newest === undefined) return;
      using watch = this.watch([newest.key, ownKey], header?.revision ?? 0, call);
      for (let isHere = true; isHere; ) {
        for (const { type, kv } of (await watch.next()).events) {
          if (type !== EventType.DELETE || kv === undefined) continue;
          if (Buffer.compare(kv.key, ownKey) === 0) throw new GrpcError(Code.Unknown, lost);
          isHere = false;
        }
      }
    }
  }

  /** Of single keys, or all under one prefix. Whoever is permitted to read them is permitted to watch. */
  watch(keys: readonly Uint8Array[], startRevision: number, call: ServerCall, rangeEnd?: Uint8Array): KeyWatch {
    return new KeyWatch(this.member, { keys, startRevision, rangeEnd: rangeEnd ?? NO_BYTES }, call.signal);
  }

  async #as<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (cause) {
      throw uncoded(toGrpcError(cause, this.member.emulate));
    }
  }
}

/** Context errors keep their code, all others lose it. */
function uncoded(error: GrpcError): GrpcError {
  const isContext =
    error.message === wireErrors.contextCanceled.message ||
    error.message === wireErrors.contextDeadlineExceeded.message;
  return isContext ? error : new GrpcError(Code.Unknown, error.message, { cause: error });
}

const NO_BYTES = new Uint8Array(0);

export interface KeyEvents {
  readonly revision: number;
  readonly events: readonly Event[];
}

/** Events of a few keys, one batch after the other. */
class KeyWatch implements Disposable {
  readonly #stream: WatchStreamHandle;
  readonly #signal: AbortSignal;
  #wake: () => void = () => {};
  readonly #onAbort = (): void => this.#wake();

  constructor(
    member: MemberFace,
    asked: { readonly keys: readonly Uint8Array[]; readonly startRevision: number; readonly rangeEnd: Uint8Array },
    signal: AbortSignal,
  ) {
    this.#signal = signal;
    this.#stream = member.hub.openStream({
      onReady: () => this.#wake(),
      maxResponseBytes: Number.POSITIVE_INFINITY,
    });
    for (const key of asked.keys) {
      const { startRevision, rangeEnd } = asked;
      this.#stream.watch({ key, rangeEnd, startRevision, watchId: 0n });
    }
    signal.addEventListener('abort', this.#onAbort);
  }

  /** Rejects when the call is over, and when what was to come has been compacted. */
  async next(): Promise<KeyEvents> {
    for (;;) {
      if (this.#signal.aborted) throw this.#reason();
      const ready = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const message = this.#stream.take();
      if (message !== undefined) return eventsOf(message);
      await ready;
    }
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#stream.close();
  }

  #reason(): GrpcError {
    const { reason } = this.#signal;
    return reason instanceof GrpcError ? reason : contextCanceled();
  }
}

function eventsOf({ revision, events, canceled }: WatchMessage): KeyEvents {
  if (canceled) throw new GrpcError(Code.Unknown, wireErrors.compacted.message);
  return { revision, events: events.map((bytes) => Event.decode(bytes)) };
}

/** `<name>/` */
export function prefixOf(name: Uint8Array): Uint8Array {
  return Buffer.concat([name, Buffer.from('/')]);
}

/** `<prefix><lease in hex>` */
export function keyOf(prefix: Uint8Array, lease: LeaseId): Uint8Array {
  return latin1Bytes(latin1Text(prefix) + lease.toString(16));
}

/** The end of all keys that begin with `prefix`, which ends with a slash. */
export function prefixEnd(prefix: Uint8Array): Uint8Array {
  const end = Buffer.from(prefix);
  end[end.length - 1] = '/'.charCodeAt(0) + 1;
  return end;
}

export function createdAt(key: Uint8Array, revision: number): Compare {
  return {
    key,
    rangeEnd: NO_BYTES,
    result: CompareResult.EQUAL,
    target: CompareTarget.CREATE,
    targetUnion: { case: 'createRevision', value: revision },
  };
}

export const opPut = (put: Partial<PutRequest>): RequestOp => ({
  request: { case: 'requestPut', value: PutRequest.create(put) },
});

export const opGet = (range: Partial<RangeRequest>): RequestOp => ({
  request: { case: 'requestRange', value: RangeRequest.create(range) },
});

export const opDelete = (key: Uint8Array): RequestOp => ({
  request: { case: 'requestDeleteRange', value: DeleteRangeRequest.create({ key }) },
});

export const oldestOf = (prefix: Uint8Array): Partial<RangeRequest> => ({
  key: prefix,
  rangeEnd: prefixEnd(prefix),
  limit: 1,
  sortOrder: SortOrder.ASCEND,
  sortTarget: SortTarget.CREATE,
});

/** The first key of an answered range within a transaction. */
export function rangedKey({ responses }: TxnResponse, index: number): KeyValue | undefined {
  const response = responses[index]?.response;
  return response?.case === 'responseRange' ? response.value.kvs[0] : undefined;
}

/** The same caller, as if it still waited. */
export function outliving({ path, metadata, connection, peer, trace }: ServerCall): ServerCall {
  return {
    path,
    metadata,
    connection,
    peer,
    trace,
    aborted: false,
    signal: new AbortController().signal,
    timeoutMs: undefined,
    setHeader() {},
    setTrailer() {},
  };
}
