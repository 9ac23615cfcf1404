/** What the store counts and times. Source: etcd's server/storage/mvcc/metrics.go. */
import { type Durations, doubling, milliseconds, type Scalars, seconds } from '../lib/metrics.js';

/** What is read at each scrape. */
export interface MvccFigures {
  readonly currentRevision: number;
  readonly compactRevision: number;
  readonly keys: number;
  readonly puts: number;
  readonly deletes: number;
  readonly ranges: number;
  readonly txns: number;
  readonly putBytes: number;
  readonly watchers: number;
  readonly watchStreams: number;
  readonly slowWatchers: number;
  readonly eventsSent: number;
  readonly eventsPending: number;
  readonly compactedRecords: number;
  readonly lastCompactionSeconds: number;
}

export const MVCC_SCALARS: Scalars<MvccFigures> = {
  etcd_mvcc_put_total: ['counter', 'Total number of puts seen by this member.', (f) => f.puts],
  etcd_mvcc_delete_total: ['counter', 'Total number of deletes seen by this member.', (f) => f.deletes],
  etcd_mvcc_range_total: ['counter', 'Total number of ranges seen by this member.', (f) => f.ranges],
  etcd_mvcc_txn_total: ['counter', 'Total number of txns seen by this member.', (f) => f.txns],
  etcd_debugging_mvcc_current_revision: ['gauge', 'The current revision of store.', (f) => f.currentRevision],
  etcd_debugging_mvcc_compact_revision: [
    'gauge',
    'The revision of the last compaction in store.',
    (f) => f.compactRevision,
  ],
  etcd_debugging_mvcc_keys_total: ['gauge', 'Total number of keys.', (f) => f.keys],
  etcd_debugging_mvcc_total_put_size_in_bytes: [
    'gauge',
    'The total size of put kv pairs seen by this member.',
    (f) => f.putBytes,
  ],
  etcd_debugging_mvcc_watcher_total: ['gauge', 'Total number of watchers.', (f) => f.watchers],
  etcd_debugging_mvcc_watch_stream_total: ['gauge', 'Total number of watch streams.', (f) => f.watchStreams],
  etcd_debugging_mvcc_slow_watcher_total: ['gauge', 'Total number of unsynced slow watchers.', (f) => f.slowWatchers],
  // Names of 3.4 and 3.5, which dashboards still read.
  etcd_debugging_mvcc_put_total: ['counter', 'Total number of puts seen by this member.', (f) => f.puts],
  etcd_debugging_mvcc_delete_total: ['counter', 'Total number of deletes seen by this member.', (f) => f.deletes],
  etcd_debugging_mvcc_range_total: ['counter', 'Total number of ranges seen by this member.', (f) => f.ranges],
  etcd_debugging_mvcc_txn_total: ['counter', 'Total number of txns seen by this member.', (f) => f.txns],
  etcd_debugging_mvcc_events_total: ['counter', 'Total number of events sent by this member.', (f) => f.eventsSent],
  etcd_debugging_mvcc_pending_events_total: [
    'gauge',
    'Total number of pending events to be sent.',
    (f) => f.eventsPending,
  ],
  etcd_debugging_mvcc_db_compaction_keys_total: [
    'counter',
    'Total number of db keys compacted.',
    (f) => f.compactedRecords,
  ],
  etcd_debugging_mvcc_db_compaction_last: [
    'gauge',
    'The unix time of the last db compaction. Resets to 0 on start.',
    (f) => f.lastCompactionSeconds,
  ],
};

export const MVCC_DURATIONS = {
  hash: seconds(
    'etcd_mvcc_hash_duration_seconds',
    'The latency distribution of storage hash operation.',
    doubling(0.01, 15),
  ),
  hashKv: seconds(
    'etcd_mvcc_hash_rev_duration_seconds',
    'The latency distribution of storage hash by revision operation.',
    doubling(0.01, 15),
  ),
  compactionPause: milliseconds(
    'etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds',
    'Bucketed histogram of db compaction pause duration.',
    doubling(1, 13),
  ),
  compactionTotal: milliseconds(
    'etcd_debugging_mvcc_db_compaction_total_duration_milliseconds',
    'Bucketed histogram of db compaction total duration.',
    doubling(100, 14),
  ),
  indexCompactionPause: milliseconds(
    'etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds',
    'Bucketed histogram of index compaction pause duration.',
    doubling(0.5, 14),
  ),
} satisfies Durations;
