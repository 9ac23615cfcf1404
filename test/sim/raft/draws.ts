/**
 * Draws in integers and ratios; everything a run decides comes from its one seed, through streams that do not disturb
 * one another.
 */
import type { Random } from '../../../src/lib/random.js';
import { seededRandom } from '../../support/seeded-random.js';

/** A generator of its own for each `purpose`: a draw more in one part of a run leaves the others as they were. */
export function streamOf(seed: number, purpose: number): Random {
  let mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(purpose + 1, 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d);
  return seededRandom((mixed ^ (mixed >>> 15)) >>> 0);
}

/** True in `perMille` of 1000 cases. */
export const chance = (random: Random, perMille: number): boolean => perMille > 0 && random.below(1000) < perMille;

/** An integer in `[low, high]`. */
export const between = (random: Random, { low, high }: Range): number => low + random.below(high - low + 1);

export interface Range {
  readonly low: number;
  readonly high: number;
}

export function pick<T>(random: Random, list: readonly T[]): T | undefined {
  return list.length === 0 ? undefined : list[random.below(list.length)];
}

export function mustPick<T>(random: Random, list: readonly [T, ...T[]]): T {
  return list[random.below(list.length)] ?? list[0];
}

/** Picks a key with a chance in proportion to its weight; undefined when all weights are 0. */
export function weighted<K extends string>(random: Random, weights: Readonly<Record<K, number>>): K | undefined {
  const keys = Object.keys(weights) as K[];
  let total = 0;
  for (const key of keys) total += weights[key];
  if (total === 0) return undefined;
  let rest = random.below(total);
  for (const key of keys) {
    rest -= weights[key];
    if (rest < 0) return key;
  }
  return undefined;
}
