/** `FastLeaseKeepAlive`: what is renewed while entries that are committed wait to be applied. */
import { describe, expect, it } from 'vitest';
import { Lessor } from '../../../../src/lease/lessor.js';
import { Leases, type LeasesDeps } from '../../../../src/member/services/leases.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { MemoryBackend } from '../../../support/memory-backend.js';

const clock = new ManualClock();

/** With apply behind for good, unless it catches up when it is waited for. */
function behind({ renewsAtOnce, onWait }: { renewsAtOnce: boolean; onWait?: (lessor: Lessor) => void }) {
  const lessor = new Lessor(new MemoryBackend(), { minTtlSeconds: 1, electionTimeoutMs: 0, expiredRetryMs: 3000 });
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
