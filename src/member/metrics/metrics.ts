/**
 * The member's metrics, under etcd's names and help texts. Parts keep plain numbers; they are read when somebody
 * scrapes, so that counting on the hot path costs an increment. One registry a member: two members in one process never
 * meet in a global.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { collectProcessMetrics } from './process-metrics.js';
import { addRpcMetrics, type RpcFigures } from './rpc-metrics.js';
import { diskBuckets, doubling, type Timing, Timings } from './timings.js';
import { addV2StoreMetrics, V2HttpMetrics, type V2StoreFigures } from './v2-metrics.js';

/** What is read at each scrape. */
export interface MemberFigures extends V2StoreFigures {
  hasLeader: boolean;
  isLeader: boolean;
  isLearner: boolean;
  leaderChanges: number;
  committedIndex: number;
  appliedIndex: number;
  proposalsPending: number;
  proposalsFailed: number;
  readIndexesSlow: number;
  readIndexesFailed: number;
  slowApplies: number;
  quotaBytes: number;
  healthSuccess: number;
  healthFailures: number;
  clusterVersion: string | undefined;
  dbSizeBytes: number;
  dbSizeInUseBytes: number;
  currentRevision: number;
  authRevision: number;
  compactRevision: number;
  keys: number;
  puts: number;
  deletes: number;
  ranges: number;
  txns: number;
  putBytes: number;
  watchers: number;
  watchStreams: number;
  slowWatchers: number;
  eventsSent: number;
  eventsPending: number;
  compactedRecords: number;
  lastCompactionSeconds: number;
  snapshotsInstalling: number;
  openReads: number;
  v2Expired: number;
  v2WatchRequests: number;
  v2Watchers: number;
  leasesGranted: number;
  leasesRevoked: number;
  leasesRenewed: number;
  leasesExpired: number;
  defragsRunning: number;
  openDescriptors: number;
  descriptorLimit: number;
  clientReceivedBytes: number;
  clientSentBytes: number;
  networkReceivedBytes: number;
  networkSentBytes: number;
  addressSpaceLimitBytes: number;
}

export interface MetricsIdentity {
  readonly serverVersion: string;
  readonly runtimeVersion: string;
  readonly memberIdHex: string;
}

/** Versions of clients that are counted apart; the rest is one. */
const MAX_CLIENT_VERSIONS = 100;

export class MemberMetrics {
  readonly registry = new Registry();
  /** For the v2 API's requests. */
  readonly v2Http: V2HttpMetrics;
  readonly #timings: Timings;
  readonly #walBytes: Gauge;
  readonly walFsync: Histogram;
  readonly backendCommit: Histogram;
  readonly backendDefrag: Histogram;
  readonly backendSnapshot: Histogram;
  readonly hash: Histogram;
  readonly hashRevision: Histogram;
  readonly #applied: Histogram;
  readonly #leaseTtl: Histogram;
  readonly #clientRequests: Counter;
  readonly #clientVersions = new Set<string>();
  readonly #scrapes: Counter;
  readonly #scrapesRunning: Gauge;

  constructor(identity: MetricsIdentity, figures: () => MemberFigures, rpcs: () => Iterable<RpcFigures>) {
    const registers = [this.registry];
    const histogram = (name: string, help: string, buckets = diskBuckets): Histogram =>
      new Histogram({ name, help, buckets, registers });
    this.walFsync = histogram(
      'etcd_disk_wal_fsync_duration_seconds',
      'The latency distributions of fsync called by WAL.',
    );
    this.backendCommit = histogram(
      'etcd_disk_backend_commit_duration_seconds',
      'The latency distributions of commit called by backend.',
    );
    this.backendDefrag = histogram(
      'etcd_disk_backend_defrag_duration_seconds',
      'The latency distribution of backend defragmentation.',
      doubling(0.1, 13),
    );
    this.backendSnapshot = histogram(
      'etcd_disk_backend_snapshot_duration_seconds',
      'The latency distribution of backend snapshots.',
      doubling(0.01, 17),
    );
    this.hash = histogram(
      'etcd_mvcc_hash_duration_seconds',
      'The latency distribution of storage hash operation.',
      doubling(0.01, 15),
    );
    this.hashRevision = histogram(
      'etcd_mvcc_hash_rev_duration_seconds',
      'The latency distribution of storage hash by revision operation.',
      doubling(0.01, 15),
    );
    this.#applied = new Histogram({
      name: 'etcd_server_apply_duration_seconds',
      help: 'The latency distribution of v2 apply called by backend.',
      labelNames: ['op', 'success', 'version'],
      buckets: doubling(0.0001, 20),
      registers,
    });
    this.#leaseTtl = histogram('etcd_debugging_lease_ttl_total', 'Bucketed histogram of lease TTLs.', doubling(1, 24));
    this.#clientRequests = new Counter({
      name: 'etcd_server_client_requests_total',
      help: 'The total number of client requests per client version.',
      labelNames: ['client_api_version', 'type'],
      registers,
    });
    this.#scrapes = new Counter({
      name: 'promhttp_metric_handler_requests_total',
      help: 'Total number of scrapes by HTTP status code.',
      labelNames: ['code'],
      registers,
    });
    for (const code of ['200', '500', '503']) this.#scrapes.inc({ code }, 0);
    this.#scrapesRunning = new Gauge({
      name: 'promhttp_metric_handler_requests_in_flight',
      help: 'Current number of scrapes being served.',
      registers,
    });
    for (const [name, [type, help, read]] of Object.entries(scalars)) {
      const options = {
        name,
        help,
        registers,
        collect(this: { set?(value: number): void; reset(): void; inc?(value: number): void }) {
          const value = Number(read(figures()));
          this.reset();
          if (type === 'gauge') this.set?.(value);
          else this.inc?.(value);
        },
      };
      if (type === 'gauge') new Gauge(options);
      else new Counter(options);
    }
    this.#walBytes = new Gauge({
      name: 'etcd_disk_wal_write_bytes_total',
      help: 'Total number of bytes written in WAL.',
      registers,
    });
    this.#identity(identity, figures);
    this.#timings = new Timings(this.registry);
    addV2StoreMetrics(this.registry, figures);
    this.v2Http = new V2HttpMetrics(this.registry);
    addRpcMetrics(this.registry, rpcs);
    collectProcessMetrics(this.registry);
  }

  /** The text that is scraped. */
  async scraped(): Promise<string> {
    this.#scrapesRunning.inc();
    try {
      return await this.registry.metrics();
    } finally {
      this.#scrapesRunning.dec();
      this.#scrapes.inc({ code: '200' });
    }
  }

  /** `kind` as operations are named here: `leaseGrant` is etcd's `LeaseGrant`. */
  applied(kind: string, ok: boolean, tookMs: number): void {
    const op = `${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;
    this.#applied.observe({ op, success: String(ok), version: 'v3' }, tookMs / 1000);
  }

  took(what: Timing, tookMs: number): void {
    this.#timings.took(what, tookMs);
  }

  leaseGranted(ttlSeconds: number): void {
    this.#leaseTtl.observe(ttlSeconds);
  }

  done(what: 'defrag' | 'snapshot' | 'hash' | 'hashKv', tookMs: number): void {
    const histogram = {
      defrag: this.backendDefrag,
      snapshot: this.backendSnapshot,
      hash: this.hash,
      hashKv: this.hashRevision,
    }[what];
    histogram.observe(tookMs / 1000);
  }

  clientRequest(type: 'unary' | 'stream', version: string | undefined): void {
    let client = version ?? 'unknown';
    if (!this.#clientVersions.has(client)) {
      if (this.#clientVersions.size < MAX_CLIENT_VERSIONS) this.#clientVersions.add(client);
      else client = 'unknown';
    }
    this.#clientRequests.inc({ client_api_version: client, type });
  }

  walWritten(bytes: number): void {
    this.#walBytes.inc(bytes);
  }

  #identity(identity: MetricsIdentity, figures: () => MemberFigures): void {
    const registers = [this.registry];
    const info = (name: string, help: string, label: string, value: string): void => {
      new Gauge({ name, help, labelNames: [label], registers }).set({ [label]: value }, 1);
    };
    info(
      'etcd_server_version',
      "Which version is running. 1 for 'server_version' label with current version.",
      'server_version',
      identity.serverVersion,
    );
    info(
      'etcd_server_id',
      "Server or member ID in hexadecimal format. 1 for 'server_id' label.",
      'server_id',
      identity.memberIdHex,
    );
    info('etcd_server_go_version', 'Which runtime the server runs with.', 'server_go_version', identity.runtimeVersion);
    new Gauge({
      name: 'etcd_cluster_version',
      help: "Which version is running. 1 for 'cluster_version' label with current cluster version",
      labelNames: ['cluster_version'],
      registers,
      collect() {
        this.reset();
        const version = figures().clusterVersion;
        if (version !== undefined) this.set({ cluster_version: version.split('.').slice(0, 2).join('.') }, 1);
      },
    });
  }
}

type Scalar = readonly ['gauge' | 'counter', string, (figures: MemberFigures) => number | boolean];

/**
 * Name → type, help, where the number comes from. etcd calls some of its counters gauges, and scrapers have got used to
 * it.
 */
const scalars: Readonly<Record<string, Scalar>> = {
  etcd_server_has_leader: ['gauge', 'Whether or not a leader exists. 1 is existence, 0 is not.', (f) => f.hasLeader],
  etcd_server_is_leader: ['gauge', 'Whether or not this member is a leader. 1 if is, 0 otherwise.', (f) => f.isLeader],
  etcd_server_is_learner: [
    'gauge',
    'Whether or not this member is a learner. 1 if is, 0 otherwise.',
    (f) => f.isLearner,
  ],
  etcd_server_leader_changes_seen_total: ['counter', 'The number of leader changes seen.', (f) => f.leaderChanges],
  etcd_server_proposals_committed_total: [
    'gauge',
    'The total number of consensus proposals committed.',
    (f) => f.committedIndex,
  ],
  etcd_server_proposals_applied_total: [
    'gauge',
    'The total number of consensus proposals applied.',
    (f) => f.appliedIndex,
  ],
  etcd_server_proposals_pending: [
    'gauge',
    'The current number of pending proposals to commit.',
    (f) => f.proposalsPending,
  ],
  etcd_server_proposals_failed_total: [
    'counter',
    'The total number of failed proposals seen.',
    (f) => f.proposalsFailed,
  ],
  etcd_server_slow_read_indexes_total: [
    'counter',
    "The total number of pending read indexes not in sync with leader's or timed out read index requests.",
    (f) => f.readIndexesSlow,
  ],
  etcd_server_read_indexes_failed_total: [
    'counter',
    'The total number of failed read indexes seen.',
    (f) => f.readIndexesFailed,
  ],
  etcd_server_slow_apply_total: [
    'counter',
    'The total number of slow apply requests (likely overloaded from slow disk).',
    (f) => f.slowApplies,
  ],
  etcd_server_quota_backend_bytes: ['gauge', 'Current backend storage quota size in bytes.', (f) => f.quotaBytes],
  etcd_server_health_success: ['counter', 'The total number of successful health checks', (f) => f.healthSuccess],
  etcd_server_health_failures: ['counter', 'The total number of failed health checks', (f) => f.healthFailures],
  etcd_mvcc_db_total_size_in_bytes: [
    'gauge',
    'Total size of the underlying database physically allocated in bytes.',
    (f) => f.dbSizeBytes,
  ],
  etcd_mvcc_db_total_size_in_use_in_bytes: [
    'gauge',
    'Total size of the underlying database logically in use in bytes.',
    (f) => f.dbSizeInUseBytes,
  ],
  etcd_mvcc_put_total: ['counter', 'Total number of puts seen by this member.', (f) => f.puts],
  etcd_mvcc_delete_total: ['counter', 'Total number of deletes seen by this member.', (f) => f.deletes],
  etcd_mvcc_range_total: ['counter', 'Total number of ranges seen by this member.', (f) => f.ranges],
  etcd_mvcc_txn_total: ['counter', 'Total number of txns seen by this member.', (f) => f.txns],
  etcd_debugging_auth_revision: ['gauge', 'The current revision of auth store.', (f) => f.authRevision],
  etcd_debugging_mvcc_current_revision: ['gauge', 'The current revision of store.', (f) => f.currentRevision],
  etcd_debugging_mvcc_compact_revision: [
    'gauge',
    'The revision of the last compaction in store.',
    (f) => f.compactRevision,
  ],
  etcd_debugging_mvcc_keys_total: ['gauge', 'Total number of keys.', (f) => f.keys],
  etcd_debugging_mvcc_total_put_size_in_bytes: [
    'gauge',
    'The total size of put kv pairs seen by this member.',
    (f) => f.putBytes,
  ],
  etcd_debugging_mvcc_watcher_total: ['gauge', 'Total number of watchers.', (f) => f.watchers],
  etcd_debugging_mvcc_watch_stream_total: ['gauge', 'Total number of watch streams.', (f) => f.watchStreams],
  etcd_debugging_mvcc_slow_watcher_total: ['gauge', 'Total number of unsynced slow watchers.', (f) => f.slowWatchers],
  etcd_debugging_lease_granted_total: ['counter', 'The total number of granted leases.', (f) => f.leasesGranted],
  etcd_debugging_lease_revoked_total: ['counter', 'The total number of revoked leases.', (f) => f.leasesRevoked],
  etcd_debugging_lease_renewed_total: [
    'counter',
    'The number of renewed leases seen by the leader.',
    (f) => f.leasesRenewed,
  ],
  etcd_debugging_server_lease_expired_total: ['counter', 'The total number of expired leases.', (f) => f.leasesExpired],
  // Names of 3.4 and 3.5, which dashboards still read.
  etcd_debugging_mvcc_put_total: ['counter', 'Total number of puts seen by this member.', (f) => f.puts],
  etcd_debugging_mvcc_delete_total: ['counter', 'Total number of deletes seen by this member.', (f) => f.deletes],
  etcd_debugging_mvcc_range_total: ['counter', 'Total number of ranges seen by this member.', (f) => f.ranges],
  etcd_debugging_mvcc_txn_total: ['counter', 'Total number of txns seen by this member.', (f) => f.txns],
  etcd_debugging_mvcc_db_total_size_in_bytes: [
    'gauge',
    'Total size of the underlying database physically allocated in bytes.',
    (f) => f.dbSizeBytes,
  ],
  etcd_disk_defrag_inflight: [
    'gauge',
    'Whether or not defrag is active on the member. 1 means active, 0 means not.',
    (f) => f.defragsRunning > 0,
  ],
  etcd_debugging_mvcc_events_total: ['counter', 'Total number of events sent by this member.', (f) => f.eventsSent],
  etcd_debugging_mvcc_pending_events_total: [
    'gauge',
    'Total number of pending events to be sent.',
    (f) => f.eventsPending,
  ],
  etcd_debugging_mvcc_db_compaction_keys_total: [
    'counter',
    'Total number of db keys compacted.',
    (f) => f.compactedRecords,
  ],
  etcd_debugging_mvcc_db_compaction_last: [
    'gauge',
    'The unix time of the last db compaction. Resets to 0 on start.',
    (f) => f.lastCompactionSeconds,
  ],
  etcd_mvcc_db_open_read_transactions: ['gauge', 'The number of currently open read transactions', (f) => f.openReads],
  etcd_server_snapshot_apply_in_progress_total: [
    'gauge',
    '1 if the server is applying the incoming snapshot. 0 if none.',
    (f) => f.snapshotsInstalling,
  ],
  etcd_debugging_store_expires_total: ['counter', 'Total number of expired keys.', (f) => f.v2Expired],
  etcd_debugging_store_watch_requests_total: [
    'counter',
    'Total number of incoming watch requests (new or reestablished).',
    (f) => f.v2WatchRequests,
  ],
  etcd_debugging_store_watchers: ['gauge', 'Count of currently active watchers.', (f) => f.v2Watchers],
  // The proxy is another command; etcd shows its metrics in members too, where nothing moves them.
  etcd_grpc_proxy_cache_hits_total: ['gauge', 'Total number of cache hits', () => 0],
  etcd_grpc_proxy_cache_keys_total: ['gauge', 'Total number of keys/ranges cached', () => 0],
  etcd_grpc_proxy_cache_misses_total: ['gauge', 'Total number of cache misses', () => 0],
  etcd_grpc_proxy_events_coalescing_total: ['counter', 'Total number of events coalescing', () => 0],
  etcd_grpc_proxy_watchers_coalescing_total: ['gauge', 'Total number of current watchers coalescing', () => 0],
  process_network_receive_bytes_total: [
    'counter',
    'Number of bytes received by the process over the network.',
    (f) => f.networkReceivedBytes,
  ],
  process_network_transmit_bytes_total: [
    'counter',
    'Number of bytes sent by the process over the network.',
    (f) => f.networkSentBytes,
  ],
  process_virtual_memory_max_bytes: [
    'gauge',
    'Maximum amount of virtual memory available in bytes.',
    (f) => f.addressSpaceLimitBytes,
  ],
  os_fd_limit: ['gauge', 'The file descriptor limit.', (f) => f.descriptorLimit],
  os_fd_used: ['gauge', 'The number of used file descriptors.', (f) => f.openDescriptors],
  etcd_network_client_grpc_received_bytes_total: [
    'counter',
    'The total number of bytes received from grpc clients.',
    (f) => f.clientReceivedBytes,
  ],
  etcd_network_client_grpc_sent_bytes_total: [
    'counter',
    'The total number of bytes sent to grpc clients.',
    (f) => f.clientSentBytes,
  ],
};
