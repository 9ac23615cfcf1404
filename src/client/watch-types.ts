/** A watch as its reader asks for it and sees it. */
import type { ResponseHeader } from '../proto/gen/etcdserverpb.js';
import type { Event } from '../proto/gen/mvccpb.js';
import type { RangeSelection } from './key-range.js';

export interface WatchOptions extends RangeSelection {
  /** First revision to report; 0 or nothing = from now on. */
  readonly revision?: number | undefined;
  readonly prevKv?: boolean | undefined;
  /** The server reports its revision now and then when nothing happens. */
  readonly progressNotify?: boolean | undefined;
  /** Let the server split answers that are too large for one message; they are joined here. */
  readonly fragment?: boolean | undefined;
  /** Leave out puts, or deletions. */
  readonly noPut?: boolean | undefined;
  readonly noDelete?: boolean | undefined;
  /** End the watch when the member that serves it has no leader. */
  readonly requireLeader?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What one message of the server told: events of one or more revisions, or (no events) progress up to the header's
 * revision.
 */
export interface WatchBatch {
  readonly header: ResponseHeader;
  readonly events: readonly Event[];
  readonly compactRevision: number;
  readonly canceled: boolean;
}

/**
 * `for await (const { events } of watch)`. Ends after `cancel()` (leaving the loop cancels too); throws
 * WatchCanceledError when the server ended it, and EtcdError when it cannot go on.
 */
export interface Watch extends AsyncIterableIterator<WatchBatch> {
  /**
   * Resolves with the revision at which the server took the watch up for the first time; rejects when the watch ends
   * before.
   */
  readonly started: Promise<number>;
  cancel(): void;
}
