/** What a member is built from: its options and its world. */
import type { Tokens } from '../../auth/types.js';
import type { Clock } from '../../lib/clock.js';
import type { Disk } from '../../lib/disk.js';
import type { EmulatedVersion } from '../../lib/emulate.js';
import type { Failpoints } from '../../lib/failpoints/failpoints.js';
import type { Logger } from '../../lib/logger.js';
import type { Passwords } from '../../lib/passwords.js';
import type { Random } from '../../lib/random.js';
import type { TraceAlone } from '../../lib/spans.js';
import type { Transport } from '../../peer/types.js';

/**
 * Checked and complete: defaults are filled in by whoever reads flags. Meanings and units as etcd's flags of the same
 * names.
 */
export interface MemberConfig {
  readonly emulate: EmulatedVersion;
  readonly name: string;
  /** Never empty: `<name>.etcd` when not given. */
  readonly dataDir: string;
  /** `''` = `<dataDir>/member/wal`. */
  readonly walDir: string;
  /**
   * Size at which the log starts a new segment; 64 000 000 bytes unless a test wants to see cuts sooner. No flag sets
   * it.
   */
  readonly walSegmentBytes?: number;
  /** Sorted, without duplicates, as etcd keeps them. */
  readonly advertiseClientUrls: readonly string[];
  readonly initialCluster: ReadonlyMap<string, readonly string[]>;
  readonly initialClusterToken: string;
  readonly initialClusterState: 'new' | 'existing';
  readonly initialAdvertisePeerUrls: readonly string[];
  readonly initialElectionTickAdvance: boolean;
  readonly forceNewCluster: boolean;
  readonly preVote: boolean;
  /** Changes of the membership that may cost a quorum are refused. */
  readonly strictReconfigCheck: boolean;
  readonly maxLearners: number;
  /** A member of 3.4 takes part in a cluster at version 3.5, too, and starts with data of one. */
  readonly nextClusterVersionCompatible?: boolean;
  /** How often a leader looks whether a downgrade is done; 0 = never. */
  readonly downgradeCheckIntervalMs: number;
  readonly heartbeatIntervalMs: number;
  readonly electionTimeoutMs: number;
  /** Applied entries between two raft snapshots. */
  readonly snapshotCount: number;
  readonly snapshotCatchupEntries: number;
  /** Files kept; 0 = all. */
  readonly maxSnapshots: number;
  readonly maxWals: number;
  /** 0 = etcd's default of 2 GiB, negative = none. */
  readonly quotaBackendBytes: number;
  readonly backendBatchIntervalMs: number;
  readonly backendBatchLimit: number;
  readonly maxTxnOps: number;
  readonly maxRequestBytes: number;
  /** `'off'`, or what the compactor keeps: revisions, or the history of so many milliseconds. */
  readonly autoCompaction:
    | { readonly mode: 'off' }
    | { readonly mode: 'periodic'; readonly retentionMs: number }
    | { readonly mode: 'revision'; readonly retention: number };
  readonly compactionBatchLimit: number;
  readonly compactionSleepIntervalMs: number;
  readonly watchProgressNotifyIntervalMs: number;
  /** Cost of hashing passwords; outside 4 to 31 the default of 10. */
  readonly bcryptCost: number;
  /** Compare with the other members before serving, and again each so many milliseconds (0 = never). */
  readonly initialCorruptCheck: boolean;
  readonly corruptCheckIntervalMs: number;
  /** The leader compares the hashes that compactions leave on the members, each so many milliseconds; 0 = never. */
  readonly compactHashCheckIntervalMs: number;
  /** Leases may be revoked while apply is further behind than other requests may find it. */
  readonly prioritizesRevokes: boolean;
  /** Leases that are there are renewed though apply is behind, where the emulated version does so. */
  readonly fastLeaseKeepAlive: boolean;
  /**
   * The leader replicates how long leases still live, so that a new leader need not begin again; written down by apply
   * when `leaseCheckpointPersist`.
   */
  readonly leaseCheckpoint: boolean;
  readonly leaseCheckpointPersist: boolean;
  readonly warningApplyDurationMs: number;
  readonly warningUnaryRequestDurationMs: number;
}

/** The member's only ways to the outside; simulated ones make a whole cluster run from a seed. */
export interface MemberWorld {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly passwords: Passwords;
  /** The kind of tokens that it gives out. Its own: they remember who logged in. */
  readonly tokens: Tokens;
  /** To the other members; the member starts and closes it. */
  readonly transport: Transport;
  readonly logger: Logger;
  /** Where calls are traced: of what the member does by itself. */
  readonly traceAlone?: TraceAlone | undefined;
  /** Only of a member that is being tried out. */
  readonly failpoints?: Failpoints | undefined;
  /** The member was removed from its cluster for good, and has stopped. */
  readonly onRemoved: () => void;
  /** The member can go on no more (a write failed, an invariant broke) and has stopped. */
  readonly onFatal: (cause: unknown) => void;
}

/** How long a request may wait for its result: 5 s plus two election timeouts. */
export function requestTimeoutMs(config: Pick<MemberConfig, 'electionTimeoutMs'>): number {
  return 5000 + 2 * config.electionTimeoutMs;
}
