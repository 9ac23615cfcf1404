/** A header block that waits for its CONTINUATION frames (RFC 9113, section 6.10). */
import { ConnectionError, ErrorCode } from './frames/error-code.js';

const MAX_EMPTY_CONTINUATIONS = 8;
const MAX_CONTINUATIONS = 1100;

export class ContinuedBlock {
  readonly streamId: number;
  readonly endStream: boolean;
  readonly #pieces: Buffer[];
  #size: number;
  #empties = 0;

  constructor(streamId: number, endStream: boolean, first: Buffer) {
    this.streamId = streamId;
    this.endStream = endStream;
    this.#pieces = [first];
    this.#size = first.length;
  }

  add(piece: Buffer, maxBytes: number): void {
    this.#size += piece.length;
    if (piece.length === 0) this.#empties++;
    // A block of more bytes than the list may have decoded is no use (CVE-2024-27316: it would otherwise never end).
    if (this.#size > maxBytes || this.#empties > MAX_EMPTY_CONTINUATIONS || this.#pieces.length > MAX_CONTINUATIONS) {
      throw new ConnectionError(ErrorCode.EnhanceYourCalm, 'too many CONTINUATION frames');
    }
    this.#pieces.push(piece);
  }

  whole(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}
