/**
 * What a member gets of options that `validate.ts` has let pass. What etcd finds out only here, as it starts, it logs
 * differently, as "discovery failed". Source: etcd's server/embed/etcd.go.
 */
import type { EmulatedVersion } from '../lib/emulate.js';
import { durationToMs, parseDuration } from '../lib/go/duration.js';
import { tlsLimits } from '../lib/go/tls.js';
import { discoveryOptions } from './discovery.js';
import { featureStates, parseFeatureGates } from './feature-gates.js';
import { featuresIn } from './features-in.js';
import { parseInitialCluster, textsOf } from './listen-url.js';
import { logOptionsOf } from './log-options.js';
import type { ListenUrl, MemberOptions, V2ProxyOptions } from './member-options.js';
import type { Values } from './options.js';
import { clientTls, limitsOf, peerTls } from './tls-options.js';

/** Lower ones are raised. */
export const LEAST_RAFT_TIMEOUT_MS = 5_000;

/** What a member is built from. Throws an Error in etcd's words for what etcd finds out only when it starts. */
export function toMemberOptions(values: Values, emulate: EmulatedVersion): MemberOptions {
  checkListeners(values);
  const features = featuresIn(values);
  // Throws for a suite that does not exist.
  tlsLimits(limitsOf(values));
  return {
    emulate,
    name: values.name,
    dataDir: values['data-dir'] === '' ? `${values.name}.etcd` : values['data-dir'],
    walDir: values['wal-dir'],
    listenClientUrls: values['listen-client-urls'],
    listenClientHttpUrls: values['listen-client-http-urls'],
    listenPeerUrls: values['listen-peer-urls'],
    listenMetricsUrls: values['listen-metrics-urls'],
    advertiseClientUrls: textsOf(values['advertise-client-urls']),
    initialAdvertisePeerUrls: textsOf(values['initial-advertise-peer-urls']),
    discovery: discoveryOptions(values),
    clientTls: clientTls(values, emulate),
    peerTls: peerTls(values, emulate),
    selfSignedCertValidityYears: values['self-signed-cert-validity'],
    enableV2: values['enable-v2'],
    v2Stage: values['v2-deprecation'],
    v2OverV3Prefix: values['experimental-enable-v2v3'],
    cors: values.cors,
    v2Proxy: v2ProxyOptions(values),
    hostWhitelist: values['host-whitelist'],
    features,
    featureStates: featureStates(features, parseFeatureGates(values['feature-gates'])),
    initialCorruptCheck: features.InitialCorruptCheck,
    corruptCheckIntervalMs: values['corrupt-check-time'],
    compactHashCheckIntervalMs: features.CompactHashCheck ? values['compact-hash-check-time'] : 0,
    fastLeaseKeepAlive: features.FastLeaseKeepAlive,
    prioritizesRevokes: features.PriorityRequest,
    leaseCheckpoint: features.LeaseCheckpoint,
    leaseCheckpointPersist: features.LeaseCheckpointPersist,
    initialCluster: initialCluster(values),
    initialClusterToken: values['initial-cluster-token'],
    initialClusterState: values['initial-cluster-state'],
    forceNewCluster: values['force-new-cluster'],
    preVote: values['pre-vote'],
    strictReconfigCheck: values['strict-reconfig-check'],
    maxLearners: values['max-learners'],
    nextClusterVersionCompatible: values['next-cluster-version-compatible'],
    downgradeCheckIntervalMs: values['downgrade-check-time'],
    heartbeatIntervalMs: values['heartbeat-interval'],
    electionTimeoutMs: values['election-timeout'],
    initialElectionTickAdvance: values['initial-election-tick-advance'],
    snapshotCount: values['snapshot-count'],
    snapshotCatchupEntries: values['snapshot-catchup-entries'],
    maxSnapshots: values['max-snapshots'],
    maxWals: values['max-wals'],
    quotaBackendBytes: values['quota-backend-bytes'],
    backendBatchIntervalMs: orDefault(values['backend-batch-interval'], 100),
    backendBatchLimit: orDefault(values['backend-batch-limit'], 10_000),
    maxTxnOps: values['max-txn-ops'],
    maxRequestBytes: values['max-request-bytes'],
    maxConcurrentStreams: values['max-concurrent-streams'],
    enableGrpcGateway: values['enable-grpc-gateway'],
    grpcKeepaliveMinTimeMs: values['grpc-keepalive-min-time'],
    grpcKeepaliveIntervalMs: values['grpc-keepalive-interval'],
    grpcKeepaliveTimeoutMs: values['grpc-keepalive-timeout'],
    autoCompactionMode: values['auto-compaction-mode'],
    compactHashCheckTimeMs: values['compact-hash-check-time'],
    bootstrapDefragThresholdMegabytes: values['bootstrap-defrag-threshold-megabytes'],
    autoCompaction: autoCompaction(values['auto-compaction-mode'], values['auto-compaction-retention']),
    compactionBatchLimit: orDefault(values['compaction-batch-limit'], 1_000),
    compactionSleepIntervalMs: orDefault(values['compaction-sleep-interval'], 10),
    watchProgressNotifyIntervalMs: orDefault(values['watch-progress-notify-interval'], 600_000),
    authToken: values['auth-token'],
    authTokenTtlSeconds: values['auth-token-ttl'],
    bcryptCost: values['bcrypt-cost'],
    warningApplyDurationMs: values['warning-apply-duration'],
    warningUnaryRequestDurationMs: values['warning-unary-request-duration'],
    unsafeNoFsync: values['unsafe-no-fsync'],
    memoryMlock: values['memory-mlock'],
    metrics: values.metrics === 'extensive' ? 'extensive' : 'basic',
    enablePprof: values['enable-pprof'],
    distributedTracing: values['enable-distributed-tracing']
      ? {
          address: values['distributed-tracing-address'],
          serviceName: values['distributed-tracing-service-name'],
          instanceId: values['distributed-tracing-instance-id'],
          samplesPerMillion: values['distributed-tracing-sampling-rate'],
        }
      : undefined,
    raftReadTimeoutMs: Math.max(LEAST_RAFT_TIMEOUT_MS, values['raft-read-timeout']),
    raftWriteTimeoutMs: Math.max(LEAST_RAFT_TIMEOUT_MS, values['raft-write-timeout']),
    socketReusePort: values['socket-reuse-port'],
    log: logOptionsOf(values),
  };
}

/** What etcd finds out when it opens its listeners. Throws an Error in its words. */
function checkListeners(values: Values): void {
  const clients = [...values['listen-client-urls'], ...values['listen-client-http-urls']];
  const isSecure = (url: ListenUrl): boolean => url.scheme === 'https' || url.scheme === 'unixs';
  const isEmpty = values['cert-file'] === '' && values['key-file'] === '';
  const hasCertificate = values['auto-tls'] || !isEmpty;
  checkPeerListeners(values);
  const bare = clients.find((url) => isSecure(url) && !hasCertificate);
  if (bare !== undefined) {
    throw new Error(
      `TLS key/cert (--cert-file, --key-file) must be provided for client url ${bare.text} with HTTPS scheme`,
    );
  }
  const addressOf = (url: ListenUrl): string => url.text.replace(/^\w+:\/\//, '');
  const grpc = new Set(values['listen-client-urls'].map(addressOf));
  const both = values['listen-client-http-urls'].find((url) => url.port !== 0 && grpc.has(addressOf(url)));
  if (both !== undefined) {
    throw new Error(`cannot bind both --client-listen-urls and --client-listen-http-urls on the same url ${both.text}`);
  }
  if (values['listen-metrics-urls'].some(isSecure) && !hasCertificate) {
    throw new Error('client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url');
  }
}

function checkPeerListeners(values: Values): void {
  const isEmpty = values['peer-cert-file'] === '' && values['peer-key-file'] === '' && !values['peer-auto-tls'];
  const [secure] = values['listen-peer-urls'].filter(({ scheme }) => scheme === 'https' || scheme === 'unixs');
  if (secure === undefined || !isEmpty) return;
  const { host, port, socketPath } = secure;
  throw new Error(
    `cannot listen on TLS for ${socketPath ?? `${host}:${port}`}: KeyFile and CertFile are not presented`,
  );
}

const v2ProxyOptions = (values: Values): V2ProxyOptions => ({
  mode: values.proxy,
  failureWaitMs: values['proxy-failure-wait'],
  refreshIntervalMs: values['proxy-refresh-interval'],
  dialTimeoutMs: values['proxy-dial-timeout'],
  writeTimeoutMs: values['proxy-write-timeout'],
  readTimeoutMs: values['proxy-read-timeout'],
});

const orDefault = (value: number, otherwise: number): number => (value === 0 ? otherwise : value);

function initialCluster(values: Values): ReadonlyMap<string, readonly string[]> {
  try {
    return parseInitialCluster(values['initial-cluster']);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`error setting up initial cluster: ${why}`, { cause });
  }
}

const HOUR_MS = 3_600_000;
const wholeNumber = /^[+-]?\d+$/;

/**
 * A retention that is a whole number is hours or revisions; else it is a duration, which in revision mode counts as its
 * nanoseconds (sic). (etcd's server/embed/etcd.go, parseCompactionRetention)
 */
function autoCompaction(mode: string, text: string): MemberOptions['autoCompaction'] {
  // In clusters that were set up by hand the empty text means what 0 does.
  if (text === '') return { mode: 'off' };
  const number = wholeNumber.test(text) ? Number(text) : undefined;
  let nanoseconds: bigint | undefined;
  if (number === undefined || number < 0) {
    try {
      nanoseconds = parseDuration(text);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`error parsing CompactionRetention: ${why}`, { cause });
    }
  }
  if (number === 0 || nanoseconds === 0n) return { mode: 'off' };
  switch (mode) {
    case 'revision':
      return { mode, retention: number ?? Number(nanoseconds) };
    case 'periodic':
      return { mode, retentionMs: nanoseconds === undefined ? (number ?? 0) * HOUR_MS : durationToMs(nanoseconds) };
    default:
      throw new Error('undefined auto-compaction-mode');
  }
}
