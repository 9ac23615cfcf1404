/**
 * Whether every page of a file is what its place says: reached once or free, its keys in order and within what its
 * parent promises. As bbolt's Tx.Check, with a report instead of a panic: a damaged page is one line in it, and the
 * walk goes on beside it.
 *
 * Holds one number a page and the pages of one path; no damage makes it endless, since a page met twice is not entered
 * again.
 */
import type { Bolt } from './bolt.js';
import { BoltError } from './errors.js';
import {
  compareBytes,
  FLAG_FREELIST,
  PAGE_HEADER_BYTES,
  type Page,
  parseBucketHeader,
  readU16,
  readU32,
  readU64,
} from './page.js';
import type { Pager } from './pager.js';
import { MAX_DEPTH } from './tree.js';
import type { BoltCheckProblem, BoltCheckReport } from './types.js';

const MAX_PROBLEMS = 1000;

/**
 * Checks the newest state. For a file open for writing also that what is not reachable is free, and nothing else. No
 * commit may be under way.
 */
export function checkBolt(bolt: Bolt): BoltCheckReport {
  const check = new Check(bolt.pager);
  check.tree(bolt.meta.rootId, { low: undefined, high: undefined, depth: 0, nesting: 0 });
  if (bolt.meta.freelistId !== undefined) check.storedFreelist(bolt.meta.freelistId);
  const isUnused = bolt.unusedPages();
  for (let id = 2; id < bolt.meta.highWater; id++) {
    const reached = check.isReached(id);
    if (bolt.readOnly) continue;
    const free = isUnused(id);
    if (reached && free) check.report(id, 'page is both in use and free');
    if (!reached && !free) check.report(id, 'page is neither in use nor free');
  }
  return {
    problems: check.problems,
    reachablePages: check.reached,
    freePages: bolt.meta.highWater - check.reached,
    buckets: check.buckets,
    entries: check.entries,
  };
}

/** Where a page stands: its keys must lie in `[low, high)`. */
interface Bounds {
  readonly low: Uint8Array | undefined;
  readonly high: Uint8Array | undefined;
  readonly depth: number;
  readonly nesting: number;
}

class Check {
  readonly problems: BoltCheckProblem[] = [];
  buckets = 0;
  entries = 0;
  /** Pages 0 and 1 included. */
  reached = 2;
  readonly #pager: Pager;
  readonly #seen: Uint8Array;

  constructor(pager: Pager) {
    this.#pager = pager;
    this.#seen = new Uint8Array(pager.highWater);
  }

  isReached(id: number): boolean {
    return this.#seen[id] === 1;
  }

  report(id: number, problem: string): void {
    if (this.problems.length === MAX_PROBLEMS) return;
    this.problems.push({ pageId: id, offset: id * this.#pager.pageSize, problem });
  }

  /** The pages from `id` down. */
  tree(id: number, bounds: Bounds): void {
    if (bounds.depth > MAX_DEPTH) {
      this.report(id, `tree is deeper than ${MAX_DEPTH} pages`);
      return;
    }
    if (this.#seen[id] === 1) {
      this.report(id, 'page is used in two places');
      return;
    }
    const page = this.#guarded(id, () => this.#pager.readPage(id));
    if (page === undefined) {
      this.#reach(id, 1);
      return;
    }
    this.#reach(id, page.data.length / this.#pager.pageSize);
    if (page.count === 0 && bounds.depth > 0) this.report(id, 'leaf page below a branch is empty');
    this.#keys(page, id, bounds);
    if (page.leaf) {
      this.#leaf(page, id, bounds.nesting);
      return;
    }
    for (let i = 0; i < page.count; i++) {
      this.tree(page.child(i), {
        low: page.key(i),
        high: i + 1 < page.count ? page.key(i + 1) : bounds.high,
        depth: bounds.depth + 1,
        nesting: bounds.nesting,
      });
    }
  }

  /** The list of free pages that another program stored: as long as it says, and free of pages in use. */
  storedFreelist(id: number): void {
    const pager = this.#pager;
    const data = this.#guarded(id, () => {
      const first = pager.readRun(id, 1);
      if (readU64(first, 0) !== id || readU16(first, 8) !== FLAG_FREELIST)
        throw pager.corrupt(id, 'page is not a freelist');
      return pager.readRun(id, 1 + readU32(first, 12));
    });
    if (data === undefined) return;
    this.#reach(id, data.length / pager.pageSize);
    const short = readU16(data, 10);
    const long = short === 0xffff;
    const count = long ? readU64(data, PAGE_HEADER_BYTES) : short;
    const start = PAGE_HEADER_BYTES + (long ? 8 : 0);
    if (start + count * 8 > data.length) {
      this.report(id, `freelist of ${count} pages does not fit into ${data.length} bytes`);
      return;
    }
    let previous = 1;
    for (let i = 0; i < count; i++) {
      const free = readU64(data, start + i * 8);
      if (free <= previous || free >= pager.highWater)
        this.report(id, `freelist entry ${i} is page ${free}, after ${previous}`);
      else if (this.#seen[free] === 1) this.report(free, 'page is both in use and on the stored freelist');
      previous = Math.max(previous, free);
    }
  }

  #reach(id: number, count: number): void {
    for (let page = id; page < id + count; page++) {
      if (this.#seen[page] === 1) this.report(page, 'page is used in two places');
      else this.reached++;
      this.#seen[page] = 1;
    }
  }

  #keys(page: Page, id: number, { low, high }: Bounds): void {
    let previous = low;
    for (let i = 0; i < page.count; i++) {
      const key = page.key(i);
      if (key.length === 0) this.report(id, `key ${i} is empty`);
      if (previous !== undefined) {
        const order = compareBytes(previous, key);
        if (i === 0 && order > 0) this.report(id, 'first key is below what its parent says');
        if (i > 0 && order >= 0) this.report(id, `key ${i} does not come after the one before it`);
      }
      previous = key;
    }
    if (high !== undefined && previous !== undefined && page.count > 0 && compareBytes(previous, high) >= 0) {
      this.report(id, "last key is not below its parent's next");
    }
  }

  #leaf(page: Page, id: number, nesting: number): void {
    const pager = this.#pager;
    for (let i = 0; i < page.count; i++) {
      if (!page.isBucket(i)) {
        this.entries++;
        continue;
      }
      this.buckets++;
      if (nesting === MAX_DEPTH) {
        this.report(id, `buckets are nested deeper than ${MAX_DEPTH}`);
        continue;
      }
      const header = this.#guarded(id, () => parseBucketHeader(page.value(i), pager.place(id), pager.highWater));
      if (header === undefined) continue;
      const { inline } = header;
      if (inline === undefined) {
        this.tree(header.rootId, { low: undefined, high: undefined, depth: 0, nesting: nesting + 1 });
        continue;
      }
      this.#keys(inline, id, { low: undefined, high: undefined, depth: 0, nesting });
      for (let j = 0; j < inline.count; j++) {
        if (inline.isBucket(j)) this.report(id, 'inline bucket holds a bucket');
        else this.entries++;
      }
    }
  }

  /** What `read` returns, or undefined when it met damage, which is then reported. */
  #guarded<T>(id: number, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof BoltError)) throw error;
      this.report(error.pageId ?? id, error.reason);
      return undefined;
    }
  }
}
