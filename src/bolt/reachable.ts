/**
 * Finds every page that is in use, when a file is opened that stores no free list.
 *
 * Level by level: all pages of one level of all trees are read in the order they lie in the file, neighbours in one
 * read. So a file of gigabytes costs one sequential sweep, whatever order its keys are in. A page met twice, or outside
 * the file, ends it with an error; no damage makes it endless or needs more than one bit a page and the list of one
 * level.
 */
import { type Page, type PagePlace, parseBucketHeader, parseHeader, parsePage } from './page.js';
import type { Pager } from './pager.js';

const SWEEP_BYTES = 1 << 20;
/** Pages nobody asked for that are read rather than starting another read. */
const GAP_PAGES = 16;

/** One bit for each page in use: bit `id & 31` of word `id >>> 5`. Pages 0 and 1 count as used. */
export function reachablePages(pager: Pager, rootId: number): Uint32Array {
  const used = new Uint32Array((pager.highWater >>> 5) + 1);
  used[0] = 0b11;
  let level: number[] = [rootId];
  mark(pager, used, rootId, 1);
  while (level.length > 0) {
    const next: number[] = [];
    sweep(pager, level, (page, pages) => {
      if (pages > 1) mark(pager, used, page.id + 1, pages - 1);
      collectChildren(pager, page, (child) => {
        mark(pager, used, child, 1);
        next.push(child);
      });
    });
    level = next;
  }
  return used;
}

function mark(pager: Pager, used: Uint32Array, start: number, count: number): void {
  for (let id = start; id < start + count; id++) {
    const bit = 1 << (id & 31);
    const word = used[id >>> 5] as number;
    if ((word & bit) !== 0) throw pager.corrupt(id, 'page is used in two places');
    used[id >>> 5] = word | bit;
  }
}

/** The pages that `page` points to: its children, or the roots of the buckets in it. */
function collectChildren(pager: Pager, page: Page, found: (id: number) => void): void {
  if (!page.leaf) {
    for (let i = 0; i < page.count; i++) found(page.child(i));
    return;
  }
  for (let i = 0; i < page.count; i++) {
    if (!page.isBucket(i)) continue;
    const header = parseBucketHeader(page.value(i), pager.place(page.id), pager.highWater);
    if (header.inline === undefined) found(header.rootId);
    else refuseBuckets(pager.place(page.id), header.inline, pager);
  }
}

/** An inline bucket has no page ids to follow because no bucket may stand in it. */
function refuseBuckets(place: PagePlace, inline: Page, pager: Pager): void {
  for (let i = 0; i < inline.count; i++) {
    if (inline.isBucket(i)) throw pager.corrupt(place.id, 'inline bucket holds a bucket');
  }
}

/** Reads the pages `ids` in file order, and hands each over with the number of pages it spans. */
function sweep(pager: Pager, ids: number[], visit: (page: Page, pages: number) => void): void {
  ids.sort((a, b) => a - b);
  const { pageSize, highWater } = pager;
  const most = Math.max(SWEEP_BYTES / pageSize, 1);
  const buffer = Buffer.allocUnsafeSlow(
    Math.min(most, (ids[ids.length - 1] as number) - (ids[0] as number) + 1) * pageSize,
  );
  let bufferStart = 0;
  let bufferPages = 0;
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number;
    if (id >= bufferStart + bufferPages) {
      let end = id + 1;
      for (let j = i + 1; j < ids.length; j++) {
        const other = ids[j] as number;
        if (other - end > GAP_PAGES || other - id >= most) break;
        end = other + 1;
      }
      bufferStart = id;
      bufferPages = end - id;
      const into = buffer.subarray(0, bufferPages * pageSize);
      const got = pager.file.read(into, id * pageSize);
      if (got < into.length) throw pager.corrupt(id, `file ends after ${got} of ${into.length} bytes`);
    }
    const at = (id - bufferStart) * pageSize;
    const { overflow } = parseHeader(buffer.subarray(at, at + pageSize), pager.place(id));
    const pages = 1 + overflow;
    if (id + pages > highWater)
      throw pager.corrupt(id, `page has ${overflow} overflow pages, beyond the high-water page ${highWater}`);
    const whole = id + pages <= bufferStart + bufferPages;
    const data = whole ? buffer.subarray(at, at + pages * pageSize) : pager.readRun(id, pages);
    visit(parsePage(data, pager.place(id), highWater), pages);
  }
}
