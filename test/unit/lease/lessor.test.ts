import { describe, expect, test } from 'vitest';
import {
  LeaseExistsError,
  LeaseNotFoundError,
  LeaseTtlTooLargeError,
  NotPrimaryError,
} from '../../../src/lease/errors.js';
import { Lessor, MAX_LEASE_TTL_SECONDS } from '../../../src/lease/lessor.js';
import type { LessorOptions } from '../../../src/lease/types.js';
import { Lease as LeaseRecord } from '../../../src/proto/gen/leasepb.js';
import { MemoryBackend } from '../../support/memory-backend.js';

const second = 1000;

interface Parts {
  lessor: Lessor;
  backend: MemoryBackend;
  /** What revocations deleted, one list per transaction. */
  deleted: string[][];
}

function open(options: Partial<LessorOptions> = {}, backend = new MemoryBackend()): Parts {
  const deleted: string[][] = [];
  const lessor = new Lessor(backend, { minTtlSeconds: 2, electionTimeoutMs: 1000, expiredRetryMs: 7000, ...options });
  lessor.setKeyDeleter(() => {
    const keys: string[] = [];
    return {
      deleteRange(key) {
        const text = Buffer.from(key).toString('latin1');
        keys.push(text);
        lessor.detach(lessor.leaseOf(text), text);
        return 1;
      },
      end() {
        deleted.push(keys);
        return 0;
      },
    };
  });
  return { lessor, backend, deleted };
}

function onDisk(backend: MemoryBackend): [string, LeaseRecord][] {
  const records: [string, LeaseRecord][] = [];
  backend.range('lease', new Uint8Array(0), undefined, 0, (key, value) => {
    records.push([Buffer.from(key).toString('hex'), LeaseRecord.decode(value)]);
  });
  return records;
}

describe('granting', () => {
  test('raises short TTLs, negative ones too, and stores what it granted', () => {
    const { lessor, backend } = open();
    expect(lessor.grant(1n, 1, 0).ttlSeconds).toBe(2);
    expect(lessor.grant(2n, -5, 0).ttlSeconds).toBe(2);
    expect(lessor.grant(3n, 60, 0).ttlSeconds).toBe(60);
    expect(onDisk(backend)).toEqual([
      ['0000000000000001', { ID: 1n, TTL: 2, RemainingTTL: 0 }],
      ['0000000000000002', { ID: 2n, TTL: 2, RemainingTTL: 0 }],
      ['0000000000000003', { ID: 3n, TTL: 60, RemainingTTL: 0 }],
    ]);
  });

  test('refuses id 0, an id in use and a TTL above nine billion seconds, and then changes nothing', () => {
    const { lessor, backend } = open();
    lessor.grant(1n, 10, 0);
    expect(() => lessor.grant(0n, 10, 0)).toThrow(LeaseNotFoundError);
    expect(() => lessor.grant(1n, 20, 0)).toThrow(LeaseExistsError);
    expect(() => lessor.grant(2n, MAX_LEASE_TTL_SECONDS + 1, 0)).toThrow(LeaseTtlTooLargeError);
    expect(lessor.grant(3n, MAX_LEASE_TTL_SECONDS, 0).ttlSeconds).toBe(MAX_LEASE_TTL_SECONDS);
    expect(onDisk(backend).map(([, it]) => [it.ID, it.TTL])).toEqual([
      [1n, 10],
      [3n, MAX_LEASE_TTL_SECONDS],
    ]);
  });

  test('#14239: a negative id is stored alike by every member', () => {
    const { lessor, backend } = open();
    lessor.grant(-1n, 10, 0);
    expect(onDisk(backend)).toEqual([['ffffffffffffffff', { ID: -1n, TTL: 10, RemainingTTL: 0 }]]);
    const again = open({}, backend.copy()).lessor;
    expect(again.lookup(-1n)?.ttlSeconds).toBe(10);
    again.revoke(-1n);
    expect(again.size).toBe(0);
  });

  test('does not depend on the time or on who leads', () => {
    const leader = open();
    leader.lessor.promote(0);
    const follower = open();
    for (const [index, { lessor }] of [leader, follower].entries()) lessor.grant(7n, 5, index * 12345);
    expect(onDisk(leader.backend)).toEqual(onDisk(follower.backend));
  });
});

describe('revoking', () => {
  test('deletes the keys in byte order in one transaction', () => {
    const { lessor, deleted, backend } = open();
    lessor.grant(1n, 10, 0);
    for (const key of ['b', '\xff', 'a', 'ab']) lessor.attach(1n, key);
    lessor.revoke(1n);
    expect(deleted).toEqual([['a', 'ab', 'b', '\xff']]);
    expect(lessor.leaseOf('a')).toBe(0n);
    expect(onDisk(backend)).toEqual([]);
    expect(() => lessor.revoke(1n)).toThrow(LeaseNotFoundError);
  });

  test('attaching to a lease that is gone says so', () => {
    const { lessor } = open();
    expect(lessor.attach(1n, 'a')).toBe(false);
    expect(lessor.leaseOf('a')).toBe(0n);
    lessor.detach(1n, 'a');
  });
});

describe('on the leader', () => {
  test('a lease ends after its TTL, handed out once and again after the retry time', () => {
    const { lessor } = open();
    lessor.promote(0);
    lessor.grant(1n, 5, 10 * second);
    expect(lessor.takeExpired(15 * second - 1)).toEqual([]);
    expect(lessor.takeExpired(15 * second)).toEqual([1n]);
    expect(lessor.takeExpired(21 * second)).toEqual([]);
    expect(lessor.takeExpired(22 * second)).toEqual([1n]);
    lessor.revoke(1n);
    expect(lessor.takeExpired(60 * second)).toEqual([]);
  });

  test('a renewal gives the whole TTL again', () => {
    const { lessor } = open();
    lessor.promote(0);
    lessor.grant(1n, 5, 0);
    expect(lessor.renew(1n, 4 * second)).toEqual({ t: 'renewed', ttlSeconds: 5 });
    expect(lessor.takeExpired(8 * second)).toEqual([]);
    expect(lessor.remaining(1n, 4 * second + 1)).toMatchObject({ grantedTtlSeconds: 5, remainingSeconds: 4 });
    expect(lessor.takeExpired(9 * second)).toEqual([1n]);
  });

  test('an unknown lease is not renewed', () => {
    const { lessor } = open();
    lessor.promote(0);
    expect(() => lessor.renew(1n, 0)).toThrow(LeaseNotFoundError);
    expect(lessor.remaining(1n, 0)).toBe(undefined);
  });

  test('#20615: one that has expired is not renewed, though its revocation is still to come', () => {
    const { lessor } = open();
    lessor.promote(0);
    lessor.grant(1n, 5, 0);
    expect(lessor.renew(1n, 5 * second)).toEqual({ t: 'expired' });
    const told: string[] = [];
    lessor.onGone(1n, (why) => told.push(why));
    const calledOff = lessor.onGone(1n, () => told.push('never'));
    calledOff();
    lessor.revoke(1n);
    expect(told).toEqual(['revoked']);
    expect(() => lessor.renew(1n, 5 * second)).toThrow(LeaseNotFoundError);
  });

  test('the list begins with the lease that ends first', () => {
    const { lessor } = open();
    lessor.promote(0);
    lessor.grant(1n, 30, 0);
    lessor.grant(2n, 10, 0);
    lessor.grant(3n, 20, 0);
    expect(lessor.list().map((it) => it.id)).toEqual([2n, 3n, 1n]);
  });
});

describe('leadership', () => {
  test('#16822, #17425: who does not lead (any more) ends nothing and renews nothing', () => {
    const { lessor } = open();
    lessor.grant(1n, 5, 0);
    expect(() => lessor.renew(1n, 0)).toThrow(NotPrimaryError);
    lessor.promote(0);
    const told: string[] = [];
    lessor.onGone(1n, (why) => told.push(why));
    lessor.demote();
    expect(told).toEqual(['demoted']);
    expect(lessor.takeExpired(1000 * second)).toEqual([]);
    expect(() => lessor.renew(1n, 1 * second)).toThrow(NotPrimaryError);
    expect(lessor.remaining(1n, 0)?.remainingSeconds).toBe(Number.POSITIVE_INFINITY);
  });

  test('a new leader adds an election timeout to every TTL', () => {
    const { lessor } = open();
    lessor.grant(1n, 5, 0);
    lessor.promote(100 * second);
    expect(lessor.takeExpired(106 * second - 1)).toEqual([]);
    expect(lessor.takeExpired(106 * second)).toEqual([1n]);
  });

  test('#11731: a revoked lease leaves no deadline behind, and followers keep none at all', () => {
    const { lessor } = open();
    for (let id = 1n; id <= 1000n; id++) lessor.grant(id, 5, 0);
    for (let id = 1n; id <= 999n; id++) lessor.revoke(id);
    expect(lessor.deadlines).toBe(0);
    lessor.promote(0);
    expect(lessor.deadlines).toBe(1);
    lessor.revoke(1000n);
    expect(lessor.deadlines).toBe(0);
    lessor.grant(1001n, 5, 0);
    lessor.demote();
    expect(lessor.deadlines).toBe(0);
    lessor.grant(2000n, 5, 0);
    expect(lessor.deadlines).toBe(0);
  });

  test('#10693, #9360, #12105: many leases that end together are spread, and taken five hundred at a time', () => {
    const { lessor } = open();
    const count = 10_000;
    for (let id = 1n; id <= count; id++) lessor.grant(id, 10, 0);
    lessor.promote(0);
    const deadlines = new Map<number, number>();
    for (let id = 1n; id <= count; id++) {
      const at = lessor.remaining(id, 0)?.remainingSeconds ?? 0;
      deadlines.set(at, (deadlines.get(at) ?? 0) + 1);
    }
    expect(Math.max(...deadlines.values())).toBeLessThanOrEqual(751);
    expect(Math.max(...deadlines.keys())).toBeGreaterThanOrEqual(11 + Math.floor(count / 750));
    const perSecond = new Map<number, number>();
    let taken = 0;
    let lastMs = 0;
    for (let nowMs = 0; taken < count; nowMs += 500) {
      const ids = lessor.takeExpired(nowMs);
      expect(ids.length).toBeLessThanOrEqual(500);
      for (const id of ids) lessor.revoke(id);
      taken += ids.length;
      lastMs = nowMs;
      const at = Math.floor(nowMs / 1000);
      perSecond.set(at, (perSecond.get(at) ?? 0) + ids.length);
    }
    expect(Math.max(...perSecond.values())).toBeLessThanOrEqual(1000);
    // 750 a second after the first ten (and an election timeout each).
    expect(lastMs / 1000).toBeLessThan(10 + count / 750 + 3);
    expect([...perSecond].filter(([at, ended]) => at < 11 && ended > 0)).toEqual([]);
  });

  test('leases that end apart are not moved', () => {
    const { lessor } = open();
    for (let id = 1n; id <= 1500n; id++) lessor.grant(id, 10 + Number(id), 0);
    lessor.promote(0);
    expect(lessor.remaining(1500n, 0)?.remainingSeconds).toBe(1511);
    expect(lessor.remaining(700n, 0)?.remainingSeconds).toBe(711);
  });
});

describe('checkpoints', () => {
  const options = { checkpointIntervalSeconds: 300 };

  test('are off without an interval', () => {
    const { lessor } = open();
    lessor.promote(0);
    lessor.grant(1n, 10_000, 0);
    expect(lessor.takeCheckpoints(9000 * second)).toEqual([]);
  });

  test('come every interval for leases with more than that to live, rounded up', () => {
    const { lessor } = open(options);
    lessor.promote(0);
    lessor.grant(1n, 1000, 0);
    lessor.grant(2n, 300, 0);
    expect(lessor.takeCheckpoints(299 * second)).toEqual([]);
    expect(lessor.takeCheckpoints(300 * second + 1)).toEqual([[{ id: 1n, remainingTtlSeconds: 700 }]]);
    expect(lessor.takeCheckpoints(300 * second + 1)).toEqual([]);
    lessor.checkpoint(1n, 700, 301 * second);
    expect(lessor.takeCheckpoints(601 * second)).toEqual([[{ id: 1n, remainingTtlSeconds: 399 }]]);
  });

  test('#13508, #14253, #9888: a new leader goes on from the last one', () => {
    const { lessor } = open(options);
    lessor.grant(1n, 1000, 0);
    lessor.checkpoint(1n, 400, 0);
    lessor.promote(0);
    expect(lessor.remaining(1n, 0)).toMatchObject({ remainingSeconds: 401, grantedTtlSeconds: 1000 });
  });

  test('a renewal first has the remaining TTL cleared on all members', () => {
    const { lessor } = open(options);
    lessor.promote(0);
    lessor.grant(1n, 1000, 0);
    lessor.checkpoint(1n, 400, 0);
    expect(lessor.renew(1n, 10 * second)).toEqual({ t: 'checkpoint-first' });
    lessor.checkpoint(1n, 0, 10 * second);
    expect(lessor.renew(1n, 10 * second)).toEqual({ t: 'renewed', ttlSeconds: 1000 });
    expect(lessor.remaining(1n, 10 * second)?.remainingSeconds).toBe(1000);
  });

  test('are on disk only where that is on, and read back', () => {
    let persist = false;
    const { lessor, backend } = open({ ...options, persistCheckpoints: () => persist });
    lessor.grant(1n, 1000, 0);
    lessor.checkpoint(1n, 400, 0);
    expect(onDisk(backend)[0]?.[1].RemainingTTL).toBe(0);
    persist = true;
    lessor.checkpoint(1n, 390, 0);
    expect(onDisk(backend)[0]?.[1].RemainingTTL).toBe(390);
    const again = open(options, backend.copy()).lessor;
    again.promote(0);
    expect(again.remaining(1n, 0)?.remainingSeconds).toBe(391);
  });

  test('of an unknown lease are passed over, of one that has ended not made', () => {
    const { lessor } = open(options);
    lessor.promote(0);
    lessor.checkpoint(9n, 10, 0);
    expect(lessor.size).toBe(0);
    lessor.grant(1n, 301, 0);
    expect(lessor.takeCheckpoints(302 * second)).toEqual([]);
  });

  test('of those that are due come in the order in which they became due', () => {
    const { lessor } = open(options);
    lessor.promote(0);
    lessor.grant(2n, 1000, 0);
    lessor.grant(1n, 1000, second);
    expect(lessor.takeCheckpoints(400 * second)).toEqual([
      [
        { id: 2n, remainingTtlSeconds: 600 },
        { id: 1n, remainingTtlSeconds: 601 },
      ],
    ]);
  });

  test('go out a thousand leases a batch', () => {
    const { lessor } = open(options);
    lessor.promote(0);
    for (let id = 1n; id <= 2500n; id++) lessor.grant(id, 5000, 0);
    expect(lessor.takeCheckpoints(400 * second).map((batch) => batch.length)).toEqual([1000, 1000, 500]);
  });

  test('#14087: nothing is handed out after stepping down', () => {
    const { lessor } = open(options);
    lessor.promote(0);
    lessor.grant(1n, 1000, 0);
    lessor.demote();
    expect(lessor.takeCheckpoints(1000 * second)).toEqual([]);
  });
});

describe('restore', () => {
  test('a restart keeps ids and TTLs, raising what is below a larger minimum', () => {
    const { lessor, backend } = open();
    lessor.grant(1n, 2, 0);
    lessor.grant(2n, 50, 0);
    const again = open({ minTtlSeconds: 10 }, backend.copy()).lessor;
    expect(again.list()).toMatchObject([
      { id: 1n, ttlSeconds: 10 },
      { id: 2n, ttlSeconds: 50 },
    ]);
  });

  test('another backend replaces everything', () => {
    const other = open();
    other.lessor.grant(5n, 20, 0);
    const { lessor } = open();
    lessor.grant(1n, 20, 0);
    lessor.attach(1n, 'a');
    lessor.restore(other.backend);
    expect(lessor.list().map((it) => it.id)).toEqual([5n]);
    expect(lessor.leaseOf('a')).toBe(0n);
  });

  test('another backend leaves no deadline of a lease of the old one', () => {
    const { lessor } = open();
    lessor.promote(0);
    lessor.grant(1n, 20, 0);
    lessor.restore(open().backend);
    expect(lessor.deadlines).toBe(0);
    expect(lessor.takeExpired(3600 * second)).toEqual([]);
  });

  test('leases that were read before are not read a second time, when nothing else may run', () => {
    const other = open();
    other.lessor.grant(5n, 20, 0);
    const { lessor } = open();
    const steps = lessor.readInSteps(other.backend);
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    other.backend.range = () => expect.unreachable();
    lessor.restore(other.backend, step.value);
    expect(lessor.list().map(({ id }) => id)).toEqual([5n]);
  });

  test('another backend may be read before, with pauses, however many leases it has', () => {
    for (const count of [0, 1, 1999, 2000, 2001, 5000]) {
      const other = open();
      for (let id = 1; id <= count; id++) other.lessor.grant(BigInt(id - 3 || -9), 20, 0);
      const { lessor } = open();
      lessor.grant(7_000_000n, 20, 0);
      const steps = lessor.readInSteps(other.backend);
      let pauses = 0;
      let step = steps.next();
      for (; step.done !== true; step = steps.next()) pauses++;
      expect(pauses).toBe(Math.floor(count / 2000) + 1);
      expect(lessor.list().map(({ id }) => id)).toEqual([7_000_000n]);
      lessor.restore(other.backend, step.value);
      expect(lessor.list()).toEqual(open({}, other.backend.copy()).lessor.list());
      expect(lessor.size).toBe(count);
    }
  });
});

describe('who waits for the end of a lease', () => {
  test('hears of it once, and not at all when called off', () => {
    const { lessor } = open();
    lessor.promote(0);
    lessor.grant(1n, 10, 0);
    lessor.grant(2n, 10, 0);
    const heard: string[] = [];
    const wait = (name: string, id: bigint) => lessor.onGone(id, (why) => heard.push(`${name} ${why}`));
    const callOff = wait('a', 1n);
    wait('b', 1n);
    wait('c', 2n);
    callOff();
    callOff();
    lessor.revoke(1n);
    expect(heard).toEqual(['b revoked']);
    lessor.demote();
    expect(heard).toEqual(['b revoked', 'c demoted']);
    wait('d', 2n)();
    lessor.revoke(2n);
    expect(heard).toHaveLength(2);
  });
});

test('errors say which lease they are of', () => {
  expect(new LeaseNotFoundError(7n)).toMatchObject({ id: 7n, message: 'lease 7 does not exist' });
  expect(new LeaseExistsError(7n)).toMatchObject({ message: 'lease 7 exists already' });
});

test('what has expired is taken five hundred at a time, exactly', () => {
  const { lessor } = open({ electionTimeoutMs: 0 });
  lessor.promote(0);
  for (let id = 1n; id <= 1200n; id++) lessor.grant(id, 10, 0);
  expect([9999, 10_000, 10_000, 10_000, 10_000].map((nowMs) => lessor.takeExpired(nowMs).length)).toEqual([
    0, 500, 500, 200, 0,
  ]);
  expect(lessor.takeExpired(16_999)).toHaveLength(0);
  expect(lessor.takeExpired(17_000)).toHaveLength(500);
});

test('a renewal of a lease with a second left by its checkpoint clears that first', () => {
  const { lessor } = open({ checkpointIntervalSeconds: 10 });
  lessor.promote(0);
  lessor.grant(1n, 100, 0);
  lessor.checkpoint(1n, 1, 0);
  expect(lessor.renew(1n, 0)).toEqual({ t: 'checkpoint-first' });
  lessor.checkpoint(1n, 0, 0);
  expect(lessor.renew(1n, 0)).toEqual({ t: 'renewed', ttlSeconds: 100 });
});

test('a renewal gives the whole TTL from its moment, to the millisecond', () => {
  const { lessor } = open({ electionTimeoutMs: 0 });
  lessor.promote(0);
  lessor.grant(1n, 10, 0);
  expect(lessor.renew(1n, 4000)).toEqual({ t: 'renewed', ttlSeconds: 10 });
  expect([lessor.remaining(1n, 4000), lessor.remaining(1n, 4001)].map((lease) => lease?.remainingSeconds)).toEqual([
    10, 9,
  ]);
  expect([lessor.takeExpired(13_999), lessor.takeExpired(14_000)]).toEqual([[], [1n]]);
});
