/**
 * The second half of a write transaction: a bucket's changed nodes are brought to sane sizes, cut into pieces the size
 * of pages and written to fresh ones, the changed children of a node before it. Their old pages are freed.
 *
 * Sizes, split and merge rules are bbolt's (node.go, bucket.go), so that its check accepts what we write.
 */
import { BranchNode, LeafNode, splitPoints, type TreeNode } from './node.js';
import { BUCKET_HEADER_BYTES, PAGE_HEADER_BYTES, Page, writeU32, writeU64 } from './page.js';
import { childNode, freeNode, type WriteContext } from './write-context.js';

const MIN_FILL_PERCENT = 0.1;

interface SpillOptions {
  /** How full a page becomes before the next one is begun. */
  readonly fillPercent: number;
  readonly sequence: bigint;
  /** A small bucket may lie in its parent's page. */
  readonly mayBeInline: boolean;
}

/** What is stored for a bucket, and the root page it has from then on (0 = inline). */
export interface Stored {
  readonly value: Uint8Array;
  readonly rootId: number;
}

interface Spilled {
  readonly key: Uint8Array;
  readonly pageId: number;
}

const EMPTY = new Uint8Array(0);

export function spillTree(root: TreeNode, context: WriteContext, options: SpillOptions): Stored {
  return new Spill(context, options).tree(root);
}

/** Stored value of a bucket whose tree starts at `rootId`. */
function treeHeader(rootId: number, sequence: bigint): Uint8Array {
  const value = new Uint8Array(BUCKET_HEADER_BYTES);
  writeHeader(value, rootId, sequence);
  return value;
}

/** Stored value of a bucket that is the one leaf `node`. */
export function inlineHeader(node: LeafNode, sequence: bigint): Uint8Array {
  const value = new Uint8Array(BUCKET_HEADER_BYTES + node.sizeBytes);
  writeHeader(value, 0, sequence);
  node.write(value.subarray(BUCKET_HEADER_BYTES), 0, 0, 0, node.keys.length);
  return value;
}

function writeHeader(value: Uint8Array, rootId: number, sequence: bigint): void {
  writeU64(value, 0, rootId);
  writeU32(value, 8, Number(sequence & 0xffffffffn));
  writeU32(value, 12, Number(sequence >> 32n));
}

class Spill {
  readonly #context: WriteContext;
  readonly #options: SpillOptions;

  constructor(context: WriteContext, options: SpillOptions) {
    this.#context = context;
    this.#options = options;
  }

  tree(root: TreeNode): Stored {
    const { pager } = this.#context;
    const { sequence, mayBeInline } = this.#options;
    if (root instanceof BranchNode) this.#rebalanceTimed(root);
    const top = this.#lowerRoot(root);
    if (typeof top === 'number') return { value: treeHeader(top, sequence), rootId: top };
    if (top instanceof LeafNode && mayBeInline && fitsInline(top, pager.pageSize)) {
      freeNode(this.#context, top);
      return { value: inlineHeader(top, sequence), rootId: 0 };
    }
    let level = this.#spillNode(top);
    while (level.length > 1) {
      const above = new BranchNode();
      for (const { key, pageId } of level) above.push(key, pageId);
      level = this.#spillNode(above);
    }
    const rootId = (level[0] as Spilled).pageId;
    return { value: treeHeader(rootId, sequence), rootId };
  }

  #rebalanceTimed(root: BranchNode): void {
    const beganMs = this.#context.nowMs();
    this.#rebalance(root);
    this.#context.rebalanceMs += this.#context.nowMs() - beganMs;
  }

  /** Takes out emptied children and merges those that deletions left too small, from the bottom up. */
  #rebalance(node: BranchNode): void {
    for (const child of node.children) if (child instanceof BranchNode) this.#rebalance(child);
    for (let i = 0; i < node.children.length; ) {
      const child = node.children[i] as number | TreeNode;
      if (typeof child === 'number' || !child.shrunk || !this.#tooSmall(child)) {
        i++;
      } else if (child.keys.length === 0) {
        freeNode(this.#context, child);
        node.removeAt(i);
      } else if (node.children.length === 1) {
        i++;
      } else {
        const left = i > 0 ? i - 1 : 0;
        this.#merge(node, left);
        i = left;
      }
    }
  }

  #tooSmall(node: TreeNode): boolean {
    return node.sizeBytes <= this.#context.pager.pageSize / 4 || node.keys.length <= (node.leaf ? 1 : 2);
  }

  /** Children `left` and `left + 1` become one, which the spill cuts again should it be too large. */
  #merge(parent: BranchNode, left: number): void {
    const into = childNode(this.#context, parent, left);
    const from = childNode(this.#context, parent, left + 1);
    if (into instanceof LeafNode && from instanceof LeafNode) into.absorb(from);
    else if (into instanceof BranchNode && from instanceof BranchNode) into.absorb(from);
    else throw this.#context.pager.corrupt(from.pageId, 'leaf and branch page are neighbours');
    freeNode(this.#context, from);
    parent.removeAt(left + 1);
  }

  /** A branch with one child left is not needed; one with none is an empty leaf. */
  #lowerRoot(root: TreeNode): TreeNode | number {
    let top: TreeNode | number = root;
    while (top instanceof BranchNode && top.children.length <= 1) {
      freeNode(this.#context, top);
      top = top.children[0] ?? new LeafNode();
    }
    return top;
  }

  /** Writes the node to fresh pages, its changed children first; what its parent has to say of it. */
  #spillNode(node: TreeNode): Spilled[] {
    if (node instanceof BranchNode) this.#spillChildren(node);
    freeNode(this.#context, node);
    const { pager } = this.#context;
    const { pageSize } = pager;
    const fillPercent = Math.min(Math.max(this.#options.fillPercent, MIN_FILL_PERCENT), 1);
    const spilled: Spilled[] = [];
    let from = 0;
    let size = node.sizeBytes;
    const points = splitPoints(node, pageSize, fillPercent);
    for (const to of points) {
      if (points.length > 1) {
        size = PAGE_HEADER_BYTES;
        for (let i = from; i < to; i++) size += node.elementBytes(i);
      }
      const pageCount = Math.max(Math.ceil(size / pageSize), 1);
      const pageId = this.#context.allocate(pageCount);
      const data = Buffer.allocUnsafeSlow(pageCount * pageSize);
      node.write(data, pageId, pageCount - 1, from, to);
      this.#context.emit(new Page(pageId, node.leaf, to - from, data));
      spilled.push({ key: node.keys[from] ?? EMPTY, pageId });
      from = to;
    }
    return spilled;
  }

  /** Replaces changed children by the pages they were written to. */
  #spillChildren(node: BranchNode): void {
    const after = new BranchNode();
    for (let i = 0; i < node.children.length; i++) {
      const child = node.children[i] as number | TreeNode;
      if (typeof child === 'number') after.push(node.keys[i] as Uint8Array, child);
      else for (const { key, pageId } of this.#spillNode(child)) after.push(key, pageId);
    }
    node.keys = after.keys;
    node.children = after.children;
    node.sizeBytes = after.sizeBytes;
  }
}

function fitsInline(node: LeafNode, pageSize: number): boolean {
  return node.sizeBytes <= pageSize / 4 && !node.buckets.includes(true);
}
