import { expect, it } from 'vitest';
import { SharedWork } from '../../../src/lib/shared-work.js';
import { ManualClock, settle } from '../../support/manual-clock.js';

it('is done once for those who ask while it rests, later than they asked, and for a fifth of the time at most', async () => {
  const clock = new ManualClock();
  let done = 0;
  const shared = new SharedWork(clock, async () => {
    await new Promise<void>((resolve) => {
      clock.after(10, resolve);
    });
    return ++done;
  });
  const first = shared.run();
  await clock.advance(10);
  expect(await first).toBe(1);
  const others = Array.from({ length: 100 }, () => shared.run());
  await clock.advance(39);
  await settle();
  expect(done).toBe(1);
  await clock.advance(11);
  expect(new Set(await Promise.all(others))).toEqual(new Set([2]));
  // After a rest there is nothing to wait for.
  await clock.advance(100);
  const last = shared.run();
  await clock.advance(10);
  expect(await last).toBe(3);
});

it('that fails does so for those who share it, and is tried again for the next', async () => {
  const clock = new ManualClock();
  let tries = 0;
  const shared = new SharedWork(clock, async () => {
    if (++tries === 1) throw new Error('no');
    return 'yes';
  });
  await expect(shared.run()).rejects.toThrow('no');
  expect(await shared.run()).toBe('yes');
});
