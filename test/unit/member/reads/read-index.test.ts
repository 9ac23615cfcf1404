import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../../src/lib/logger.js';
import { ReadIndexQueue } from '../../../../src/member/reads/read-index.js';
import { Reads, type ReadsDeps } from '../../../../src/member/reads/reads.js';
import type { Outcome } from '../../../../src/proto/etcd-error.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

function queue() {
  let context = 0n;
  const reads = new ReadIndexQueue(() => ++context, silentLogger);
  const results: string[] = [];
  const wait = (name: string, deadlineMs = 10_000): void => {
    reads.wait((outcome: Outcome<void>) => {
      results.push(outcome.ok ? name : `${name}: ${outcome.error.message}`);
    }, deadlineMs);
  };
  return { reads, results, wait, asked: () => context };
}

describe('linearizable reads', () => {
  it('share one round', () => {
    const { reads, results, wait, asked } = queue();
    wait('a');
    wait('b');
    reads.begin(0);
    expect(asked()).toBe(1n);
    reads.confirm(1n, 5, 5);
    expect(results).toEqual(['a', 'b']);
  });

  it('that come while a round is under way wait for the next one', () => {
    const { reads, results, wait, asked } = queue();
    wait('a');
    reads.begin(0);
    wait('b');
    reads.begin(1);
    expect(asked()).toBe(1n);
    reads.confirm(1n, 5, 5);
    expect(results).toEqual(['a']);
    reads.begin(2);
    expect(asked()).toBe(2n);
    reads.confirm(2n, 6, 6);
    expect(results).toEqual(['a', 'b']);
  });

  it('wait until the confirmed index is applied', () => {
    const { reads, results, wait } = queue();
    wait('a');
    reads.begin(0);
    reads.confirm(1n, 7, 5);
    expect(results).toEqual([]);
    reads.applied(6);
    expect(results).toEqual([]);
    reads.applied(7);
    expect(results).toEqual(['a']);
  });

  it('ask again under a new context after 500 ms, and take a late answer to the first', () => {
    const { reads, results, wait, asked } = queue();
    wait('a');
    reads.begin(0);
    reads.tick(499);
    expect(asked()).toBe(1n);
    reads.tick(500);
    expect(asked()).toBe(2n);
    reads.confirm(1n, 5, 5);
    expect(results).toEqual(['a']);
  });

  it('are not served by an answer to a round before theirs', () => {
    const { reads, results, wait } = queue();
    wait('a');
    reads.begin(0);
    reads.leaderChanged();
    wait('b');
    reads.begin(1);
    reads.confirm(1n, 5, 5);
    expect(results).toEqual(['a: etcdserver: leader changed']);
    reads.confirm(2n, 5, 5);
    expect(results).toEqual(['a: etcdserver: leader changed', 'b']);
  });

  it('are refused when the leader changes before their round was confirmed', () => {
    const { reads, results, wait } = queue();
    wait('a');
    reads.begin(0);
    wait('later');
    reads.leaderChanged();
    expect(results).toEqual(['a: etcdserver: leader changed']);
    reads.begin(1);
    reads.confirm(2n, 1, 1);
    expect(results).toEqual(['a: etcdserver: leader changed', 'later']);
  });

  it('time out wherever they stand, each at its own deadline', () => {
    const { reads, results, wait } = queue();
    wait('confirmed', 100);
    reads.begin(0);
    reads.confirm(1n, 9, 5);
    wait('asked', 200);
    reads.begin(1);
    wait('gathering', 300);
    reads.tick(100);
    reads.tick(200);
    reads.tick(300);
    const late = 'etcdserver: request timed out';
    expect(results).toEqual([`confirmed: ${late}`, `asked: ${late}`, `gathering: ${late}`]);
    reads.applied(9);
    expect(results).toHaveLength(3);
  });

  it('are all refused when the member stops', () => {
    const { reads, results, wait } = queue();
    wait('a');
    reads.begin(0);
    wait('b');
    reads.close(new Error('stopping'));
    expect(results).toEqual(['b: stopping', 'a: stopping']);
  });
});

describe('a round that takes long', () => {
  it('is logged with what it waited for, as etcd logs its linearizableReadLoop', async () => {
    const clock = new ManualClock();
    const logger = new RecordingLogger();
    let id = 0n;
    const deps: Partial<ReadsDeps> = {
      node: { readIndex: () => {} } as never,
      ids: { next: () => ++id } as never,
      leadership: { onChange: () => {} } as never,
      clock,
      logger,
      timeoutMs: 5000,
      wake: () => {},
    };
    const reads = new Reads(deps as ReadsDeps);
    const round = async (agreeMs: number, applyMs: number): Promise<void> => {
      const read = reads.linearizable();
      reads.rounds.begin(clock.monotonicMs());
      const context = id;
      await clock.advance(agreeMs);
      reads.rounds.confirm(context, 7, 5);
      await clock.advance(applyMs);
      reads.rounds.applied(7);
      await read;
    };
    await round(60, 40);
    expect(logger.records).toEqual([]);
    await round(150, 30);
    const number = id;
    expect(logger.records).toMatchObject([
      {
        level: 'info',
        message: `trace[${number}] linearizableReadLoop`,
        fields: {
          detail: '{readStateIndex:7; appliedIndex:5; }',
          duration: '180ms',
          steps: [
            `trace[${number}] 'read index received'  (duration: 150ms)`,
            `trace[${number}] 'applied index is now lower than readState.Index'  (duration: 30ms)`,
          ],
          step_count: 2,
        },
      },
    ]);
  });
});
