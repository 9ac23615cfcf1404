/**
 * Messages to a peer that has no stream open: each is a request of its own, four at a time. As etcd's
 * rafthttp/pipeline.go.
 */
import { messageCodec } from '../raftpb/codec.js';
import type { Message, NodeId } from '../raftpb/types.js';
import { errorText, hex, type PeerContext } from './context.js';
import type { PeerStatus } from './peer-status.js';
import { post } from './post.js';
import type { UrlPicker } from './url-picker.js';

/** Requests under way. */
const WORKERS = 4;
/** What may wait behind them: enough while the network is away for a second or less. */
const MAX_QUEUED = 64;
/** A member answers when it has taken the message; one that waits for a leader may take its time. */
const ANSWER_TIMEOUT_MS = 30_000;

export class Pipeline {
  readonly #stop = new AbortController();
  readonly #queue: Message[] = [];
  readonly #running = new Set<Promise<void>>();

  constructor(
    readonly context: PeerContext,
    readonly peerId: NodeId,
    readonly picker: UrlPicker,
    readonly status: PeerStatus,
  ) {
    context.logger.info('started HTTP pipelining with remote peer', this.#fields());
  }

  /** False when the queue is full. */
  push(message: Message): boolean {
    if (this.#stop.signal.aborted || this.#queue.length >= MAX_QUEUED) return false;
    this.#queue.push(message);
    if (this.#running.size < WORKERS) {
      const worker: Promise<void> = this.#work().finally(() => this.#running.delete(worker));
      this.#running.add(worker);
    }
    return true;
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('stopped'));
    await Promise.all(this.#running);
    this.context.logger.info('stopped HTTP pipelining with remote peer', this.#fields());
  }

  async #work(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const message = this.#queue.shift();
      if (message === undefined) return;
      await this.#send(message);
    }
  }

  async #send(message: Message): Promise<void> {
    const { context, peerId } = this;
    const url = this.picker.pick();
    try {
      const body = messageCodec[context.emulate].encode(message);
      await post(context, {
        peerId,
        url: `${url}/raft`,
        contentType: 'application/protobuf',
        body,
        signal: this.#stop.signal,
        headersTimeoutMs: ANSWER_TIMEOUT_MS,
        bodyTimeoutMs: ANSWER_TIMEOUT_MS,
      });
      this.status.activate();
      context.metrics.sentBytes.inc({ To: hex(peerId) }, body.length);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.picker.unreachable(url);
      this.status.deactivate({ source: 'pipeline', action: 'write', reason: errorText(error) });
      context.receiver.reportUnreachable(peerId);
      context.metrics.sentFailures.inc({ To: hex(peerId) });
    }
  }

  #fields(): Record<string, string> {
    return { 'local-member-id': hex(this.context.local.id), 'remote-peer-id': hex(this.peerId) };
  }
}
