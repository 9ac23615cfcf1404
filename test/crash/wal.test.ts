/**
 * The log on a disk that forgets. A scripted workload (appends, replaced entries, cuts, snapshots, purges) is run once
 * to count its steps, then once for every step with the power failing there. After every restart the log must open and
 * hold what was acknowledged: its content must be that after some record between the last synced one and the last one
 * handed to `save`.
 */
import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../src/lib/logger.js';
import type { Random } from '../../src/lib/random.js';
import type { Entry, HardState } from '../../src/raftpb/types.js';
import { makeConfState } from '../../src/raftpb/types.js';
import {
  createWal,
  hasWal,
  openWal,
  purge,
  readWal,
  snapshotFiles,
  type Wal,
  walSnapshots,
} from '../../src/wal/index.js';
import { SimCrash, SimDisk } from '../sim/disk.js';
import { seededRandom } from '../support/seeded-random.js';
import { stillClock } from '../support/still-clock.js';

const root = '/data/member';
const walDir = `${root}/wal`;
const snapDir = `${root}/snap`;
const metadata = Buffer.from('metadata');
const options = { clock: stillClock, logger: silentLogger, segmentSizeBytes: 3000 };

/** What a log says, in records: state and entries after each of them. */
type Step = { readonly entry: Entry } | { readonly state: HardState };
interface Content {
  readonly entries: Map<number, string>;
  readonly last: number;
  readonly state: HardState;
}

const nothing: Content = { entries: new Map(), last: 0, state: { term: 0, vote: 0n, commit: 0 } };

function after(content: Content, step: Step): Content {
  if ('state' in step) return { ...content, state: step.state };
  const entries = new Map([...content.entries].filter(([index]) => index < step.entry.index));
  entries.set(step.entry.index, text(step.entry));
  return { entries, last: step.entry.index, state: content.state };
}

const text = (entry: Entry): string => `${entry.term}/${Buffer.from(entry.data).toString('latin1')}`;

/** A member as the log sees it: what it wrote, and how much of that it may rely on. */
class Workload {
  /** Content after the last sync. */
  synced: Content = nothing;
  /** Handed to `save` since then. */
  pending: Step[] = [];
  /** How many of `pending` a sync makes durable: a commit index alone is not among them. */
  durableWithSync = 0;
  created = false;
  syncedSnapshot = 0;

  constructor(
    private readonly disk: SimDisk,
    private readonly random: Random,
  ) {}

  get content(): Content {
    return this.pending.reduce(after, this.synced);
  }

  async run(rounds: number): Promise<void> {
    const wal = this.#open();
    for (let round = 0; round < rounds; round++) {
      this.#save(wal);
      if (this.random.below(3) > 0) await this.#sync(wal);
      if (round % 4 === 3) await this.#snapshot(wal);
    }
    wal.close();
    this.#acknowledge(this.pending.length);
  }

  #open(): Wal {
    const { disk } = this;
    if (!hasWal(disk, walDir)) {
      disk.makeDir(snapDir);
      disk.syncDir(root);
      disk.syncDir('/data');
      disk.syncDir('/');
      const wal = createWal(disk, walDir, metadata, options);
      this.created = true;
      return wal;
    }
    return openWal(disk, walDir, this.#newestSnapshot(), options).wal;
  }

  #newestSnapshot(): { index: number; term: number } {
    return walSnapshots(this.disk, walDir).at(-1) ?? { index: 0, term: 0 };
  }

  #save(wal: Wal): void {
    const { last, state, entries: before } = this.content;
    const commit = state.commit;
    // Entries may have survived a crash without the hard state after them; raft's terms never go back.
    const lastTerm = Math.max(state.term, Number.parseInt(before.get(last) ?? '0', 10));
    // Every few rounds a new leader replaces what is not committed.
    const newTerm = lastTerm === 0 || lastTerm > state.term || this.random.below(4) === 0;
    const term = lastTerm + (newTerm ? 1 : 0);
    const from = newTerm ? commit + 1 + this.random.below(last - commit + 1) : last + 1;
    const entries: Entry[] = [];
    for (let i = this.random.below(14); i > 0; i--) {
      const data = Buffer.alloc(this.random.below(700), this.random.below(3) === 0 ? 0 : 65 + this.random.below(26));
      entries.push({ type: 0, term, index: from + entries.length, data });
    }
    const top = entries.at(-1)?.index ?? last;
    const hardState = {
      term,
      vote: BigInt(term % 3),
      commit: commit + this.random.below(Math.max(1, top - commit + 1)),
    };
    // Before the call: when the power fails inside it, any number of these may be on the disk.
    this.pending.push(...entries.map((entry) => ({ entry })), { state: hardState });
    const mustSync = wal.save(hardState, entries);
    if (mustSync) this.durableWithSync = this.pending.length;
    expect(mustSync).toBe(entries.length > 0 || newTerm);
    expect(wal.lastIndex).toBe(top);
  }

  async #sync(wal: Wal): Promise<void> {
    await wal.sync();
    this.#acknowledge(this.durableWithSync);
  }

  #acknowledge(count: number): void {
    this.synced = this.pending.slice(0, count).reduce(after, this.synced);
    this.pending = this.pending.slice(count);
    this.durableWithSync = 0;
  }

  async #snapshot(wal: Wal): Promise<void> {
    await this.#sync(wal);
    const { commit: index } = this.content.state;
    const found = this.content.entries.get(index);
    if (found === undefined || index <= this.syncedSnapshot) return;
    const confState = makeConfState({ voters: [1n, 2n] });
    const term = Number.parseInt(found, 10);
    snapshotFiles(this.disk, snapDir, silentLogger).save({
      data: Buffer.from('{}'),
      metadata: { index, term, confState },
    });
    wal.saveSnapshot({ index, term, confState });
    this.#acknowledge(this.pending.length);
    this.syncedSnapshot = index;
    wal.releaseTo(index);
    purge(this.disk, walDir, '.wal', 2);
    purge(this.disk, snapDir, '.snap', 2);
  }

  /** The log as it is on the disk after a restart is one of those it may be; the workload goes on from there. */
  verify(): void {
    const { disk } = this;
    if (!hasWal(disk, walDir)) {
      expect(this.created, 'a log that was created is there').toBe(false);
      return;
    }
    this.created = true;
    const known = walSnapshots(disk, walDir);
    const from = known.at(-1) ?? { index: 0, term: 0 };
    expect(from.index, 'the marker of an acknowledged snapshot is there').toBeGreaterThanOrEqual(this.syncedSnapshot);
    if (from.index > 0) {
      const newest = snapshotFiles(disk, snapDir, silentLogger).loadNewest(known);
      expect(newest?.snapshot.metadata.index, 'and its file').toBe(from.index);
    }
    const opened = openWal(disk, walDir, from, options);
    expect(Buffer.from(opened.metadata).toString()).toBe('metadata');
    const found = describeContent(
      opened.hardState,
      new Map(opened.entries.map((entry) => [entry.index, text(entry)])),
      from.index,
    );
    const allowed = [this.synced];
    for (const step of this.pending) allowed.push(after(allowed.at(-1) ?? nothing, step));
    const match = allowed.findLast((content) => describeContent(content.state, content.entries, from.index) === found);
    expect(
      match === undefined
        ? { found, allowed: allowed.map((c) => describeContent(c.state, c.entries, from.index)) }
        : 'ok',
    ).toBe('ok');
    this.synced = match ?? nothing;
    this.pending = [];
    this.durableWithSync = 0;
    this.syncedSnapshot = from.index;
    opened.wal.close();
    expect(readWal(disk, walDir, from).entries).toHaveLength(opened.entries.length);
  }
}

function describeContent(state: HardState, entries: ReadonlyMap<number, string>, after: number): string {
  const rest = [...entries].filter(([index]) => index > after);
  return `${state.term}.${state.vote}.${state.commit} ${rest.map(([index, value]) => `${index}=${value}`).join(',')}`;
}

/** A process that ends at a step; the next one opens the log, and then the power fails. */
async function killAt(seed: number, step: number): Promise<void> {
  const random = seededRandom(seed);
  const disk = new SimDisk(random);
  const workload = new Workload(disk, random);
  disk.plan({ crashAt: step });
  await workload.run(14).catch((error: unknown) => {
    if (!(error instanceof SimCrash)) throw error;
  });
  disk.reopen();
  workload.verify();
  disk.restart();
  workload.verify();
}

async function crashAt(seed: number, step: number | undefined): Promise<number> {
  const random = seededRandom(seed);
  const disk = new SimDisk(random);
  const workload = new Workload(disk, random);
  disk.plan(step === undefined ? {} : { crashAt: step });
  try {
    await workload.run(14);
  } catch (error) {
    if (!(error instanceof SimCrash)) throw error;
  }
  const { steps } = disk;
  disk.restart();
  workload.verify();
  // It crashes once more, this time anywhere.
  disk.plan({ crashAt: 1 + random.below(120) });
  try {
    await workload.run(8);
  } catch (error) {
    if (!(error instanceof SimCrash)) throw error;
  }
  disk.restart();
  workload.verify();
  return steps;
}

describe('a log whose power fails', () => {
  test.each([1, 2, 3, 4, 5, 6])('at every step of a workload has all that was acknowledged (seed %i)', async (seed) => {
    const steps = await crashAt(seed, undefined);
    expect(steps).toBeGreaterThan(60);
    for (let step = 1; step <= steps; step++) {
      await crashAt(seed, step).catch((error: unknown) => {
        throw new Error(`seed ${seed}, power failing at step ${step}`, { cause: error });
      });
    }
  });
});

describe('a log whose process is killed', () => {
  test('at every step has all that the next one read in it, should the power fail then', async () => {
    for (let step = 1; step <= 110; step++)
      await killAt(step, step).catch((error: unknown) => {
        throw new Error(`killed at step ${step}`, { cause: error });
      });
  });
});

describe('a log whose disk fails', () => {
  test.each(['ENOSPC', 'EIO'])(
    'with %s at any step refuses all that follows, and has what was acknowledged',
    async (code) => {
      for (let step = 1; step <= 110; step++) {
        const random = seededRandom(step);
        const disk = new SimDisk(random);
        const workload = new Workload(disk, random);
        disk.plan({ failAt: { step, code } });
        await workload.run(14).catch((error: unknown) => {
          expect(error).toMatchObject({ code });
        });
        disk.restart();
        workload.verify();
      }
    },
  );

  test('after a failed write or sync throws the same error for ever', () => {
    const disk = new SimDisk(seededRandom(1));
    disk.makeDir(root);
    const wal = createWal(disk, walDir, metadata, options);
    const entry = (index: number): Entry => ({ type: 0, term: 1, index, data: Buffer.from('x') });
    wal.save({ term: 1, vote: 1n, commit: 0 }, [entry(1)]);
    disk.plan({ failAt: { step: 1, code: 'EIO' } });
    expect(() => wal.sync()).toThrow(/EIO/);
    expect(() => wal.sync()).toThrow(/EIO/);
    expect(() => wal.save({ term: 1, vote: 1n, commit: 0 }, [entry(2)])).toThrow(/EIO/);
    wal.close();
  });
});
