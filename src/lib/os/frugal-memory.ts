/**
 * A process that lives long and shares its machine holds less memory in reserve than Node does by itself. Figures in
 * docs/benchmarks.md. These flags of V8 count where its code cache is read: they are set after that.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { nativeCalls } from './native.js';

/**
 * How far the old generation may outgrow what a collection has left before the next one; V8 allows up to 300 %. With 40
 * collections cost a quarter of the processor time of all that a busy member does.
 */
const GROWTH_PERCENT = 100;
/** Of the young generation, both halves: half of what V8 takes under load. A thousand puts fit in. */
const YOUNG_BYTES = 16 * 1024 * 1024;
/** Where glibc begins. Smaller ones are reused as they are. */
const LARGE_BLOCK_BYTES = 128 * 1024;

export function holdLessMemory(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
  boundYoungGeneration();
  if (process.platform === 'linux') nativeCalls().giveBackFrom(LARGE_BLOCK_BYTES);
}

/** Its largest size is fixed when the process starts, but not by how much it grows: it doubles, or stays as it is. */
function boundYoungGeneration(): void {
  let mayGrow = true;
  const look = (): void => {
    const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')?.space_size ?? 0;
    if (mayGrow === young < YOUNG_BYTES) return;
    mayGrow = !mayGrow;
    setFlagsFromString(`--semi-space-growth-factor=${mayGrow ? 2 : 1}`);
  };
  new PerformanceObserver(look).observe({ entryTypes: ['gc'] });
}
