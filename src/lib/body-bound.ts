/**
 * Bytes of requests' bodies that are held together, of all connections: read or not, until their answers begin; and of
 * heads that are not whole. A client may begin as many requests as it likes, and end none of them.
 */
const MOST_BYTES = 256 * 1024 * 1024;

export class BodyBound {
  bytes = 0;

  constructor(readonly mostBytes: number = MOST_BYTES) {}

  /** False when there is no room for so many. */
  take(bytes: number): boolean {
    if (this.bytes + bytes > this.mostBytes) return false;
    this.bytes += bytes;
    return true;
  }
}

/** What one request holds of it. */
export class BodyShare {
  #bytes = 0;

  constructor(readonly bound: BodyBound) {}

  take(bytes: number): boolean {
    if (!this.bound.take(bytes)) return false;
    this.#bytes += bytes;
    return true;
  }

  /** All of it, unless told how much. */
  release(bytes: number = this.#bytes): void {
    const freed = Math.min(bytes, this.#bytes);
    this.bound.bytes -= freed;
    this.#bytes -= freed;
  }
}
