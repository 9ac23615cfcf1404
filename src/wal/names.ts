/** File names of the log and its snapshots; numbers are 16 hex digits, so that names sort as the numbers do. */

export interface SegmentName {
  /** Counts segments from 0, without a gap. */
  readonly sequence: number;
  /** First index the segment may hold: that of the last entry before it plus one (0 in the first). */
  readonly firstIndex: number;
}

export const segmentName = ({ sequence, firstIndex }: SegmentName): string =>
  `${hex16(sequence)}-${hex16(firstIndex)}.wal`;

/** Undefined for anything that is not a segment: a preallocated `*.tmp`, a `*.broken` copy, a stranger. */
export function parseSegmentName(name: string): SegmentName | undefined {
  const numbers = parse(name, /^([0-9a-f]{16})-([0-9a-f]{16})\.wal$/);
  return numbers && { sequence: numbers[0], firstIndex: numbers[1] };
}

export const snapshotName = ({ term, index }: { term: number; index: number }): string =>
  `${hex16(term)}-${hex16(index)}.snap`;

export function parseSnapshotName(name: string): { term: number; index: number } | undefined {
  const numbers = parse(name, /^([0-9a-f]{16})-([0-9a-f]{16})\.snap$/);
  return numbers && { term: numbers[0], index: numbers[1] };
}

/** A database received from the leader, with all entries up to `index` applied. */
export const snapshotDbName = (index: number): string => `${hex16(index)}.snap.db`;

export function parseSnapshotDbName(name: string): number | undefined {
  return parse(name, /^([0-9a-f]{16})()\.snap\.db$/)?.[0];
}

const hex16 = (value: number): string => value.toString(16).padStart(16, '0');

function parse(name: string, pattern: RegExp): [number, number] | undefined {
  const match = pattern.exec(name);
  if (match === null) return undefined;
  const [first, second] = [Number.parseInt(match[1] ?? '', 16), Number.parseInt(match[2] || '0', 16)];
  return Number.isSafeInteger(first) && Number.isSafeInteger(second) ? [first, second] : undefined;
}
