/**
 * Items by half-open intervals of keys, asked which of them hold a key: a treap by (start, end), each node knowing the
 * greatest end below it. Items with the same interval share a node: many clients watch the same prefix.
 */

/** Sorts behind every latin1 string: the end of an interval that has none. */
export const NO_END = '\u0100';

interface Node<T> {
  readonly start: string;
  readonly end: string;
  readonly items: Set<T>;
  readonly priority: number;
  left: Node<T> | undefined;
  right: Node<T> | undefined;
  /** Of this node and all below it. */
  maxEnd: string;
}

export class IntervalSet<T> {
  #root: Node<T> | undefined;
  /** Balance needs priorities without a pattern, not without a seed. */
  #random = 0x9e3779b9;

  get isEmpty(): boolean {
    return this.#root === undefined;
  }

  add(start: string, end: string, item: T): void {
    const node = this.#find(start, end);
    if (node !== undefined) node.items.add(item);
    else this.#root = this.#insert(this.#root, start, end, item);
  }

  delete(start: string, end: string, item: T): void {
    const node = this.#find(start, end);
    if (node === undefined) return;
    node.items.delete(item);
    if (node.items.size === 0) this.#root = this.#remove(this.#root, start, end);
  }

  /** Visits the items whose interval holds `key`, until `visit` answers false; false then. */
  at(key: string, visit: (item: T) => unknown): boolean {
    return visitAt(this.#root, key, visit);
  }

  #find(start: string, end: string): Node<T> | undefined {
    let node = this.#root;
    while (node !== undefined) {
      const order = compare(start, end, node);
      if (order === 0) return node;
      node = order < 0 ? node.left : node.right;
    }
    return undefined;
  }

  #insert(node: Node<T> | undefined, start: string, end: string, item: T): Node<T> {
    if (node === undefined) {
      this.#random = (Math.imul(this.#random, 1664525) + 1013904223) >>> 0;
      return {
        start,
        end,
        items: new Set([item]),
        priority: this.#random,
        left: undefined,
        right: undefined,
        maxEnd: end,
      };
    }
    if (compare(start, end, node) < 0) {
      const left = this.#insert(node.left, start, end, item);
      node.left = left;
      if (left.priority > node.priority) return rotateRight(node, left);
    } else {
      const right = this.#insert(node.right, start, end, item);
      node.right = right;
      if (right.priority > node.priority) return rotateLeft(node, right);
    }
    return measured(node);
  }

  #remove(node: Node<T> | undefined, start: string, end: string): Node<T> | undefined {
    if (node === undefined) return undefined;
    const order = compare(start, end, node);
    if (order === 0) return merge(node.left, node.right);
    if (order < 0) node.left = this.#remove(node.left, start, end);
    else node.right = this.#remove(node.right, start, end);
    return measured(node);
  }
}

function compare<T>(start: string, end: string, node: Node<T>): number {
  if (start !== node.start) return start < node.start ? -1 : 1;
  return end === node.end ? 0 : end < node.end ? -1 : 1;
}

function visitAt<T>(node: Node<T> | undefined, key: string, visit: (item: T) => unknown): boolean {
  if (node === undefined || node.maxEnd <= key) return true;
  if (!visitAt(node.left, key, visit)) return false;
  if (node.start > key) return true;
  if (key < node.end) for (const item of node.items) if (visit(item) === false) return false;
  return visitAt(node.right, key, visit);
}

function measured<T>(node: Node<T>): Node<T> {
  let { end: maxEnd } = node;
  if (node.left !== undefined && node.left.maxEnd > maxEnd) maxEnd = node.left.maxEnd;
  if (node.right !== undefined && node.right.maxEnd > maxEnd) maxEnd = node.right.maxEnd;
  node.maxEnd = maxEnd;
  return node;
}

function rotateRight<T>(node: Node<T>, left: Node<T>): Node<T> {
  node.left = left.right;
  left.right = measured(node);
  return measured(left);
}

function rotateLeft<T>(node: Node<T>, right: Node<T>): Node<T> {
  node.right = right.left;
  right.left = measured(node);
  return measured(right);
}

/** Of two trees, all of the first before all of the second. */
function merge<T>(left: Node<T> | undefined, right: Node<T> | undefined): Node<T> | undefined {
  if (left === undefined) return right;
  if (right === undefined) return left;
  if (left.priority > right.priority) {
    left.right = merge(left.right, right);
    return measured(left);
  }
  right.left = merge(left, right.left);
  return measured(right);
}
