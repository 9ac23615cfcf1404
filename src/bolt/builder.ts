/**
 * Writes a whole database densely: entries come in key order, pages leave in file order, and only one page of each tree
 * level is in memory. How defragmentation and copies are made. The file is new, nobody reads it yet, and it is whole
 * only after `finish`.
 */
import type { DiskFile } from '../lib/disk.js';
import { encodeMeta } from './meta.js';
import { BranchNode, LeafNode, splitPoints, type TreeNode } from './node.js';
import { BUCKET_HEADER_BYTES, PAGE_HEADER_BYTES, writeU32, writeU64 } from './page.js';

const FILL_PERCENT = 0.9;
const FLUSH_BYTES = 1 << 20;

/** The pages of the file under construction. */
export class FileBuilder {
  readonly pageSize: number;
  readonly #file: DiskFile;
  #nextId = 2;
  #chunks: Uint8Array[] = [];
  #chunkBytes = 0;
  #position: number;

  constructor(file: DiskFile, pageSize: number) {
    this.#file = file;
    this.pageSize = pageSize;
    this.#position = 2 * pageSize;
  }

  /** Writes the elements `[from, to)` of a node as the next page. */
  page(node: TreeNode, from: number, to: number): number {
    let size = PAGE_HEADER_BYTES;
    for (let i = from; i < to; i++) size += node.elementBytes(i);
    const pages = Math.max(Math.ceil(size / this.pageSize), 1);
    const id = this.#nextId;
    this.#nextId += pages;
    const data = Buffer.allocUnsafeSlow(pages * this.pageSize);
    node.write(data, id, pages - 1, from, to);
    this.#chunks.push(data);
    this.#chunkBytes += data.length;
    if (this.#chunkBytes >= FLUSH_BYTES) this.#flush();
    return id;
  }

  /** Writes the meta pages and syncs. */
  finish(rootId: number, rootSequence: bigint, txid: number): void {
    this.#flush();
    const meta = {
      pageSize: this.pageSize,
      rootId,
      rootSequence,
      freelistId: undefined,
      highWater: this.#nextId,
      txid,
    };
    this.#file.sync();
    this.#file.write([encodeMeta(meta, 0), encodeMeta({ ...meta, txid: Math.max(txid - 1, 0) }, 1)], 0);
    this.#file.sync();
  }

  #flush(): void {
    if (this.#chunks.length === 0) return;
    this.#file.write(this.#chunks, this.#position);
    this.#position += this.#chunkBytes;
    this.#chunks = [];
    this.#chunkBytes = 0;
  }
}

/** One bucket under construction. */
export class BucketBuilder {
  readonly #file: FileBuilder;
  readonly #sequence: bigint;
  #leaf = new LeafNode();
  /** The branch nodes being filled, lowest first. */
  readonly #branches: BranchNode[] = [];

  constructor(file: FileBuilder, sequence: bigint) {
    this.#file = file;
    this.#sequence = sequence;
  }

  /** Keys must ascend. Keeps both arrays for a while: they must not be changed. */
  add(key: Uint8Array, value: Uint8Array, isBucket: boolean): void {
    this.#leaf.push(key, value, isBucket);
    // Room for a few elements more than fit, so that a cut leaves enough for the page after it.
    if (this.#leaf.sizeBytes > this.#file.pageSize * 2) this.#leaf = this.#cut(this.#leaf, 0) as LeafNode;
  }

  /** The bucket's stored value. */
  finish(): Uint8Array {
    const leaf = this.#leaf;
    const inlineBytes = this.#file.pageSize / 4;
    if (this.#branches.length === 0 && leaf.sizeBytes <= inlineBytes && !leaf.buckets.includes(true)) {
      const value = new Uint8Array(BUCKET_HEADER_BYTES + leaf.sizeBytes);
      this.#header(value, 0);
      leaf.write(value.subarray(BUCKET_HEADER_BYTES), 0, 0, 0, leaf.keys.length);
      return value;
    }
    const value = new Uint8Array(BUCKET_HEADER_BYTES);
    this.#header(value, this.finishTree());
    return value;
  }

  /** The root page, for a bucket that cannot be inline. */
  finishTree(): number {
    let node: TreeNode = this.#leaf;
    for (let level = 0; ; level++) {
      const points = splitPoints(node, this.#file.pageSize, FILL_PERCENT);
      if (points.length === 1 && this.#branches[level] === undefined) return this.#file.page(node, 0, node.keys.length);
      this.#write(node, points, level);
      node = this.#branches[level] as BranchNode;
    }
  }

  /** Writes full pages of `node`, and returns what is left over as a node of its own. */
  #cut(node: TreeNode, level: number): TreeNode {
    const points = splitPoints(node, this.#file.pageSize, FILL_PERCENT);
    const full = points.slice(0, -1);
    this.#write(node, full, level);
    const from = full[full.length - 1] ?? 0;
    if (node instanceof LeafNode) {
      const rest = new LeafNode();
      for (let i = from; i < node.keys.length; i++) {
        rest.push(node.keys[i] as Uint8Array, node.values[i] as Uint8Array, node.buckets[i] as boolean);
      }
      return rest;
    }
    const rest = new BranchNode();
    for (let i = from; i < node.keys.length; i++) {
      rest.push(node.keys[i] as Uint8Array, node.children[i] as number);
    }
    return rest;
  }

  #write(node: TreeNode, points: readonly number[], level: number): void {
    let from = 0;
    for (const to of points) {
      const id = this.#file.page(node, from, to);
      this.#addChild(level, node.keys[from] as Uint8Array, id);
      from = to;
    }
  }

  #addChild(level: number, key: Uint8Array, id: number): void {
    const branch = this.#branches[level] ?? new BranchNode();
    branch.push(key, id);
    this.#branches[level] = branch;
    if (branch.sizeBytes > this.#file.pageSize * 2) {
      this.#branches[level] = this.#cut(branch, level + 1) as BranchNode;
    }
  }

  #header(value: Uint8Array, rootId: number): void {
    writeU64(value, 0, rootId);
    writeU32(value, 8, Number(this.#sequence & 0xffffffffn));
    writeU32(value, 12, Number(this.#sequence >> 32n));
  }
}
