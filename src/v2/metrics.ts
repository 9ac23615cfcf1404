/**
 * What the v2 store counts, as etcd's api/v2store/metrics.go names it. Reads and writes include those that fail; etcd's
 * counters of failures are registered nowhere and never shown.
 */
import type { Scalars } from '../lib/metrics.js';

/** What is read at each scrape. */
export interface V2Figures {
  readonly v2Expired: number;
  readonly v2WatchRequests: number;
  readonly v2Watchers: number;
  /** By action. */
  readonly v2Reads: ReadonlyMap<string, number>;
  readonly v2Writes: ReadonlyMap<string, number>;
}

export const V2_SCALARS: Scalars<V2Figures> = {
  etcd_debugging_store_expires_total: ['counter', 'Total number of expired keys.', (f) => f.v2Expired],
  etcd_debugging_store_watch_requests_total: [
    'counter',
    'Total number of incoming watch requests (new or reestablished).',
    (f) => f.v2WatchRequests,
  ],
  etcd_debugging_store_watchers: ['gauge', 'Count of currently active watchers.', (f) => f.v2Watchers],
};

/** Counters with a series for each action. */
export const V2_ACTIONS: Readonly<
  Record<string, { readonly help: string; readonly read: (figures: V2Figures) => ReadonlyMap<string, number> }>
> = {
  etcd_debugging_store_reads_total: {
    help: 'Total number of reads action by (get/getRecursive), local to this member.',
    read: (f) => f.v2Reads,
  },
  etcd_debugging_store_writes_total: {
    help: 'Total number of writes (e.g. set/compareAndDelete) seen by this member.',
    read: (f) => f.v2Writes,
  },
};
