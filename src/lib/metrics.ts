/**
 * How a part says what it measures, under etcd's names, help texts and buckets: rows of plain data. Who keeps them and
 * shows them is the member's affair (`member/metrics/`).
 */

/** Type, help, and where the number comes from when somebody looks. */
type Scalar<F> = readonly ['gauge' | 'counter', string, (figures: F) => number | boolean];

/**
 * By name. etcd calls some of its counters gauges, and scrapers have got used to it.
 */
export type Scalars<F> = Readonly<Record<string, Scalar<F>>>;

/** A histogram of durations, which come in milliseconds. */
export interface DurationRow {
  readonly name: string;
  readonly help: string;
  readonly buckets: readonly number[];
  readonly unitsPerMs: number;
}

/** By the word that says what took the time. */
export type Durations = Readonly<Record<string, DurationRow>>;

/** Rounded to what a decimal says: `0.0128`, not what binary doubling leaves of it. */
export const doubling = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, power) => Number((first * 2 ** power).toPrecision(12)));

/** Seconds, doubling from 1 ms: etcd's buckets for everything that waits for the disk. */
const diskBuckets = doubling(0.001, 14);

export const seconds = (name: string, help: string, buckets: readonly number[] = diskBuckets): DurationRow => ({
  name,
  help,
  buckets,
  unitsPerMs: 0.001,
});

export const milliseconds = (name: string, help: string, buckets: readonly number[]): DurationRow => ({
  name,
  help,
  buckets,
  unitsPerMs: 1,
});
