/** Leases that a new leader would see end all at once: their revocation must not starve everything else. */

/**
 * Walks the leases by deadline, in windows of a second: beyond `perSecond` the rest of a window is put off.
 */
export function spreadPileUps<T extends { readonly deadlineMs: number }>(
  leases: readonly T[],
  nowMs: number,
  perSecond: number,
  putOff: (lease: T, byMs: number) => void,
): void {
  const sorted = leases.toSorted((a, b) => a.deadlineMs - b.deadlineMs);
  let windowMs = (sorted[0]?.deadlineMs ?? nowMs) - nowMs;
  let nextWindowMs = windowMs + 1000;
  let ending = 0;
  for (const lease of sorted) {
    const remainingMs = lease.deadlineMs - nowMs;
    if (remainingMs > nextWindowMs) {
      windowMs = remainingMs;
      nextWindowMs = windowMs + 1000;
      ending = 1;
      continue;
    }
    ending++;
    if (ending <= perSecond) continue;
    // A lease already some way into the window is put off by that much less.
    const delayMs = 1000 * (ending / perSecond) - (remainingMs - windowMs);
    nextWindowMs = windowMs + delayMs;
    putOff(lease, delayMs);
  }
}
