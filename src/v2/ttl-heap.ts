/**
 * Nodes with a TTL, the next to expire first. Members must expire keys that are due at the same moment in the same
 * order, so this sifts exactly as the heap of Go's library does: equal elements then come out equally everywhere.
 */
import type { Node } from './node.js';

export class TtlHeap {
  readonly #nodes: Node[] = [];

  get size(): number {
    return this.#nodes.length;
  }

  get top(): Node | undefined {
    return this.#nodes[0];
  }

  push(node: Node): void {
    node.heapIndex = this.#nodes.length;
    this.#nodes.push(node);
    this.#up(node.heapIndex);
  }

  /** Harmless for a node that is not in it. */
  remove(node: Node): void {
    const at = node.heapIndex;
    if (at < 0) return;
    const last = this.#nodes.length - 1;
    if (at !== last) {
      this.#swap(at, last);
      if (!this.#down(at, last)) this.#up(at);
    }
    this.#nodes.pop();
    node.heapIndex = -1;
  }

  #at(index: number): Node {
    return this.#nodes[index] as Node;
  }

  #less(a: number, b: number): boolean {
    return (this.#at(a).expireNs ?? 0n) < (this.#at(b).expireNs ?? 0n);
  }

  #swap(a: number, b: number): void {
    const [first, second] = [this.#at(a), this.#at(b)];
    this.#nodes[a] = second;
    this.#nodes[b] = first;
    second.heapIndex = a;
    first.heapIndex = b;
  }

  #up(from: number): void {
    for (let child = from; child > 0; ) {
      const parent = (child - 1) >> 1;
      if (!this.#less(child, parent)) return;
      this.#swap(parent, child);
      child = parent;
    }
  }

  /** True when it moved. `size` leaves out a last element that is on its way out. */
  #down(from: number, size: number): boolean {
    let parent = from;
    for (;;) {
      let child = 2 * parent + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#less(child + 1, child)) child++;
      if (!this.#less(child, parent)) break;
      this.#swap(parent, child);
      parent = child;
    }
    return parent > from;
  }
}
