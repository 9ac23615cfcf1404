/** A bucket as one commit left it. */
import { type BucketHeader, type Page, parseBucketHeader } from './page.js';
import type { Pager } from './pager.js';
import { findIn, leafByScan, leafFor, Walk, walkPage } from './tree.js';
import { LASTING_BYTES, type ReadBucket, type VisitEntry } from './types.js';

/** What keeps a reader from using a state that was released. */
export interface Guard {
  assertOpen(): void;
}

export class PageBucket implements ReadBucket {
  readonly sequence: bigint;
  readonly #pager: Pager;
  readonly #guard: Guard;
  readonly #rootId: number;
  readonly #inline: Page | undefined;
  /**
   * Where the last key was: records that were written one after the other are read one after the other. The pages of a
   * commit do not change while its buckets are in use.
   */
  #last: Page | undefined;
  /** The same while it is there: others may have peeked since. */
  #peeked: Page | undefined;

  constructor(pager: Pager, guard: Guard, header: BucketHeader) {
    this.#pager = pager;
    this.#guard = guard;
    this.#rootId = header.rootId;
    this.#inline = header.inline;
    this.sequence = header.sequence;
  }

  /** 0 = inline. */
  get rootId(): number {
    return this.#rootId;
  }

  get inline(): Page | undefined {
    return this.#inline;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return valueIn(this.#leafFor(key), key);
  }

  /** As `get`, for one look: bytes are borrowed until the next call, those of `LASTING_BYTES` for good. */
  peek(key: Uint8Array): Uint8Array | undefined {
    return valueIn(this.#leafToPeek(key), key);
  }

  /**
   * As `get`, for very many keys in one turn: bytes are borrowed until the next call, those of `LASTING_BYTES` for
   * good.
   */
  scanner(): (key: Uint8Array) => Uint8Array | undefined {
    this.#guard.assertOpen();
    const pager = this.#pager;
    if (pager.pageSize > LASTING_BYTES) return (key) => this.get(key);
    const window = pager.reusedWindow();
    const root = this.#inline ?? pager.page(this.#rootId);
    let leaf: Page | undefined;
    return (key) => {
      if (leaf === undefined || !covers(leaf, key)) leaf = leafByScan(pager, root, key, window);
      return valueIn(leaf, key);
    };
  }

  range(start: Uint8Array | undefined, end: Uint8Array | undefined, visit: VisitEntry): boolean {
    this.#guard.assertOpen();
    return walkPage(this.#pager, this.#inline ?? this.#pager.page(this.#rootId), start, new Walk(end, visit));
  }

  bucket(name: Uint8Array): PageBucket | undefined {
    const leaf = this.#leafFor(name);
    const index = findIn(leaf, name);
    if (index < 0 || !leaf.isBucket(index)) return undefined;
    const header = parseBucketHeader(leaf.value(index), this.#pager.place(leaf.id), this.#pager.highWater);
    return new PageBucket(this.#pager, this.#guard, header);
  }

  #leafFor(key: Uint8Array): Page {
    this.#guard.assertOpen();
    if (this.#inline !== undefined) return this.#inline;
    if (this.#last === undefined || !covers(this.#last, key))
      this.#last = leafFor(this.#pager, this.#pager.page(this.#rootId), key);
    return this.#last;
  }

  #leafToPeek(key: Uint8Array): Page {
    this.#guard.assertOpen();
    if (this.#inline !== undefined) return this.#inline;
    if (this.#last !== undefined && covers(this.#last, key)) return this.#last;
    const pager = this.#pager;
    const peeked = this.#peeked;
    if (peeked !== undefined && pager.isPeeked(peeked) && covers(peeked, key)) return peeked;
    const leaf = leafFor(pager, pager.page(this.#rootId), key, true);
    if (pager.isPeeked(leaf)) this.#peeked = leaf;
    else this.#last = leaf;
    return leaf;
  }
}

function valueIn(leaf: Page, key: Uint8Array): Uint8Array | undefined {
  const index = findIn(leaf, key);
  return index < 0 || leaf.isBucket(index) ? undefined : leaf.value(index);
}

/** Whether `key`, if it is there at all, is on this leaf. */
const covers = (leaf: Page, key: Uint8Array): boolean =>
  leaf.count > 0 && leaf.compare(0, key) <= 0 && leaf.compare(leaf.count - 1, key) >= 0;
