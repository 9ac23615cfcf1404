/** Work that is done a step a turn: watches that catch up, compactions and hashes of the store. */
import { describe, expect, it } from 'vitest';
import { StoreWork, type StoreWorkDeps } from '../../../../src/member/services/store-work.js';
import { WatchSync } from '../../../../src/member/services/watch-sync.js';
import { ManualClock, settle } from '../../../support/manual-clock.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

describe('watches that are behind', () => {
  function syncing(rounds: (boolean | Error)[]) {
    const clock = new ManualClock();
    const failed: unknown[] = [];
    let turns = 0;
    const hub = () => ({
      sync: () => {
        turns++;
        const round = rounds.shift() ?? false;
        if (round instanceof Error) throw round;
        return round;
      },
    });
    const sync = new WatchSync(clock, hub as never, (cause) => void failed.push(cause));
    return { sync, failed, turns: () => turns };
  }

  it('are served a round a turn, until none is behind', async () => {
    const { sync, turns } = syncing([true, true, false]);
    sync.wake();
    sync.wake();
    await settle();
    expect(turns()).toBe(3);
    sync.wake();
    await settle();
    expect(turns()).toBe(4);
  });

  it('are not served by a member that stops, even where a round is due', async () => {
    const { sync, turns } = syncing([true]);
    sync.wake();
    sync.stop();
    await settle();
    sync.wake();
    await settle();
    expect(turns()).toBe(0);
  });

  it('end the member where its store does not answer', async () => {
    const { sync, failed } = syncing([new Error('page is corrupt')]);
    sync.wake();
    await settle();
    expect(failed).toEqual([new Error('page is corrupt')]);
  });
});

describe('long work of the store', () => {
  /** `steps`: what is pending before each; a compaction ends where another thing, or none, follows. */
  function working(steps: ('compaction' | 'hash')[], fails?: Error) {
    const clock = new ManualClock();
    const logger = new RecordingLogger();
    const done: string[] = [];
    const failed: unknown[] = [];
    const store = {
      get pendingWork() {
        return steps[0] ?? 'none';
      },
      isSweepingIndex: false,
      counts: { compactions: 0 },
      compactRevision: 9,
      compactionHashes: () => [
        { hash: 1, revision: 8, compactRevision: 5 },
        { hash: 2, revision: 9, compactRevision: 8 },
        { hash: 3, revision: 7, compactRevision: 2 },
      ],
      work(limit: number) {
        done.push(`${steps[0]} ${limit}`);
        if (fails !== undefined) throw fails;
        if (steps.shift() === 'compaction' && steps[0] !== 'compaction') store.counts.compactions++;
      },
    };
    const backend = { commit: async () => void done.push('commit'), sizeBytes: 2048, sizeInUseBytes: 1024 };
    const work = new StoreWork({
      store,
      backend,
      clock,
      config: { compactionBatchLimit: 77, compactionSleepIntervalMs: 10 },
      logger,
      fail: (cause: unknown) => void failed.push(cause),
    } as unknown as StoreWorkDeps);
    return { work, clock, done, failed, logger };
  }

  it('is a compaction by batches, with a commit and a pause after each', async () => {
    const { work, clock, done, logger } = working(['compaction', 'compaction', 'hash']);
    const times: number[] = [];
    work.observer = { onPause: () => {}, onDone: (tookMs) => void times.push(tookMs) };
    work.wake();
    work.wake();
    await settle();
    expect(done).toEqual(['compaction 77', 'commit']);
    await clock.advance(9);
    expect(done.length).toBe(2);
    await clock.advance(1);
    // What comes after the last batch needs no pause.
    expect(done.slice(2)).toEqual(['compaction 77', 'commit', 'hash 500']);
    expect(times).toEqual([10]);
    const [finished] = logger.records.filter(({ message }) => message === 'finished scheduled compaction');
    expect(finished?.fields).toMatchObject({ 'compact-revision': 9, took: '10ms', hash: 2 });
    expect(work.lastCompactionSeconds).toBe(1000);
    expect(clock.pending).toBe(0);
  });

  it('tells once of each compaction that a commit has written down that it is to be done', async () => {
    const { work, clock } = working(['compaction', 'compaction', 'compaction']);
    const hits: string[] = [];
    Object.assign(work.deps, { failpoints: { hit: (name: string) => void hits.push(name), wait: async () => {} } });
    work.track(9, Promise.resolve(true));
    await settle();
    for (let batch = 0; batch < 2; batch++) await clock.advance(10);
    const written = ['compactBeforeCommitBatch', 'compactAfterCommitBatch'];
    expect(hits).toEqual([...written, 'compactAfterCommitScheduledCompact', ...written, ...written]);
  });

  it('goes on where it is woken again', async () => {
    const steps: ('compaction' | 'hash')[] = ['hash'];
    const { work, done } = working(steps);
    work.wake();
    await settle();
    steps.push('hash');
    work.wake();
    await settle();
    expect(done).toEqual(['hash 500', 'hash 500']);
  });

  it('ends the member where it fails, but not one that stops', async () => {
    const { work, failed } = working(['hash'], new Error('page is corrupt'));
    work.wake();
    await settle();
    expect(failed).toEqual([new Error('page is corrupt')]);
    const stopping = working(['hash']);
    stopping.work.wake();
    stopping.work.stop();
    await settle();
    stopping.work.wake();
    await settle();
    expect([stopping.done, stopping.failed]).toEqual([[], []]);
  });

  it('that a member is stopped in fails for nobody', async () => {
    const { work, failed, done } = working(['compaction'], new Error('closed'));
    work.observer = { onPause: () => {}, onDone: () => {} };
    work.wake();
    queueMicrotask(() => work.stop());
    await settle();
    expect([done.length <= 1, failed]).toEqual([true, []]);
  });
});
