/**
 * The MsgApps on their way to one follower, oldest first: index of the last entry and payload bytes of each. A ring
 * that grows up to `capacity`. Invariant: indexes rise from `start` on; `bytes` is the sum over the ring.
 * Source of behaviour: etcd-io/raft tracker/inflights.go.
 */
import type { Index } from '../../raftpb/types.js';

export class Inflights {
  /** Messages in flight. */
  count = 0;
  #bytes = 0;
  #start = 0;
  #indexes: Index[] = [];
  #sizes: number[] = [];

  /** `maxBytes` 0 = unlimited. The byte limit is soft: the message that reaches it is still let through. */
  constructor(
    readonly capacity: number,
    readonly maxBytes: number,
  ) {}

  get full(): boolean {
    return this.count === this.capacity || (this.maxBytes !== 0 && this.#bytes >= this.maxBytes);
  }

  /** Must not be called when full. */
  add(index: Index, bytes: number): void {
    if (this.full) throw new RangeError('cannot add into a Full inflights');
    if (this.count === this.#indexes.length) this.#grow();
    const length = this.#indexes.length;
    const end = this.#start + this.count;
    const at = end >= length ? end - length : end;
    this.#indexes[at] = index;
    this.#sizes[at] = bytes;
    this.count++;
    this.#bytes += bytes;
  }

  /** Frees the messages whose last entry is at or below `to`. */
  freeUpTo(to: Index): void {
    const length = this.#indexes.length;
    let { count } = this;
    let start = this.#start;
    let bytes = this.#bytes;
    while (count > 0 && (this.#indexes[start] as Index) <= to) {
      bytes -= this.#sizes[start] as number;
      start = start + 1 === length ? 0 : start + 1;
      count--;
    }
    this.#start = count === 0 ? 0 : start;
    this.count = count;
    this.#bytes = bytes;
  }

  reset(): void {
    this.count = 0;
    this.#bytes = 0;
    this.#start = 0;
  }

  clone(): Inflights {
    const copy = new Inflights(this.capacity, this.maxBytes);
    copy.count = this.count;
    copy.#bytes = this.#bytes;
    copy.#start = this.#start;
    copy.#indexes = this.#indexes.slice();
    copy.#sizes = this.#sizes.slice();
    return copy;
  }

  /** Only called with a full ring, so that it can be unrolled to start at 0. */
  #grow(): void {
    const indexes = this.#indexes;
    const sizes = this.#sizes;
    const start = this.#start;
    const length = Math.min(Math.max(indexes.length * 2, 4), this.capacity);
    this.#indexes = [...indexes.slice(start), ...indexes.slice(0, start)];
    this.#sizes = [...sizes.slice(start), ...sizes.slice(0, start)];
    while (this.#indexes.length < length) {
      this.#indexes.push(0);
      this.#sizes.push(0);
    }
    this.#start = 0;
  }
}
