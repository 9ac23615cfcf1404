/**
 * Pieces that come one by one and are put together at last. However small they are, they take little more than their
 * bytes: an object for each byte that a peer sends alone would be a hundred times as much.
 */
export class Gathered {
  #pieces: Uint8Array[] = [];
  #size = 0;
  /** So many of the last ones are small. */
  #smallCount = 0;

  get size(): number {
    return this.#size;
  }

  /** Objects that hold them. */
  get pieceCount(): number {
    return this.#pieces.length;
  }

  /** The piece is kept, not copied. */
  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#size += piece.length;
    this.#smallCount = piece.length < SMALL_BYTES ? this.#smallCount + 1 : 0;
    if (this.#smallCount < SMALL_PIECES) return;
    this.#pieces.push(Buffer.concat(this.#pieces.splice(-SMALL_PIECES)));
    this.#smallCount = 0;
  }

  /** All of them as one; then there are none. */
  take(): Buffer {
    const [only] = this.#pieces;
    const all =
      this.#pieces.length === 1 && only !== undefined
        ? Buffer.from(only.buffer, only.byteOffset, only.length)
        : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#size = 0;
    this.#smallCount = 0;
    return all;
  }
}

const SMALL_BYTES = 1024;
const SMALL_PIECES = 256;
