/** Which pages of a file are free when it is opened: those that are not reached from its durable state. */
import { FreePages } from './free-pages.js';
import type { Meta } from './meta.js';
import { FLAG_FREELIST, readU16, readU32, readU64 } from './page.js';
import type { Pager } from './pager.js';
import { reachablePages } from './reachable.js';
import type { PageRun } from './write-tx.js';

/** `stored` belongs to the durable state: it must stay readable until the next commit says that there is none. */
export function findFreePages(pager: Pager, meta: Meta, stored: PageRun | undefined): FreePages {
  const used = reachablePages(pager, meta.rootId);
  const free = new FreePages(meta.highWater);
  for (let id = 2; id < meta.highWater; id++) {
    if (((used[id >>> 5] as number) & (1 << (id & 31))) !== 0) continue;
    if (stored !== undefined && id >= stored.start && id < stored.start + stored.count) continue;
    free.add(id);
  }
  return free;
}

/** Where another program has written its list of them. */
export function storedFreelist(pager: Pager, { freelistId: id }: Meta): PageRun | undefined {
  if (id === undefined) return undefined;
  const page = pager.readRun(id, 1);
  if (readU64(page, 0) !== id || readU16(page, 8) !== FLAG_FREELIST) throw pager.corrupt(id, 'page is not a freelist');
  const count = 1 + readU32(page, 12);
  if (id + count > pager.highWater) throw pager.corrupt(id, `freelist of ${count} pages is longer than the file`);
  return { start: id, count };
}
