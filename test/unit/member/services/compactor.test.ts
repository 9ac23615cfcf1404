/** When a leader compacts by itself, and to which revision. */
import { describe, expect, it } from 'vitest';
import type { Leadership } from '../../../../src/member/loop/leadership.js';
import { Compactor } from '../../../../src/member/services/compactor.js';
import { settle } from '../../../support/manual-clock.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

function compacting(mode: ConstructorParameters<typeof Compactor>[0]) {
  const state = { revision: 0, isLeader: true, fails: false, compacted: [] as number[] };
  const logger = new RecordingLogger();
  const compactor = new Compactor(mode, {
    logger,
    leadership: state as unknown as Leadership,
    currentRevision: () => state.revision,
    compact: async (revision) => {
      state.compacted.push(revision);
      if (state.fails) throw new Error('no');
    },
  });
  /** A minute at a time, ten revisions each. */
  const run = async (fromMs: number, untilMs: number): Promise<void> => {
    for (let nowMs = fromMs; nowMs <= untilMs; nowMs += MINUTE_MS) {
      state.revision += 10;
      compactor.tick(nowMs);
      await settle();
    }
  };
  return { state, run, logger };
}

describe('by period', () => {
  it('of an hour, the first compaction is after an hour, to what was an hour ago, and then every hour', async () => {
    const { state, run } = compacting({ mode: 'periodic', retentionMs: HOUR_MS });
    await run(0, HOUR_MS + 5 * MINUTE_MS);
    expect(state.compacted).toEqual([]);
    await run(HOUR_MS + 6 * MINUTE_MS, HOUR_MS + 6 * MINUTE_MS);
    // Noted after six minutes, at the seventh tick.
    expect(state.compacted).toEqual([70]);
    await run(HOUR_MS + 7 * MINUTE_MS, 4 * HOUR_MS);
    expect(state.compacted).toEqual([70, 670, 1270]);
  });

  it('of several hours keeps all of them, and compacts every hour', async () => {
    const { state, run } = compacting({ mode: 'periodic', retentionMs: 3 * HOUR_MS });
    await run(0, 3 * HOUR_MS + 5 * MINUTE_MS);
    expect(state.compacted).toEqual([]);
    await run(3 * HOUR_MS + 6 * MINUTE_MS, 5 * HOUR_MS);
    expect(state.compacted).toEqual([70, 670]);
  });

  it('of ten minutes compacts every ten minutes', async () => {
    const { state, run } = compacting({ mode: 'periodic', retentionMs: 10 * MINUTE_MS });
    await run(0, 32 * MINUTE_MS);
    expect(state.compacted).toEqual([20, 120, 220]);
  });
});

describe('by revision', () => {
  it('keeps so many, looking every five minutes', async () => {
    const { state, run } = compacting({ mode: 'revision', retention: 100 });
    await run(0, 4 * MINUTE_MS);
    expect(state.compacted).toEqual([]);
    await run(5 * MINUTE_MS, 9 * MINUTE_MS);
    // Sixty revisions are fewer than are to be kept.
    expect(state.compacted).toEqual([]);
    await run(10 * MINUTE_MS, 16 * MINUTE_MS);
    expect(state.compacted).toEqual([10, 60]);
  });
});

it('nothing is compacted without a leader’s office, again to the same revision, or where it is off', async () => {
  const follower = compacting({ mode: 'revision', retention: 1 });
  follower.state.isLeader = false;
  await follower.run(0, 20 * MINUTE_MS);
  expect(follower.state.compacted).toEqual([]);

  const off = compacting({ mode: 'off' });
  await off.run(0, 20 * MINUTE_MS);
  expect(off.state.compacted).toEqual([]);

  const quiet = compacting({ mode: 'revision', retention: 1 });
  await quiet.run(0, 5 * MINUTE_MS);
  const revision = quiet.state.revision;
  for (const nowMs of [10, 15, 20]) {
    quiet.state.revision = revision - 10;
    await quiet.run(nowMs * MINUTE_MS, nowMs * MINUTE_MS);
  }
  expect(quiet.state.compacted).toEqual([59]);
});

it('one that failed is logged and tried again', async () => {
  const { state, run, logger } = compacting({ mode: 'revision', retention: 0 });
  state.fails = true;
  await run(0, 5 * MINUTE_MS);
  state.revision -= 10;
  state.fails = false;
  await run(10 * MINUTE_MS, 10 * MINUTE_MS);
  expect(state.compacted).toEqual([60, 60]);
  expect(logger.records.map(({ message }) => message)).toEqual([
    'starting auto periodic compaction',
    'failed auto periodic compaction',
    'starting auto periodic compaction',
    'completed auto periodic compaction',
  ]);
});
