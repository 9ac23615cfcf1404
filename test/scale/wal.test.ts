/**
 * The log over many segments against a list of entries: records of any size, some larger than a segment, entries that
 * a new leader replaces, locks given up behind it, the files purged, and the rest read again.
 */
import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../src/lib/logger.js';
import type { Random } from '../../src/lib/random.js';
import type { Entry, HardState } from '../../src/raftpb/types.js';
import { createWal, openWal, readWal, walSnapshots } from '../../src/wal/index.js';
import { parseSegmentName } from '../../src/wal/names.js';
import { purge } from '../../src/wal/purge.js';
import type { Wal, WalPosition } from '../../src/wal/types.js';
import { MemoryDisk } from '../support/memory-disk.js';
import { SCALED_TIMEOUT_MS, scaled, seeded, steps } from '../support/scale.js';
import { stillClock } from '../support/still-clock.js';

const dir = '/m/wal';

class Run {
  readonly disk = new MemoryDisk();
  readonly options: { clock: typeof stillClock; logger: typeof silentLogger; segmentSizeBytes: number };
  /** `entries[i]` has index `i + 1`. */
  readonly entries: Entry[] = [];
  state: HardState = { term: 1, vote: 1n, commit: 0 };
  snapshot: WalPosition = { index: 0, term: 0 };
  snapshots: WalPosition[] = [{ index: 0, term: 0 }];
  wal: Wal;
  readonly random: Random;

  constructor(random: Random, segmentSizeBytes: number) {
    this.random = random;
    this.options = { clock: stillClock, logger: silentLogger, segmentSizeBytes };
    this.disk.makeDir('/m');
    this.wal = createWal(this.disk, dir, Buffer.from('metadata'), this.options);
  }

  save(): void {
    const { random, entries } = this;
    let count = random.below(random.below(20) === 0 ? 400 : 6);
    if (random.below(12) === 0) {
      // A new leader, which may replace what is not committed.
      const kept = this.state.commit + random.below(entries.length + 1 - this.state.commit);
      this.state = { ...this.state, term: this.state.term + 1, vote: BigInt(random.below(3)) };
      if (count > 0 && random.below(2) === 0) entries.length = kept;
    }
    const saved: Entry[] = [];
    for (; count > 0; count--) {
      const size = random.below(40) === 0 ? random.below(this.options.segmentSizeBytes * 3) : random.below(400);
      const data = Buffer.alloc(size, random.below(256));
      const entry = { type: 0 as const, term: this.state.term, index: entries.length + 1, data };
      entries.push(entry);
      saved.push(entry);
    }
    const commit = this.state.commit + random.below(entries.length + 1 - this.state.commit);
    this.state = { ...this.state, commit };
    this.wal.save(this.state, saved);
  }

  takeSnapshot(): void {
    const index = this.state.commit;
    const term = this.entries[index - 1]?.term;
    if (index <= this.snapshot.index || term === undefined) return;
    const confState = { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
    this.wal.saveSnapshot({ index, term, confState });
    this.snapshots.push({ index, term });
    this.snapshot = { index, term };
    this.wal.releaseTo(index);
  }

  assertRead(): void {
    this.wal.writeBuffered();
    const { entries, hardState, metadata } = readWal(this.disk, dir, this.snapshot);
    this.#assertEntries(entries, this.snapshot);
    expect(Buffer.from(metadata).toString()).toBe('metadata');
    if (this.entries.length > 0) expect(hardState).toEqual(this.state);
  }

  reopen(): void {
    this.wal.close();
    const { wal, entries, hardState } = openWal(this.disk, dir, this.snapshot, this.options);
    this.wal = wal;
    this.#assertEntries(entries, this.snapshot);
    expect(wal.lastIndex).toBe(this.entries.length);
    if (this.entries.length > 0) expect(hardState).toEqual(this.state);
    const known = walSnapshots(this.disk, dir).map(({ index, term }) => ({ index, term }));
    expect(known).toEqual(this.snapshots.slice(-known.length));
  }

  #assertEntries(found: readonly Entry[], from: WalPosition): void {
    const expected = this.entries.slice(from.index);
    expect(found.length).toBe(expected.length);
    for (const [at, entry] of expected.entries()) {
      const read = found[at] as Entry;
      if (read.index !== entry.index || read.term !== entry.term || Buffer.compare(read.data, entry.data) !== 0)
        throw new Error(`entry ${entry.index} of term ${entry.term} is read as ${read.index} of ${read.term}`);
    }
  }
}

describe.each([2048, 16_384, 200_000])('segments of %i bytes', (segmentSizeBytes) => {
  test(
    'hold what was saved, behind each snapshot',
    () =>
      seeded(async (random) => {
        const run = new Run(random, segmentSizeBytes);
        const total = scaled(500);
        for await (const _ of steps(total)) {
          run.save();
          if (random.below(4) === 0) await run.wal.sync();
          if (random.below(25) === 0) run.takeSnapshot();
          if (random.below(30) === 0) purge(run.disk, dir, '.wal', 1 + random.below(5));
          if (random.below(total / 8) === 0) run.assertRead();
          if (random.below(total / 8) === 0) run.reopen();
        }
        run.reopen();
        const segments = run.disk.list(dir).flatMap((name) => parseSegmentName(name) ?? []);
        expect(segments.at(-1)?.sequence).toBeGreaterThan(2);
        for (const [at, { sequence }] of segments.entries()) expect(sequence).toBe((segments[0]?.sequence ?? 0) + at);
        run.wal.close();
      }),
    SCALED_TIMEOUT_MS,
  );
});
