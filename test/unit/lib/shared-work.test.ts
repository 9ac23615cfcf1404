import { expect, it } from 'vitest';
import { SharedWork } from '../../../src/lib/shared-work.js';
import { ManualClock } from '../../support/manual-clock.js';

it('is done once for all who ask while it runs or rests, for a fifth of the time at most', async () => {
  const clock = new ManualClock();
  let done = 0;
  const shared = new SharedWork(clock, async () => {
    await new Promise<void>((resolve) => {
      clock.after(10, resolve);
    });
    return ++done;
  });
  const first = shared.run();
  const others = [shared.run()];
  await clock.advance(10);
  expect(await first).toBe(1);
  for (let at = 0; at < 100; at++) others.push(shared.run());
  await clock.advance(49);
  expect(done).toBe(1);
  await clock.advance(1);
  expect(new Set(await Promise.all(others))).toEqual(new Set([2]));
  // One who asks alone waits for nothing, however often.
  for (const turn of [3, 4]) {
    const alone = shared.run();
    await clock.advance(10);
    expect(await alone).toBe(turn);
  }
  expect(clock.pending).toBe(0);
});

it('that fails does so for those who share it, and is tried again for the next', async () => {
  const clock = new ManualClock();
  let tries = 0;
  const shared = new SharedWork(clock, async () => {
    if (++tries < 3) throw new Error(`no ${tries}`);
    return 'yes';
  });
  const failures = [shared.run(), shared.run(), shared.run()].map((each) => expect(each).rejects.toThrow('no'));
  await clock.advance(0);
  await Promise.all(failures);
  expect(await shared.run()).toBe('yes');
});
