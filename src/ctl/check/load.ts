/** The loads of `check perf` and `check datascale`, under their short and long names. */
import { ExitCode, fail } from '../../cli/exit.js';

export type LoadName = 's' | 'm' | 'l' | 'xl';

const names: Readonly<Record<string, LoadName>> = {
  s: 's',
  small: 's',
  m: 'm',
  medium: 'm',
  l: 'l',
  large: 'l',
  xl: 'xl',
  xLarge: 'xl',
};

export const LOAD_HELP = 'how much: s(small), m(medium), l(large), xl(xLarge)';

/** Ends the command when there is no such load. */
export function loadNamed(name: string): LoadName {
  return names[name] ?? fail(ExitCode.badFeature, `unknown load option ${name}`);
}

export interface PerfLoad {
  readonly writesPerSecond: number;
  readonly clients: number;
}
export const perfLoads: Readonly<Record<LoadName, PerfLoad>> = {
  s: { writesPerSecond: 150, clients: 50 },
  m: { writesPerSecond: 1000, clients: 200 },
  l: { writesPerSecond: 8000, clients: 500 },
  xl: { writesPerSecond: 15_000, clients: 1000 },
};
export const PERF_SECONDS = 60;

export interface ScaleLoad {
  readonly keys: number;
  readonly clients: number;
}
export const scaleLoads: Readonly<Record<LoadName, ScaleLoad>> = {
  s: { keys: 10_000, clients: 50 },
  m: { keys: 100_000, clients: 200 },
  l: { keys: 1_000_000, clients: 500 },
  xl: { keys: 3_000_000, clients: 1000 },
};
/** Key and value together. */
export const SCALE_PAIR_BYTES = 1024;
