/**
 * Points in time as the store keeps them: nanoseconds since the Unix epoch. Milliseconds would do for us, but times of
 * members and data directories of real etcd have nanoseconds, and equal stores must stay equal.
 */

/** How Go's encoding/json writes a time in UTC: nanoseconds without trailing zeros. */
export function formatTime(unixNs: bigint): string {
  let seconds = unixNs / NS_PER_SECOND;
  let fraction = unixNs % NS_PER_SECOND;
  if (fraction < 0n) {
    fraction += NS_PER_SECOND;
    seconds -= 1n;
  }
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, -5);
  return fraction === 0n ? `${whole}Z` : `${whole}.${String(fraction).padStart(9, '0').replace(/0+$/, '')}Z`;
}

/** Go's zero time: no expiry. */
export const NEVER = '0001-01-01T00:00:00Z';

/** undefined for Go's zero time. Throws RangeError for what is no such time. */
export function parseTime(text: string): bigint | undefined {
  if (text === NEVER) return undefined;
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  const ms = parts === null ? Number.NaN : Date.parse(`${parts[1]}${parts[3]}`);
  if (parts === null || Number.isNaN(ms)) throw new RangeError(`not a time: ${text}`);
  return BigInt(ms) * NS_PER_MS + BigInt((parts[2] ?? '').padEnd(9, '0'));
}

/** Seconds left, rounded up, as answers show them; not above 0 for what is due. */
export function remainingSeconds(expireNs: bigint, nowNs: bigint): number {
  const leftNs = expireNs - nowNs;
  const seconds = leftNs / NS_PER_SECOND;
  return Number(leftNs % NS_PER_SECOND > 0n ? seconds + 1n : seconds);
}

const NS_PER_SECOND = 1_000_000_000n;
const NS_PER_MS = 1_000_000n;
