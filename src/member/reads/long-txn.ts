/**
 * A transaction that only reads, in slices as a long range: its comparisons first, then the ranges of the branch that
 * they choose, one after another. All is as of one moment. Between any two slices the event loop runs, and the work
 * ends with its caller.
 */
import { type Caller, checkWanted } from '../../lib/caller.js';
import type { Clock } from '../../lib/clock.js';
import { Pieces } from '../../lib/pieces.js';
import type { RangeCursor, StoreView } from '../../mvcc/range-cursor.js';
import type { MvccStore } from '../../mvcc/store.js';
import {
  type Compare,
  type RangeRequest,
  type RequestOp,
  type ResponseHeader,
  type TxnRequest,
  TxnResponse,
} from '../../proto/gen/etcdserverpb.js';
import { KeyValue } from '../../proto/gen/mvccpb.js';
import { checkRanges, holdsForNone, innerHeader, matches } from '../apply/txn.js';
import { mayBeLong, SLICE_KEYS, slicedRange } from './long-range.js';

const RESPONSES_TAG = 0x1a;
const RANGE_TAG = 0x0a;

export interface LongTxnOptions {
  readonly store: MvccStore;
  readonly clock: Pick<Clock, 'soon'>;
  readonly header: ResponseHeader;
  readonly caller: Caller | undefined;
  /** Told how many bytes the unfinished answer holds more; in the end it holds none. */
  readonly hold: (bytes: number) => void;
}

/** Whether a transaction that only reads may take more than a slice. */
export function mayReadLong(txn: TxnRequest): boolean {
  return txn.compare.some(({ rangeEnd }) => rangeEnd.length > 0) || rangesOf(txn).some(mayBeLong);
}

/** Whether applying it looks at more keys than a slice would: it runs in one step all the same, on every member. */
export function touchesMany(txn: TxnRequest, store: Pick<MvccStore, 'keysIn'>): boolean {
  let left = SLICE_KEYS;
  const isTooMuch = ({ key, rangeEnd }: { readonly key: Uint8Array; readonly rangeEnd: Uint8Array }): boolean => {
    if (rangeEnd.length > 0) left -= store.keysIn(key, rangeEnd);
    return left < 0;
  };
  const isHeavyOp = ({ request }: RequestOp): boolean => {
    if (request.case === 'requestTxn') return isHeavy(request.value);
    if (request.case === 'requestRange') return mayBeLong(request.value) && isTooMuch(request.value);
    return request.case === 'requestDeleteRange' && isTooMuch(request.value);
  };
  const isHeavy = ({ compare, success, failure }: TxnRequest): boolean =>
    compare.some(isTooMuch) || success.some(isHeavyOp) || failure.some(isHeavyOp);
  return isHeavy(txn);
}

/** The whole response's bytes. Rejects as `executeReadOnlyTxn` throws, and with AbandonedError. */
export async function longReadOnlyTxn(txn: TxnRequest, options: LongTxnOptions): Promise<Pieces> {
  const { store } = options;
  const { currentRevision, compactRevision } = store;
  const revisions = rangesOf(txn).flatMap(({ revision }) => (revision > 0 ? [revision] : []));
  const lowest = revisions.reduce((least, revision) => Math.min(least, revision), currentRevision);
  const reading = new ReadOnlyTxn(store.openView(lowest), options);
  try {
    const succeeded = await reading.allHold(txn.compare);
    checkRanges(txn, { succeeded, nested: [] }, { currentRevision, compactRevision });
    return await reading.answer(succeeded, rangesOf({ ...txn, [succeeded ? 'failure' : 'success']: [] }));
  } finally {
    reading.close();
  }
}

const rangesOf = ({ success, failure }: Pick<TxnRequest, 'success' | 'failure'>): RangeRequest[] =>
  [...success, ...failure].flatMap(({ request }) => (request.case === 'requestRange' ? [request.value] : []));

class ReadOnlyTxn {
  readonly #view: StoreView;
  readonly #options: LongTxnOptions;
  #held = 0;
  #reads = 0;

  constructor(view: StoreView, options: LongTxnOptions) {
    this.#view = view;
    this.#options = options;
  }

  close(): void {
    this.#options.hold(-this.#held);
    this.#view.close();
  }

  async allHold(compares: readonly Compare[]): Promise<boolean> {
    for (const compare of compares) if (!(await this.#holds(compare))) return false;
    return true;
  }

  async answer(succeeded: boolean, requests: readonly RangeRequest[]): Promise<Pieces> {
    const list: Uint8Array[] = [TxnResponse.encode({ header: this.#options.header, succeeded, responses: [] })];
    for (const request of requests) {
      const { size, list: pieces } = await this.#range(request);
      const inner = prefix(RANGE_TAG, size);
      list.push(prefix(RESPONSES_TAG, inner.length + size), inner);
      for (const piece of pieces) list.push(piece);
    }
    // What does more than one thing counts as a transaction.
    if (this.#reads > 1) this.#options.store.counts.txns++;
    return new Pieces(
      list,
      list.reduce((sum, { length }) => sum + length, 0),
    );
  }

  /** Every key of the range must satisfy it. */
  #holds(compare: Compare): Promise<boolean> {
    return this.#read(compare.key, compare.rangeEnd, 0, async (cursor) => {
      if (cursor.count === 0) return holdsForNone(compare);
      let holds = true;
      for (let read = 0; ; ) {
        read += cursor.visit(SLICE_KEYS, (record) => {
          holds = matches(compare, KeyValue.decode(record));
          return holds;
        });
        if (!holds || read >= cursor.count) return holds;
        await this.#pause();
      }
    });
  }

  #range(request: RangeRequest): Promise<Pieces> {
    return this.#read(request.key, request.rangeEnd, request.revision, async (cursor) => {
      const reading = slicedRange(request, cursor, innerHeader(this.#view.revision));
      let size = 0;
      const note = (): void => {
        this.#options.hold(reading.size - size);
        this.#held += reading.size - size;
        size = reading.size;
      };
      while (reading.slice()) {
        note();
        await this.#pause();
      }
      note();
      return reading.finish();
    });
  }

  async #read<T>(
    key: Uint8Array,
    end: Uint8Array,
    revision: number,
    read: (cursor: RangeCursor) => Promise<T>,
  ): Promise<T> {
    // Counting keys takes a while too, of an older revision above all.
    if (end.length > 0) await this.#pause();
    const cursor = this.#view.open(key, end, revision);
    this.#reads++;
    try {
      return await read(cursor);
    } finally {
      cursor.close();
    }
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => this.#options.clock.soon(resolve));
    checkWanted(this.#options.caller);
  }
}

/** Tag and length of a message inside another one. */
function prefix(tag: number, length: number): Uint8Array {
  const bytes = [tag];
  let left = length;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80);
  bytes.push(left);
  return Uint8Array.from(bytes);
}
