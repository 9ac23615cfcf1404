/**
 * A leader's snapshot in the place of log and database. In this order, each durable before the next, so that a start
 * after a crash anywhere between finds a log and a database that fit together:
 *
 *   1. the database has been received and waits in `<index>.snap.db`: nothing refers to it yet;
 *   2. the `.snap` file: not used before the log knows it;
 *   3. its marker in the log: not used before the hard state says that its index is committed;
 *   4. the hard state. From here on a start begins with this snapshot, and finds its database in `<index>.snap.db`;
 *   5. its keys, leases and v2 store are read, piece by piece, while the old database still serves; then it takes the
 *      place of ours (a rename): a start finds it under the usual name;
 *   6. in the same step, without anybody running in between, all that is remembered of the old database is read again,
 *      see `reload`.
 *
 * Only then does raft learn that the snapshot was applied, and goes on with entries after it.
 */
import type { AuthStore } from '../../auth/store.js';
import type { FileBackend } from '../../backend/options.js';
import { readConsistentIndex } from '../../backend/schema/meta.js';
import type { BackendReader } from '../../backend/types.js';
import { openBolt } from '../../bolt/bolt.js';
import { backendReader } from '../../datadir/db.js';
import type { Lessor, StoredLeases } from '../../lease/lessor.js';
import type { Clock } from '../../lib/clock.js';
import type { Disk } from '../../lib/disk.js';
import type { Failpoints } from '../../lib/failpoints/failpoints.js';
import type { Logger } from '../../lib/logger.js';
import { type Restored, restoreInSteps } from '../../mvcc/restore.js';
import type { MvccStore } from '../../mvcc/store.js';
import type { MemoryStorage } from '../../raft/log/memory-storage.js';
import type { HardState, Index, Snapshot } from '../../raftpb/types.js';
import type { SnapshotFiles, Wal } from '../../wal/types.js';
import type { Alarms } from '../apply/alarms.js';
import { membershipAt } from '../bootstrap/membership-at.js';
import type { SnapshotInstalls } from '../loop/raft-loop.js';
import type { Cluster } from '../membership/cluster.js';
import type { V2State } from './v2-state.js';

/** So long others wait for their turn. */
const SLICE_MS = 5;

export interface SnapshotInstallerDeps {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly failpoints?: Failpoints | undefined;
  readonly snapshots: SnapshotFiles;
  readonly wal: Wal;
  readonly storage: MemoryStorage;
  readonly backend: FileBackend;
  readonly lessor: Lessor;
  readonly store: MvccStore;
  readonly alarms: Alarms;
  readonly auth: AuthStore;
  readonly v2: V2State;
  readonly cluster: Cluster;
  readonly entries: { readonly applied: Index };
  /** Of the last snapshot, ours or a leader's. */
  readonly snapshotIndex: () => Index;
  /** How far has been applied is now what the snapshot says; the database may be further. */
  readonly appliedRestored: (snapshot: Snapshot, backendIndex: Index) => void;
  /** The membership may be another: connections follow. */
  readonly membershipRestored: () => void;
}

/** Of a database that is to take the place of ours. */
interface Read {
  readonly leases: StoredLeases;
  readonly keys: Restored;
  readonly restoreV2: () => void;
}

export class SnapshotInstaller implements SnapshotInstalls {
  /** Snapshots that are being installed: one at most. */
  installing = 0;
  #stopped = false;

  constructor(readonly deps: SnapshotInstallerDeps) {}

  persist(snapshot: Snapshot, hardState: HardState): void {
    const { snapshots, wal, storage, logger, failpoints } = this.deps;
    const { index, term, confState } = snapshot.metadata;
    failpoints?.hit('raftBeforeSaveSnap');
    snapshots.save(snapshot);
    wal.saveSnapshot({ index, term, confState });
    failpoints?.hit('raftAfterSaveSnap');
    wal.save(hardState, []);
    wal.syncAll();
    failpoints?.hit('raftBeforeApplySnap');
    storage.applySnapshot(snapshot);
    logger.info('applied incoming Raft snapshot', { 'snapshot-index': index });
    failpoints?.hit('raftAfterApplySnap');
    wal.releaseTo(index);
    failpoints?.hit('raftAfterWALRelease');
  }

  /** Rejects where the member can't go on: the log already begins with the snapshot. */
  async install(snapshot: Snapshot): Promise<void> {
    const { disk, logger, snapshots, backend, failpoints } = this.deps;
    const { index, term } = snapshot.metadata;
    const path = snapshots.dbPath(index);
    const fields = () => ({
      'current-snapshot-index': this.deps.snapshotIndex(),
      'current-applied-index': this.deps.entries.applied,
      'incoming-leader-snapshot-index': index,
      'incoming-leader-snapshot-term': term,
    });
    logger.info('applying snapshot', fields());
    if (disk.stat(path) === undefined)
      throw new Error("failed to find database snapshot file (snap: snapshot file doesn't exist)");
    await failpoints?.wait('applyBeforeOpenSnapshot');
    this.installing++;
    try {
      const read = await this.#read(path, snapshot);
      if (read === undefined) return;
      logger.info('applySnapshot: opened snapshot backend');
      await failpoints?.wait('applyAfterOpenSnapshot');
      if (this.#stopped) return;
      await backend.replace(path, () => this.#reload(snapshot, read));
      // Not before: databases of earlier snapshots may wait for their turn, and each is opened when it comes.
      snapshots.releaseDbs(index);
    } finally {
      this.installing--;
    }
    logger.info('applied snapshot', fields());
  }

  /** What is being read is not installed any more: the next start does that. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * What may be large, with pauses: heartbeats, reads and elections go on meanwhile. undefined where the member stopped
   * over it.
   */
  async #read(path: string, snapshot: Snapshot): Promise<Read | undefined> {
    const { clock, disk } = this.deps;
    const bolt = openBolt(disk, path, { readOnly: true });
    try {
      const tx = bolt.beginRead();
      try {
        const steps = this.#readInSteps(backendReader(tx), snapshot);
        for (let untilMs = clock.monotonicMs() + SLICE_MS; ; ) {
          const { done, value } = steps.next();
          if (done === true) return value;
          if (clock.monotonicMs() < untilMs) continue;
          await new Promise<void>((resolve) => clock.soon(resolve));
          if (this.#stopped) return undefined;
          untilMs = clock.monotonicMs() + SLICE_MS;
        }
      } finally {
        tx.close();
      }
    } finally {
      bolt.close();
    }
  }

  *#readInSteps(reader: BackendReader, snapshot: Snapshot): Generator<undefined, Read> {
    const leases = yield* this.deps.lessor.readInSteps(reader);
    const keys = yield* restoreInSteps(reader);
    return { leases, keys, restoreV2: yield* this.deps.v2.restoreInSteps(snapshot.data) };
  }

  /**
   * Who knows something of the old database, in the order in which they rest on each other: keys are attached to leases
   * that exist, permission to change anything comes after what there is to change, and nobody learns of new members
   * before they are known.
   */
  #reload(snapshot: Snapshot, { leases, keys, restoreV2 }: Read): void {
    const { backend, lessor, store, alarms, auth, cluster, logger } = this.deps;
    logger.info('restoring lease store');
    lessor.restore(backend, leases);
    logger.info('restored lease store');
    logger.info('restoring mvcc store');
    store.restore(backend, keys);
    logger.info('restored mvcc store', { 'consistent-index': readConsistentIndex(backend) });
    logger.info('restoring alarm store');
    alarms.restore();
    logger.info('restored alarm store');
    logger.info('restoring auth store');
    auth.restore(backend);
    logger.info('restored auth store');
    logger.info('restoring v2 store');
    restoreV2();
    logger.info('restored v2 store');
    logger.info('restoring cluster configuration');
    cluster.restore(membershipAt(snapshot, backend));
    logger.info('restored cluster configuration');
    const backendIndex = readConsistentIndex(backend);
    // One that is ahead has members that are yet to be learned of.
    if (backendIndex <= snapshot.metadata.index) cluster.correctBucket();
    this.deps.appliedRestored(snapshot, backendIndex);
    this.deps.membershipRestored();
  }
}
