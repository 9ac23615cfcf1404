/**
 * A range read piece by piece, all as of one revision. etcd reads each piece as a range of its own, and the keys beyond
 * a limit as one more; metrics count them so (v3_server.go, rangeStream).
 */
import type { Clock } from '../../lib/clock.js';
import type { RangeCursor } from '../../mvcc/range-cursor.js';

export interface RangePiecesOptions {
  /** Called for each piece; opening it is counted by the store already, and is one with the first. */
  readonly onPiece: (tookMs: number, options: { readonly isFirst: boolean }) => void;
  readonly clock: Clock;
}

export class RangePieces {
  #isFirst = true;

  constructor(
    readonly cursor: RangeCursor,
    readonly options: RangePiecesOptions,
  ) {}

  /** Keys in the whole range. */
  get count(): number {
    return this.cursor.count;
  }

  /** The next `limit` records, as `RangeCursor.read` gives them; none for 0, which is a piece too. */
  read(limit: number): Uint8Array[] {
    const { clock } = this.options;
    const beganMs = clock.monotonicMs();
    const records = limit > 0 ? this.cursor.read(limit) : [];
    this.#tell(clock.monotonicMs() - beganMs);
    return records;
  }

  /** The keys that are not to be read were counted. */
  countedRest(): void {
    this.#tell(0);
  }

  /** Must be called; twice is harmless. */
  close(): void {
    this.cursor.close();
  }

  #tell(tookMs: number): void {
    this.options.onPiece(tookMs, { isFirst: this.#isFirst });
    this.#isFirst = false;
  }
}
