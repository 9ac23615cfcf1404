/** What the log and snapshot files take. Source: etcd's server/storage/wal/metrics.go and api/snap/metrics.go. */
import { type Durations, doubling, seconds } from '../lib/metrics.js';

export const WAL_DURATIONS = {
  walFsync: seconds('etcd_disk_wal_fsync_duration_seconds', 'The latency distributions of fsync called by WAL.'),
  walWrite: seconds('etcd_disk_wal_write_duration_seconds', 'The latency distributions of write called by WAL.'),
  snapMarshal: seconds(
    'etcd_debugging_snap_save_marshalling_duration_seconds',
    'The marshalling cost distributions of save called by snapshot.',
  ),
  snapSave: seconds(
    'etcd_debugging_snap_save_total_duration_seconds',
    'The total latency distributions of save called by snapshot.',
  ),
  snapFsync: seconds('etcd_snap_fsync_duration_seconds', 'The latency distributions of fsync called by snap.'),
  databaseFsync: seconds('etcd_snap_db_fsync_duration_seconds', 'The latency distributions of fsyncing .snap.db file'),
  databaseSave: seconds(
    'etcd_snap_db_save_total_duration_seconds',
    'The total latency distributions of v3 snapshot save',
    doubling(0.1, 10),
  ),
} satisfies Durations;
