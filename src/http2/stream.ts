/**
 * One stream's state; the session moves it. States of RFC 9113 section 5.1 in two booleans: open (neither ended),
 * half-closed (one ended), closed (both, or reset: then the session has forgotten the stream).
 * Invariants: `queue` is undefined exactly when `queuedBytes` is 0; `unconsumed` is what `data` handed out and
 * `consume` has not got back.
 */
import type { Fifo } from '../lib/fifo.js';
import type { ErrorCode } from './frames/error-code.js';
import type { HeaderList, Http2Session, Http2Stream, StreamListener } from './types.js';

export interface StreamOwner extends Http2Session {
  writeHeaders(stream: Stream, fields: HeaderList, end: boolean): void;
  queuePieces(stream: Stream, pieces: readonly Uint8Array[], prefix: Uint8Array): boolean;
  writeOrQueue(stream: Stream, bytes: Uint8Array, end: boolean, prefix: Uint8Array | undefined): boolean;
  resetStream(stream: Stream, code: ErrorCode): void;
  consumed(stream: Stream, count: number): void;
}

/** Until the owner has set its own. */
const deaf: StreamListener = { headers() {}, data() {}, trailers() {}, writable() {}, closed() {} };

export class Stream implements Http2Stream {
  listener: StreamListener = deaf;
  /** We have put END_STREAM on the wire. */
  localEnded = false;
  remoteEnded = false;
  closed = false;

  queue: Fifo<Uint8Array> | undefined;
  /** How much of the first piece in `queue` is already sent. */
  queueOffset = 0;
  queuedBytes = 0;
  /** END_STREAM belongs to the last queued byte, or to `trailersQueued` after it. */
  endQueued = false;
  trailersQueued: HeaderList | undefined;
  wantsWritable = false;

  /** Received and not yet given back by `consume`. */
  unconsumed = 0;
  /** Given back and not yet announced by WINDOW_UPDATE. */
  unannounced = 0;
  /** Declared content length or -1, and what came so far. */
  expectedBytes = -1;
  receivedBytes = 0;
  /** Client: the final response's headers have come. */
  responded = false;
  /** Server: headers have been sent. */
  answered = false;
  /** Server: when the request came, by the session's clock. */
  openedAtMs = 0;

  constructor(
    readonly id: number,
    readonly session: StreamOwner,
    /** What the peer lets us send; negative after it lowered SETTINGS_INITIAL_WINDOW_SIZE. */
    public sendWindow: number,
    public receiveWindow: number,
  ) {}

  sendHeaders(fields: HeaderList, end: boolean): void {
    if (this.closed || this.localEnded) return;
    this.answered = true;
    this.session.writeHeaders(this, fields, end);
  }

  sendData(bytes: Uint8Array, end: boolean, prefix?: Uint8Array): boolean {
    if (this.closed || this.localEnded || this.endQueued) return true;
    return this.session.writeOrQueue(this, bytes, end, prefix);
  }

  sendPieces(pieces: readonly Uint8Array[], prefix: Uint8Array): boolean {
    if (this.closed || this.localEnded || this.endQueued) return true;
    return this.session.queuePieces(this, pieces, prefix);
  }

  sendTrailers(fields: HeaderList): void {
    if (this.closed || this.localEnded || this.endQueued) return;
    if (this.queue === undefined) {
      this.session.writeHeaders(this, fields, true);
    } else {
      this.trailersQueued = fields;
      this.endQueued = true;
    }
  }

  reset(code: ErrorCode): void {
    if (!this.closed) this.session.resetStream(this, code);
  }

  consume(count: number): void {
    this.session.consumed(this, count);
  }
}
