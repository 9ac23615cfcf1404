/** What is done once a period, by a timer or where a heartbeat wakes the process anyway. */
import { describe, expect, it } from 'vitest';
import { Cadence } from '../../../src/lib/cadence.js';
import { ManualClock } from '../../support/manual-clock.js';

const BEGAN_MS = 1000;

/** When it ran, from its start on, and for how many periods where that is not one. */
function cadence() {
  const clock = new ManualClock(BEGAN_MS);
  const runs: string[] = [];
  const run = (periods: number): void => {
    const atMs = clock.monotonicMs() - BEGAN_MS;
    runs.push(periods === 1 ? `${atMs}` : `${atMs} for ${periods}`);
  };
  const made = new Cadence(clock, [{ periodMs: 100, latePeriods: 3, run }]);
  /** Lets time pass until then. */
  const until = (ms: number): Promise<void> => clock.advance(BEGAN_MS + ms - clock.monotonicMs());
  const heartbeat = async (ms: number): Promise<void> => {
    await until(ms);
    made.ride();
  };
  return { clock, made, runs, until, heartbeat };
}

describe('a cadence', () => {
  it('runs once a period by itself, from its start to its end', async () => {
    const { made, runs, until } = cadence();
    await until(500);
    expect(runs).toEqual([]);
    made.start();
    await until(850);
    expect(runs).toEqual(['600', '700', '800']);
    made.stop();
    await until(2000);
    expect(runs).toEqual(['600', '700', '800']);
  });

  it('runs with heartbeats that come once a period, whether they are early or late', async () => {
    const { made, runs, heartbeat } = cadence();
    made.start();
    for (const ms of [60, 160, 258, 361, 460, 555]) await heartbeat(ms);
    expect(runs).toEqual(['60', '160', '258', '361', '460', '555']);
  });

  it('runs no oftener where heartbeats are more frequent', async () => {
    const { made, runs, heartbeat } = cadence();
    made.start();
    for (let ms = 10; ms <= 1000; ms += 10) await heartbeat(ms);
    expect(runs).toHaveLength(10);
  });

  it('makes up for what was missed where heartbeats are rarer', async () => {
    const { made, runs, heartbeat } = cadence();
    made.start();
    await heartbeat(100);
    await heartbeat(420);
    await heartbeat(520);
    expect(runs).toEqual(['100', '420 for 3', '520']);
  });

  it('is three periods late at most once heartbeats stay away, and exact from then on', async () => {
    const { made, runs, heartbeat, until } = cadence();
    made.start();
    await heartbeat(100);
    await until(900);
    expect(runs).toEqual(['100', '500 for 4', '600', '700', '800', '900']);
  });

  it('runs with heartbeats again when they are back', async () => {
    const { made, runs, heartbeat, until } = cadence();
    made.start();
    await until(210);
    for (const ms of [270, 370, 470]) await heartbeat(ms);
    expect(runs).toEqual(['100', '200', '270', '370', '470']);
  });

  it('has one period behind it, not many, after the process stood still', () => {
    let nowMs = 0;
    let fire = (): void => {};
    const runs: number[] = [];
    const clock = {
      monotonicMs: () => nowMs,
      after: (_delayMs: number, run: () => void) => {
        fire = run;
        return () => {};
      },
    };
    const made = new Cadence(clock, [{ periodMs: 100, latePeriods: 3, run: (periods) => runs.push(periods) }]);
    made.start();
    nowMs = 5000;
    fire();
    nowMs = 5100;
    fire();
    expect(runs).toEqual([1, 1]);
    made.ride();
    nowMs = 60_000;
    fire();
    expect(runs, 'a follower catches up with less than an election timeout').toEqual([1, 1, 4]);
  });

  it('takes a timer that is early by the fraction of a millisecond', () => {
    let nowMs = 0;
    const fires: { readonly delayMs: number; readonly run: () => void }[] = [];
    const runs: number[] = [];
    const clock = {
      monotonicMs: () => nowMs,
      after: (delayMs: number, run: () => void) => {
        fires.push({ delayMs, run });
        return () => {};
      },
    };
    const made = new Cadence(clock, [{ periodMs: 100, latePeriods: 3, run: (periods) => runs.push(periods) }]);
    made.start();
    nowMs = 99.7;
    fires[0]?.run();
    expect(runs).toEqual([1]);
    made.ride();
    nowMs = 199.5;
    fires[1]?.run();
    nowMs = 499.5;
    fires[2]?.run();
    expect(fires.map(({ delayMs }) => Math.round(delayMs))).toEqual([100, 100, 301, 100]);
    expect(runs, 'none of the missed ones is lost').toEqual([1, 4]);
  });

  it('begins anew, each period in its own time, where somebody else comes to lead', async () => {
    const { clock, made, runs, heartbeat, until } = cadence();
    made.restart();
    await until(50);
    expect(clock.pending).toBe(0);
    made.start();
    await heartbeat(150);
    await until(230);
    made.restart();
    expect(clock.pending).toBe(1);
    await until(550);
    expect(runs).toEqual(['150', '330', '430', '530']);
  });

  it('does nothing with a heartbeat before its start and after its end', async () => {
    const { clock, made, runs, heartbeat } = cadence();
    await heartbeat(100);
    made.start();
    made.stop();
    await heartbeat(1000);
    expect(runs).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('does several things by one timer, each in its own period', async () => {
    const clock = new ManualClock(0);
    const runs: string[] = [];
    const duty = (name: string, periodMs: number) => ({
      periodMs,
      latePeriods: 3,
      run: (periods: number) => runs.push(`${name} ${clock.monotonicMs()} for ${periods}`),
    });
    const made = new Cadence(clock, [duty('tick', 100), duty('sweep', 100), duty('slow', 250)]);
    made.start();
    expect(clock.pending).toBe(1);
    await clock.advance(260);
    const first = ['tick 100', 'sweep 100', 'tick 200', 'sweep 200', 'slow 250'];
    expect(runs).toEqual(first.map((run) => `${run} for 1`));
    made.ride();
    await clock.advance(340);
    expect(runs.slice(5), 'late with a heartbeat before it, each by its own periods').toEqual([
      'tick 260 for 1',
      'sweep 260 for 1',
    ]);
    await clock.advance(100);
    expect(runs.slice(7)).toEqual(['tick 700 for 4', 'sweep 700 for 4']);
    expect(clock.pending).toBe(1);
  });

  it.each(['restart', 'stop'] as const)('has one timer at most after a %s from within', async (what) => {
    const clock = new ManualClock(0);
    const runs: string[] = [];
    const made = new Cadence(clock, [
      {
        periodMs: 100,
        latePeriods: 3,
        run: () => {
          runs.push('first');
          if (runs.length === 1) made[what]();
        },
      },
      { periodMs: 100, latePeriods: 3, run: () => runs.push('second') },
    ]);
    made.start();
    await clock.advance(100);
    expect(clock.pending).toBe(what === 'restart' ? 1 : 0);
    await clock.advance(100);
    expect(runs).toEqual(what === 'restart' ? ['first', 'second', 'first', 'second'] : ['first']);
  });

  it('is never late with what may not be, and up to half a period early, yet runs no oftener', async () => {
    const clock = new ManualClock(0);
    const runs: number[] = [];
    const made = new Cadence(clock, [{ periodMs: 1000, latePeriods: 0, run: () => runs.push(clock.monotonicMs()) }]);
    made.start();
    for (let ms = 100; ms <= 5000; ms += 100) {
      await clock.advance(100);
      made.ride();
    }
    expect(runs).toEqual([500, 1500, 2500, 3500, 4500]);
    await clock.advance(3000);
    expect(runs.slice(5)).toEqual([6000, 7000, 8000]);
  });
});
