/**
 * A bucket as a write transaction changes it.
 *
 *     page id / inline page ──first change on a path──▶ nodes ──rebalance──▶ nodes of sane size ──spill──▶ new pages
 *
 * Nothing is written before the commit; then `spill.ts` writes the changed nodes to fresh pages (copy on write).
 */
import { latin1Text } from '../lib/latin1.js';
import { BoltError } from './errors.js';
import { BranchNode, LeafNode, nodeFrom, type TreeNode } from './node.js';
import { type BucketHeader, compareBytes, Page, parseBucketHeader } from './page.js';
import { inlineHeader, type Stored, spillTree } from './spill.js';
import { findIn, leafFor, MAX_DEPTH, Walk, walkPage } from './tree.js';
import type { VisitEntry, WriteBucket } from './types.js';
import { childNode, freeNode, type WriteContext } from './write-context.js';

const MAX_KEY_BYTES = 32768;
const MAX_VALUE_BYTES = 2 ** 31 - 2;
const DEFAULT_FILL_PERCENT = 0.5;

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
      node = childNode(this.#context, node, index);
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

  /** The value to store for this bucket, or undefined when nothing in it changed. */
  #spill(): Stored | undefined {
    for (const { name, bucket } of this.#opened.values()) {
      const stored = bucket.#spill();
      if (stored !== undefined) this.#leafForChange(name).put(name, stored.value, true);
    }
    const root = this.#root;
    if (typeof root === 'number' || root instanceof Page) return undefined;
    const { fillPercent, sequence } = this;
    return spillTree(root, this.#context, { fillPercent, sequence, mayBeInline: !this.#isTop });
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
    freeNode(this.#context, at);
    if (at instanceof BranchNode) for (const child of at.children) this.#freeTree(child, depth + 1);
    else for (let i = 0; i < at.keys.length; i++) if (at.buckets[i]) this.#freeNested(at.keys[i] as Uint8Array);
  }

  #freeNested(name: Uint8Array): void {
    const bucket = this.bucket(name);
    if (bucket !== undefined) bucket.#freeTree(bucket.#root, 0);
  }
}
