/**
 * A range that may be long, read in slices between which the event loop runs: heartbeats and other clients do not wait
 * for it. All slices are as of one revision. One that fits into the first slice is answered at once. Before each slice
 * is asked whether anybody still waits for the answer.
 */
import { type Caller, checkWanted } from '../../lib/caller.js';
import type { Clock } from '../../lib/clock.js';
import { goSortInSteps } from '../../lib/go/sort.js';
import type { Pieces } from '../../lib/pieces.js';
import { owned } from '../../mvcc/key-value.js';
import type { RangeCursor } from '../../mvcc/range-cursor.js';
import type { MvccStore } from '../../mvcc/store.js';
import type { RangeRequest, ResponseHeader } from '../../proto/gen/etcdserverpb.js';
import { KeyValue } from '../../proto/gen/mvccpb.js';
import { fetchLimit, isPlain, namesLeasesOf, orderOf, passesFilter } from '../apply/range.js';
import { RangeBytes } from './range-bytes.js';

/** About 2 ms of work. */
export const SLICE_KEYS = 1000;
const SLICE_BYTES = 1024 * 1024;
/** What the keys so far promise of the others, and a little more. */
const EXPECTED = 1.05;
/** So few keys are read at once, whatever their size. */
const FEW_KEYS = 8;

/** Whether the answer may take more than a slice. A count alone never does. */
export function mayBeLong(request: RangeRequest): boolean {
  if (request.rangeEnd.length === 0 || request.countOnly) return false;
  const limit = fetchLimit(request);
  return limit === 0 || limit > FEW_KEYS;
}

export interface LongRangeOptions {
  readonly store: MvccStore;
  readonly clock: Clock;
  readonly header: ResponseHeader;
  readonly caller: Caller | undefined;
  /** Told how many bytes the unfinished answer holds more; in the end it holds none. */
  readonly hold: (bytes: number) => void;
}

/** Throws, or rejects, like `MvccStore.range`, and with AbandonedError. */
export function longRange(request: RangeRequest, options: LongRangeOptions): Pieces | Promise<Pieces> {
  const cursor = options.store.openRange(request.key, request.rangeEnd, request.revision > 0 ? request.revision : 0);
  const reading = slicedRange(request, cursor, options.header);
  if (!reading.slice()) {
    cursor.close();
    return reading.finish();
  }
  return inSlices(reading, cursor, options);
}

async function inSlices(
  reading: SlicedRange,
  cursor: RangeCursor,
  { clock, caller, hold }: LongRangeOptions,
): Promise<Pieces> {
  let held = 0;
  try {
    do {
      hold(reading.size - held);
      held = reading.size;
      await new Promise<void>((resolve) => clock.soon(resolve));
      checkWanted(caller);
    } while (reading.slice());
    return reading.finish();
  } finally {
    hold(-held);
    cursor.close();
  }
}

/** A range that is being read. */
export interface SlicedRange {
  /** Bytes so far. */
  readonly size: number;
  /** Reads on; true while there is more. */
  slice(): boolean;
  /** The response's bytes, once there is no more. */
  finish(): Pieces;
}

export function slicedRange(request: RangeRequest, cursor: RangeCursor, header: ResponseHeader): SlicedRange {
  return isPlain(request) && !request.countOnly
    ? new PlainRange(request, cursor, header)
    : new ShapedRange(request, cursor, header);
}

/** Stored bytes as they are, or without their values. */
class PlainRange implements SlicedRange {
  readonly #bytes: RangeBytes;
  readonly #wanted: number;
  #read = 0;

  constructor(
    readonly request: RangeRequest,
    readonly cursor: RangeCursor,
    header: ResponseHeader,
  ) {
    this.#bytes = new RangeBytes(header, { keysOnly: request.keysOnly, namesLeases: cursor.namesLeases });
    this.#wanted = request.limit > 0 ? Math.min(cursor.count, request.limit) : cursor.count;
  }

  get size(): number {
    return this.#bytes.size;
  }

  slice(): boolean {
    const bytes = this.#bytes;
    const stopAt = bytes.size + SLICE_BYTES;
    const wanted = Math.min(SLICE_KEYS, this.#wanted - this.#read);
    const read =
      wanted === 0
        ? 0
        : this.cursor.visit(wanted, (record) => {
            bytes.add(record);
            return bytes.size < stopAt;
          });
    this.#read += read;
    const hasMore = read > 0 && this.#read < this.#wanted;
    if (hasMore) bytes.expect((EXPECTED * (this.#wanted - this.#read)) / this.#read);
    return hasMore;
  }

  finish(): Pieces {
    const { limit } = this.request;
    const { count } = this.cursor;
    return this.#bytes.finish({ more: limit > 0 && count > limit, count });
  }
}

/** Filtered or sorted: all is gathered, put in order, and the answer is made of what is wanted of it. */
class ShapedRange implements SlicedRange {
  size = 0;
  readonly #found: Found[] = [];
  readonly #steps = this.#work();
  #answer: Pieces | undefined;

  constructor(
    readonly request: RangeRequest,
    readonly cursor: RangeCursor,
    readonly header: ResponseHeader,
  ) {}

  slice(): boolean {
    const { done, value } = this.#steps.next();
    if (done === true) this.#answer = value;
    return done !== true;
  }

  finish(): Pieces {
    if (this.#answer === undefined) throw new Error('the range is not read to its end');
    return this.#answer;
  }

  *#work(): Generator<undefined, Pieces> {
    const { request, cursor, header } = this;
    const limit = fetchLimit(request);
    let left = limit === 0 ? cursor.count : Math.min(cursor.count, limit);
    if (request.countOnly) left = 0;
    while (left > 0) {
      const read = this.#read(Math.min(SLICE_KEYS, left));
      left = read === 0 ? 0 : left - read;
      if (left > 0) yield;
    }
    const found = this.#found;
    const isLess = orderOf(request);
    // Ties come in the order that etcd's sorting leaves them in: a limit cuts through them.
    if (isLess !== undefined) yield* goSortInSteps(found, (a, b) => isLess(a.kv, b.kv));
    const more = request.limit > 0 && found.length > request.limit;
    if (more) found.length = request.limit;
    const namesLeases = namesLeasesOf(request, cursor.namesLeases);
    const bytes = new RangeBytes(header, { keysOnly: request.keysOnly, namesLeases });
    const gathered = this.size;
    let stopAt = SLICE_BYTES;
    for (const [at, { record }] of found.entries()) {
      bytes.add(record);
      if (at + 1 === found.length || ((at + 1) % SLICE_KEYS !== 0 && bytes.size < stopAt)) continue;
      this.size = gathered + bytes.size;
      stopAt = bytes.size + SLICE_BYTES;
      yield;
    }
    return bytes.finish({ more, count: cursor.count });
  }

  /** Up to `wanted` keys, as far as a slice goes. */
  #read(wanted: number): number {
    const { request } = this;
    const stopAt = this.size + SLICE_BYTES;
    let looked = 0;
    return this.cursor.visit(wanted, (borrowed) => {
      looked += borrowed.length;
      const record = owned(borrowed);
      const kv = KeyValue.decode(record);
      if (!passesFilter(request, kv)) return looked < SLICE_BYTES;
      this.#found.push({ record, kv });
      this.size += record.length;
      return this.size < stopAt && looked < SLICE_BYTES;
    });
  }
}

/** Of the range, as it is stored, and what is looked at of it. */
interface Found {
  readonly record: Uint8Array;
  readonly kv: KeyValue;
}
