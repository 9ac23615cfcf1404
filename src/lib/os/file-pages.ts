/**
 * Pages of the program's own file, which stay in memory though most of them were needed by the start alone: of 46 MB of
 * Node's half. Linux takes them from a process that says so, and brings back what is used after all from its cache of
 * the file. Source: madvise(2), proc_pid_smaps(5).
 */

export interface FileMapping {
  readonly address: number;
  readonly size: number;
}

/** Smaller ones are not worth a call. */
const LEAST_BYTES = 1024 * 1024;
const MAPPING = /^([0-9a-f]+)-([0-9a-f]+) r-[-x]p [0-9a-f]+ \S+ \d+ +\//;

/**
 * Of `/proc/self/smaps`: what is mapped from files to be read or run, and has no page that differs from the file, which
 * would be lost.
 */
export function cleanMappings(smaps: string): FileMapping[] {
  const found: FileMapping[] = [];
  let candidate: FileMapping | undefined;
  for (const line of smaps.split('\n')) {
    if (line.startsWith('Anonymous:')) {
      if (candidate !== undefined && Number.parseInt(line.slice('Anonymous:'.length), 10) === 0) found.push(candidate);
      candidate = undefined;
      continue;
    }
    const [, from, to] = MAPPING.exec(line) ?? [];
    if (from === undefined || to === undefined) continue;
    const address = Number.parseInt(from, 16);
    const size = Number.parseInt(to, 16) - address;
    candidate = size < LEAST_BYTES ? undefined : { address, size };
  }
  return found;
}
