/** A header block that waits for its CONTINUATION frames (RFC 9113, section 6.10). */
import { type BodyBound, BodyShare } from '../lib/body-bound.js';
import { ConnectionError, ErrorCode } from './frames/error-code.js';

const MAX_EMPTY_CONTINUATIONS = 8;
const MAX_CONTINUATIONS = 1100;
/** This much of each is held however much others hold. */
const FREE_BYTES = 64 * 1024;

export class ContinuedBlock {
  readonly streamId: number;
  readonly endStream: boolean;
  readonly #share: BodyShare | undefined;
  #pieces: Buffer[];
  #size: number;
  #empties = 0;

  constructor(streamId: number, endStream: boolean, first: Buffer, bodies: BodyBound | undefined) {
    this.streamId = streamId;
    this.endStream = endStream;
    this.#pieces = [first];
    this.#size = first.length;
    if (bodies !== undefined) this.#share = new BodyShare(bodies);
    this.#share?.take(first.length);
  }

  add(piece: Buffer, maxBytes: number): void {
    this.#size += piece.length;
    if (piece.length === 0) this.#empties++;
    // A block of more bytes than the list may have decoded is no use (CVE-2024-27316: it would otherwise never end).
    if (this.#size > maxBytes || this.#empties > MAX_EMPTY_CONTINUATIONS || this.#pieces.length > MAX_CONTINUATIONS) {
      throw new ConnectionError(ErrorCode.EnhanceYourCalm, 'too many CONTINUATION frames');
    }
    if (this.#share?.take(piece.length) === false && this.#size > FREE_BYTES) {
      throw new ConnectionError(ErrorCode.EnhanceYourCalm, 'too many bytes of header blocks wait');
    }
    this.#pieces.push(piece);
  }

  whole(): Buffer {
    const whole = Buffer.concat(this.#pieces);
    this.drop();
    return whole;
  }

  /** Nothing of it is held any more. */
  drop(): void {
    this.#pieces = [];
    this.#share?.release();
  }
}
