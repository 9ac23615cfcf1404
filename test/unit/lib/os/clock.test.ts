import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { osClock } from '../../../../src/lib/os/clock.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test('after runs once, or never when cancelled', () => {
  const run = vi.fn();
  const cancelled = vi.fn();
  osClock.after(50, run);
  osClock.after(50, cancelled)();
  vi.advanceTimersByTime(200);
  expect(run).toHaveBeenCalledTimes(1);
  expect(cancelled).not.toHaveBeenCalled();
});

test('a delay beyond what a timer can hold is waited out rather than cut to nothing', () => {
  const thirtyDaysMs = 30 * 24 * 3600 * 1000;
  const run = vi.fn();
  osClock.after(thirtyDaysMs, run);
  const cancel = osClock.after(thirtyDaysMs, () => expect.fail('was cancelled'));
  vi.advanceTimersByTime(thirtyDaysMs - 1);
  expect(run).not.toHaveBeenCalled();
  cancel();
  vi.advanceTimersByTime(1);
  expect(run).toHaveBeenCalledTimes(1);
});

test('every repeats until cancelled', () => {
  const run = vi.fn();
  const cancel = osClock.every(10, run);
  vi.advanceTimersByTime(35);
  cancel();
  vi.advanceTimersByTime(100);
  expect(run).toHaveBeenCalledTimes(3);
});

test('at the end of a turn is behind all that promises do in it, and before the next event', async () => {
  vi.useRealTimers();
  const order: string[] = [];
  const answers = async (name: string): Promise<void> => {
    osClock.atTurnsEnd(() => order.push(`flush ${name}`));
    for (let count = 0; count < 20; count++) await undefined;
    order.push(name);
  };
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      void answers('from an event');
      void Promise.resolve().then(() => answers('from a promise'));
      setImmediate(resolve);
    });
  });
  expect(order).toEqual(['from an event', 'from a promise', 'flush from an event', 'flush from a promise']);
});

test('the clock only goes forward and the wall clock is in milliseconds since 1970', () => {
  vi.useRealTimers();
  const before = osClock.monotonicMs();
  expect(osClock.monotonicMs()).toBeGreaterThanOrEqual(before);
  expect(osClock.wallMs()).toBeGreaterThan(1.6e12);
});
