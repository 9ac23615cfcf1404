/**
 * Histograms of what a member times beside calls, under etcd's names, help texts and buckets. Durations come in
 * milliseconds.
 */
import { Histogram, type Registry } from 'prom-client';

/** Rounded to what a decimal says: `0.0128`, not what binary doubling leaves of it. */
export const doubling = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, power) => Number((first * 2 ** power).toPrecision(12)));

/** Seconds, doubling from 1 ms: etcd's buckets for everything that waits for the disk. */
export const diskBuckets = doubling(0.001, 14);

type Row = readonly [name: string, help: string, buckets: readonly number[], unitsPerMs: number];

const seconds = (name: string, help: string, buckets: readonly number[] = diskBuckets): Row => [
  `etcd_${name}`,
  help,
  buckets,
  0.001,
];
const milliseconds = (name: string, help: string, buckets: readonly number[]): Row => [
  `etcd_debugging_mvcc_${name}_duration_milliseconds`,
  help,
  buckets,
  1,
];

const rows = {
  commitRebalance: seconds(
    'debugging_disk_backend_commit_rebalance_duration_seconds',
    'The latency distributions of commit.rebalance called by bboltdb backend.',
  ),
  commitSpill: seconds(
    'debugging_disk_backend_commit_spill_duration_seconds',
    'The latency distributions of commit.spill called by bboltdb backend.',
  ),
  commitWrite: seconds(
    'debugging_disk_backend_commit_write_duration_seconds',
    'The latency distributions of commit.write called by bboltdb backend.',
  ),
  walWrite: seconds('disk_wal_write_duration_seconds', 'The latency distributions of write called by WAL.'),
  snapMarshal: seconds(
    'debugging_snap_save_marshalling_duration_seconds',
    'The marshalling cost distributions of save called by snapshot.',
  ),
  snapSave: seconds(
    'debugging_snap_save_total_duration_seconds',
    'The total latency distributions of save called by snapshot.',
  ),
  snapFsync: seconds('snap_fsync_duration_seconds', 'The latency distributions of fsync called by snap.'),
  databaseFsync: seconds('snap_db_fsync_duration_seconds', 'The latency distributions of fsyncing .snap.db file'),
  databaseSave: seconds(
    'snap_db_save_total_duration_seconds',
    'The total latency distributions of v3 snapshot save',
    doubling(0.1, 10),
  ),
  compactionPause: milliseconds(
    'db_compaction_pause',
    'Bucketed histogram of db compaction pause duration.',
    doubling(1, 13),
  ),
  compactionTotal: milliseconds(
    'db_compaction_total',
    'Bucketed histogram of db compaction total duration.',
    doubling(100, 14),
  ),
  indexCompactionPause: milliseconds(
    'index_compaction_pause',
    'Bucketed histogram of index compaction pause duration.',
    doubling(0.5, 14),
  ),
} satisfies Record<string, Row>;

export type Timing = keyof typeof rows;

export class Timings {
  readonly #histograms: ReadonlyMap<string, { readonly histogram: Histogram; readonly unitsPerMs: number }>;

  constructor(registry: Registry) {
    this.#histograms = new Map(
      Object.entries(rows).map(([timing, [name, help, buckets, unitsPerMs]]) => [
        timing,
        { histogram: new Histogram({ name, help, buckets: [...buckets], registers: [registry] }), unitsPerMs },
      ]),
    );
  }

  took(what: Timing, tookMs: number): void {
    const known = this.#histograms.get(what);
    known?.histogram.observe(tookMs * known.unitsPerMs);
  }
}
