/**
 * Sends messages to a peer in the body of the stream that the peer has asked for. What is pushed between two flushes is
 * one piece, and the system has it when the flush returns: a leader's sync of its own log comes after it. A new stream
 * of the same kind replaces the old one.
 *
 *   push ─▶ queue (4096 messages, 50 MiB) ─flush─▶ encode ─▶ body of the response ─▶ socket
 *
 * A full queue, and a stream that ends with messages in its queue, is for raft to hear: it must not wait for an answer
 * to them.
 */
import type { BodyWriter, HttpRequest, WrittenBody } from '../lib/http.js';
import type { Message, NodeId } from '../raftpb/types.js';
import { CONNECTION_TIMEOUT_MS, hex, type PeerContext } from './context.js';
import type { FrameEncoder } from './frames.js';
import type { PeerStatus } from './peer-status.js';
import { makeEncoder, type StreamKind, streamNames } from './stream-kind.js';

/** As etcd's streamBufSize: some seconds of a busy cluster. */
const MAX_QUEUED = 4096;
/** As etcd's maxPendingBytes. The entries stand in raft's log anyway. */
const MAX_QUEUED_BYTES = 50 * 1024 * 1024;
/** A piece of the body: large enough to cost nothing per message, small enough that the socket takes it soon. */
const MAX_BATCH = 2048;
const MAX_BATCH_BYTES = 1024 * 1024;

/** The stream as the response has it: its body, and when to break it off. */
export interface OutgoingStream {
  readonly body: WrittenBody;
  readonly broken: AbortSignal;
}

export class StreamWriter {
  #connection: Connection | undefined;
  /** The peer has asked for it at least once. */
  #isKnown = false;

  constructor(
    readonly context: PeerContext,
    readonly peerId: NodeId,
    readonly kind: StreamKind,
    readonly status: PeerStatus,
  ) {
    const fields = { 'local-member-id': hex(context.local.id), 'remote-peer-id': hex(peerId) };
    context.logger.info('started stream writer with remote peer', fields);
  }

  /** Whether the peer has a stream open. */
  get working(): boolean {
    return this.#connection !== undefined;
  }

  /** False when the queue is full. Goes out with the next flush. */
  push(message: Message): boolean {
    return this.#connection?.push(message) ?? false;
  }

  flush(): void {
    this.#connection?.flush();
  }

  /** The peer has asked for the stream. */
  attach(request: HttpRequest): OutgoingStream {
    const { logger, emulate, local } = this.context;
    const closed = this.#drop();
    logger.info('set message encoder', {
      from: hex(local.id),
      to: hex(this.peerId),
      'stream-type': streamNames[this.kind],
    });
    const connection = new Connection(this.context, this.peerId, makeEncoder(this.kind, emulate), () =>
      this.#lost(connection, 'write', 'the peer has gone away'),
    );
    this.#connection = connection;
    this.#isKnown = true;
    if (request.signal.aborted) connection.end();
    else request.signal.addEventListener('abort', () => connection.end(), { once: true });
    this.status.activate();
    if (closed) logger.warn('closed TCP streaming connection with remote peer', this.#fields());
    logger.info('established TCP streaming connection with remote peer', this.#fields());
    return connection;
  }

  /** Every third of the time after which a silent connection is given up. */
  heartbeat(nowMs: number): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    if (connection.stalledMs(nowMs) <= (this.context.writeTimeoutMs ?? CONNECTION_TIMEOUT_MS)) connection.beat();
    else this.#lost(connection, 'heartbeat', 'i/o timeout');
  }

  stop(): void {
    const type = this.#isKnown ? streamNames[this.kind] : 'unknown stream';
    const fields = { 'stream-writer-type': type, 'remote-peer-id': hex(this.peerId) };
    if (this.#drop()) this.context.logger.warn('closed TCP streaming connection with remote peer', fields);
    this.context.logger.info('stopped TCP streaming connection with remote peer', fields);
  }

  #lost(connection: Connection, action: string, reason: string): void {
    if (this.#connection !== connection) return;
    const { logger, metrics } = this.context;
    this.status.deactivate({ source: streamNames[this.kind], action, reason });
    this.#drop();
    logger.warn('lost TCP streaming connection with remote peer', this.#fields());
    metrics.sentFailures.inc({ To: hex(this.peerId) });
  }

  #drop(): boolean {
    const connection = this.#connection;
    if (connection === undefined) return false;
    this.#connection = undefined;
    if (connection.close() > 0) this.context.receiver.reportUnreachable(this.peerId);
    return true;
  }

  #fields(): Record<string, string> {
    return {
      'stream-writer-type': streamNames[this.kind],
      'local-member-id': hex(this.context.local.id),
      'remote-peer-id': hex(this.peerId),
    };
  }
}

/** One stream: a queue, and the body that it is written to. */
class Connection implements OutgoingStream, WrittenBody {
  readonly body = this;
  readonly #broken = new AbortController();
  readonly broken = this.#broken.signal;
  readonly #sentBytes: { inc(count: number): void };
  #queue: Message[] = [];
  #queuedBytes = 0;
  #closed = false;
  #writer: BodyWriter | undefined;
  /** The socket takes nothing more for the moment. */
  #full = false;
  #wroteAtMs: number;

  constructor(
    readonly context: PeerContext,
    peerId: NodeId,
    readonly encoder: FrameEncoder,
    readonly onGone: () => void,
  ) {
    this.#sentBytes = context.metrics.sentBytes.labels({ To: hex(peerId) });
    this.#wroteAtMs = context.clock.monotonicMs();
  }

  push(message: Message): boolean {
    if (this.#queue.length >= MAX_QUEUED) return false;
    const bytes = payloadBytes(message);
    // A single message larger than the bound goes out alone.
    if (this.#queue.length > 0 && this.#queuedBytes + bytes > MAX_QUEUED_BYTES) return false;
    this.#queue.push(message);
    this.#queuedBytes += bytes;
    return true;
  }

  flush(): void {
    while (this.#queue.length > 0 && this.#isFree()) this.#write(this.encoder.encode(this.#batch()));
  }

  /** Where messages wait, these are sign enough of life. */
  beat(): void {
    if (this.#queue.length === 0 && this.#isFree()) this.#write(this.encoder.heartbeat);
  }

  /** How long the socket has taken nothing although there was something. */
  stalledMs(nowMs: number): number {
    return this.#isFree() ? 0 : nowMs - this.#wroteAtMs;
  }

  /** Returns how many messages are lost by it. */
  close(): number {
    const lost = this.#queue.length;
    this.#queue = [];
    this.#closed = true;
    // What the socket holds up might never end.
    if (this.#full || this.#writer === undefined) this.#broken.abort();
    else this.#writer.end();
    return lost;
  }

  /** The peer has gone away. */
  end(): void {
    if (this.#closed) return;
    this.onGone();
  }

  begin(writer: BodyWriter): void {
    this.#writer = writer;
    if (this.#closed) writer.end();
    this.flush();
  }

  resume(): void {
    this.#full = false;
    this.flush();
  }

  #isFree(): boolean {
    return this.#writer !== undefined && !this.#full;
  }

  #write(bytes: Uint8Array): void {
    this.#wroteAtMs = this.context.clock.monotonicMs();
    this.#sentBytes.inc(bytes.length);
    this.#full = this.#writer?.write(bytes) === false;
  }

  #batch(): readonly Message[] {
    const queue = this.#queue;
    let count = 0;
    let bytes = 0;
    while (count < queue.length && count < MAX_BATCH && (count === 0 || bytes < MAX_BATCH_BYTES)) {
      bytes += payloadBytes(queue[count] as Message);
      count++;
    }
    this.#queuedBytes -= bytes;
    this.#queue = count === queue.length ? [] : queue.slice(count);
    return count === queue.length ? queue : queue.slice(0, count);
  }
}

function payloadBytes({ entries, context }: Message): number {
  let bytes = context.length;
  for (const { data } of entries) bytes += data.length;
  return bytes;
}
