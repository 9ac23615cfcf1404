/** What goes from one step of a start to the next: decision → log → member's parts. */

import type { FileBackend } from '../../backend/options.js';
import type { CommitTimes } from '../../bolt/types.js';
import type { ClusterMember } from '../../datadir/cluster-member.js';
import type { Lessor } from '../../lease/lessor.js';
import type { Disk } from '../../lib/disk.js';
import type { UrlResolver } from '../../lib/go/same-urls.js';
import type { ClusterId } from '../../lib/ids.js';
import type { MvccStore } from '../../mvcc/store.js';
import type { PeerCalls } from '../../peer/types.js';
import type { MemoryStorage } from '../../raft/log/memory-storage.js';
import type { RawNode } from '../../raft/rawnode.js';
import type { Index, NodeId, Snapshot } from '../../raftpb/types.js';
import type { V2Store } from '../../v2/store.js';
import type { SnapshotSaveTimes } from '../../wal/snapshot-files.js';
import type { SnapshotFiles, Wal } from '../../wal/types.js';
import type { Alarms } from '../apply/alarms.js';
import type { AppliedStart } from '../apply/entry-applier.js';
import type { Cluster } from '../membership/cluster.js';

/** The first configuration of a cluster that begins; all its members compute the same one. */
export interface InitialConfiguration {
  readonly memberId: NodeId;
  readonly clusterId: ClusterId;
  /** In ascending id order. */
  readonly members: readonly ClusterMember[];
}

/** One that was added to a running cluster before it started. */
export interface JoiningMember {
  readonly memberId: NodeId;
  readonly clusterId: ClusterId;
  /** Itself and all others. */
  readonly members: readonly ClusterMember[];
}

/** What a decision may ask. */
export interface DecisionWorld extends UrlResolver {
  readonly disk: Disk;
  readonly calls: Pick<PeerCalls, 'members' | 'version' | 'downgradeEnabled'>;
}

/** Who this member is: all that the network had to be asked for. Opening the directory follows from it alone. */
export type Decision =
  /** It begins a cluster, alone or with others that begin it at the same time. */
  | { readonly t: 'new'; readonly configuration: InitialConfiguration }
  /** It was added to a cluster that runs. */
  | ({ readonly t: 'joining' } & JoiningMember)
  /** It has been here before: its log says who it is. */
  | { readonly t: 'restarting' };

/** What the log and the snapshot files say. */
export interface LogState {
  readonly wal: Wal;
  readonly storage: MemoryStorage;
  readonly memberId: NodeId;
  readonly clusterId: ClusterId;
  readonly snapshot: Snapshot | undefined;
  /** Of a new cluster: whom raft is to be bootstrapped with. */
  readonly peers: readonly ClusterMember[] | undefined;
}

/** The object graph that `Member` drives. */
export interface Bootstrapped {
  readonly node: RawNode;
  readonly storage: MemoryStorage;
  readonly wal: Wal;
  readonly snapshots: SnapshotFiles;
  readonly backend: FileBackend;
  readonly store: MvccStore;
  readonly lessor: Lessor;
  /** As the snapshot had it; what the log has since is applied to it again. */
  readonly v2: V2Store;
  readonly alarms: Alarms;
  readonly cluster: Cluster;
  /**
   * Whom to connect to before the log has named anybody: the members of a cluster that begins or is joined. Empty at a
   * restart.
   */
  readonly initialMembers: readonly ClusterMember[];
  readonly start: AppliedStart;
  /** Removes files beyond what is to be kept; `installed` is the index of the last snapshot, ours or a leader's. */
  readonly purge: (installed: Index) => void;
}

/** Metrics of the parts that wait for the disk; durations in milliseconds. */
export interface DiskObserver {
  readonly onWalSync: (tookMs: number) => void;
  readonly onWalWrite: (bytes: number, tookMs: number) => void;
  readonly onBackendCommit: (tookMs: number, parts: CommitTimes) => void;
  readonly onSnapshotSave: (times: SnapshotSaveTimes) => void;
}
