/**
 * All that a member does with raft snapshots: takes its own, sends them to followers that lag, and installs those of a
 * leader.
 */
import type { AuthStore } from '../../auth/store.js';
import type { Clock } from '../../lib/clock.js';
import type { Disk } from '../../lib/disk.js';
import type { Failpoints } from '../../lib/failpoints/failpoints.js';
import type { Logger } from '../../lib/logger.js';
import type { DatabaseSource } from '../../peer/types.js';
import type { Message, NodeId } from '../../raftpb/types.js';
import type { EntryApplier } from '../apply/entry-applier.js';
import { snapDirOf } from '../bootstrap/paths.js';
import type { Bootstrapped } from '../bootstrap/types.js';
import type { MemberConfig } from '../world/types.js';
import { IncomingDatabases } from './incoming-databases.js';
import { OutgoingSnapshots } from './outgoing-snapshots.js';
import { SnapshotInstaller } from './snapshot-installer.js';
import { TakenSnapshots } from './taken-snapshots.js';
import type { V2State } from './v2-state.js';

export interface RaftSnapshotsDeps {
  readonly parts: Bootstrapped;
  readonly auth: AuthStore;
  readonly v2: V2State;
  readonly entries: EntryApplier;
  readonly config: MemberConfig;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly failpoints?: Failpoints | undefined;
  /** To the transport, which reports what becomes of it. */
  readonly send: (message: Message, database: DatabaseSource) => void;
  /** A snapshot that did not even leave. */
  readonly failedToSend: (to: NodeId) => void;
  /** A MsgSnap whose database is there. */
  readonly step: (message: Message) => Promise<void>;
  /** The membership may be another: connections follow. */
  readonly membershipRestored: () => void;
  readonly fail: (cause: unknown) => void;
}

export class RaftSnapshots {
  /** For the loop. */
  readonly installs: SnapshotInstaller;
  readonly #taken: TakenSnapshots;
  readonly #outgoing: OutgoingSnapshots;
  readonly #incoming: IncomingDatabases;

  constructor(readonly deps: RaftSnapshotsDeps) {
    const { parts, entries, v2, disk, clock, logger, failpoints, config } = deps;
    this.#outgoing = new OutgoingSnapshots({
      ...deps,
      backend: parts.backend,
      applied: () => entries,
      v2Json: () => v2.v2Json(),
      failed: deps.failedToSend,
    });
    this.#taken = new TakenSnapshots({
      ...parts,
      config,
      logger,
      v2Json: () => v2.v2Json(),
      holdsLog: () => this.#outgoing.holdsLog,
      fail: deps.fail,
    });
    this.#incoming = new IncomingDatabases({
      ...{ disk, clock, logger, failpoints },
      snapDir: snapDirOf(config),
      snapshots: parts.snapshots,
    });
    this.installs = new SnapshotInstaller({
      ...parts,
      ...deps,
      snapshotIndex: () => this.#taken.lastIndex,
      appliedRestored: (snapshot, backendIndex) => {
        entries.restore(snapshot, backendIndex);
        this.#taken.installed(snapshot.metadata.index);
      },
    });
  }

  /** Called for each database that a leader sent and that is durable. */
  set onDatabaseSave(listener: IncomingDatabases['onSave']) {
    this.#incoming.onSave = listener;
  }

  /** Takes a snapshot where enough has been applied since the last one, or where one was forced. */
  afterApply(): void {
    this.#taken.afterApply(this.deps.entries);
  }

  force(): void {
    this.#taken.force();
  }

  /** A MsgSnap of our raft; nothing waits for it. */
  send(message: Message): void {
    this.#outgoing.send(message);
  }

  /**
   * A leader's. Resolves when raft has it. Rejects with SnapshotSaveError where the database can't be stored; no file
   * is left behind then.
   */
  async receive(message: Message, database: AsyncIterable<Uint8Array>): Promise<void> {
    const index = message.snapshot?.metadata.index ?? 0;
    await this.#incoming.save(index, database);
    await this.deps.step(message);
  }

  tick(nowMs: number): void {
    this.#taken.tick(nowMs);
  }

  stop(): void {
    this.#outgoing.stop();
    this.installs.stop();
  }

  /** Resolves when no snapshot is being taken. */
  idle(): Promise<void> {
    return this.#taken.idle();
  }
}
