/** What the database counts and times. Source: etcd's server/storage/backend/metrics.go. */
import { type Durations, doubling, type Scalars, seconds } from '../lib/metrics.js';

/** What is read at each scrape. */
export interface BackendFigures {
  readonly dbSizeBytes: number;
  readonly dbSizeInUseBytes: number;
  readonly openReads: number;
  readonly defragsRunning: number;
}

export const BACKEND_SCALARS: Scalars<BackendFigures> = {
  etcd_mvcc_db_total_size_in_bytes: [
    'gauge',
    'Total size of the underlying database physically allocated in bytes.',
    (f) => f.dbSizeBytes,
  ],
  etcd_mvcc_db_total_size_in_use_in_bytes: [
    'gauge',
    'Total size of the underlying database logically in use in bytes.',
    (f) => f.dbSizeInUseBytes,
  ],
  etcd_debugging_mvcc_db_total_size_in_bytes: [
    'gauge',
    'Total size of the underlying database physically allocated in bytes.',
    (f) => f.dbSizeBytes,
  ],
  etcd_disk_defrag_inflight: [
    'gauge',
    'Whether or not defrag is active on the member. 1 means active, 0 means not.',
    (f) => f.defragsRunning > 0,
  ],
  // The view of what is committed that every reader shares is one, as with etcd.
  etcd_mvcc_db_open_read_transactions: [
    'gauge',
    'The number of currently open read transactions',
    (f) => f.openReads + 1,
  ],
};

export const BACKEND_DURATIONS = {
  commit: seconds(
    'etcd_disk_backend_commit_duration_seconds',
    'The latency distributions of commit called by backend.',
  ),
  defrag: seconds(
    'etcd_disk_backend_defrag_duration_seconds',
    'The latency distribution of backend defragmentation.',
    doubling(0.1, 13),
  ),
  snapshot: seconds(
    'etcd_disk_backend_snapshot_duration_seconds',
    'The latency distribution of backend snapshots.',
    doubling(0.01, 17),
  ),
  commitRebalance: seconds(
    'etcd_debugging_disk_backend_commit_rebalance_duration_seconds',
    'The latency distributions of commit.rebalance called by bboltdb backend.',
  ),
  commitSpill: seconds(
    'etcd_debugging_disk_backend_commit_spill_duration_seconds',
    'The latency distributions of commit.spill called by bboltdb backend.',
  ),
  commitWrite: seconds(
    'etcd_debugging_disk_backend_commit_write_duration_seconds',
    'The latency distributions of commit.write called by bboltdb backend.',
  ),
} satisfies Durations;
