/**
 * Sorts as `Array.prototype.sort` does, in steps of a few milliseconds at most: between them others get their turns.
 * Takes about as long in all. Runs are sorted at once, then merged two by two.
 */
const RUN_LENGTH = 4096;
const MERGED_BEFORE_PAUSE = 16_384;

/** Yields where it may be paused; returns `texts` in order. */
export function* sortedInSteps(texts: readonly string[]): Generator<undefined, string[]> {
  let runs: string[][] = [];
  for (let from = 0; from < texts.length; from += RUN_LENGTH) {
    runs.push(texts.slice(from, from + RUN_LENGTH).sort());
    yield;
  }
  while (runs.length > 1) {
    const merged: string[][] = [];
    for (let at = 0; at < runs.length; at += 2) merged.push(yield* merge(runs[at] ?? [], runs[at + 1] ?? []));
    runs = merged;
  }
  return runs[0] ?? [];
}

function* merge(left: readonly string[], right: readonly string[]): Generator<undefined, string[]> {
  const merged: string[] = [];
  let [at, other] = [0, 0];
  while (at < left.length || other < right.length) {
    const [a, b] = [left[at], right[other]];
    if (b === undefined || (a !== undefined && a <= b)) {
      merged.push(a as string);
      at++;
    } else {
      merged.push(b);
      other++;
    }
    if (merged.length % MERGED_BEFORE_PAUSE === 0) yield;
  }
  return merged;
}
