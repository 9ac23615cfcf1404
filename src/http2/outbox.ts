/**
 * What one turn of the event loop has to say on a connection: frames are written one after another into slabs, and
 * leave in one write. A slab is not written twice, so that the socket may keep what it was given for as long as it
 * likes, unless it is known to keep nothing (`rewind`); when it is full the next is allocated, as large as the
 * connection has lately been busy. Small: an idle connection holds 1 KiB.
 */
const MIN_SLAB = 1024;
const MAX_SLAB = 256 * 1024;
const KEPT_SLAB = 32 * 1024;

export class Outbox {
  /** Write at `pos` after `reserve`, then move `pos`. */
  bytes: Buffer = Buffer.allocUnsafe(MIN_SLAB);
  pos = 0;
  #start = 0;
  #full: Uint8Array[] = [];
  #fullBytes = 0;

  /** Bytes waiting for `take`. */
  get size(): number {
    return this.#fullBytes + this.pos - this.#start;
  }

  /** Makes room for `count` bytes in a row at `bytes[pos]`. */
  reserve(count: number): void {
    if (this.pos + count <= this.bytes.length) return;
    const waiting = this.size;
    if (this.pos > this.#start) {
      this.#full.push(this.bytes.subarray(this.#start, this.pos));
      this.#fullBytes += this.pos - this.#start;
    }
    const slab = Math.max(count, Math.min(MAX_SLAB, Math.max(this.bytes.length, waiting) * 2));
    this.bytes = slab > MAX_SLAB ? Buffer.allocUnsafeSlow(slab) : Buffer.allocUnsafe(slab);
    this.pos = this.#start = 0;
  }

  append(data: Uint8Array): void {
    this.reserve(data.length);
    this.bytes.set(data, this.pos);
    this.pos += data.length;
  }

  /** The same without a copy: `data` must stay as it is until the socket has sent it. */
  attach(data: Uint8Array): void {
    if (this.pos > this.#start) {
      this.#full.push(this.bytes.subarray(this.#start, this.pos));
      this.#fullBytes += this.pos - this.#start;
      this.#start = this.pos;
    }
    this.#full.push(data);
    this.#fullBytes += data.length;
  }

  /** Everything not yet taken, in order; usually one buffer. */
  take(): Uint8Array[] {
    const taken = this.#full;
    this.#full = [];
    this.#fullBytes = 0;
    if (this.pos > this.#start) {
      taken.push(this.bytes.subarray(this.#start, this.pos));
      this.#start = this.pos;
    }
    return taken;
  }

  /** Nobody keeps anything of what was taken: the slab is written again; one that a burst made large shrinks. */
  rewind(): void {
    if (this.bytes.length > KEPT_SLAB) this.bytes = Buffer.allocUnsafe(this.bytes.length >> 1);
    this.pos = this.#start = 0;
  }
}
