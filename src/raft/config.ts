/** A node's options, and the defaults. Source of behaviour: etcd-io/raft, `Config`. */
import type { Random } from '../lib/random.js';
import { type Index, LOCAL_APPEND_THREAD, LOCAL_APPLY_THREAD, NONE, type NodeId } from '../raftpb/types.js';
import type { RaftLogger } from './world/logger.js';
import type { Storage } from './world/storage.js';

export type ReadOnlyOption = 'safe' | 'lease-based';

export interface RaftConfig {
  /** Not 0, and neither of the two local ids. */
  readonly id: NodeId;
  /**
   * Ticks without word from a leader before an election; the timeout is a random one from `[electionTicks, 2 *
   * electionTicks)`. Above `heartbeatTicks`.
   */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Entries, hard state and snapshot up to now. Configuration and hard state are read when the node is made. */
  readonly storage: Storage;
  /** Where the election jitter comes from. */
  readonly random: Random;
  readonly logger: RaftLogger;
  /**
   * Last index the application has applied, as it remembers it after a restart: Ready will not give older entries
   * again. Default 0.
   */
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
  /**
   * The leader steps down when it has not heard from a quorum for an election timeout, and votes are refused under its
   * lease. Default false.
   */
  readonly checkQuorum?: boolean;
  /** Ask whether an election could be won before raising the term (thesis §9.6). Default false. */
  readonly preVote?: boolean;
  /** `lease-based` needs `checkQuorum`, and clocks that can be trusted. Default safe. */
  readonly readOnlyOption?: ReadOnlyOption;
  /** Followers drop proposals instead of forwarding them. Default false. */
  readonly disableProposalForwarding?: boolean;
  /**
   * Proposed configuration changes are not checked against the present configuration: the application does it when it
   * applies them. Default false.
   */
  readonly disableConfChangeValidation?: boolean;
  /** A leader that applies its own removal or demotion becomes a follower. Default false, as in etcd. */
  readonly stepDownOnRemoval?: boolean;
}

/** `config` with its defaults filled in. Throws RangeError for what makes no sense. */
export function completeConfig(config: RaftConfig): Required<RaftConfig> {
  const must = (holds: boolean, sentence: string): void => {
    if (!holds) throw new RangeError(sentence);
  };
  const unlimited = Number.POSITIVE_INFINITY;
  const maxSizePerMessageBytes = config.maxSizePerMessageBytes ?? unlimited;
  const complete: Required<RaftConfig> = {
    ...config,
    applied: config.applied ?? 0,
    asyncStorageWrites: config.asyncStorageWrites ?? false,
    maxSizePerMessageBytes,
    maxCommittedSizePerReadyBytes: config.maxCommittedSizePerReadyBytes || maxSizePerMessageBytes,
    maxUncommittedEntriesSizeBytes: config.maxUncommittedEntriesSizeBytes || unlimited,
    maxInflightMessages: config.maxInflightMessages ?? 256,
    maxInflightBytes: config.maxInflightBytes ?? 0,
    checkQuorum: config.checkQuorum ?? false,
    preVote: config.preVote ?? false,
    readOnlyOption: config.readOnlyOption ?? 'safe',
    disableProposalForwarding: config.disableProposalForwarding ?? false,
    disableConfChangeValidation: config.disableConfChangeValidation ?? false,
    stepDownOnRemoval: config.stepDownOnRemoval ?? false,
  };
  must(config.id !== NONE, 'cannot use none as id');
  must(config.id !== LOCAL_APPEND_THREAD && config.id !== LOCAL_APPLY_THREAD, 'cannot use local target as id');
  must(complete.heartbeatTicks > 0, 'heartbeat tick must be greater than 0');
  must(complete.electionTicks > complete.heartbeatTicks, 'election tick must be greater than heartbeat tick');
  must(complete.maxInflightMessages > 0, 'max inflight messages must be greater than 0');
  must(
    complete.maxInflightBytes === 0 || complete.maxInflightBytes >= maxSizePerMessageBytes,
    'max inflight bytes must be >= max message size',
  );
  must(
    complete.readOnlyOption !== 'lease-based' || complete.checkQuorum,
    'CheckQuorum must be enabled when ReadOnlyOption is ReadOnlyLeaseBased',
  );
  return complete;
}
