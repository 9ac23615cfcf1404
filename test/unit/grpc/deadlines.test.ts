/** Many deadlines on one timer. */
import { describe, expect, it } from 'vitest';
import { type Deadline, Deadlines } from '../../../src/grpc/deadlines.js';
import { ManualClock } from '../../support/manual-clock.js';

function wheel(): {
  clock: ManualClock;
  fired: string[];
  set(name: string, afterMs: number): Deadline;
  deadlines: Deadlines;
} {
  const clock = new ManualClock();
  const deadlines = new Deadlines(clock, 5);
  const fired: string[] = [];
  const start = clock.monotonicMs();
  const set = (name: string, afterMs: number): Deadline =>
    deadlines.set(afterMs, () => fired.push(`${name}@${clock.monotonicMs() - start}`));
  return { clock, fired, set, deadlines };
}

describe('deadlines', () => {
  it('fire in order, at the next grain and never early', async () => {
    const { clock, fired, set } = wheel();
    set('c', 31);
    set('a', 7);
    set('b', 10);
    set('now', 0);
    await clock.advance(100);
    expect(fired[0]).toBe('now@0');
    expect(fired.slice(1, 3).sort()).toEqual(['a@10', 'b@10']); // of one grain
    expect(fired.slice(3)).toEqual(['c@35']);
    expect(clock.pending).toBe(0);
  });

  it('that are cleared do not fire, and leave no timer behind for long', async () => {
    const { clock, fired, set, deadlines } = wheel();
    const many = Array.from({ length: 100 }, (_, i) => set(`x${i}`, 1000 + i));
    set('kept', 50);
    for (const each of many) deadlines.clear(each);
    for (const each of many) deadlines.clear(each);
    await clock.advance(50);
    expect(fired).toEqual(['kept@50']);
    expect(clock.pending).toBe(0);
  });

  it('may be cleared and set by one that fires', async () => {
    const { clock, fired, set, deadlines } = wheel();
    let victim: Deadline | undefined;
    deadlines.set(5, () => {
      if (victim !== undefined) deadlines.clear(victim);
      set('later', 5);
    });
    victim = set('victim', 10);
    await clock.advance(20);
    expect(fired).toEqual(['later@10']);
  });

  it('set when all others have passed are kept as well', async () => {
    const { clock, fired, set } = wheel();
    set('first', 10);
    await clock.advance(20);
    set('second', 10);
    await clock.advance(20);
    expect(fired).toEqual(['first@10', 'second@30']);
  });

  it('of years wait for years', async () => {
    const { clock, fired, set } = wheel();
    const yearMs = 365 * 86_400_000;
    set('year', yearMs);
    await clock.advance(yearMs - 86_400_000);
    expect(fired).toEqual([]);
    await clock.advance(86_400_000);
    expect(fired).toEqual([`year@${yearMs}`]);
  });

  it('stop for good', async () => {
    const { clock, fired, set, deadlines } = wheel();
    set('x', 10);
    deadlines.stop();
    await clock.advance(100);
    expect([fired, clock.pending]).toEqual([[], 0]);
  });
});
