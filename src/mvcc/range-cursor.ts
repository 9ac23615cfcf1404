/**
 * A range read in slices, for ranges so large that reading them at once would hold up heartbeats. It shows one revision
 * throughout: later changes have higher ones, and the store lets no compaction drop what an open cursor may still read.
 */
import { InterruptedError } from './errors.js';
import { owned } from './key-value.js';
import type { Interval, RecordReader } from './read.js';

/** What ranges see that are opened in several turns, all as of one moment; to be closed. */
export interface StoreView {
  readonly revision: number;
  /** As `MvccStore.openRange` at that moment. Throws InterruptedError when the store was restored or closed. */
  open(key: Uint8Array, end: Uint8Array | undefined, revision: number): RangeCursor;
  /** Cursors that are open stay open. */
  close(): void;
}

/** Who reads so many keys goes over most of the file: it neither fills the cache nor asks for memory page by page. */
const SCANS_FROM_KEYS = 10_000;

export class RangeCursor {
  #next: string;
  #seen = 0;
  #open = true;
  #interrupted = false;
  readonly #reader: RecordReader;
  readonly #interval: Interval;
  readonly #onClose: (cursor: RangeCursor) => void;

  constructor(
    reader: RecordReader,
    interval: Interval,
    /** All slices are as of this revision. */
    readonly revision: number,
    /** Keys in the whole range. */
    readonly count: number,
    onClose: (cursor: RangeCursor) => void,
  ) {
    this.#reader = reader;
    this.#interval = interval;
    this.#onClose = onClose;
    this.#next = interval.start;
  }

  /** As `KeyReader.namesLeases`. */
  get namesLeases(): boolean {
    return this.#reader.namesLeases;
  }

  /**
   * The next `limit` stored `KeyValue`s in key order, owned by the caller; fewer at the end. Throws InterruptedError
   * when the store was restored or closed.
   */
  read(limit: number): Uint8Array[] {
    const kvs: Uint8Array[] = [];
    this.visit(limit, (record) => kvs.push(owned(record)));
    return kvs;
  }

  /**
   * The same without copies: `visit` gets up to `limit` of them, fewer where it answers false. Each is borrowed until
   * it answers, those of `LASTING_BYTES` for good. Returns how many there were.
   */
  visit(limit: number, visit: (record: Uint8Array) => unknown): number {
    this.checkOpen();
    const interval = { start: this.#next, end: this.#interval.end };
    const { seen, last } = this.#reader.visit(interval, this.revision, limit, visit, this.#seen >= SCANS_FROM_KEYS);
    this.#seen += seen;
    // The least key above the last one.
    if (last !== undefined) this.#next = `${last}\0`;
    return seen;
  }

  checkOpen(): void {
    if (this.#interrupted) throw new InterruptedError();
    if (!this.#open) throw new Error('the range cursor is closed');
  }

  /** Must be called: until then compactions above `revision` drop nothing. Twice is harmless. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#onClose(this);
  }

  /** By the store: its content is gone. */
  interrupt(): void {
    this.#interrupted = true;
    this.close();
  }
}
