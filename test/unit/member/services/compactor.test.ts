/** When a leader compacts by itself, and to which revision. */
import { describe, expect, it } from 'vitest';
import { Compactor } from '../../../../src/member/services/compactor.js';
import { CompactedError } from '../../../../src/mvcc/errors.js';
import { ManualClock, settle } from '../../../support/manual-clock.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

function compacting(mode: ConstructorParameters<typeof Compactor>[0]) {
  const state = { revision: 0, isLeader: true, failure: undefined as Error | undefined, compacted: [] as number[] };
  let held: Promise<void> | undefined;
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const compactor = new Compactor(mode, {
    logger,
    clock,
    leadership: state,
    currentRevision: () => state.revision,
    compact: async (revision) => {
      state.compacted.push(revision);
      await clock.advance(1500);
      await held;
      if (state.failure !== undefined) throw state.failure;
    },
  });
  /** A minute at a time, ten revisions each. */
  const run = async (fromMs: number, untilMs: number): Promise<void> => {
    for (let nowMs = fromMs; nowMs <= untilMs; nowMs += MINUTE_MS) {
      state.revision += 10;
      compactor.tick(nowMs);
      for (let turn = 0; turn < 5; turn++) await settle();
    }
  };
  /** Compactions take until the returned function is called. */
  const hold = (): (() => void) => {
    let release = (): void => {};
    held = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  };
  const said = () => logger.records.map(({ message, fields }) => ({ message, ...fields }));
  return { state, run, said, hold };
}

describe('by period', () => {
  const hourly = { mode: 'periodic', retentionMs: HOUR_MS } as const;

  it('of an hour, the first compaction is after an hour, to what was then, and then every hour', async () => {
    const { state, run } = compacting(hourly);
    await run(0, HOUR_MS - MINUTE_MS);
    expect(state.compacted).toEqual([]);
    await run(HOUR_MS, HOUR_MS);
    expect(state.compacted).toEqual([10]);
    await run(HOUR_MS + MINUTE_MS, 3 * HOUR_MS);
    // The last note is six minutes old.
    expect(state.compacted).toEqual([10, 550, 1150]);
  });

  it('of several hours keeps all of them, and compacts every hour', async () => {
    const { state, run } = compacting({ mode: 'periodic', retentionMs: 3 * HOUR_MS });
    await run(0, 3 * HOUR_MS - MINUTE_MS);
    expect(state.compacted).toEqual([]);
    await run(3 * HOUR_MS, 5 * HOUR_MS);
    expect(state.compacted).toEqual([10, 550, 1150]);
  });

  it('of ten minutes compacts every ten minutes', async () => {
    const { state, run } = compacting({ mode: 'periodic', retentionMs: 10 * MINUTE_MS });
    await run(0, 32 * MINUTE_MS);
    expect(state.compacted).toEqual([10, 100, 200]);
  });

  it('is done by who comes to lead with the next note, where a period has passed', async () => {
    const { state, run } = compacting(hourly);
    state.isLeader = false;
    await run(0, 2 * HOUR_MS + 20 * MINUTE_MS);
    expect(state.compacted).toEqual([]);
    state.isLeader = true;
    await run(2 * HOUR_MS + 21 * MINUTE_MS, 2 * HOUR_MS + 24 * MINUTE_MS);
    // Of 78 minutes.
    expect(state.compacted).toEqual([790]);
    await run(2 * HOUR_MS + 25 * MINUTE_MS, 3 * HOUR_MS + 23 * MINUTE_MS);
    expect(state.compacted).toHaveLength(1);
  });

  it('is tried again with the next note where it failed, and is done where another has done it', async () => {
    const { state, run, said } = compacting(hourly);
    state.failure = new Error('etcdserver: request timed out');
    await run(0, HOUR_MS);
    state.failure = new CompactedError(10, 20);
    await run(HOUR_MS + MINUTE_MS, HOUR_MS + 12 * MINUTE_MS);
    expect(state.compacted).toEqual([10, 10]);
    const fields = { revision: 10, 'compact-period': '1h0m0s' };
    expect(said()).toEqual([
      { message: 'starting auto periodic compaction', ...fields },
      {
        message: 'failed auto periodic compaction',
        ...fields,
        'retry-interval': '6m0s',
        error: 'etcdserver: request timed out',
      },
      { message: 'starting auto periodic compaction', ...fields },
      { message: 'completed auto periodic compaction', ...fields, took: '1.5s' },
    ]);
  });

  it('is one at a time', async () => {
    const { state, run, hold } = compacting({ mode: 'periodic', retentionMs: 10 * MINUTE_MS });
    const release = hold();
    await run(0, 35 * MINUTE_MS);
    expect(state.compacted).toEqual([10]);
    release();
    await run(36 * MINUTE_MS, 38 * MINUTE_MS);
    expect(state.compacted).toHaveLength(2);
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

it('one by revision that failed is logged and tried again', async () => {
  const { state, run, said } = compacting({ mode: 'revision', retention: 5 });
  state.failure = new Error('no');
  await run(0, 5 * MINUTE_MS);
  state.revision -= 10;
  state.failure = undefined;
  await run(10 * MINUTE_MS, 10 * MINUTE_MS);
  expect(state.compacted).toEqual([55, 55]);
  const fields = { revision: 55, 'revision-compaction-retention': 5 };
  expect(said()).toEqual([
    { message: 'starting auto revision compaction', ...fields },
    { message: 'failed auto revision compaction', ...fields, 'retry-interval': '5m0s', error: 'no' },
    { message: 'starting auto revision compaction', ...fields },
    { message: 'completed auto revision compaction', ...fields, took: '1.5s' },
  ]);
});
