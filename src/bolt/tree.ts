/**
 * Reading one bucket's tree of pages: find a key, walk a range.
 *
 * A damaged file may hold loops. No walk is endless: the depth is bounded, every leaf but a root has entries, and each
 * leaf's keys must come after those of the leaf before it, so a page met again is noticed.
 */
import type { Page } from './page.js';
import { compareBytes } from './page.js';
import { type Pager, ScanWindow } from './pager.js';
import type { VisitEntry } from './types.js';

/** With at least two children to a page, no file reaches this. */
export const MAX_DEPTH = 64;

/** The leaf that would hold `key`; for one look (`Pager.peek`) where that is all. */
export function leafFor(pager: Pager, root: Page, key: Uint8Array, isOneLook = false): Page {
  let page = root;
  for (let depth = 0; !page.leaf; depth++) {
    if (depth === MAX_DEPTH) throw pager.corrupt(page.id, `tree is deeper than ${MAX_DEPTH} pages`);
    const id = page.child(page.childFor(key));
    page = isOneLook ? pager.peek(id) : pager.page(id);
  }
  return page;
}

/** The same by a window: branches are cached, leaves are not. */
export function leafByScan(pager: Pager, root: Page, key: Uint8Array, window: ScanWindow): Page {
  let page = root;
  for (let depth = 0; !page.leaf; depth++) {
    if (depth === MAX_DEPTH) throw pager.corrupt(page.id, `tree is deeper than ${MAX_DEPTH} pages`);
    const id = page.child(page.childFor(key));
    page = pager.scan(id, window);
    if (!page.leaf) page = pager.page(id);
  }
  return page;
}

/** Index of `key` in the leaf, or -1. */
export function findIn(leaf: Page, key: Uint8Array): number {
  const index = leaf.lowerBound(key);
  return index < leaf.count && leaf.compare(index, key) === 0 ? index : -1;
}

/** What a walk carries from leaf to leaf. */
export class Walk {
  readonly window = new ScanWindow();
  last: Uint8Array | undefined;
  readonly end: Uint8Array | undefined;
  readonly visit: VisitEntry;

  constructor(end: Uint8Array | undefined, visit: VisitEntry) {
    this.end = end;
    this.visit = visit;
  }
}

/** Visits `[start, walk.end)` under `page`; false when the visitor stopped it. */
export function walkPage(pager: Pager, page: Page, start: Uint8Array | undefined, walk: Walk, depth = 0): boolean {
  if (page.leaf) return walkLeaf(pager, page, start, walk, depth);
  if (depth === MAX_DEPTH) throw pager.corrupt(page.id, `tree is deeper than ${MAX_DEPTH} pages`);
  const { end } = walk;
  let from = start;
  for (let i = start === undefined ? 0 : page.childFor(start); i < page.count; i++) {
    // The first child holds whatever is below the second's key, so it is never skipped.
    if (end !== undefined && i > 0 && page.compare(i, end) >= 0) return true;
    if (!walkPage(pager, pager.scan(page.child(i), walk.window), from, walk, depth + 1)) return false;
    from = undefined;
  }
  return true;
}

function walkLeaf(pager: Pager, page: Page, start: Uint8Array | undefined, walk: Walk, depth: number): boolean {
  const { count } = page;
  if (count === 0) {
    if (depth > 0) throw pager.corrupt(page.id, 'leaf page below a branch is empty');
    return true;
  }
  if (walk.last !== undefined && page.compare(0, walk.last) <= 0) {
    throw pager.corrupt(page.id, 'leaf page does not come after the leaf before it');
  }
  walk.last = page.key(count - 1);
  const { end, visit } = walk;
  const stop = end === undefined || compareBytes(walk.last, end) < 0 ? count : page.lowerBound(end);
  for (let i = start === undefined ? 0 : page.lowerBound(start); i < stop; i++) {
    if (visit(page.key(i), page.value(i), page.isBucket(i)) === false) return false;
  }
  return true;
}
