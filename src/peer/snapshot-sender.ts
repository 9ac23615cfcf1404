/**
 * Sends a snapshot of the store: the frame of its message, the database's bytes right behind it, up to the end of the
 * request. Nothing tells their length and nothing their hash; a transfer that breaks off is broken off visibly, and
 * begun anew from the start when raft asks for it.
 */
import { humanBytes } from '../lib/go/bytes.js';
import { formatMs } from '../lib/go/duration.js';
import type { Message, NodeId } from '../raftpb/types.js';
import { CONNECTION_TIMEOUT_MS, errorText, hex, type PeerContext } from './context.js';
import { MessageFrameEncoder } from './message-frames.js';
import type { PeerStatus } from './peer-status.js';
import { post } from './post.js';
import type { DatabaseSource } from './types.js';
import type { UrlPicker } from './url-picker.js';

/**
 * The receiver has everything and makes it durable; a peer that takes no more bytes for so long is given up as well.
 */
const ANSWER_TIMEOUT_MS = 120_000;

export class SnapshotSender {
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(
    readonly context: PeerContext,
    readonly peerId: NodeId,
    readonly picker: UrlPicker,
    readonly status: PeerStatus,
  ) {}

  get sending(): number {
    return this.#running.size;
  }

  send(message: Message, database: DatabaseSource): void {
    const sending: Promise<void> = this.#send(message, database).finally(() => this.#running.delete(sending));
    this.#running.add(sending);
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('stopped'));
    await Promise.all(this.#running);
  }

  async #send(message: Message, database: DatabaseSource): Promise<void> {
    const { context, peerId } = this;
    const { logger, metrics, clock, receiver } = context;
    const head = new MessageFrameEncoder(context.emulate).encode([message]);
    const bytes = head.length + database.sizeBytes;
    const fields = {
      'snapshot-index': message.snapshot?.metadata.index ?? 0,
      'remote-peer-id': hex(peerId),
      bytes,
      size: humanBytes(bytes),
    };
    const to = { To: hex(peerId) };
    const merged = { from: hex(context.local.id), to: hex(peerId), bytes, size: humanBytes(bytes) };
    logger.info('sending merged snapshot', merged);
    logger.info('sending database snapshot', fields);
    metrics.snapshotSending.inc(to);
    const begunMs = clock.monotonicMs();
    const url = this.picker.pick();
    let outcome: 'finished' | 'failed' = 'failed';
    try {
      await post(context, {
        peerId,
        url: `${url}/raft/snapshot`,
        contentType: 'application/octet-stream',
        body: bodyOf(head, database),
        signal: this.#stop.signal,
        headersTimeoutMs: ANSWER_TIMEOUT_MS,
        bodyTimeoutMs: CONNECTION_TIMEOUT_MS,
      });
      outcome = 'finished';
      this.status.activate();
      logger.info('sent database snapshot', fields);
      logger.info('sent merged snapshot', { ...merged, took: formatMs(clock.monotonicMs() - begunMs) });
      metrics.sentBytes.inc(to, bytes);
      metrics.snapshotSent.inc(to);
      metrics.snapshotSendSeconds.observe(to, (clock.monotonicMs() - begunMs) / 1000);
    } catch (error) {
      const reason = errorText(error);
      logger.warn('failed to send database snapshot', { ...fields, error: reason });
      this.picker.unreachable(url);
      this.status.deactivate({ source: 'sendMsgSnap', action: 'post', reason });
      receiver.reportUnreachable(peerId);
      metrics.sentFailures.inc(to);
      metrics.snapshotSendFailures.inc(to);
    } finally {
      metrics.snapshotSending.dec(to);
      // After a failure raft pauses a while and asks for a new one.
      receiver.reportSnapshot(peerId, outcome);
      database.close(outcome);
    }
  }
}

async function* bodyOf(head: Uint8Array, database: DatabaseSource): AsyncGenerator<Uint8Array> {
  yield head;
  yield* database.chunks();
}
