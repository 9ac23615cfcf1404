/**
 * A bucket as a write transaction changes it.
 *
 *     page id / inline page ──first change on a path──▶ nodes ──rebalance──▶ nodes of sane size ──spill──▶ new pages
 *
 * Nothing is written before the commit; then each changed node is cut into page-sized pieces, written to fresh pages,
 * and its old page is freed (copy on write). Sizes, split and merge rules are bbolt's (node.go, bucket.go), so that its
 * check accepts what we write.
 */
import { latin1Text } from '../lib/latin1.js';
import { BoltError } from './errors.js';
import { BranchNode, LeafNode, nodeFrom, splitPoints, type TreeNode } from './node.js';
import {
  BUCKET_HEADER_BYTES,
  type BucketHeader,
  compareBytes,
  PAGE_HEADER_BYTES,
  Page,
  parseBucketHeader,
  writeU32,
  writeU64,
} from './page.js';
import type { Pager } from './pager.js';
import { findIn, leafFor, MAX_DEPTH, Walk, walkPage } from './tree.js';
import type { VisitEntry, WriteBucket } from './types.js';

const MAX_KEY_BYTES = 32768;
const MAX_VALUE_BYTES = 2 ** 31 - 2;
const DEFAULT_FILL_PERCENT = 0.5;
const MIN_FILL_PERCENT = 0.1;

/** What a bucket needs of its transaction. */
export interface WriteContext {
  readonly pager: Pager;
  /** Throws once the transaction has ended. */
  assertOpen(): void;
  /** First page of a fresh run. Only during the commit. */
  allocate(pageCount: number): number;
  /** Takes effect with the commit. */
  free(pageId: number, pageCount: number): void;
  /** A finished page, to be written. */
  emit(page: Page): void;
  nowMs(): number;
  /** So long has been spent on merging what deletions left too small. */
  rebalanceMs: number;
}

/** Stored value of a bucket whose tree starts at `rootId`. */
function treeHeader(rootId: number, sequence: bigint): Uint8Array {
  const value = new Uint8Array(BUCKET_HEADER_BYTES);
  writeHeader(value, rootId, sequence);
  return value;
}

/** Stored value of a bucket that is the one leaf `node`. */
function inlineHeader(node: LeafNode, sequence: bigint): Uint8Array {
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

export class NodeBucket implements WriteBucket {
  fillPercent = DEFAULT_FILL_PERCENT;
  readonly sequence: bigint;
  readonly #context: WriteContext;
  /** Where the tree starts: untouched on a page, untouched inline, or taken apart. */
  #root: number | Page | TreeNode;
  readonly #isTop: boolean;
  /** Nested buckets opened by this transaction. */
  readonly #opened = new Map<string, { readonly name: Uint8Array; readonly bucket: NodeBucket }>();
  /**
   * The leaf the last change went to, and the keys that belong to it: `[low, high)`. Changes mostly come in key order.
   */
  #lastLeaf: LeafNode | undefined;
  #lastLow: Uint8Array | undefined;
  #lastHigh: Uint8Array | undefined;

  /** `isTop`: the bucket of all buckets, which cannot be inline and holds no plain keys. */
  constructor(context: WriteContext, header: BucketHeader, options: { isTop: boolean }) {
    this.#context = context;
    this.#root = header.inline ?? header.rootId;
    this.sequence = header.sequence;
    this.#isTop = options.isTop;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const found = this.#find(key);
    return found === undefined || found.isBucket ? undefined : found.value;
  }

  /** The bucket must not be changed by the visitor. */
  range(start: Uint8Array | undefined, end: Uint8Array | undefined, visit: VisitEntry): boolean {
    this.#context.assertOpen();
    return this.#walk(this.#root, start, new Walk(end, visit));
  }

  bucket(name: Uint8Array): NodeBucket | undefined {
    const opened = this.#opened.get(latin1Text(name));
    if (opened !== undefined) return opened.bucket;
    const found = this.#find(name);
    if (found === undefined || !found.isBucket) return undefined;
    const { pager } = this.#context;
    return this.#open(name.slice(), parseBucketHeader(found.value, pager.place(found.pageId), pager.highWater));
  }

  createBucket(name: Uint8Array): NodeBucket {
    const existing = this.bucket(name);
    if (existing !== undefined) return existing;
    this.#assertKey(name);
    const copy = name.slice();
    if (!this.#leafForChange(copy).put(copy, inlineHeader(new LeafNode(), 0n), true)) {
      throw this.#usage('a bucket cannot be made where a value stands');
    }
    const bucket = this.#open(copy, { rootId: 0, sequence: 0n, inline: undefined });
    bucket.#root = new LeafNode();
    return bucket;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#assertKey(key);
    if (this.#isTop) throw this.#usage('only buckets can stand at the top');
    if (value.length > MAX_VALUE_BYTES)
      throw this.#usage(`value of ${value.length} bytes, at most ${MAX_VALUE_BYTES} fit`);
    if (!this.#leafForChange(key).put(key, value, false))
      throw this.#usage('a value cannot be put where a bucket stands');
  }

  delete(key: Uint8Array): boolean {
    const found = this.#find(key);
    if (found === undefined) return false;
    if (found.isBucket) throw this.#usage('a bucket is not deleted as a value is');
    this.#remove(key);
    return true;
  }

  deleteBucket(name: Uint8Array): boolean {
    const bucket = this.bucket(name);
    if (bucket === undefined) return false;
    bucket.#freeTree(bucket.#root, 0);
    this.#opened.delete(latin1Text(name));
    this.#remove(name);
    return true;
  }

  /** Writes what changed; the root page of the bucket afterwards. For the bucket of all buckets. */
  spillTop(): number {
    const stored = this.#spill();
    return stored === undefined ? (this.#root as number) : stored.rootId;
  }

  /** `key` was found before. */
  #remove(key: Uint8Array): void {
    const leaf = this.#leafForChange(key);
    const index = leaf.find(key);
    if (index < 0) throw this.#context.pager.corrupt(leaf.pageId, 'a key is found in one search and not in another');
    leaf.removeAt(index);
  }

  #open(name: Uint8Array, header: BucketHeader): NodeBucket {
    const bucket = new NodeBucket(this.#context, header, { isTop: false });
    this.#opened.set(latin1Text(name), { name, bucket });
    return bucket;
  }

  #assertKey(key: Uint8Array): void {
    this.#context.assertOpen();
    if (key.length === 0) throw this.#usage('key is empty');
    if (key.length > MAX_KEY_BYTES) throw this.#usage(`key of ${key.length} bytes, at most ${MAX_KEY_BYTES} fit`);
  }

  #usage(reason: string): BoltError {
    return new BoltError('ERR_BOLT_USAGE', this.#context.pager.path, reason);
  }

  #find(key: Uint8Array): { value: Uint8Array; isBucket: boolean; pageId: number } | undefined {
    this.#context.assertOpen();
    const { pager } = this.#context;
    let at = this.#root;
    while (at instanceof BranchNode) at = at.children[at.childFor(key)] as number | TreeNode;
    if (at instanceof LeafNode) {
      const index = at.find(key);
      if (index < 0) return undefined;
      return { value: at.values[index] as Uint8Array, isBucket: at.buckets[index] as boolean, pageId: at.pageId };
    }
    const leaf = at instanceof Page ? at : leafFor(pager, pager.page(at), key);
    const index = findIn(leaf, key);
    return index < 0 ? undefined : { value: leaf.value(index), isBucket: leaf.isBucket(index), pageId: leaf.id };
  }

  #walk(at: number | Page | TreeNode, start: Uint8Array | undefined, walk: Walk): boolean {
    const { pager } = this.#context;
    if (typeof at === 'number') return walkPage(pager, pager.page(at), start, walk);
    if (at instanceof Page) return walkPage(pager, at, start, walk);
    const { end } = walk;
    if (at instanceof LeafNode) {
      for (let i = start === undefined ? 0 : at.lowerBound(start); i < at.keys.length; i++) {
        const key = at.keys[i] as Uint8Array;
        if (end !== undefined && compareBytes(key, end) >= 0) return true;
        if (walk.visit(key, at.values[i] as Uint8Array, at.buckets[i] as boolean) === false) return false;
      }
      return true;
    }
    let from = start;
    for (let i = start === undefined ? 0 : at.childFor(start); i < at.children.length; i++) {
      if (end !== undefined && i > 0 && compareBytes(at.keys[i] as Uint8Array, end) >= 0) return true;
      if (!this.#walk(at.children[i] as number | TreeNode, from, walk)) return false;
      from = undefined;
    }
    return true;
  }

  /** The leaf in which `key` stands or would stand, with all nodes above it. */
  #leafForChange(key: Uint8Array): LeafNode {
    if (
      this.#lastLeaf !== undefined &&
      (this.#lastHigh === undefined || compareBytes(key, this.#lastHigh) < 0) &&
      (this.#lastLow === undefined || compareBytes(key, this.#lastLow) >= 0)
    ) {
      return this.#lastLeaf;
    }
    let low: Uint8Array | undefined;
    let high: Uint8Array | undefined;
    let node = this.#rootNode();
    for (let depth = 0; node instanceof BranchNode; depth++) {
      if (depth === MAX_DEPTH) throw this.#context.pager.corrupt(node.pageId, `tree is deeper than ${MAX_DEPTH} pages`);
      const index = node.childFor(key);
      // The first child also takes keys below its own, as far as its parent's reach.
      if (index > 0) low = node.keys[index];
      if (index + 1 < node.keys.length) high = node.keys[index + 1];
      node = this.#childNode(node, index);
    }
    this.#lastLeaf = node;
    this.#lastLow = low;
    this.#lastHigh = high;
    return node;
  }

  #rootNode(): TreeNode {
    const { pager } = this.#context;
    const root = this.#root;
    if (root instanceof LeafNode || root instanceof BranchNode) return root;
    const node = nodeFrom(typeof root === 'number' ? pager.page(root) : root, pager);
    this.#root = node;
    return node;
  }

  #childNode(parent: BranchNode, index: number): TreeNode {
    const child = parent.children[index] as number | TreeNode;
    if (typeof child !== 'number') return child;
    const { pager } = this.#context;
    const node = nodeFrom(pager.page(child), pager);
    parent.children[index] = node;
    return node;
  }

  /** The value to store for this bucket, or undefined when nothing in it changed. */
  #spill(): { readonly value: Uint8Array; readonly rootId: number } | undefined {
    for (const { name, bucket } of this.#opened.values()) {
      const stored = bucket.#spill();
      if (stored !== undefined) this.#leafForChange(name).put(name, stored.value, true);
    }
    const root = this.#root;
    if (typeof root === 'number' || root instanceof Page) return undefined;
    const { pager } = this.#context;
    if (root instanceof BranchNode) this.#rebalanceTimed(root);
    const top = this.#lowerRoot(root);
    if (typeof top === 'number') return { value: treeHeader(top, this.sequence), rootId: top };
    if (top instanceof LeafNode && !this.#isTop && this.#fitsInline(top, pager.pageSize)) {
      this.#freeNode(top);
      return { value: inlineHeader(top, this.sequence), rootId: 0 };
    }
    let level = this.#spillNode(top);
    while (level.length > 1) {
      const above = new BranchNode();
      for (const { key, pageId } of level) above.push(key, pageId);
      level = this.#spillNode(above);
    }
    const rootId = (level[0] as Spilled).pageId;
    return { value: treeHeader(rootId, this.sequence), rootId };
  }

  #fitsInline(node: LeafNode, pageSize: number): boolean {
    return node.sizeBytes <= pageSize / 4 && !node.buckets.includes(true);
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
        this.#freeNode(child);
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
    const into = this.#childNode(parent, left);
    const from = this.#childNode(parent, left + 1);
    if (into instanceof LeafNode && from instanceof LeafNode) into.absorb(from);
    else if (into instanceof BranchNode && from instanceof BranchNode) into.absorb(from);
    else throw this.#context.pager.corrupt(from.pageId, 'leaf and branch page are neighbours');
    this.#freeNode(from);
    parent.removeAt(left + 1);
  }

  /** A branch with one child left is not needed; one with none is an empty leaf. */
  #lowerRoot(root: TreeNode): TreeNode | number {
    let top: TreeNode | number = root;
    while (top instanceof BranchNode && top.children.length <= 1) {
      this.#freeNode(top);
      top = top.children[0] ?? new LeafNode();
    }
    return top;
  }

  #freeNode(node: TreeNode): void {
    if (node.pageId !== 0) this.#context.free(node.pageId, node.pageCount);
    node.pageId = 0;
  }

  /** Writes the node to fresh pages, its changed children first; what its parent has to say of it. */
  #spillNode(node: TreeNode): Spilled[] {
    if (node instanceof BranchNode) this.#spillChildren(node);
    this.#freeNode(node);
    const { pager } = this.#context;
    const { pageSize } = pager;
    const fillPercent = Math.min(Math.max(this.fillPercent, MIN_FILL_PERCENT), 1);
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

  /** Frees all pages of this bucket and of those in it. */
  #freeTree(at: number | Page | TreeNode, depth: number): void {
    const { pager } = this.#context;
    if (depth === MAX_DEPTH) throw pager.corrupt(0, `tree is deeper than ${MAX_DEPTH} pages`);
    if (typeof at === 'number' || at instanceof Page) {
      const page = typeof at === 'number' ? pager.page(at) : at;
      if (page.id !== 0) this.#context.free(page.id, page.data.length / pager.pageSize);
      for (let i = 0; i < page.count; i++) {
        if (!page.leaf) this.#freeTree(page.child(i), depth + 1);
        else if (page.isBucket(i)) this.#freeNested(page.key(i));
      }
      return;
    }
    this.#freeNode(at);
    if (at instanceof BranchNode) for (const child of at.children) this.#freeTree(child, depth + 1);
    else for (let i = 0; i < at.keys.length; i++) if (at.buckets[i]) this.#freeNested(at.keys[i] as Uint8Array);
  }

  #freeNested(name: Uint8Array): void {
    const bucket = this.bucket(name);
    if (bucket !== undefined) bucket.#freeTree(bucket.#root, 0);
  }
}

interface Spilled {
  readonly key: Uint8Array;
  readonly pageId: number;
}

const EMPTY = new Uint8Array(0);
