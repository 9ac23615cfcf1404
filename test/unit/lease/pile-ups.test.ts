import { expect, test } from 'vitest';
import { spreadPileUps } from '../../../src/lease/pile-ups.js';

const nowMs = 5000;

/** By how much each of the leases, which end so long from now, was put off; 0: not at all. */
function putOff(perSecond: number, ...remainingMs: readonly number[]): number[] {
  const leases = remainingMs.map((ms) => ({ deadlineMs: nowMs + ms }));
  const delays = leases.map(() => 0);
  spreadPileUps(leases, nowMs, perSecond, (lease, byMs) => {
    delays[leases.indexOf(lease)] = byMs;
  });
  return delays;
}

test('so many as may end in a second are left alone, and each one more comes a share of a second later', () => {
  expect(putOff(2, 3000, 3000)).toEqual([0, 0]);
  expect(putOff(2, 3000, 3000, 3000, 3000, 3000)).toEqual([0, 0, 1500, 2000, 2500]);
});

test('a window is of one second from the lease that begins it, that second included', () => {
  expect(putOff(1, 3000, 4000)).toEqual([0, 1000]);
  expect(putOff(1, 3000, 4001)).toEqual([0, 0]);
  expect(putOff(1, 500, 1400)).toEqual([0, 1100]);
  expect(putOff(1, 0, 9000, 10_000, 11_001)).toEqual([0, 0, 1000, 0]);
});

test('a lease that is some way into the window anyway is put off by that much less', () => {
  expect(putOff(1, 3000, 3400)).toEqual([0, 1600]);
});

test('leases are looked at by when they end, not by when they came', () => {
  expect(putOff(1, 3400, 3000)).toEqual([1600, 0]);
});

test('of no leases nothing is put off', () => {
  expect(putOff(1)).toEqual([]);
});
