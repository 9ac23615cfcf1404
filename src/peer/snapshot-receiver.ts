/**
 * Takes a leader's snapshot: the frame of its message, then the database up to the end of the request. The member
 * stores both.
 */

import type { EmulatedVersion } from '../lib/emulate.js';
import { humanBytes } from '../lib/go/bytes.js';
import type { HttpBody, HttpRequest } from '../lib/http.js';
import { messageTypeName } from '../raftpb/describe.js';
import { type Message, MessageType } from '../raftpb/types.js';
import { acceptanceOf } from './acceptance.js';
import { errorText, hex, type PeerContext } from './context.js';
import { FrameError } from './frames.js';
import { MessageFrameDecoder } from './message-frames.js';
import { SnapshotSaveError } from './types.js';

/**
 * For the message with the v2 store in it; the database behind it has no limit. As etcd's, by version; a terabyte is
 * none.
 */
const LIMIT_BYTES: Readonly<Record<EmulatedVersion, number>> = {
  '3.4': 512 * 1024 * 1024,
  '3.5': 512 * 1024 * 1024,
  '3.6': 64 * 1024 * 1024,
  '3.7': 64 * 1024 * 1024,
};
/** Of messages, those being read and those whose databases are: two of the largest would be too many. */
const ALL_MESSAGES_BYTES = 768 * 1024 * 1024;
/** Transfers at a time: each fills a file. One leader sends one at a time to each member. */
const MAX_RECEIVING = 4;
const UNKNOWN_SENDER = 'UNKNOWN_SNAPSHOT_SENDER';

export interface Failure {
  readonly status: number;
  readonly text: string;
}

export class SnapshotReceiver {
  #receiving = 0;
  #messageBytes = 0;

  constructor(readonly context: PeerContext) {}

  /** One that did not get as far as its message. */
  refused(): void {
    this.context.metrics.snapshotReceiveFailures.inc({ From: UNKNOWN_SENDER });
  }

  /** undefined when the member has taken it. */
  async receive(request: HttpRequest): Promise<Failure | undefined> {
    let heldBytes = 0;
    const hold = (bytes: number): void => {
      heldBytes += bytes;
      this.#messageBytes += bytes;
      if (this.#messageBytes > ALL_MESSAGES_BYTES) throw new FrameError('too many snapshots are being received');
    };
    try {
      return await this.#receive(request, hold);
    } finally {
      this.#messageBytes -= heldBytes;
    }
  }

  async #receive(request: HttpRequest, hold: (bytes: number) => void): Promise<Failure | undefined> {
    const { clock, logger, metrics, local, emulate } = this.context;
    const begunMs = clock.monotonicMs();
    const ids = { 'local-member-id': hex(local.id) };
    const decoder = new MessageFrameDecoder(emulate, LIMIT_BYTES[emulate]);
    const chunks = request.body[Symbol.asyncIterator]();
    let message: Message;
    try {
      message = await readMessage(decoder, chunks, (bytes) => {
        hold(bytes);
        // It is counted here: a v2 store may be larger than all that requests may hold together.
        request.body.release?.(bytes);
      });
    } catch (error) {
      const reason = errorText(error);
      logger.warn('failed to decode Raft message', { ...ids, 'remote-snapshot-sender-id': '0', error: reason });
      metrics.receivedFailures.inc({ From: request.peer.address });
      metrics.snapshotReceiveFailures.inc({ From: '0' });
      return { status: 400, text: `failed to decode raft message (${reason})` };
    }
    const sender = hex(message.from);
    const from = { From: sender };
    metrics.receivedBytes.inc(from, decoder.readBytes);
    const fields = { ...ids, 'remote-snapshot-sender-id': sender };
    if (message.type !== MessageType.MsgSnap || message.snapshot === undefined) {
      logger.warn('unexpected Raft message type', { ...fields, 'message-type': messageTypeName(message.type) });
      metrics.snapshotReceiveFailures.inc(from);
      return { status: 400, text: 'wrong raft message type' };
    }
    // Before its database is stored, not after as in etcd: what comes from a removed member, or for another one, fills
    // no disk.
    const acceptance = acceptanceOf(message, this.context);
    if (acceptance.t !== 'take') {
      metrics.snapshotReceiveFailures.inc(from);
      const why = acceptance.t === 'refuse' ? acceptance.error.message : 'cannot process message to mismatch member';
      return { status: 500, text: `failed to process raft message (${why})` };
    }
    if (this.#receiving >= MAX_RECEIVING) {
      metrics.snapshotReceiveFailures.inc(from);
      return { status: 500, text: 'failed to save KV snapshot (too many snapshots are being received)' };
    }
    this.#receiving++;
    metrics.snapshotReceiving.inc(from);
    try {
      const failure = await this.#take(
        message,
        new DatabaseBody(decoder.rest(), chunks, request.body),
        decoder.readBytes,
        begunMs,
      );
      if (failure === undefined) {
        metrics.snapshotReceived.inc(from);
        metrics.snapshotReceiveSeconds.observe(from, (clock.monotonicMs() - begunMs) / 1000);
      } else metrics.snapshotReceiveFailures.inc(from);
      return failure;
    } finally {
      this.#receiving--;
      metrics.snapshotReceiving.dec(from);
    }
  }

  async #take(
    message: Message,
    database: DatabaseBody,
    messageBytes: number,
    begunMs: number,
  ): Promise<Failure | undefined> {
    const { clock, logger, metrics, local, receiver } = this.context;
    const sender = hex(message.from);
    const fields = {
      'local-member-id': hex(local.id),
      'remote-snapshot-sender-id': sender,
      'incoming-snapshot-index': message.snapshot?.metadata.index ?? 0,
    };
    logger.info('receiving database snapshot', {
      ...fields,
      'incoming-snapshot-message-size-bytes': messageBytes,
      'incoming-snapshot-message-size': humanBytes(messageBytes),
    });
    try {
      await receiver.processSnapshot(message, database);
    } catch (error) {
      const reason = errorText(error);
      if (error instanceof SnapshotSaveError || !database.whole) {
        logger.warn('failed to save incoming database snapshot', { ...fields, error: reason });
        return { status: 500, text: `failed to save KV snapshot (${reason})` };
      }
      logger.warn('failed to process Raft message', { ...fields, error: reason });
      return { status: 500, text: `failed to process raft message (${reason})` };
    } finally {
      metrics.receivedBytes.inc({ From: sender }, database.bytes);
    }
    logger.info('received and saved database snapshot', {
      ...fields,
      'incoming-snapshot-size-bytes': database.bytes,
      'incoming-snapshot-size': humanBytes(database.bytes),
      'download-took': `${((clock.monotonicMs() - begunMs) / 1000).toFixed(9)}s`,
    });
    return undefined;
  }
}

async function readMessage(
  decoder: MessageFrameDecoder,
  chunks: AsyncIterator<Uint8Array>,
  onRead: (bytes: number) => void,
): Promise<Message> {
  for (let begun = false; ; begun = true) {
    const message = decoder.next();
    if (message !== undefined) return message;
    const next = await chunks.next();
    if (next.done === true) throw new FrameError(begun ? 'unexpected EOF' : 'EOF');
    onRead(next.value.length);
    decoder.push(next.value);
  }
}

/** The rest of the request. Whether it came to its end is known once it has been read. */
class DatabaseBody implements AsyncIterable<Uint8Array> {
  bytes = 0;
  whole = false;

  constructor(
    readonly first: Uint8Array,
    readonly chunks: AsyncIterator<Uint8Array>,
    readonly body: HttpBody,
  ) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    if (this.first.length > 0) {
      this.bytes += this.first.length;
      yield this.first;
    }
    for (;;) {
      const next = await this.chunks.next();
      if (next.done === true) break;
      this.bytes += next.value.length;
      yield next.value;
      // It is in a file: a database may be larger than all that requests may hold together.
      this.body.release?.(next.value.length);
    }
    this.whole = true;
  }
}
