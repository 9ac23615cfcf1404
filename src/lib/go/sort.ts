/**
 * Sorting in the very order of Go's `sort.Sort` (since Go 1.19), for answers in which the order of equal elements can
 * be seen: etcd's sorted ranges. It is a pattern-defeating quicksort (Orson Peters, https://arxiv.org/abs/2106.05123)
 * with the constants of Go's library: insertion sort up to 12 elements, a ninther from 50 on, heapsort after too many
 * bad pivots, xorshift seeded by the length. Not stable; deterministic.
 */
import { atOneGo } from '../in-steps.js';

export function goSort<T>(items: T[], isLess: (a: T, b: T) => boolean): void {
  atOneGo(goSortInSteps(items, isLess));
}

/** The same with pauses for others, of which nobody may touch `items`. */
export function* goSortInSteps<T>(items: T[], isLess: (a: T, b: T) => boolean): Generator<undefined, void> {
  if (items.length > 1) yield* new Sorter(items, isLess).quicksort(0, items.length, bitLength(items.length));
}

/** About a millisecond of comparing. */
const LOOKS_BEFORE_PAUSE = 10_000;

const MAX_INSERTION = 12;
const SHORTEST_NINTHER = 50;
const SHORTEST_SHIFTING = 50;
const MAX_SHIFTED_PAIRS = 5;
const MAX_PIVOT_SWAPS = 12;

type Hint = 'unknown' | 'increasing' | 'decreasing';

/** Ranges are `[from, to)`, positions absolute. */
class Sorter<T> {
  /** How often elements may be looked at until the next pause. */
  #looks = LOOKS_BEFORE_PAUSE;

  constructor(
    readonly items: T[],
    readonly isLess: (a: T, b: T) => boolean,
  ) {}

  /** `badPivots`: how many more may be met before heapsort takes over. */
  *quicksort(from: number, to: number, badPivots: number): Generator<undefined, void> {
    let wasBalanced = true;
    let wasPartitioned = true;
    for (;;) {
      const length = to - from;
      if (length <= MAX_INSERTION) {
        this.#insertionSort(from, to);
        return;
      }
      if (this.#isPauseDue()) yield;
      if (badPivots === 0) {
        yield* this.#heapSort(from, to);
        return;
      }
      if (!wasBalanced) {
        this.#breakPatterns(from, to);
        badPivots--;
      }
      let [pivot, hint] = this.#choosePivot(from, to);
      if (hint === 'decreasing') {
        this.#reverse(from, to);
        pivot = to - 1 - (pivot - from);
        hint = 'increasing';
      }
      if (wasBalanced && wasPartitioned && hint === 'increasing' && this.#partialInsertionSort(from, to)) return;
      // Nothing here is below what stands before the range: if the pivot is no greater either, its equals are done
      // with.
      if (from > 0 && !this.#less(from - 1, pivot)) {
        from = yield* this.#partitionEqual(from, to, pivot);
        continue;
      }
      const { middle, already } = yield* this.#partition(from, to, pivot);
      wasPartitioned = already;
      const [left, right] = [middle - from, to - middle];
      wasBalanced = Math.min(left, right) >= Math.floor(length / 8);
      if (left < right) {
        yield* this.quicksort(from, middle, badPivots);
        from = middle + 1;
      } else {
        yield* this.quicksort(middle + 1, to, badPivots);
        to = middle;
      }
    }
  }

  /** Whether a pause is due, which is then taken. */
  #isPauseDue(): boolean {
    if (this.#looks > 0) return false;
    this.#looks = LOOKS_BEFORE_PAUSE;
    return true;
  }

  #less(a: number, b: number): boolean {
    this.#looks--;
    return this.isLess(this.items[a] as T, this.items[b] as T);
  }

  #swap(a: number, b: number): void {
    const kept = this.items[a] as T;
    this.items[a] = this.items[b] as T;
    this.items[b] = kept;
  }

  #insertionSort(from: number, to: number): void {
    for (let next = from + 1; next < to; next++) {
      for (let at = next; at > from && this.#less(at, at - 1); at--) this.#swap(at, at - 1);
    }
  }

  *#heapSort(from: number, to: number): Generator<undefined, void> {
    const count = to - from;
    for (let root = Math.floor((count - 1) / 2); root >= 0; root--) {
      this.#siftDown(root, count, from);
      if (this.#isPauseDue()) yield;
    }
    for (let last = count - 1; last >= 0; last--) {
      this.#swap(from, from + last);
      this.#siftDown(0, last, from);
      if (this.#isPauseDue()) yield;
    }
  }

  #siftDown(root: number, count: number, first: number): void {
    for (;;) {
      let child = 2 * root + 1;
      if (child >= count) return;
      if (child + 1 < count && this.#less(first + child, first + child + 1)) child++;
      if (!this.#less(first + root, first + child)) return;
      this.#swap(first + root, first + child);
      root = child;
    }
  }

  /** What is below the pivot goes to its left. `already`: nothing had to move. */
  *#partition(from: number, to: number, pivot: number): Generator<undefined, { middle: number; already: boolean }> {
    this.#swap(from, pivot);
    let left = from + 1;
    let right = to - 1;
    let already = true;
    for (;;) {
      while (left <= right && this.#looks > 0 && this.#less(left, from)) left++;
      while (left <= right && this.#looks > 0 && !this.#less(right, from)) right--;
      if (left > right) break;
      if (this.#isPauseDue()) {
        yield;
        continue;
      }
      already = false;
      this.#swap(left++, right--);
    }
    this.#swap(right, from);
    return { middle: right, already };
  }

  /** What equals the pivot goes to the front; returns where the rest begins. */
  *#partitionEqual(from: number, to: number, pivot: number): Generator<undefined, number> {
    this.#swap(from, pivot);
    let left = from + 1;
    let right = to - 1;
    for (;;) {
      while (left <= right && this.#looks > 0 && !this.#less(from, left)) left++;
      while (left <= right && this.#looks > 0 && this.#less(from, right)) right--;
      if (left > right) return left;
      if (this.#isPauseDue()) yield;
      else this.#swap(left++, right--);
    }
  }

  /** True when the range is sorted after a few neighbours were put right. */
  #partialInsertionSort(from: number, to: number): boolean {
    let at = from + 1;
    for (let pair = 0; pair < MAX_SHIFTED_PAIRS; pair++) {
      while (at < to && !this.#less(at, at - 1)) at++;
      if (at === to) return true;
      if (to - from < SHORTEST_SHIFTING) return false;
      this.#swap(at, at - 1);
      if (at - from >= 2) {
        for (let left = at - 1; left >= 1 && this.#less(left, left - 1); left--) this.#swap(left, left - 1);
      }
      if (to - at >= 2) {
        for (let right = at + 1; right < to && this.#less(right, right - 1); right++) this.#swap(right, right - 1);
      }
    }
    return false;
  }

  #breakPatterns(from: number, to: number): void {
    const length = to - from;
    if (length < 8) return;
    const random = new Xorshift(length);
    const mask = 2 ** bitLength(length) - 1;
    const at = from + Math.floor(length / 4) * 2 - 1;
    for (let which = 0; which < 3; which++) {
      let other = random.next(mask);
      if (other >= length) other -= length;
      this.#swap(at + which, from + other);
    }
  }

  #choosePivot(from: number, to: number): [number, Hint] {
    const length = to - from;
    const quarter = Math.floor(length / 4);
    const counter = { swaps: 0 };
    let [a, b, c] = [from + quarter, from + quarter * 2, from + quarter * 3];
    if (length >= 8) {
      if (length >= SHORTEST_NINTHER) {
        a = this.#median(a - 1, a, a + 1, counter);
        b = this.#median(b - 1, b, b + 1, counter);
        c = this.#median(c - 1, c, c + 1, counter);
      }
      b = this.#median(a, b, c, counter);
    }
    if (counter.swaps === 0) return [b, 'increasing'];
    return [b, counter.swaps === MAX_PIVOT_SWAPS ? 'decreasing' : 'unknown'];
  }

  #median(a: number, b: number, c: number, counter: { swaps: number }): number {
    [a, b] = this.#ordered(a, b, counter);
    [b, c] = this.#ordered(b, c, counter);
    [a, b] = this.#ordered(a, b, counter);
    return b;
  }

  #ordered(a: number, b: number, counter: { swaps: number }): [number, number] {
    if (!this.#less(b, a)) return [a, b];
    counter.swaps++;
    return [b, a];
  }

  #reverse(from: number, to: number): void {
    for (let left = from, right = to - 1; left < right; left++, right--) this.#swap(left, right);
  }
}

/** Marsaglia's xorshift over 64 bits. */
class Xorshift {
  #state: bigint;

  constructor(seed: number) {
    this.#state = BigInt(seed);
  }

  next(mask: number): number {
    this.#state = BigInt.asUintN(64, this.#state ^ (this.#state << 13n));
    this.#state ^= this.#state >> 7n;
    this.#state = BigInt.asUintN(64, this.#state ^ (this.#state << 17n));
    return Number(this.#state & BigInt(mask));
  }
}

/** Bits needed to write `value`: 3 → 2, 4 → 3. */
function bitLength(value: number): number {
  return 32 - Math.clz32(value);
}
