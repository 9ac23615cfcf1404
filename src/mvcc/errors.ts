/** The asked revision lies below the compacted one (for a compaction: at or below). */
export class CompactedError extends Error {
  override readonly name = 'CompactedError';
  readonly code = 'ERR_COMPACTED';
  constructor(
    readonly revision: number,
    readonly compactRevision: number,
  ) {
    super(`revision ${revision} has been compacted (compacted up to ${compactRevision})`);
  }
}

/** The asked revision lies above the current one. */
export class FutureRevisionError extends Error {
  override readonly name = 'FutureRevisionError';
  readonly code = 'ERR_FUTURE_REVISION';
  constructor(
    readonly revision: number,
    readonly currentRevision: number,
  ) {
    super(`revision ${revision} is in the future (current revision ${currentRevision})`);
  }
}

/** More hashes are waiting than the store queues; try again later. */
export class BusyError extends Error {
  override readonly name = 'BusyError';
  readonly code = 'ERR_MVCC_BUSY';
  constructor(limit: number) {
    super(`${limit} compactions and hashes are waiting already`);
  }
}

/** The store was closed or its content replaced while the work was under way. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
  readonly code = 'ERR_MVCC_INTERRUPTED';
  constructor() {
    super('the store was closed or restored meanwhile');
  }
}
