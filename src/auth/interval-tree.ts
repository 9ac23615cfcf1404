/**
 * Granted intervals in the tree that etcd keeps them in. It answers for one kind of question alone: a range without
 * keys (its end is not above its key), of which etcd makes a walk down its tree that turns back too early. Whether
 * such a range is permitted depends on the tree's shape, hence on the order in which the intervals came; and what is
 * permitted decides what an entry does on each member, so that ours has to say the same.
 *
 * A red-black tree by start, equal starts to the right. Source of the walk: etcd's pkg/adt/interval_tree.go.
 */

export interface Interval {
  /** latin1: compares in byte order. */
  readonly start: string;
  /** Exclusive; undefined = to the last key. */
  readonly end: string | undefined;
}

type Side = 0 | 1;

interface Node extends Interval {
  isRed: boolean;
  parent: Node | undefined;
  readonly below: [Node | undefined, Node | undefined];
}

const other = (side: Side): Side => (side === 0 ? 1 : 0);
const sideOf = (parent: Node, child: Node): Side => (parent.below[1] === child ? 1 : 0);

export class IntervalTree {
  #root: Node | undefined;

  constructor(intervals: Iterable<Interval>) {
    for (const interval of intervals) this.#insert(interval);
  }

  /** Whether etcd's walk for `[key, end)`, end <= key, comes to an interval that holds `key`. */
  reaches(key: string, end: string): boolean {
    return reaches(this.#root, key, end);
  }

  #insert({ start, end }: Interval): void {
    const node: Node = { start, end, isRed: true, parent: undefined, below: [undefined, undefined] };
    let parent: Node | undefined;
    let side: Side = 0;
    for (let at = this.#root; at !== undefined; at = at.below[side]) {
      parent = at;
      side = start < at.start ? 0 : 1;
    }
    node.parent = parent;
    if (parent === undefined) this.#root = node;
    else parent.below[side] = node;
    this.#balance(node);
    if (this.#root !== undefined) this.#root.isRed = false;
  }

  #balance(inserted: Node): void {
    let node = inserted;
    for (;;) {
      const { parent } = node;
      const grandparent = parent?.parent;
      if (parent === undefined || grandparent === undefined || !parent.isRed) return;
      const side = sideOf(grandparent, parent);
      const uncle = grandparent.below[other(side)];
      grandparent.isRed = true;
      if (uncle?.isRed === true) {
        parent.isRed = uncle.isRed = false;
        node = grandparent;
        continue;
      }
      const isInner = parent.below[side] !== node;
      if (isInner) this.#rotate(parent, side);
      (isInner ? node : parent).isRed = false;
      this.#rotate(grandparent, other(side));
      return;
    }
  }

  /** `node` goes down on that side, its child on the other takes its place. */
  #rotate(node: Node, side: Side): void {
    const child = node.below[other(side)];
    if (child === undefined) return;
    const { parent } = node;
    const inner = child.below[side];
    node.below[other(side)] = inner;
    if (inner !== undefined) inner.parent = node;
    child.parent = parent;
    if (parent === undefined) this.#root = child;
    else parent.below[sideOf(parent, node)] = child;
    child.below[side] = node;
    node.parent = child;
  }
}

function reaches(node: Node | undefined, key: string, end: string): boolean {
  if (node === undefined) return false;
  if (key < node.start) return reaches(node.below[0], key, end);
  if (node.end === undefined || key < node.end) return true;
  // This one ends at or before the key. Below it the walk goes on only where it begins before the range's end.
  return node.start < end && (reaches(node.below[0], key, end) || reaches(node.below[1], key, end));
}
