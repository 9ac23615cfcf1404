import { beforeEach, describe, expect, it } from 'vitest';
import { IdleMemory } from '../../../src/lib/idle-memory.js';
import { ManualClock } from '../../support/manual-clock.js';

describe('the memory of an idle process', () => {
  let clock: ManualClock;
  let cpuMs: number;
  let heapUsedBytes: number;
  let done: string[];
  let idle: IdleMemory;

  beforeEach(() => {
    clock = new ManualClock();
    cpuMs = 450;
    heapUsedBytes = 100_000_000;
    done = [];
    idle = new IdleMemory(
      {
        cpuMs: () => cpuMs,
        heapUsedBytes: () => heapUsedBytes,
        collectGarbage: () => done.push('collect'),
        trim: () => done.push('trim'),
        growSlowly: () => done.push('grow slowly'),
        forgetCode: () => done.push('forget code'),
      },
      { clock, longestPauseMs: 200 },
    );
  });

  /** Seconds, an even number, in each of which so much processor time is used. */
  async function pass(seconds: number, share: number): Promise<string[]> {
    done.length = 0;
    for (let second = 0; second < seconds; second += 2) {
      cpuMs += 2000 * share;
      await clock.advance(2000);
    }
    return [...done];
  }

  it('grows slowly from the start on, and is soon without the code that only the start ran', async () => {
    expect(done).toEqual(['grow slowly']);
    expect(await pass(2, 1)).toEqual(['forget code']);
    expect(await pass(600, 1)).toEqual([]);
  });

  it('is left alone while there was nothing to do, and while there is', async () => {
    await pass(2, 0.05);
    expect(await pass(120, 0.05)).toEqual([]);
    expect(await pass(120, 0.9)).toEqual([]);
    // Neither busy nor idle.
    expect(await pass(120, 0.15)).toEqual([]);
  });

  it('is collected once the work is done, and given back then and when V8 has shrunk its heap', async () => {
    await pass(10, 1.5);
    expect(await pass(8, 0.02)).toEqual([]);
    expect(await pass(2, 0.02)).toEqual(['forget code', 'collect']);
    expect(await pass(2, 0.02)).toEqual(['trim']);
    expect(await pass(8, 0.02)).toEqual([]);
    expect(await pass(26, 0.02)).toEqual(['trim', 'trim', 'trim']);
    expect(await pass(600, 0.02)).toEqual([]);
    await pass(2, 0.3);
    expect(await pass(12, 0)).toEqual(['forget code', 'collect', 'trim']);
  });

  it('is left alone in the pauses of work', async () => {
    await pass(2, 1);
    for (let round = 0; round < 5; round++) {
      expect(await pass(4, 1)).toEqual([]);
      expect(await pass(8, 0)).toEqual([]);
    }
  });

  it('is collected again after work that came in between', async () => {
    await pass(2, 1);
    await pass(12, 0);
    expect(await pass(20, 1)).toEqual([]);
    expect(await pass(12, 0)).toEqual(['forget code', 'collect', 'trim']);
  });

  it('is not collected where that might stop the process for too long, but given back', async () => {
    heapUsedBytes = 200_000_001;
    await pass(2, 1);
    expect(await pass(60, 0)).toEqual(['forget code', 'trim', 'trim', 'trim', 'trim']);
    heapUsedBytes = 200_000_000;
    await pass(2, 1);
    expect(await pass(10, 0)).toEqual(['forget code', 'collect']);
  });

  it('is nobody’s business after the end', async () => {
    await pass(2, 1);
    idle.stop();
    expect(await pass(60, 0)).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
