/** How many files and sockets this process may have open. */
import { readFileSync } from 'node:fs';

/** Infinity where the system does not say. Node raises the soft limit to the hard one at its start, as Go does. */
export function openFileLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
    const limit = Number(soft);
    return Number.isNaN(limit) ? Number.POSITIVE_INFINITY : limit;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
