/**
 * What one node has on its disk. Writes go into a log of batches; a sync makes all so far durable; a crash keeps any
 * prefix of the batches that were not synced. A batch is what one Ready has to write: a snapshot, or entries, then the
 * hard state. The last one that is kept may be cut between the two.
 */
import type { Random } from '../../../src/lib/random.js';
import { type Entry, type HardState, makeHardState, makeSnapshot, type Snapshot } from '../../../src/raftpb/types.js';
import { LogCopy } from './log-copy.js';

export interface Batch {
  readonly snapshot: Snapshot | undefined;
  readonly entries: readonly Entry[];
  readonly hardState: HardState | undefined;
}

export class NodeDisk {
  /** Durable. */
  readonly log = new LogCopy();
  hardState: HardState = makeHardState();
  /** The newest snapshot, `log.base` is its index. */
  snapshot: Snapshot = makeSnapshot();
  private unsynced: Batch[] = [];

  write(batch: Batch): void {
    this.unsynced.push(batch);
  }

  sync(): void {
    for (const batch of this.unsynced) this.keep(batch);
    this.unsynced = [];
  }

  /** The application's own snapshot of what it has applied. It is synced before the log below it goes. */
  compact(snapshot: Snapshot): void {
    this.sync();
    this.snapshot = snapshot;
    this.log.compact(snapshot);
    this.raiseCommit();
  }

  /** `underway`: batches that were handed to the disk and may have reached it in part. */
  crash(random: Random, underway: readonly Batch[]): void {
    const written = [...this.unsynced, ...underway];
    const kept = random.below(written.length + 1);
    for (const batch of written.slice(0, kept)) this.keep(batch);
    const torn = written[kept];
    // A snapshot without its hard state is one that nobody asks for.
    if (torn !== undefined && torn.snapshot === undefined && random.below(2) === 0)
      this.keep({ ...torn, hardState: undefined });
    this.unsynced = [];
  }

  private keep({ snapshot, entries, hardState }: Batch): void {
    if (snapshot !== undefined) {
      this.snapshot = snapshot;
      this.log.reset(snapshot);
    }
    if (!this.log.append(entries)) throw new RangeError(`gap in the log: ${entries[0]?.index} after ${this.log.last}`);
    if (hardState !== undefined) this.hardState = hardState;
    this.raiseCommit();
  }

  /**
   * With asynchronous writes, the commit index that allowed to apply what is in a snapshot may still be on its way
   * here; but a node cannot start from a snapshot that its hard state does not know to be committed.
   */
  private raiseCommit(): void {
    const { index } = this.snapshot.metadata;
    if (this.hardState.commit < index) this.hardState = { ...this.hardState, commit: index };
  }
}
