/** `FastLeaseKeepAlive`: what is renewed while entries that are committed wait to be applied. */
import { describe, expect, it } from 'vitest';
import { Lessor } from '../../../../src/lease/lessor.js';
import { AbandonedError, type Caller } from '../../../../src/lib/caller.js';
import { LeaderCalls } from '../../../../src/member/membership/leader-calls.js';
import { PeerAnswers } from '../../../../src/member/peers/peer-answers.js';
import { ReadIndexQueue } from '../../../../src/member/reads/read-index.js';
import { Leases, type LeasesDeps } from '../../../../src/member/services/leases.js';
import { PeerCallError } from '../../../../src/peer/types.js';
import { LeaseInternalRequest, LeaseInternalResponse } from '../../../../src/proto/gen/leasepb.js';
import { busyClock } from '../../../support/busy-clock.js';
import { ManualClock, settle } from '../../../support/manual-clock.js';
import { MemoryBackend } from '../../../support/memory-backend.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

const clock = new ManualClock();

interface Behind {
  readonly renewsAtOnce: boolean;
  readonly onWait?: (lessor: Lessor) => void;
  readonly checkpointIntervalSeconds?: number;
}

/** With apply behind for good, unless it catches up when it is waited for. */
function behind({ renewsAtOnce, onWait, ...lessorOptions }: Behind) {
  const options = { minTtlSeconds: 1, electionTimeoutMs: 0, expiredRetryMs: 3000, ...lessorOptions };
  const lessor = new Lessor(new MemoryBackend(), options);
  lessor.promote(clock.monotonicMs());
  const deps: Partial<LeasesDeps> = {
    lessor,
    clock,
    leadership: { onChange: () => {}, onFirstCommit: () => {} } as never,
    applied: {
      untilCommitted: async () => {
        onWait?.(lessor);
        return onWait !== undefined;
      },
    } as never,
    renewsAtOnce,
  };
  return { lessor, leases: new Leases(deps as LeasesDeps) };
}

describe('a lease that is there, while apply is behind', () => {
  it('is renewed at once where that is fast', async () => {
    const { lessor, leases } = behind({ renewsAtOnce: true });
    lessor.grant(7n, 10, clock.monotonicMs());
    expect(await leases.renewHere(7n)).toBe(10);
  });

  it('waits for apply where it is not', async () => {
    const { lessor, leases } = behind({ renewsAtOnce: false });
    lessor.grant(7n, 10, clock.monotonicMs());
    await expect(leases.renewHere(7n)).rejects.toThrow('waiting for the applied index took too long');
  });
});

describe('a lease that is not there yet', () => {
  it('is renewed once its grant is applied, fast or not', async () => {
    for (const renewsAtOnce of [true, false]) {
      const { leases } = behind({ renewsAtOnce, onWait: (lessor) => void lessor.grant(7n, 10, clock.monotonicMs()) });
      expect(await leases.renewHere(7n)).toBe(10);
    }
  });

  it('is not renewed by a member that does not lead', async () => {
    const { lessor, leases } = behind({ renewsAtOnce: true, onWait: () => {} });
    lessor.grant(7n, 10, clock.monotonicMs());
    lessor.demote();
    await expect(leases.renewHere(7n)).rejects.toThrow('not leader');
  });
});

it('a lease that is revoked while a failpoint holds its renewal up is not renewed', async () => {
  const { lessor, leases } = behind({ renewsAtOnce: true, onWait: () => {} });
  lessor.setKeyDeleter(() => ({ deleteRange: () => {}, end: () => {} }) as never);
  lessor.grant(7n, 10, clock.monotonicMs());
  const hits: string[] = [];
  const failpoints = {
    wait: async (name: string) => {
      hits.push(name);
      lessor.revoke(7n);
    },
  };
  Object.assign(leases.deps, { failpoints });
  expect(await leases.renewHere(7n)).toBe(0);
  expect(await leases.renewHere(7n)).toBe(0);
  expect(hits).toEqual(['beforeCheckpointInLeaseRenew']);
});

it('a lease is renewed by a leader whose loop stands still only once others say that it still leads', async () => {
  const { lessor, leases } = behind({ renewsAtOnce: true });
  lessor.grant(7n, 10, clock.monotonicMs());
  const leadership = { isLeader: true };
  let isTicking = true;
  let round = async (): Promise<void> => {
    throw new Error('request timed out');
  };
  const leaderCalls = { run: ({ here }: { here: () => Promise<unknown> }) => here() };
  const reads = { linearizable: () => round() };
  Object.assign(leases.deps, { leadership, isTicking: () => isTicking, leaderCalls, reads });
  expect(await leases.renew(7n)).toBe(10);
  isTicking = false;
  await expect(leases.renew(7n)).rejects.toThrow('not a primary lessor');
  round = async () => {};
  expect(await leases.renew(7n)).toBe(10);
  round = async () => void Object.assign(leadership, { isLeader: false });
  await expect(leases.renew(7n)).rejects.toThrow('not a primary lessor');
});

describe('a renewal whose caller goes away', () => {
  it('ends while others are asked whether this member still leads', async () => {
    const { lessor, leases } = behind({ renewsAtOnce: true });
    lessor.grant(7n, 10, clock.monotonicMs());
    const leadership = { isLeader: true, hasLeader: true };
    const leaderCalls = new LeaderCalls({ leadership, clock, timeoutMs: 5000 } as never);
    // No round is ever answered.
    const rounds = new ReadIndexQueue(() => 1n, new RecordingLogger());
    const reads = {
      linearizable: (caller?: Caller): Promise<void> =>
        new Promise((resolve, reject) => {
          rounds.wait((outcome) => (outcome.ok ? resolve() : reject(outcome.error)), Number.POSITIVE_INFINITY, caller);
        }),
    };
    Object.assign(leases.deps, { leadership, isTicking: () => false, leaderCalls, reads });
    const stop = new AbortController();
    const renewal = leases.renew(7n, stop);
    renewal.catch(() => {});
    await settle();
    stop.abort();
    rounds.tick(clock.monotonicMs());
    await expect(renewal).rejects.toMatchObject({ name: 'AbandonedError' });
    expect(leases.renewed).toBe(0);
  });

  it('proposes no checkpoint any more', async () => {
    const { lessor, leases } = behind({ renewsAtOnce: true, checkpointIntervalSeconds: 300 });
    lessor.grant(7n, 10, clock.monotonicMs());
    lessor.checkpoint(7n, 5, clock.monotonicMs());
    const callers: (Caller | undefined)[] = [];
    const propose = async (_operation: unknown, { caller }: { caller?: Caller } = {}): Promise<void> => {
      callers.push(caller);
      throw new AbandonedError('the caller is gone');
    };
    Object.assign(leases.deps, { propose });
    const stop = new AbortController();
    await expect(leases.renewHere(7n, stop)).rejects.toMatchObject({ name: 'AbandonedError' });
    expect(callers).toEqual([stop.signal]);
  });

  it('is waited for no longer when a follower asked for it', async () => {
    const { lessor, leases } = behind({ renewsAtOnce: true, onWait: () => {} });
    lessor.grant(7n, 1, clock.monotonicMs());
    await clock.advance(2000);
    const stop = new AbortController();
    const renewal = new PeerAnswers({ leases } as never).renewLease(7n, stop.signal);
    renewal.catch(() => {});
    await settle();
    stop.abort();
    await expect(renewal).rejects.toMatchObject({ name: 'AbandonedError' });
  });
});

describe('a lease that has run out', () => {
  function runningOut() {
    const { lessor, leases } = behind({ renewsAtOnce: true, onWait: () => {} });
    lessor.setKeyDeleter(() => ({ deleteRange: () => 0, end: () => {} }) as never);
    lessor.grant(7n, 1, clock.monotonicMs());
    return { lessor, leases };
  }

  it('is answered for once it is gone: as none, or not by this member', async () => {
    const { lessor, leases } = runningOut();
    await clock.advance(2000);
    const renewals = [leases.renewHere(7n), leases.renewHere(7n, { signal: new AbortController().signal })];
    await settle();
    lessor.revoke(7n);
    expect(await Promise.all(renewals)).toEqual([0, 0]);
    lessor.grant(7n, 1, clock.monotonicMs());
    await clock.advance(2000);
    const late = leases.renewHere(7n);
    late.catch(() => {});
    await settle();
    lessor.demote();
    await expect(late).rejects.toThrow('not leader');
  });

  it('is waited for no longer than somebody waits', async () => {
    const { lessor, leases } = runningOut();
    await clock.advance(2000);
    const stop = new AbortController();
    const renewals = [leases.renewHere(7n, stop), leases.renewHere(7n)];
    for (const renewal of renewals) renewal.catch(() => {});
    await settle();
    stop.abort();
    await expect(renewals[0]).rejects.toMatchObject({ name: 'AbandonedError' });
    await expect(leases.renewHere(7n, stop)).rejects.toMatchObject({ name: 'AbandonedError' });
    lessor.revoke(7n);
    expect(await renewals[1]).toBe(0);
  });
});

describe('the time that a lease has left', () => {
  it('is told by the leader alone, once all that is committed is applied', async () => {
    const options = { keys: true };
    const { lessor, leases } = behind({ renewsAtOnce: true, onWait: () => {} });
    const ask = () => leases.timeToLiveHere(7n, options, 'beforeLookupWhenLeaseTimeToLive');
    expect(await ask()).toBeUndefined();
    lessor.grant(7n, 10, clock.monotonicMs());
    lessor.attach(7n, 'k');
    await clock.advance(3000);
    expect(await ask()).toEqual({ ttlSeconds: 7, grantedTtlSeconds: 10, keys: [Buffer.from('k')] });
    options.keys = false;
    expect(await ask()).toMatchObject({ keys: [] });
    lessor.demote();
    await expect(ask()).rejects.toThrow('not leader');
    const { leases: late } = behind({ renewsAtOnce: true });
    await expect(late.timeToLiveHere(7n, options, 'beforeLookupWhenLeaseTimeToLive')).rejects.toThrow(
      'waiting for the applied index took too long',
    );
  });

  it('is asked of the leader by others: what it says is the answer, that there is no such lease too', async () => {
    const { leases } = behind({ renewsAtOnce: true });
    const leadership = { isLeader: false, hasLeader: true, lead: 2n };
    const cluster = { get: () => ({ peerURLs: ['http://first', 'http://second'] }) };
    const leaderCalls = new LeaderCalls({ leadership, cluster, clock, timeoutMs: 5000 } as never);
    const asked: string[] = [];
    let answer: (url: string) => Uint8Array;
    const calls = {
      leaseTimeToLive: async (url: string, request: Uint8Array) => {
        const { LeaseTimeToLiveRequest: wanted } = LeaseInternalRequest.decode(request);
        asked.push(`${url} ${wanted?.ID} ${wanted?.keys}`);
        return answer(url);
      },
    };
    Object.assign(leases.deps, { leaderCalls, calls });
    const found = { ID: 7n, TTL: 3, grantedTTL: 10, keys: [Uint8Array.of(107)] };
    answer = (url) => {
      if (url === 'http://first') throw new Error('connection refused');
      return LeaseInternalResponse.encode(LeaseInternalResponse.create({ LeaseTimeToLiveResponse: found as never }));
    };
    const told = await leases.timeToLive(7n, { keys: true });
    expect({ ...told, keys: told.keys.map((bytes) => Buffer.from(bytes).toString()) }).toEqual({
      ...found,
      keys: ['k'],
    });
    expect(asked).toEqual(['http://first 7 true', 'http://second 7 true']);
    answer = () => {
      throw new PeerCallError(404, 'lease not found');
    };
    expect(await leases.timeToLive(7n, { keys: false })).toEqual({ ID: 7n, TTL: -1, grantedTTL: 0, keys: [] });
    expect(asked.slice(2)).toEqual(['http://first 7 false']);
    // No other status is an answer: the leader is asked again, until the time is over.
    answer = () => {
      throw new PeerCallError(405, 'method not allowed');
    };
    const failed = expect(leases.timeToLive(7n, { keys: false })).rejects.toThrow('request timed out');
    await clock.advance(5000);
    await failed;
  });

  it('comes with its keys in pieces; a caller that leaves between them ends that', async () => {
    const busy = busyClock();
    const lessor = new Lessor(new MemoryBackend(), { minTtlSeconds: 1, electionTimeoutMs: 0, expiredRetryMs: 3000 });
    lessor.grant(7n, 100, 0);
    for (let key = 0; key < 20_000; key++) lessor.attach(7n, `k${key}`);
    lessor.promote(0);
    const leases = new Leases({
      lessor,
      clock: busy,
      leadership: { onChange: () => {}, onFirstCommit: () => {} } as never,
      applied: { untilCommitted: () => Promise.resolve(true) } as never,
    } as Partial<LeasesDeps> as LeasesDeps);
    const ask = (caller?: Caller) =>
      leases.timeToLiveHere(7n, { keys: true }, 'beforeLookupWhenLeaseTimeToLive', caller);
    expect((await ask())?.keys).toHaveLength(20_000);
    expect(busy.pauses).toBeGreaterThan(1);
    let asked = 0;
    const leaving = {
      get aborted() {
        return ++asked === 3;
      },
    };
    await expect(ask(leaving)).rejects.toThrow(AbandonedError);
    expect(asked).toBe(3);
  });
});
