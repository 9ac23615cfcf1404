import { describe, expect, it } from 'vitest';
import { AnswerQueue, type AnswerQueueLimits } from '../../../src/api/v3/answer-queue.js';
import { AbandonedError } from '../../../src/lib/caller.js';
import { EtcdError } from '../../../src/proto/etcd-error.js';

const newConnection = () => {
  const connection = {
    unsentBytes: 0,
    sentBytes: 0,
    ended: '',
    giveUp: (reason: string) => {
      connection.ended = reason;
    },
  };
  return connection;
};

/**
 * A queue with 10 bytes a turn whose turns and time the test moves; answers are noted in the order in which they are
 * made.
 */
function harness(limits: Partial<AnswerQueueLimits> = {}) {
  const turns: (() => void)[] = [];
  const timers: (() => void)[] = [];
  const made: string[] = [];
  const backlog = { bytes: 0 };
  let nowMs = 0;
  const clock = {
    soon: (run: () => void) => void turns.push(run),
    after: (_ms: number, run: () => void) => {
      timers.push(run);
      return () => {};
    },
    monotonicMs: () => nowMs,
  };
  const queue = new AnswerQueue(clock, backlog, { bytesPerTurn: 10, ...limits });
  const own = newConnection();
  const asker = (connection = own) => ({ connection, aborted: false });
  const answer = (name: string, bytes: number, who = asker()) =>
    queue.run(who, false, () => {
      made.push(name);
      queue.spend(who, bytes);
      return name;
    });
  const nextTurn = () => turns.shift()?.();
  /** Time passes, and what waits for room is looked at. */
  const later = (ms: number) => {
    nowMs += ms;
    timers.shift()?.();
    nextTurn();
  };
  return { made, answer, asker, queue, turns, backlog, own, nextTurn, later };
}

describe('the queue of answers', () => {
  it('makes answers at once while this turn has budget left', () => {
    const { made, answer } = harness();
    expect(answer('a', 9)).toBe('a');
    expect(answer('b', 9)).toBe('b');
    expect(answer('c', 1)).toBeInstanceOf(Promise);
    expect(made).toEqual(['a', 'b']);
  });

  it('makes the others in later turns, in order, until all are made and no turn is asked for any more', async () => {
    const { made, answer, nextTurn, turns } = harness();
    const all = ['a', 'b', 'c', 'd', 'e'].map((name) => answer(name, 6));
    nextTurn();
    expect(made).toEqual(['a', 'b', 'c', 'd']);
    nextTurn();
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd', 'e']);
    nextTurn();
    expect(turns).toHaveLength(0);
  });

  it('serves one a turn at least, however big', () => {
    const { made, answer, nextTurn } = harness();
    for (const name of ['a', 'b', 'c']) void answer(name, 1000);
    expect(made).toEqual(['a']);
    nextTurn();
    expect(made).toEqual(['a', 'b']);
  });

  it('lets connections take turns, so that one with a thousand requests does not hold up one with a single', () => {
    const { made, answer, asker, nextTurn } = harness();
    for (const name of ['a', 'b', 'c', 'd']) void answer(name, 1000);
    void answer('other', 0, asker(newConnection()));
    nextTurn();
    nextTurn();
    expect(made).toEqual(['a', 'b', 'other', 'c']);
  });

  it('does not let a late comer pass those who wait', () => {
    const { made, answer, nextTurn } = harness();
    for (const name of ['a', 'b', 'c']) void answer(name, 1000);
    nextTurn();
    void answer('late', 0);
    expect(made).toEqual(['a', 'b']);
    nextTurn();
    nextTurn();
    expect(made).toEqual(['a', 'b', 'c', 'late']);
  });

  it('hands on the failure of an answer that waited, and serves the next', async () => {
    const { answer, asker, queue, nextTurn, made } = harness();
    void answer('a', 1000);
    const failing = queue.run(asker(), false, () => {
      throw new Error('compacted');
    });
    void answer('b', 1);
    nextTurn();
    await expect(failing).rejects.toThrow('compacted');
    expect(made).toEqual(['a', 'b']);
  });

  it('never makes the answer of a caller that has gone meanwhile', async () => {
    const { answer, asker, nextTurn, made, queue } = harness();
    void answer('a', 1000);
    const gone = asker();
    const waiting = answer('b', 1, gone);
    gone.aborted = true;
    nextTurn();
    await expect(waiting).rejects.toThrow(AbandonedError);
    expect(made).toEqual(['a']);
    expect(queue.waiting).toBe(0);
  });

  it('waits while a connection has too much unsent, and goes on when that was read; others are served', async () => {
    const { answer, asker, own, later, made } = harness({ connectionBytes: 100 });
    own.unsentBytes = 100;
    const waiting = answer('a', 1);
    expect(answer('b', 1, asker(newConnection()))).toBe('b');
    later(5);
    expect(made).toEqual(['b']);
    own.unsentBytes = 99;
    later(5);
    expect(await waiting).toBe('a');
  });

  it('refuses one too many as etcd does', () => {
    const { answer, own } = harness({ connectionBytes: 100, connectionWaiting: 2 });
    own.unsentBytes = 100;
    for (const name of ['a', 'b']) void answer(name, 1);
    expect(() => answer('c', 1)).toThrow(EtcdError);
  });

  it('ends connections that take nothing while the member is full, and no others', () => {
    const { answer, asker, backlog, later } = harness({ memberBytes: 1000, bytesPerTurn: 10_000_000 });
    const [stalled, slow] = [newConnection(), newConnection()];
    for (const connection of [stalled, slow]) {
      void answer('big', 2_000_000, asker(connection));
      connection.unsentBytes = 2_000_000;
    }
    backlog.bytes = 4_000_000;
    void answer('next', 1, asker(slow));
    for (let second = 0; second < 7; second++) {
      slow.sentBytes += 10;
      later(1000);
    }
    expect(stalled.ended).toBe('answers are not read');
    expect(slow.ended).toBe('');
  });

  it('makes few long answers at a time', async () => {
    const { queue, asker } = harness();
    const ends: (() => void)[] = [];
    const start = () =>
      queue.run(asker(newConnection()), true, () => new Promise<void>((resolve) => ends.push(resolve)));
    const all = Array.from({ length: 6 }, start);
    expect(ends).toHaveLength(4);
    expect(queue.waiting).toBe(2);
    expect(all).toHaveLength(6);
  });
});
