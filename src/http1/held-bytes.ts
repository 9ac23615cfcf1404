/**
 * Bytes that have arrived and wait: appended to, and taken from the front, any number of times at the cost of few
 * copies. What `peek` has shown stays as it is: room is never used twice.
 */
export class HeldBytes {
  #buffer: Buffer = NONE;
  #from = 0;
  #to = 0;

  get length(): number {
    return this.#to - this.#from;
  }

  /** `bytes` may be kept as they are. */
  append(bytes: Buffer): void {
    if (this.#to === 0 && isMostOf(bytes)) {
      this.#buffer = bytes;
      this.#to = bytes.length;
      return;
    }
    if (this.#to + bytes.length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.length + bytes.length, 2 * this.length));
      larger.set(this.peek());
      this.#to = this.length;
      this.#from = 0;
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#to);
    this.#to += bytes.length;
  }

  peek(): Buffer {
    return this.#buffer.subarray(this.#from, this.#to);
  }

  /** Holds the first `count` no more. */
  consume(count: number): void {
    this.#from += count;
    if (this.#from < this.#to) return;
    this.#buffer = NONE;
    this.#from = 0;
    this.#to = 0;
  }
}

/** Little else is kept alive with them. */
const isMostOf = (bytes: Buffer): boolean => bytes.buffer.byteLength <= 2 * bytes.length;

const NONE: Buffer = Buffer.alloc(0);
