/**
 * Linearizable reads that wait for word from a quorum that the leader is still the leader (Raft thesis §6.4). A
 * heartbeat carries the newest request's context; its acknowledgement confirms all requests before it too, so that any
 * number of reads share one round. Source of behaviour: etcd-io/raft read_only.go.
 */
import { latin1Text } from '../lib/latin1.js';
import type { Index, Message, NodeId } from '../raftpb/types.js';
import { RaftPanic } from './world/logger.js';

export interface ReadRequest {
  readonly request: Message;
  /** Commit index when the request came in. */
  readonly index: Index;
  readonly acks: Map<NodeId, boolean>;
}

/** Contexts are compared by content. */
const keyOf = (context: Uint8Array): string => latin1Text(context);

const contextOf = (request: Message): Uint8Array => {
  const entry = request.entries[0];
  if (entry === undefined) throw new RaftPanic('read index request without context');
  return entry.data;
};

export class ReadOnlyQueue {
  /** By context, in order of arrival. */
  readonly #pending = new Map<string, ReadRequest>();
  #last: Uint8Array | undefined;

  get size(): number {
    return this.#pending.size;
  }

  add(index: Index, request: Message): void {
    const context = contextOf(request);
    const key = keyOf(context);
    if (this.#pending.has(key)) return;
    this.#pending.set(key, { request, index, acks: new Map() });
    this.#last = context;
  }

  /** Who acknowledged the request with `context` so far; undefined if there is none (any more). */
  receiveAck(from: NodeId, context: Uint8Array): ReadonlyMap<NodeId, boolean> | undefined {
    const request = this.#pending.get(keyOf(context));
    request?.acks.set(from, true);
    return request?.acks;
  }

  /** Takes out all requests up to the one with `context`. */
  advance(context: Uint8Array): ReadRequest[] {
    const key = keyOf(context);
    if (!this.#pending.has(key)) return [];
    const confirmed: ReadRequest[] = [];
    for (const [each, request] of this.#pending) {
      this.#pending.delete(each);
      confirmed.push(request);
      if (each === key) break;
    }
    return confirmed;
  }

  /** Context of the newest request that waits. */
  lastPendingContext(): Uint8Array | undefined {
    return this.#pending.size === 0 ? undefined : this.#last;
  }
}
