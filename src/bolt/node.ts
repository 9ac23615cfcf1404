/**
 * A page taken apart so that it can be changed: what a write transaction holds of a bucket's tree. Only pages on a
 * changed path become nodes; a branch node's other children stay page ids.
 *
 * Invariants: keys ascend; `sizeBytes` is what the node would take on disk; `pageId` 0 = it stands on no page yet.
 */
import {
  compareBytes,
  ELEMENT_BUCKET,
  ELEMENT_BYTES,
  FLAG_BRANCH,
  FLAG_LEAF,
  lowerBound,
  PAGE_HEADER_BYTES,
  type Page,
  writePageHeader,
  writeU32,
  writeU64,
} from './page.js';
import type { Pager } from './pager.js';

export class LeafNode {
  readonly leaf = true;
  pageId = 0;
  pageCount = 0;
  keys: Uint8Array[] = [];
  values: Uint8Array[] = [];
  buckets: boolean[] = [];
  sizeBytes = PAGE_HEADER_BYTES;
  /** Something was taken out, so it may be too small to stand alone. */
  shrunk = false;

  push(key: Uint8Array, value: Uint8Array, isBucket: boolean): void {
    this.keys.push(key);
    this.values.push(value);
    this.buckets.push(isBucket);
    this.sizeBytes += ELEMENT_BYTES + key.length + value.length;
  }

  /** Index of `key`, or -1. */
  find(key: Uint8Array): number {
    const index = this.lowerBound(key);
    const found = this.keys[index];
    return found !== undefined && compareBytes(found, key) === 0 ? index : -1;
  }

  lowerBound(key: Uint8Array): number {
    return lowerBound(this.keys, key);
  }

  /**
   * False, and nothing changed, when the key is there as a bucket and should become a value, or the other way round.
   */
  put(key: Uint8Array, value: Uint8Array, isBucket: boolean): boolean {
    const index = this.lowerBound(key);
    const found = this.keys[index];
    if (found === undefined) {
      this.push(key, value, isBucket);
    } else if (compareBytes(found, key) === 0) {
      if (this.buckets[index] !== isBucket) return false;
      this.sizeBytes += value.length - (this.values[index] as Uint8Array).length;
      this.values[index] = value;
    } else {
      this.keys.splice(index, 0, key);
      this.values.splice(index, 0, value);
      this.buckets.splice(index, 0, isBucket);
      this.sizeBytes += ELEMENT_BYTES + key.length + value.length;
    }
    return true;
  }

  removeAt(index: number): void {
    this.sizeBytes -=
      ELEMENT_BYTES + (this.keys[index] as Uint8Array).length + (this.values[index] as Uint8Array).length;
    this.keys.splice(index, 1);
    this.values.splice(index, 1);
    this.buckets.splice(index, 1);
    this.shrunk = true;
  }

  /** Takes over all of `right`, whose keys come after this one's. */
  absorb(right: LeafNode): void {
    for (let i = 0; i < right.keys.length; i++) {
      this.push(right.keys[i] as Uint8Array, right.values[i] as Uint8Array, right.buckets[i] as boolean);
    }
    this.shrunk = true;
  }

  elementBytes(index: number): number {
    return ELEMENT_BYTES + (this.keys[index] as Uint8Array).length + (this.values[index] as Uint8Array).length;
  }

  /** The elements `[from, to)` as a page of `data.length` bytes; whatever follows them is zero. */
  write(data: Uint8Array, pageId: number, overflow: number, from: number, to: number): void {
    writePageHeader(data, { id: pageId, flags: FLAG_LEAF, count: to - from, overflow });
    let element = PAGE_HEADER_BYTES;
    let at = PAGE_HEADER_BYTES + (to - from) * ELEMENT_BYTES;
    for (let i = from; i < to; i++) {
      const key = this.keys[i] as Uint8Array;
      const value = this.values[i] as Uint8Array;
      writeU32(data, element, this.buckets[i] ? ELEMENT_BUCKET : 0);
      writeU32(data, element + 4, at - element);
      writeU32(data, element + 8, key.length);
      writeU32(data, element + 12, value.length);
      data.set(key, at);
      data.set(value, at + key.length);
      element += ELEMENT_BYTES;
      at += key.length + value.length;
    }
    data.fill(0, at);
  }
}

export class BranchNode {
  readonly leaf = false;
  pageId = 0;
  pageCount = 0;
  keys: Uint8Array[] = [];
  /** A page id, or the node it was taken apart into. */
  children: (number | TreeNode)[] = [];
  sizeBytes = PAGE_HEADER_BYTES;
  shrunk = false;

  push(key: Uint8Array, child: number | TreeNode): void {
    this.keys.push(key);
    this.children.push(child);
    this.sizeBytes += ELEMENT_BYTES + key.length;
  }

  /** As `Page.childFor`. */
  childFor(key: Uint8Array): number {
    const index = lowerBound(this.keys, key);
    const found = this.keys[index];
    if (found !== undefined && compareBytes(found, key) === 0) return index;
    return index === 0 ? 0 : index - 1;
  }

  removeAt(index: number): void {
    this.sizeBytes -= ELEMENT_BYTES + (this.keys[index] as Uint8Array).length;
    this.keys.splice(index, 1);
    this.children.splice(index, 1);
    this.shrunk = true;
  }

  absorb(right: BranchNode): void {
    for (let i = 0; i < right.keys.length; i++) {
      this.push(right.keys[i] as Uint8Array, right.children[i] as number | TreeNode);
    }
    this.shrunk = true;
  }

  elementBytes(index: number): number {
    return ELEMENT_BYTES + (this.keys[index] as Uint8Array).length;
  }

  /** All children must be page ids by now. */
  write(data: Uint8Array, pageId: number, overflow: number, from: number, to: number): void {
    writePageHeader(data, { id: pageId, flags: FLAG_BRANCH, count: to - from, overflow });
    let element = PAGE_HEADER_BYTES;
    let at = PAGE_HEADER_BYTES + (to - from) * ELEMENT_BYTES;
    for (let i = from; i < to; i++) {
      const key = this.keys[i] as Uint8Array;
      writeU32(data, element, at - element);
      writeU32(data, element + 4, key.length);
      writeU64(data, element + 8, this.children[i] as number);
      data.set(key, at);
      element += ELEMENT_BYTES;
      at += key.length;
    }
    data.fill(0, at);
  }
}

export type TreeNode = LeafNode | BranchNode;

/** Throws when the page's keys do not ascend: what would be written on top of that is lost to every search. */
export function nodeFrom(page: Page, pager: Pager): TreeNode {
  const node = page.leaf ? new LeafNode() : new BranchNode();
  node.pageId = page.id;
  node.pageCount = page.data.length / pager.pageSize;
  let previous: Uint8Array | undefined;
  for (let i = 0; i < page.count; i++) {
    const key = page.key(i);
    if (previous !== undefined && compareBytes(previous, key) >= 0) {
      throw pager.corrupt(page.id, `key ${i} does not come after the one before it`);
    }
    if (node.leaf) node.push(key, page.value(i), page.isBucket(i));
    else node.push(key, page.child(i));
    previous = key;
  }
  return node;
}

/** A page needs two elements, or a tree of large keys would never get lower. */
const MIN_ELEMENTS = 2;

/**
 * Where to cut a node into pages: the end index of each piece. A piece is filled up to `fillPercent`; what is left over
 * stays one piece while it fits a page. As bbolt's node.split.
 */
export function splitPoints(node: TreeNode, pageSize: number, fillPercent: number): number[] {
  const count = node.keys.length;
  if (node.sizeBytes <= pageSize || count <= MIN_ELEMENTS * 2) return [count];
  const threshold = Math.floor(pageSize * fillPercent);
  const points: number[] = [];
  let rest = node.sizeBytes;
  let start = 0;
  while (rest > pageSize && count - start > MIN_ELEMENTS * 2) {
    let size = PAGE_HEADER_BYTES;
    let index = start;
    while (index < count - MIN_ELEMENTS) {
      const bytes = node.elementBytes(index);
      if (index - start >= MIN_ELEMENTS && size + bytes > threshold) break;
      size += bytes;
      index++;
    }
    points.push(index);
    rest -= size - PAGE_HEADER_BYTES;
    start = index;
  }
  points.push(count);
  return points;
}
