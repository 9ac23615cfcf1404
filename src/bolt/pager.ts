/**
 * Pages of one file by id: from the cache, or read and checked. All reads of a bbolt file come through here.
 *
 * Node has no mmap, so a page costs one pread the first time. Single pages are read one by one and cached; a scan reads
 * ahead into a window of its own and leaves the cache to those that need it. Who looks up very many keys one after the
 * other, and keeps nothing, has a window whose memory is used again and again, and so has who looks up a key here and
 * there, until it is asked for once more: fresh memory for every page would start a collection of garbage for each 64
 * MB read.
 */
import type { DiskFile } from '../lib/disk.js';
import { BoltError } from './errors.js';
import { type Page, type PagePlace, parseHeader, parsePage } from './page.js';
import { PageCache } from './page-cache.js';
import { LASTING_BYTES } from './types.js';

const MAX_WINDOW_PAGES = 64;
/** Misses that a scan answers page by page before it reads ahead: most ranges are short. */
const MISSES_BEFORE_WINDOW = 2;
/** Of so many pages that were peeked at it is known which. */
const ASKED_PAGES = 4096;

/** What one scan has read ahead. Its size follows how well the last one served. */
export class ScanWindow {
  misses: number;
  pages = 8;
  firstId = 0;
  endId = 0;
  hits = 0;
  data: Uint8Array = new Uint8Array(0);

  /**
   * With `memory`, of `MAX_WINDOW_PAGES`, what is read ahead goes there, over what was read before; no leaf that it
   * serves goes into the cache, and pages of more than one part are not served from it.
   */
  constructor(readonly memory?: Uint8Array) {
    this.misses = memory === undefined ? 0 : MISSES_BEFORE_WINDOW;
  }
}

export class Pager {
  /** For errors; a renamed file keeps its handle, so it is not the handle's. */
  readonly path: string;
  readonly file: DiskFile;
  readonly pageSize: number;
  readonly cache: PageCache;
  /** Pages `[0, highWater)` may be read; moves with each commit. */
  highWater: number;
  #windowMemory: Uint8Array | undefined;
  #peekMemory: Uint8Array | undefined;
  #peeked: Page | undefined;
  readonly #asked = new Uint32Array(ASKED_PAGES);

  constructor(path: string, file: DiskFile, options: { pageSize: number; highWater: number; cacheBytes: number }) {
    this.path = path;
    this.file = file;
    this.pageSize = options.pageSize;
    this.highWater = options.highWater;
    this.cache = new PageCache(options.cacheBytes);
  }

  place(id: number): PagePlace {
    return { path: this.path, id, offset: id * this.pageSize };
  }

  corrupt(id: number, reason: string): BoltError {
    return new BoltError('ERR_BOLT_CORRUPT', this.path, reason, { pageId: id, offset: id * this.pageSize });
  }

  page(id: number): Page {
    return this.cache.get(id) ?? this.#load(id);
  }

  /**
   * As `page`, for one look. A leaf of one part that was not asked for lately is not cached but read over the one
   * before it, of which `isPeeked` is false from then on.
   */
  peek(id: number): Page {
    const cached = this.cache.get(id);
    if (cached !== undefined) return cached;
    const place = id % ASKED_PAGES;
    if (this.#asked[place] === id || this.pageSize > LASTING_BYTES) return this.#load(id);
    this.#asked[place] = id;
    this.#peeked = undefined;
    this.#peekMemory ??= Buffer.allocUnsafeSlow(this.pageSize);
    const data = this.readRun(id, 1, this.#peekMemory);
    const { leaf, overflow } = parseHeader(data, this.place(id));
    if (!leaf || overflow > 0) return this.#load(id);
    this.#peeked = parsePage(data, this.place(id), this.highWater);
    return this.#peeked;
  }

  /** Whether `page` lies where the next peek may put another. */
  isPeeked(page: Page): boolean {
    return this.#peeked === page;
  }

  /** For one turn: what the last such window served is overwritten by what this one reads. */
  reusedWindow(): ScanWindow {
    this.#windowMemory ??= Buffer.allocUnsafeSlow(MAX_WINDOW_PAGES * this.pageSize);
    return new ScanWindow(this.#windowMemory);
  }

  /** As `page`, for a walk over many pages. */
  scan(id: number, window: ScanWindow): Page {
    const cached = this.cache.get(id);
    if (cached !== undefined) return cached;
    if (id >= window.firstId && id < window.endId) {
      const page = this.#fromWindow(id, window);
      if (page !== undefined) return page;
    }
    if (window.misses++ < MISSES_BEFORE_WINDOW) return this.#load(id);
    if (window.endId !== 0) {
      if (window.hits * 2 >= window.pages) window.pages = Math.min(window.pages * 2, MAX_WINDOW_PAGES);
      else if (window.hits * 8 < window.pages) window.pages = Math.max(window.pages >> 1, 1);
    }
    const pages = Math.min(window.pages, this.highWater - id);
    if (pages < 1) throw this.corrupt(id, `page lies beyond the high-water page ${this.highWater}`);
    window.data = this.readRun(id, pages, window.memory);
    window.firstId = id;
    window.endId = id + pages;
    window.hits = 0;
    return this.#fromWindow(id, window) ?? this.#load(id);
  }

  /** The bytes of `count` pages from `id` on, fresh or in `memory`. Throws where the file ends before. */
  readRun(id: number, count: number, memory?: Uint8Array): Uint8Array {
    if (id < 0 || id + count > this.highWater) {
      throw this.corrupt(id, `${count} pages lie beyond the high-water page ${this.highWater}`);
    }
    const size = count * this.pageSize;
    const data = memory === undefined ? Buffer.allocUnsafeSlow(size) : memory.subarray(0, size);
    const got = this.file.read(data, id * this.pageSize);
    if (got < data.length) throw this.corrupt(id, `file ends after ${got} of ${data.length} bytes`);
    return data;
  }

  #load(id: number): Page {
    const page = this.readPage(id);
    this.cache.set(page);
    return page;
  }

  /** From the file, whatever the cache has. */
  readPage(id: number): Page {
    let data = this.readRun(id, 1);
    const { overflow } = parseHeader(data, this.place(id));
    if (overflow > 0) {
      if (id + 1 + overflow > this.highWater) {
        throw this.corrupt(id, `page has ${overflow} overflow pages, beyond the high-water page ${this.highWater}`);
      }
      data = this.readRun(id, 1 + overflow);
    }
    return parsePage(data, this.place(id), this.highWater);
  }

  /** undefined when the page does not lie wholly in the window. */
  #fromWindow(id: number, window: ScanWindow): Page | undefined {
    const at = (id - window.firstId) * this.pageSize;
    const first = window.data.subarray(at, at + this.pageSize);
    const { overflow } = parseHeader(first, this.place(id));
    if (overflow > 0 && (window.memory !== undefined || id + 1 + overflow > window.endId)) return undefined;
    window.hits++;
    const data = overflow === 0 ? first : window.data.subarray(at, at + (1 + overflow) * this.pageSize);
    return parsePage(data, this.place(id), this.highWater);
  }
}
