/** The leader's clockwork of leases: what has expired is revoked, some at a time, by a member that is sure to lead. */
import { describe, expect, it } from 'vitest';
import { Lessor } from '../../../../src/lease/lessor.js';
import { AbandonedError, type Caller } from '../../../../src/lib/caller.js';
import type { Propose } from '../../../../src/member/apply/operation.js';
import type { Leadership } from '../../../../src/member/loop/leadership.js';
import { LeaseExpiry } from '../../../../src/member/services/lease-expiry.js';
import { EtcdError } from '../../../../src/proto/etcd-error.js';
import { settle } from '../../../support/manual-clock.js';
import { MemoryBackend } from '../../../support/memory-backend.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

function leading(options: { checkpointIntervalSeconds?: number } = {}) {
  const lessor = new Lessor(new MemoryBackend(), {
    minTtlSeconds: 1,
    electionTimeoutMs: 0,
    expiredRetryMs: 3000,
    ...options,
  });
  lessor.setKeyDeleter(() => ({ deleteRange: () => 0, end: () => 0 }));
  lessor.promote(0);
  const state = {
    isLeader: true,
    term: 5,
    localId: 1n,
    asLeader() {
      const { term } = state;
      return {
        get aborted() {
          return !state.isLeader || state.term !== term;
        },
      };
    },
    ensure: () => Promise.resolve(),
    /** Revocations under way, and how each ends. */
    open: new Map<bigint, (error?: Error) => void>(),
    checkpoints: [] as unknown[],
    /** For whom something was proposed. */
    callers: [] as Caller[],
  };
  const logger = new RecordingLogger();
  const propose = ((
    { kind, request }: { kind: string; request: { ID: bigint; checkpoints: unknown } },
    { caller }: { caller: Caller },
  ) => {
    state.callers.push(caller);
    if (kind === 'leaseCheckpoint') {
      state.checkpoints.push(request.checkpoints);
      return Promise.reject(new Error('lost'));
    }
    return new Promise((resolve, reject) => {
      state.open.set(request.ID, (error) => {
        state.open.delete(request.ID);
        if (error === undefined) {
          lessor.revoke(request.ID);
          resolve({});
        } else reject(error);
      });
    });
  }) as unknown as Propose;
  const expiry = new LeaseExpiry({
    lessor,
    leadership: state as unknown as Leadership,
    reads: { linearizable: () => state.ensure() } as never,
    propose,
    logger,
  });
  const tick = async (nowMs: number): Promise<void> => {
    expiry.tick(nowMs);
    await settle();
  };
  return { lessor, state, logger, expiry, tick };
}

describe('leases that have expired', () => {
  it('are revoked, each once while its revocation is under way', async () => {
    const { lessor, state, tick, expiry } = leading();
    lessor.grant(1n, 1, 0);
    lessor.grant(2n, 5, 0);
    await tick(900);
    expect([...state.open.keys()]).toEqual([]);
    await tick(1500);
    expect([...state.open.keys()]).toEqual([1n]);
    await tick(2000);
    state.open.get(1n)?.();
    await settle();
    expect(expiry.expiredCount).toBe(1);
    expect([...state.open.keys()]).toEqual([]);
    expect(lessor.lookup(1n)).toBeUndefined();
    expect(lessor.lookup(2n)).toBeDefined();
  });

  it('are looked for twice a second', async () => {
    const { lessor, state, tick } = leading();
    await tick(1000);
    lessor.grant(1n, 1, 0);
    await tick(1499);
    expect(state.open.size).toBe(0);
    await tick(1500);
    expect(state.open.size).toBe(1);
  });

  it('are looked for as often where each tick comes late, and not twice after a pause', async () => {
    const { lessor, state, tick } = leading();
    lessor.grant(1n, 1, 0);
    lessor.grant(2n, 2, 0);
    lessor.grant(3n, 4, 0);
    await tick(1090);
    await tick(1680);
    await tick(2089);
    expect([...state.open.keys()]).toEqual([1n]);
    await tick(2090);
    expect([...state.open.keys()]).toEqual([1n, 2n]);
    await tick(3999);
    await tick(4100);
    expect([...state.open.keys()]).toEqual([1n, 2n]);
    await tick(4499);
    expect([...state.open.keys()]).toEqual([1n, 2n, 3n]);
  });

  it('a hundred thousand at once are revoked sixteen at a time, few in hand, however long it takes', async () => {
    const { lessor, state, tick, expiry } = leading();
    const count = 100_000;
    for (let id = 1n; id <= count; id++) lessor.grant(id, 1, 0);
    let most = 0;
    let nowMs = 2000;
    for (; lessor.list().length > count - 5000 && nowMs < 100_000; nowMs += 500) {
      await tick(nowMs);
      // One turn never takes them all in hand.
      most = Math.max(most, state.open.size);
      for (let round = 0; round < 40 && state.open.size > 0; round++) {
        for (const end of [...state.open.values()]) end();
        await settle();
      }
    }
    expect(most).toBe(16);
    expect(expiry.expiredCount).toBeGreaterThanOrEqual(5000);
    expect(expiry.expiredCount).toBe(count - lessor.list().length);
  }, 60_000);

  it('are not taken in hand while a thousand before them are not revoked', async () => {
    const { lessor, tick } = leading();
    for (let id = 1n; id <= 4000n; id++) lessor.grant(id, 1, 0);
    let taken = 0;
    const take = lessor.takeExpired.bind(lessor);
    lessor.takeExpired = (nowMs) => {
      const ids = take(nowMs);
      taken += ids.length;
      return ids;
    };
    for (let nowMs = 1500; nowMs < 20_000; nowMs += 500) await tick(nowMs);
    expect(taken).toBe(1000);
  });

  it('whose revocation failed come again; one that is gone already is no failure', async () => {
    const { lessor, state, tick, logger } = leading();
    lessor.grant(0xabn, 1, 0);
    await tick(1500);
    state.open.get(0xabn)?.(new Error('no leader'));
    await settle();
    expect(logger.records).toMatchObject([
      { message: 'failed to revoke lease', fields: { 'lease-id': '00000000000000ab', error: 'no leader' } },
    ]);
    await tick(2000);
    expect(state.open.size).toBe(0);
    await tick(5000);
    state.open.get(0xabn)?.(new EtcdError('leaseNotFound'));
    await settle();
    expect(logger.records).toHaveLength(1);
  });
});

describe('#16822: a member that may lead no more', () => {
  it('revokes nothing while it cannot make sure, and asks once at a time', async () => {
    const { lessor, state, tick, logger } = leading();
    let asked = 0;
    let refuse: (error: Error) => void = () => {};
    state.ensure = () => {
      asked++;
      return new Promise((_, reject) => {
        refuse = reject;
      });
    };
    lessor.grant(1n, 1, 0);
    await tick(1500);
    await tick(2000);
    await tick(6000);
    expect([asked, state.open.size]).toEqual([1, 0]);
    refuse(new Error('etcdserver: request timed out'));
    await settle();
    expect([state.open.size, logger.records[0]?.message]).toEqual([0, "Failed to check current member's leadership"]);
    state.ensure = () => Promise.resolve();
    await tick(6500);
    expect(state.open.size).toBe(1);
  });

  it('revokes nothing when it turns out so', async () => {
    const { lessor, state, tick, logger } = leading();
    state.ensure = async () => {
      state.isLeader = false;
    };
    lessor.grant(1n, 1, 0);
    await tick(1500);
    expect([state.open.size, logger.records[0]?.message]).toEqual([
      0,
      "Ignore the lease revoking request because current member isn't a leader",
    ]);
  });

  it('revokes nothing when it leads again by then', async () => {
    const { lessor, state, tick } = leading();
    state.ensure = async () => {
      state.term = 6;
    };
    lessor.grant(1n, 1, 0);
    await tick(1500);
    expect(state.open.size).toBe(0);
  });

  it('wants nothing of what it proposed any more, nor of what waits', async () => {
    const { lessor, state, tick, logger } = leading();
    for (let id = 1n; id <= 40n; id++) lessor.grant(id, 1, 0);
    await tick(1500);
    expect(state.callers.map(({ aborted }) => aborted)).toEqual(Array(16).fill(false));
    state.term = 6;
    expect(state.callers.every(({ aborted }) => aborted)).toBe(true);
    for (const end of [...state.open.values()]) end(new AbandonedError('the caller is gone'));
    await settle();
    expect(state.open.size).toBe(0);
    expect(new Set(logger.records.map(({ message }) => message))).toEqual(
      new Set(["Ignore the lease revoking request because current member isn't a leader"]),
    );
  });

  it('lets go of what it had in hand', async () => {
    const { lessor, state, tick } = leading();
    for (let id = 1n; id <= 40n; id++) lessor.grant(id, 1, 0);
    await tick(1500);
    expect(state.open.size).toBe(16);
    lessor.demote();
    await tick(2000);
    for (const end of [...state.open.values()]) end();
    await settle();
    expect(state.open.size).toBe(0);
  });
});

it('long leases are checkpointed, and a lost checkpoint is no matter', async () => {
  const { lessor, state, tick } = leading({ checkpointIntervalSeconds: 10 });
  lessor.grant(1n, 100, 0);
  await tick(9000);
  expect(state.checkpoints).toEqual([]);
  await tick(10_500);
  expect(state.checkpoints).toEqual([[{ ID: 1n, remainingTTL: 90 }]]);
  // Later than its term it would take time from a lease that has been renewed since.
  expect(state.callers.map(({ aborted }) => aborted)).toEqual([false]);
  state.term = 6;
  expect(state.callers.map(({ aborted }) => aborted)).toEqual([true]);
});
