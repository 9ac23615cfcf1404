/** What a node is told when it is made, and the defaults. Source of behaviour: etcd-io/raft, `Config`. */
import type { Random } from '../lib/random.js';
import type { Index, NodeId } from '../raftpb/types.js';
import type { Storage } from './log/storage.js';
import type { RaftLogger } from './logger.js';

export type ReadOnlyOption = 'safe' | 'lease-based';

export interface RaftConfig {
  /** Not 0, and neither of the two local ids. */
  readonly id: NodeId;
  /** Ticks without word from a leader before an election; the timeout is drawn from `[electionTicks, 2 * electionTicks)`. Above `heartbeatTicks`. */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Entries, hard state and snapshot up to now. Configuration and hard state are read when the node is made. */
  readonly storage: Storage;
  /** Where the election jitter comes from. */
  readonly random: Random;
  readonly logger: RaftLogger;
  /** Last index the application has applied, as it remembers it after a restart: Ready will not give older entries again. Default 0. */
  readonly applied?: Index;
  /** Storage writes go out as MsgStorageAppend and MsgStorageApply; `advance` is not used then. Default false. */
  readonly asyncStorageWrites?: boolean;
  /** Bytes of entries in one MsgApp; 0 = one entry a message. Default unlimited. */
  readonly maxSizePerMessageBytes?: number;
  /** Bytes of committed entries in one Ready; 0 = as `maxSizePerMessageBytes`. Default 0. */
  readonly maxCommittedSizePerReadyBytes?: number;
  /** Bytes of entries proposed but not committed, above which proposals are dropped; 0 = unlimited. Default 0. */
  readonly maxUncommittedEntriesSizeBytes?: number;
  /** MsgApps in flight to one follower. Default 256. */
  readonly maxInflightMessages?: number;
  /** Bytes in flight to one follower; 0 = unlimited, otherwise at least `maxSizePerMessageBytes`. Default 0. */
  readonly maxInflightBytes?: number;
  /** The leader steps down when it has not heard from a quorum for an election timeout, and votes are refused under its lease. Default false. */
  readonly checkQuorum?: boolean;
  /** Ask whether an election could be won before raising the term (thesis §9.6). Default false. */
  readonly preVote?: boolean;
  /** `lease-based` needs `checkQuorum`, and clocks that can be trusted. Default safe. */
  readonly readOnlyOption?: ReadOnlyOption;
  /** Followers drop proposals instead of forwarding them. Default false. */
  readonly disableProposalForwarding?: boolean;
  /** Proposed configuration changes are not checked against the present configuration: the application does it when it applies them. Default false. */
  readonly disableConfChangeValidation?: boolean;
  /** A leader that applies its own removal or demotion becomes a follower. Default false, as in etcd. */
  readonly stepDownOnRemoval?: boolean;
}
