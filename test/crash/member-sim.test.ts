/**
 * A whole member on a disk that forgets. A scripted workload (puts, transactions, deletions, leases, compactions, a
 * defragmentation, requests that are refused) with a raft snapshot every few entries and tiny log segments is run once
 * to count the steps the disk takes, then with the power failing at every one of them. The member must always start
 * again, and hold the state after some operation between the last acknowledged one and the last one proposed: all that
 * was acknowledged, nothing that was refused, nothing out of order.
 */
import { describe, expect, test } from 'vitest';
import { checkDataDir } from '../../src/datadir/check.js';
import type { Random } from '../../src/lib/random.js';
import { SimCrash, SimDisk } from '../sim/disk.js';
import { InProcessMember, memberConfig } from '../support/in-process-member.js';
import { seededRandom } from '../support/seeded-random.js';
import { type Change, describeMember, type Operation, requestOf, StoreModel } from '../support/store-model.js';

const dataDir = '/data';
const config = memberConfig(dataDir, {
  snapshotCount: 6,
  snapshotCatchupEntries: 3,
  maxWals: 2,
  maxSnapshots: 2,
  walSegmentBytes: 4000,
  compactionBatchLimit: 5,
});

class Workload {
  /** After the last acknowledged operation. */
  acknowledged = new StoreModel();
  /** Proposed since then, in order: any number of them may have been applied. */
  #pending: Operation[] = [];
  #leases = 0;
  /** Revisions of operations that were answered only go up. */
  #seenRevision = 0;

  constructor(
    private readonly disk: SimDisk,
    private readonly random: Random,
  ) {}

  /** A life: open, work, close. Throws SimCrash or the disk's error when that is planned. */
  async live(rounds: number): Promise<void> {
    const opened = await InProcessMember.prepare(this.disk, config);
    try {
      await this.#whileUp(opened, opened.member.start());
      for (let round = 0; round < rounds; round++) await this.#round(opened, round);
      await this.#whileUp(opened, opened.member.stop());
    } finally {
      await opened.member.stop().catch(() => {});
    }
  }

  async #round(opened: InProcessMember, round: number): Promise<void> {
    const batch = Array.from({ length: 1 + this.random.below(round % 5 === 4 ? 12 : 4) }, () => this.#operation());
    this.#pending.push(...batch);
    const { member } = opened;
    await this.#whileUp(
      opened,
      Promise.all(
        batch.map((operation) =>
          member.propose(requestOf(operation)).then(
            () => this.#answered(operation, true),
            (refusal: unknown) => {
              // Stopped is no answer: whether it was applied is open.
              if (refusal instanceof Error && refusal.message === 'etcdserver: server stopped') throw refusal;
              this.#answered(operation, false);
            },
          ),
        ),
      ),
    );
    expect(member.currentRevision).toBe(this.acknowledged.revision);
    expect(member.currentRevision).toBeGreaterThanOrEqual(this.#seenRevision);
    this.#seenRevision = member.currentRevision;
    if (round % 7 === 5)
      await this.#whileUp(
        opened,
        member.maintenance.defragment().catch((cause: unknown) => ignoreOutOfSpace(cause)),
      );
    // Half the rounds let the periodic work happen: commits, compaction steps, purging.
    if (this.random.below(2) === 0) await this.#whileUp(opened, opened.clock.advance(round % 6 === 3 ? 31_000 : 200));
  }

  #operation(): Operation {
    const { random } = this;
    const key = (): string => `k${random.below(8)}`;
    const change = (): Change => {
      if (random.below(4) === 0) return { t: 'delete', key: 'k0', end: key() };
      const value = `v${random.below(1000)}`.repeat(1 + random.below(random.below(6) === 0 ? 300 : 10));
      const lease = random.below(3) === 0 ? BigInt(1 + random.below(this.#leases + 2)) : undefined;
      return { t: 'put', key: key(), value, ...(lease !== undefined && { lease }) };
    };
    switch (random.below(12)) {
      case 0:
        return { t: 'grant', lease: BigInt(++this.#leases) };
      case 1:
        return { t: 'revoke', lease: BigInt(1 + random.below(this.#leases + 1)) };
      case 2:
        return { t: 'compact', revision: Math.max(1, this.acknowledged.revision - random.below(6)) };
      case 3:
      case 4: {
        const changes = [change(), { t: 'put', key: `t${random.below(3)}`, value: 'in a transaction' } as const];
        return { t: 'txn', changes };
      }
      default:
        return change();
    }
  }

  #answered(operation: Operation, accepted: boolean): void {
    expect(this.#pending.shift(), 'answers come in the order of the log').toBe(operation);
    expect(this.acknowledged.apply(operation), JSON.stringify(operation, bigintText)).toBe(accepted);
  }

  /** Waits for `work`, or for the member to stop by itself. */
  async #whileUp<T>(opened: InProcessMember, work: Promise<T>): Promise<T> {
    try {
      const result = await opened.run(work);
      if (opened.fatal.length > 0) throw opened.fatal[0];
      return result;
    } catch (error) {
      throw opened.fatal[0] ?? error;
    }
  }

  /** After a restart of the machine; the workload goes on from what was found. */
  async verify(): Promise<void> {
    const findings = checkDataDir(this.disk, dataDir, undefined);
    await using opened = await InProcessMember.open(this.disk, config);
    const found = describeMember(opened);
    const state = this.acknowledged.copy();
    const allowed = [state.describe()];
    for (const operation of this.#pending) {
      if (allowed.at(-1) === found) break;
      state.apply(operation);
      allowed.push(state.describe());
    }
    if (allowed.at(-1) !== found) expect(found).toBe(allowed[0]);
    this.acknowledged = state;
    this.#pending = [];
    expect(opened.member.cluster.members).toMatchObject([{ name: 'default', clientURLs: ['http://localhost:2379'] }]);
    const { currentRevision } = opened.member;
    const { hash } = await opened.hashKv(currentRevision);
    expect((await opened.hashKv(currentRevision)).hash).toBe(hash);
    // The checker is about directories a member has been made in; before that there is nothing it could call whole.
    if (currentRevision > 1) expect(findings.filter(({ level }) => level === 'error')).toEqual([]);
  }
}

const bigintText = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

function ignoreOutOfSpace(cause: unknown): void {
  if (!(cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC')) throw cause;
}

/** True for the failure that was planned, as it is or as the cause of another. */
function isPlanned(error: unknown, code: string | undefined): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof SimCrash) return true;
    if (code !== undefined && 'code' in cause && cause.code === code) return true;
  }
  return false;
}

const rounds = 16;

/** Returns the steps of the first life. */
async function crashAt(seed: number, step: number | undefined): Promise<number> {
  const random = seededRandom(seed);
  const disk = new SimDisk(random);
  const workload = new Workload(disk, random);
  const live = (howLong: number): Promise<void> =>
    workload.live(howLong).catch((error: unknown) => {
      if (!isPlanned(error, undefined)) throw error;
    });
  disk.plan(step === undefined ? {} : { crashAt: step });
  await live(rounds);
  const { steps } = disk;
  disk.restart();
  await workload.verify();
  // Once more, this time anywhere: what a restart writes must be as safe.
  disk.plan({ crashAt: 1 + random.below(150) });
  await live(5);
  disk.restart();
  await workload.verify();
  return steps;
}

describe('a member whose power fails', () => {
  test.each([1, 2])(
    'at every step has all that was acknowledged, and starts (seed %i)',
    { timeout: 120_000 },
    async (seed) => {
      const steps = await crashAt(seed, undefined);
      expect(steps).toBeGreaterThan(150);
      for (let step = 1; step <= steps; step++) {
        await crashAt(seed, step).catch((error: unknown) => {
          throw new Error(`seed ${seed}, power failing at step ${step}`, { cause: error });
        });
      }
    },
  );
});

describe('a member whose disk fails', () => {
  test.each(['ENOSPC', 'EIO'])(
    'with %s at any step stops or goes on, and loses nothing',
    { timeout: 120_000 },
    async (code) => {
      let ended = 0;
      for (let step = 1; step <= 200; step += 2) {
        const random = seededRandom(step);
        const disk = new SimDisk(random);
        const workload = new Workload(disk, random);
        disk.plan({ failAt: { step, code } });
        try {
          await workload.live(rounds);
        } catch (error) {
          ended++;
          if (!isPlanned(error, code)) throw new Error(`${code} at step ${step}`, { cause: error });
        }
        disk.restart();
        await workload.verify().catch((error: unknown) => {
          throw new Error(`after ${code} at step ${step}`, { cause: error });
        });
      }
      // Only where space is optional (preallocation, defragmentation) does a member go on.
      expect(ended).toBeGreaterThan(60);
    },
  );
});
