/** What is done by the leader alone: here, or asked of it until it answers, the time is over or nobody waits. */
import { describe, expect, it } from 'vitest';
import type { Leadership } from '../../../../src/member/loop/leadership.js';
import type { Cluster } from '../../../../src/member/membership/cluster.js';
import { LeaderCalls, type LeaderTask } from '../../../../src/member/membership/leader-calls.js';
import { EtcdError } from '../../../../src/proto/etcd-error.js';
import { ManualClock } from '../../../support/manual-clock.js';

const URLS = ['http://a', 'http://b'];

function calling() {
  const clock = new ManualClock();
  const leadership = { isLeader: false, hasLeader: true, lead: 2n };
  const asked: string[] = [];
  const signals: AbortSignal[] = [];
  const state = {
    here: (): Promise<string> => Promise.resolve('here'),
    there: (url: string): Promise<string> => Promise.reject(new Error(`${url} is down`)),
    refusalOf: (_: unknown): Error | undefined => undefined,
  };
  const calls = new LeaderCalls({
    cluster: { get: (id: bigint) => (id === 2n ? { peerURLs: URLS } : undefined) } as unknown as Cluster,
    leadership: leadership as unknown as Leadership,
    clock,
    timeoutMs: 1000,
  });
  const task: LeaderTask<string> = {
    here: () => state.here(),
    there: (url, signal) => {
      asked.push(url);
      signals.push(signal);
      return state.there(url);
    },
    refusalOf: (error) => state.refusalOf(error),
  };
  const run = (signal?: AbortSignal): Promise<string> => {
    const result = calls.run(task, signal && { signal }).catch((error) => error.row ?? error.code ?? error.message);
    return result;
  };
  return { clock, leadership, asked, signals, state, calls, run };
}

describe('a task of the leader', () => {
  it('is done here where this member leads, and its refusal is the last word', async () => {
    const { leadership, run, asked, state, clock } = calling();
    leadership.isLeader = true;
    expect(await run()).toBe('here');
    state.here = () => Promise.reject(new EtcdError('leaseNotFound'));
    expect(await run()).toBe('leaseNotFound');
    expect(asked).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('goes on where this member turns out not to lead', async () => {
    const { leadership, run, state, clock, asked } = calling();
    leadership.isLeader = true;
    state.here = () => {
      leadership.isLeader = false;
      return Promise.reject(new EtcdError('notLeader'));
    };
    state.there = (url) => Promise.resolve(`from ${url}`);
    const answer = run();
    await clock.advance(49);
    expect(asked).toEqual([]);
    await clock.advance(1);
    expect(await answer).toBe('from http://a');
  });

  it('is asked for at one URL after the other, again and again, until there is an answer', async () => {
    const { run, state, clock, asked } = calling();
    const answer = run();
    await clock.advance(0);
    expect(asked).toEqual(URLS);
    await clock.advance(100);
    expect(asked).toEqual([...URLS, ...URLS, ...URLS]);
    state.there = (url) => (url === 'http://b' ? Promise.resolve('b') : Promise.reject(new Error('down')));
    await clock.advance(50);
    expect(await answer).toBe('b');
    expect(clock.pending).toBe(0);
  });

  it('ends with what is the leader’s last word', async () => {
    const { run, state, asked } = calling();
    state.refusalOf = (error) => (String(error).includes('http://a') ? new EtcdError('learnerNotReady') : undefined);
    expect(await run()).toBe('learnerNotReady');
    expect(asked).toEqual(['http://a']);
  });

  it('is given up when its time is over, in words that tell whether there is a leader', async () => {
    for (const [hasLeader, expected] of [
      [true, 'timeout'],
      [false, 'noLeader'],
    ] as const) {
      const { run, clock, leadership, signals } = calling();
      Object.assign(leadership, hasLeader ? {} : { hasLeader, lead: 0n });
      const answer = run();
      await clock.advance(1000);
      expect(await answer).toBe(expected);
      expect(signals.every((signal) => signal.aborted)).toBe(true);
    }
  });

  it('is given up when the member stops', async () => {
    const { run, clock, calls } = calling();
    const answer = run();
    await clock.advance(10);
    calls.close();
    expect(await answer).toBe('stopped');
    expect(clock.pending).toBe(0);
  });

  it('goes no further once its caller is gone, and the leader hears that at once', async () => {
    const { run, clock, asked, signals, state } = calling();
    const caller = new AbortController();
    state.there = () =>
      new Promise((_, reject) => signals.at(-1)?.addEventListener('abort', () => reject(new Error('cut off'))));
    const answer = run(caller.signal);
    await clock.advance(10);
    expect(asked).toEqual(['http://a']);
    caller.abort();
    expect(await answer).toBe('ERR_ABANDONED');
    await clock.advance(500);
    expect(asked).toEqual(['http://a']);
    expect(clock.pending).toBe(0);
  });
});
