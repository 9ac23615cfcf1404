/** Small texts as Go's fmt prints them. */
import type { LeaseId } from '../../lib/ids.js';

/** A lease id: 16 hex digits, a negative one with its sign. As `%016x` of an int64. */
export function leaseText(id: LeaseId): string {
  return id < 0n ? `-${(-id).toString(16).padStart(15, '0')}` : id.toString(16).padStart(16, '0');
}

/** The name of an enum's value; the number when it has none. */
export function nameOf(names: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(names).find((name) => names[name] === value) ?? String(value);
}
