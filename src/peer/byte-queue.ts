/**
 * Bytes as they arrive, taken in the pieces that a frame asks for. Holds what has arrived and is not taken yet, nothing
 * else.
 */

const noBytes = new Uint8Array(0);

export class ByteQueue {
  #chunks: Uint8Array[] = [];
  /** First chunk not used up, and how much of it is. */
  #head = 0;
  #offset = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  /** The next `count` bytes, `count <= size`: a view where they arrived together, a copy where they did not. */
  take(count: number): Uint8Array {
    if (count > this.#size) throw new RangeError(`${count} bytes asked for, ${this.#size} there`);
    if (count === 0) return noBytes;
    const first = this.#chunks[this.#head] as Uint8Array;
    const end = this.#offset + count;
    this.#size -= count;
    if (end <= first.length) {
      const view = first.subarray(this.#offset, end);
      if (end === first.length) this.#next();
      else this.#offset = end;
      return view;
    }
    const out = Buffer.allocUnsafeSlow(count);
    let filled = 0;
    while (filled < count) {
      const chunk = this.#chunks[this.#head] as Uint8Array;
      const stop = Math.min(chunk.length, this.#offset + count - filled);
      out.set(chunk.subarray(this.#offset, stop), filled);
      filled += stop - this.#offset;
      if (stop === chunk.length) this.#next();
      else this.#offset = stop;
    }
    return out;
  }

  #next(): void {
    this.#offset = 0;
    this.#head++;
    if (this.#head === this.#chunks.length) {
      this.#chunks = [];
      this.#head = 0;
    } else if (this.#head >= 64) {
      this.#chunks = this.#chunks.slice(this.#head);
      this.#head = 0;
    }
  }
}
