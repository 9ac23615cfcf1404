/**
 * The database on a disk that forgets. A scripted workload (puts, deletes, commits, defragmentation, reopening) is run
 * once to count its steps, then once for every step with the power failing there, and once with the disk failing there.
 * After the restart the database must open, pass its check, and hold the state of the last acknowledged commit, or of
 * the one that was under way.
 */
import { describe, expect, test } from 'vitest';
import { openBackend } from '../../src/backend/backend.js';
import type { FileBackend } from '../../src/backend/options.js';
import { openBolt } from '../../src/bolt/bolt.js';
import { checkBolt } from '../../src/bolt/check.js';
import { BoltError } from '../../src/bolt/errors.js';
import type { Clock } from '../../src/lib/clock.js';
import { silentLogger } from '../../src/lib/logger.js';
import { SimCrash, SimDisk } from '../sim/disk.js';
import { seededRandom } from '../support/seeded-random.js';

const folder = '/snap';
const path = `${folder}/db`;
const clock: Clock = {
  monotonicMs: () => 0,
  wallMs: () => 0,
  after: () => () => {},
  soon: (run) => queueMicrotask(run),
  atTurnsEnd: (run) => queueMicrotask(run),
  every: () => () => {},
};

const key = (value: number): Buffer => {
  const bytes = Buffer.alloc(17);
  bytes.writeBigUInt64BE(BigInt(value));
  bytes[8] = 0x5f;
  return bytes;
};

type Model = ReadonlyMap<number, string>;

/** What was acknowledged, and the states that a commit under way may leave instead. */
class Workload {
  acknowledged: Model = new Map();
  possible: Model[] = [new Map()];
  #now = new Map<number, string>();
  readonly #disk: SimDisk;
  readonly #random: ReturnType<typeof seededRandom>;

  constructor(disk: SimDisk, seed: number) {
    this.#disk = disk;
    this.#random = seededRandom(seed);
  }

  async run(): Promise<void> {
    let backend = this.#open();
    backend.createBucket('key');
    let next = 0;
    for (let round = 0; round < 12; round++) {
      for (let i = 0; i < 30; i++) {
        const fresh = this.#random.below(3) > 0;
        const target = fresh ? next++ : this.#random.below(next + 1);
        if (!fresh && this.#random.below(2) === 0) {
          backend.delete('key', key(target));
          this.#now.delete(target);
        } else {
          const value = `${round}/${i}/${'x'.repeat(this.#random.below(300))}`;
          backend.put('key', key(target), Buffer.from(value));
          this.#now.set(target, value);
        }
      }
      this.possible.push(new Map(this.#now));
      await backend.commit();
      this.#acknowledge();
      if (round % 5 === 4) await backend.defrag();
      if (round % 6 === 5) {
        await backend.close();
        backend = this.#open();
      }
    }
    await backend.close();
  }

  #open(): FileBackend {
    return openBackend({ disk: this.#disk, clock, path, logger: silentLogger });
  }

  #acknowledge(): void {
    this.acknowledged = new Map(this.#now);
    this.possible = [this.acknowledged];
  }
}

function stored(disk: SimDisk): Model {
  const bolt = openBolt(disk, path);
  const { problems } = checkBolt(bolt);
  if (problems.length > 0) throw new Error(`check: ${JSON.stringify(problems)}`);
  const found = new Map<number, string>();
  bolt.latestBucket(Buffer.from('key'), 'key')?.range(undefined, undefined, (name, value) => {
    found.set(Number(Buffer.from(name).readBigUInt64BE()), Buffer.from(value).toString());
  });
  bolt.close();
  return found;
}

async function prepared(seed: number): Promise<{ disk: SimDisk; workload: Workload }> {
  const disk = new SimDisk(seededRandom(seed));
  disk.makeDir(folder);
  disk.syncDir('/');
  disk.plan({});
  return { disk, workload: new Workload(disk, 1) };
}

const sorted = (model: Model): [number, string][] => [...model].sort(([a], [b]) => a - b);

function expectOneOf(found: Model, possible: readonly Model[], what: string): void {
  const text = JSON.stringify(sorted(found));
  const matches = possible.some((model) => JSON.stringify(sorted(model)) === text);
  if (!matches)
    throw new Error(`${what}: ${found.size} entries, none of the ${possible.length} states that may be there`);
}

async function stepsOf(): Promise<number> {
  const { disk, workload } = await prepared(1);
  await workload.run();
  return disk.steps;
}

describe('the database on a disk that forgets', () => {
  test('reopens with every acknowledged commit after losing power at any step', async () => {
    const steps = await stepsOf();
    expect(steps).toBeGreaterThan(60);
    for (let step = 1; step <= steps; step++) {
      for (let seed = 0; seed < 4; seed++) {
        const { disk, workload } = await prepared(step * 10 + seed);
        disk.plan({ crashAt: step });
        // A commit reports what broke it as its cause.
        const error: unknown = await workload.run().then(
          () => undefined,
          (thrown: unknown) => (thrown instanceof BoltError ? thrown.cause : thrown),
        );
        expect(error).toBeInstanceOf(SimCrash);
        disk.restart();
        expectOneOf(stored(disk), workload.possible, `step ${step}, seed ${seed}`);
      }
    }
  }, 120_000);

  test('has all that was read in it after its process was killed at any step, should the power fail then', async () => {
    const steps = await stepsOf();
    for (let step = 1; step <= steps; step++) {
      for (let seed = 0; seed < 4; seed++) {
        const { disk, workload } = await prepared(step * 10 + seed);
        disk.plan({ crashAt: step });
        await expect(workload.run()).rejects.toMatchObject({});
        disk.reopen();
        const read = stored(disk);
        expectOneOf(read, workload.possible, `killed at step ${step}, seed ${seed}`);
        disk.restart();
        expectOneOf(stored(disk), [read], `power failed after step ${step}, seed ${seed}`);
      }
    }
  }, 120_000);

  test('is at an acknowledged commit, or the one under way, when any step fails with EIO or ENOSPC', async () => {
    const steps = await stepsOf();
    for (let step = 1; step <= steps; step++) {
      const { disk, workload } = await prepared(step);
      disk.plan({ failAt: { step, code: step % 2 === 0 ? 'EIO' : 'ENOSPC' } });
      await expect(workload.run(), `step ${step}`).rejects.toMatchObject({});
      disk.plan({ crashAt: 1_000_000 });
      disk.restart();
      expectOneOf(stored(disk), workload.possible, `step ${step}`);
    }
  });
});
