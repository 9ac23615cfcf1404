/**
 * The keys that a user may read (or write), as disjoint intervals in rising order. Intervals that touch or overlap are
 * one, whichever roles they came from: a range is permitted when one of them contains all of it.
 *
 *     granted   [a, c)  [b, d)  {d}  [x, …      kept   [a, d\0)  [x, …
 *
 * Ends as in requests: empty = the single key, `\0` = to the last key. Requests are checked as they came, before
 * anything else makes an end of theirs (GHSA-xg4h-6gfc-h4m8: a watch's `\0`, already turned into "no end", passed for a
 * single key). Source: etcd's server/auth/range_perm_cache.go and pkg/adt.
 */
import { latin1Text } from '../lib/latin1.js';
import type { Permission } from '../proto/gen/authpb.js';
import { type Interval, IntervalTree } from './interval-tree.js';

export class KeyRanges {
  readonly #granted: readonly Interval[];
  readonly #intervals: readonly Interval[];
  #tree: IntervalTree | undefined;

  /** In the order in which the user's roles and their permissions are stored. */
  constructor(permissions: Iterable<Pick<Permission, 'key' | 'rangeEnd'>>) {
    this.#granted = [...permissions].map(({ key, rangeEnd }) => intervalOf(key, rangeEnd));
    this.#intervals = merged(this.#granted);
  }

  /** Whether all of `[key, rangeEnd)` is granted; of a range without keys (end <= key), what etcd finds in its tree. */
  contains(key: Uint8Array, rangeEnd: Uint8Array): boolean {
    const { start, end } = intervalOf(key, rangeEnd);
    if (end !== undefined && end <= start) {
      this.#tree ??= new IntervalTree(this.#granted);
      return this.#tree.reaches(start, end);
    }
    const found = this.#last(start);
    if (found === undefined) return false;
    if (found.end === undefined) return true;
    return end !== undefined && end <= found.end && start < found.end;
  }

  /** The last interval that begins at or before `start`. */
  #last(start: string): Interval | undefined {
    let low = 0;
    let high = this.#intervals.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const interval = this.#intervals[middle];
      if (interval !== undefined && interval.start <= start) low = middle + 1;
      else high = middle;
    }
    return this.#intervals[low - 1];
  }
}

/** Whether a permission may be granted on it: a key, and an end that is empty, open or above the key. */
export function isGrantableRange(key: Uint8Array, rangeEnd: Uint8Array): boolean {
  if (key.length === 0) return false;
  return rangeEnd.length === 0 || isOpen(rangeEnd) || Buffer.compare(key, rangeEnd) < 0;
}

function isOpen(rangeEnd: Uint8Array): boolean {
  return rangeEnd.length === 1 && rangeEnd[0] === 0;
}

function intervalOf(key: Uint8Array, rangeEnd: Uint8Array): Interval {
  const start = latin1Text(key);
  if (rangeEnd.length === 0) return { start, end: `${start}\0` };
  return { start, end: isOpen(rangeEnd) ? undefined : latin1Text(rangeEnd) };
}

/** 3.4 grants ranges that end before they begin; they hold no key. */
function merged(intervals: readonly Interval[]): Interval[] {
  const rising = intervals
    .filter(({ start, end }) => end === undefined || start < end)
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  const result: Interval[] = [];
  for (const interval of rising) {
    const before = result.at(-1);
    if (before === undefined || (before.end !== undefined && before.end < interval.start)) result.push(interval);
    else result[result.length - 1] = { start: before.start, end: later(before.end, interval.end) };
  }
  return result;
}

function later(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return undefined;
  return a > b ? a : b;
}
