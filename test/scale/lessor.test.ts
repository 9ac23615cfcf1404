/**
 * A hundred thousand leases against a map of them: granted, renewed, revoked, checkpointed, with keys that move from
 * one to another, while this member begins and ceases to lead; what ends together, and what a new leader finds.
 */
import { expect, test } from 'vitest';
import { Lessor } from '../../src/lease/lessor.js';
import type { LeaseInfo } from '../../src/lease/types.js';
import type { Random } from '../../src/lib/random.js';
import { MemoryBackend } from '../support/memory-backend.js';
import { SCALED_TIMEOUT_MS, scaled, seeded, steps } from '../support/scale.js';

const ELECTION_MS = 1000;
const CHECKPOINT_SECONDS = 300;
const RETRY_MS = 7000;
/** Leases handed out to be revoked by one call, twice a second. */
const TAKEN_AT_ONCE = 500;

interface Lease {
  readonly ttl: number;
  remaining: number;
  deadlineMs: number;
  readonly keys: Set<string>;
}

class Run {
  readonly leases = new Map<bigint, Lease>();
  readonly leaseOfKey = new Map<string, bigint>();
  readonly backend = new MemoryBackend();
  lessor: Lessor = this.#opened();
  leads = false;
  nowMs = 0;
  /** Handed out, and not again before. */
  readonly retryMs = new Map<bigint, number>();
  readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  #opened(): Lessor {
    const lessor = new Lessor(this.backend, {
      ...{ minTtlSeconds: 2, electionTimeoutMs: ELECTION_MS, expiredRetryMs: RETRY_MS },
      ...{ checkpointIntervalSeconds: CHECKPOINT_SECONDS, persistCheckpoints: () => true },
    });
    lessor.setKeyDeleter(() => ({
      deleteRange: (key) => {
        const text = Buffer.from(key).toString('latin1');
        lessor.detach(lessor.leaseOf(text), text);
        return 1;
      },
      end: () => 0,
    }));
    return lessor;
  }

  #id(): bigint {
    return BigInt(1 + this.random.below(150_000));
  }

  grant(count: number): void {
    const ttl = [1, 5, 10, 60, 60, 60, 600, 3600][this.random.below(8)] as number;
    for (let at = 0; at < count; at++) {
      const id = this.#id();
      if (this.leases.has(id)) {
        expect(() => this.lessor.grant(id, ttl, this.nowMs)).toThrow('exists already');
        continue;
      }
      const { ttlSeconds } = this.lessor.grant(id, ttl, this.nowMs);
      const deadlineMs = this.leads ? this.nowMs + ttlSeconds * 1000 : Number.POSITIVE_INFINITY;
      this.leases.set(id, { ttl: ttlSeconds, remaining: 0, deadlineMs, keys: new Set() });
    }
  }

  revoke(id: bigint): void {
    const lease = this.leases.get(id);
    if (lease === undefined) throw new Error(`lease ${id} is not there`);
    this.lessor.revoke(id);
    for (const key of lease.keys) this.leaseOfKey.delete(key);
    this.leases.delete(id);
    this.retryMs.delete(id);
  }

  attach(): void {
    const id = this.#id();
    const key = `k${this.random.below(50_000)}`;
    const before = this.leaseOfKey.get(key);
    if (before !== undefined) {
      this.lessor.detach(before, key);
      this.leases.get(before)?.keys.delete(key);
      this.leaseOfKey.delete(key);
    }
    const lease = this.leases.get(id);
    if (this.lessor.attach(id, key) !== (lease !== undefined)) throw new Error(`attaching to ${id}`);
    if (lease === undefined) return;
    lease.keys.add(key);
    this.leaseOfKey.set(key, id);
  }

  renew(): void {
    const id = this.#id();
    const lease = this.leases.get(id);
    if (!this.leads || lease === undefined) {
      expect(() => this.lessor.renew(id, this.nowMs)).toThrow(this.leads ? 'does not exist' : 'not a primary');
      return;
    }
    const { t } = this.lessor.renew(id, this.nowMs);
    if (lease.deadlineMs <= this.nowMs) expect(t).toBe('expired');
    else if (lease.remaining > 0) expect(t).toBe('checkpoint-first');
    else {
      expect(t).toBe('renewed');
      lease.deadlineMs = this.nowMs + lease.ttl * 1000;
      this.retryMs.delete(id);
    }
    if (t !== 'checkpoint-first') return;
    this.lessor.checkpoint(id, 0, this.nowMs);
    lease.remaining = 0;
    expect(this.lessor.renew(id, this.nowMs)).toEqual({ t: 'renewed', ttlSeconds: lease.ttl });
    lease.deadlineMs = this.nowMs + lease.ttl * 1000;
    this.retryMs.delete(id);
  }

  /** Half a second passes: what has ended is revoked, as far as it is handed out. */
  tick(): void {
    this.nowMs += 500;
    const due = new Set<bigint>();
    for (const [id, { deadlineMs }] of this.leases)
      if (this.leads && Math.max(deadlineMs, this.retryMs.get(id) ?? 0) <= this.nowMs) due.add(id);
    const taken = this.lessor.takeExpired(this.nowMs);
    expect(taken.length).toBe(Math.min(due.size, TAKEN_AT_ONCE));
    for (const id of taken) {
      if (!due.delete(id)) throw new Error(`lease ${id} is not over, or was taken twice`);
      this.retryMs.set(id, this.nowMs + RETRY_MS);
      // Some revocations are lost on their way.
      if (this.random.below(20) !== 0) this.revoke(id);
    }
    for (const batch of this.lessor.takeCheckpoints(this.nowMs)) {
      expect(batch.length).toBeLessThanOrEqual(1000);
      for (const { id, remainingTtlSeconds } of batch) {
        const lease = this.leases.get(id);
        if (lease === undefined) throw new Error(`checkpoint of ${id}, which is not there`);
        expect(remainingTtlSeconds).toBe(Math.ceil((lease.deadlineMs - this.nowMs) / 1000));
        this.lessor.checkpoint(id, remainingTtlSeconds, this.nowMs);
        lease.remaining = remainingTtlSeconds;
      }
    }
  }

  promote(): void {
    this.lessor.promote(this.nowMs);
    this.leads = true;
    this.retryMs.clear();
    const bySecond = new Map<number, number>();
    for (const [id, lease] of this.leases) {
      const leastMs = this.nowMs + ELECTION_MS + (lease.remaining > 0 ? lease.remaining : lease.ttl) * 1000;
      const { deadlineMs } = this.lessor.lookup(id) as LeaseInfo & { readonly deadlineMs: number };
      if (deadlineMs < leastMs) throw new Error(`lease ${id} ends too early`);
      lease.deadlineMs = deadlineMs;
      const second = Math.floor(deadlineMs / 1000);
      bySecond.set(second, (bySecond.get(second) ?? 0) + 1);
    }
    // Those that would end together are spread: twice as many at most where two windows meet.
    for (const [second, count] of bySecond)
      if (count > 1500) throw new Error(`${count} leases end in second ${second}`);
  }

  demote(): void {
    this.lessor.demote();
    this.leads = false;
    for (const lease of this.leases.values()) lease.deadlineMs = Number.POSITIVE_INFINITY;
    expect(this.lessor.deadlines).toBe(0);
  }

  /** What is on disk is what there is; deadlines and keys come from elsewhere. */
  restart(): void {
    this.lessor = this.#opened();
    this.leads = false;
    for (const [key, id] of this.leaseOfKey) if (!this.lessor.attach(id, key)) throw new Error(`lease ${id} is lost`);
    for (const lease of this.leases.values()) lease.deadlineMs = Number.POSITIVE_INFINITY;
  }

  assertSame(): void {
    const { lessor, leases } = this;
    expect(lessor.size).toBe(leases.size);
    expect(lessor.deadlines).toBe(this.leads ? leases.size : 0);
    for (const [id, { ttl, keys, deadlineMs }] of leases) {
      const found = lessor.remaining(id, this.nowMs);
      if (found?.grantedTtlSeconds !== ttl) throw new Error(`lease ${id} has a TTL of ${found?.grantedTtlSeconds}`);
      if (found.remainingSeconds !== Math.trunc((deadlineMs - this.nowMs) / 1000)) throw new Error(`${id} ends else`);
      if (found.keys.length !== keys.size || !found.keys.every((key) => keys.has(key)))
        throw new Error(`lease ${id} has other keys`);
    }
    for (const [key, id] of this.leaseOfKey) if (lessor.leaseOf(key) !== id) throw new Error(`${key} is not on ${id}`);
    const deadlines = lessor.list().map(({ id }) => leases.get(id)?.deadlineMs ?? Number.NaN);
    for (let at = 1; at < deadlines.length; at++)
      if (!((deadlines[at] as number) >= (deadlines[at - 1] as number))) throw new Error('leases are not in order');
  }
}

test(
  'leases are what the map of them says',
  () =>
    seeded(async (random) => {
      const run = new Run(random);
      run.grant(scaled(5000));
      const total = scaled(50);
      for await (const _ of steps(total)) {
        if (random.below(5) === 0) run.grant(random.below(4) === 0 ? 3000 : random.below(300));
        for (let count = random.below(300); count > 0; count--) run.attach();
        for (let count = random.below(200); count > 0; count--) run.renew();
        const ids = [...run.leases.keys()];
        for (let count = random.below(20); count > 0; count--) {
          const id = ids[random.below(ids.length)];
          if (id !== undefined && run.leases.has(id)) run.revoke(id);
        }
        for (let count = random.below(4); count > 0; count--) run.tick();
        if (random.below(12) === 0) run.leads ? run.demote() : run.promote();
        if (random.below(total / 3) === 0) run.restart();
        if (random.below(total / 6) === 0) run.assertSame();
      }
      run.assertSame();
      // All that are left end.
      if (!run.leads) run.promote();
      run.nowMs += 10_000_000;
      while (run.leases.size > 0) run.tick();
      run.assertSame();
    }),
  SCALED_TIMEOUT_MS,
);
