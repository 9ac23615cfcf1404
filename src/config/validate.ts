/**
 * The checks that etcd makes of its options before it starts, in its order and words (etcd's server/embed/config.go,
 * Validate), and what a member gets of them. Two stages, since etcd logs their failures differently: `verify` ends in
 * "failed to verify flags", `toMemberOptions` in "discovery failed".
 */

import type { EmulatedVersion } from '../lib/emulate.js';
import { durationToMs, formatMs, parseDuration } from '../lib/go/duration.js';
import { goQuote } from '../lib/go/quote.js';
import { opensslCiphers, parseTlsVersion } from '../lib/go/tls.js';
import { checkDiscovery, discoveryOptions } from './discovery.js';
import { type Features, featuresOf, parseFeatureGates } from './feature-gates.js';
import { parseInitialCluster, textsOf } from './listen-url.js';
import { parseLogRotation } from './log-rotation.js';
import type { ListenUrl, LogLevel, LogOptions, MemberOptions, V2ProxyOptions } from './member-options.js';
import type { Values } from './options.js';

const MAXIMUM_ELECTION_MS = 50_000;

/**
 * The first complaint, or undefined. `areClientUrlsUnset`: listen addresses were given on the command line, addresses
 * to advertise were not.
 */
export function verify(values: Values, emulate: EmulatedVersion, areClientUrlsUnset: boolean): string | undefined {
  return (
    checkLog(values) ??
    checkListen(values['listen-peer-urls']) ??
    checkListen(values['listen-client-urls']) ??
    checkListen(values['listen-client-http-urls']) ??
    checkListen(values['listen-metrics-urls']) ??
    checkAdvertise('--initial-advertise-peer-urls', values['initial-advertise-peer-urls']) ??
    checkAdvertise('--advertise-client-urls', values['advertise-client-urls']) ??
    checkDiscovery(values, emulate) ??
    checkTimes(values) ??
    (areClientUrlsUnset && !mayBeProxy(values) ? UNSET_ADVERTISE_CLIENT_URLS : undefined) ??
    checkCompaction(values) ??
    checkFeatures(values) ??
    checkTracing(values) ??
    checkTls(values)
  );
}

/** Lower ones are raised. */
export const LEAST_RAFT_TIMEOUT_MS = 5_000;

function checkTracing(values: Values): string | undefined {
  if (!values['enable-distributed-tracing']) return undefined;
  const rate = values['distributed-tracing-sampling-rate'];
  // The spelling is etcd's.
  const invalid = (why: string): string => `distributed tracing configurition is not valid: (${why})`;
  if (rate < 0) return invalid('tracing sampling rate must be positive');
  return rate > 1_000_000 ? invalid('tracing sampling rate must be less than 1000000') : undefined;
}

export const UNSET_ADVERTISE_CLIENT_URLS =
  '--advertise-client-urls is required when --listen-client-urls is set explicitly';

/** The log is set up first, so its complaints come first. An unknown level is a panic, see `unknownLevel`. */
function checkLog(values: Values): string | undefined {
  if (values.logger === 'capnslog') return '--logger=capnslog is removed in v3.5';
  if (values.logger !== 'zap') return `unknown logger option ${goQuote(values.logger)}`;
  const outputs = values['log-outputs'];
  if (outputs.length > 1 && outputs.includes('default')) return 'multi logoutput for "default" is not supported yet';
  if (outputs.length > 1 && outputs.includes('systemd/journal')) {
    const shown = [...outputs].sort().map(goQuote).join(' ');
    return (
      `running with systemd/journal but other '--log-outputs' values ([${shown}]) are configured with ` +
      `'default'; override 'default' value with something else`
    );
  }
  if (values['enable-log-rotation']) {
    const files = outputs.filter((output) => !['default', 'stderr', 'stdout', 'systemd/journal'].includes(output));
    if (files.length !== 1) return '--log-outputs requires a single file path when --log-rotate-config-json is defined';
    const rotation = parseLogRotation(values['log-rotation-config-json']);
    if (rotation instanceof Error) return rotation.message;
  }
  const format = values['log-format'];
  if (format !== 'json' && format !== 'console') return `unknown log format: ${format}, supported values json, console`;
  return undefined;
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'panic', 'fatal'];

/** Levels as zap names them; the empty word is info. */
export function parseLogLevel(text: string): LogLevel | undefined {
  if (text === '') return 'info';
  return levels.find((level) => level === text || level.toUpperCase() === text);
}

export function logOptionsOf(values: Values): LogOptions {
  const outputs = values['log-outputs'].map((output) => (output === 'default' ? 'stderr' : output));
  const rotation = values['enable-log-rotation'] ? parseLogRotation(values['log-rotation-config-json']) : undefined;
  return {
    // 3.4's older switch.
    level: values.debug ? 'debug' : (parseLogLevel(values['log-level']) ?? 'info'),
    format: values['log-format'] === 'console' ? 'console' : 'json',
    outputs: outputs.length === 0 ? ['stderr'] : outputs,
    ...(rotation !== undefined && !(rotation instanceof Error) ? { rotation } : {}),
  };
}

/** Listening needs an address; `localhost` is taken for one. */
function checkListen(urls: readonly ListenUrl[]): string | undefined {
  const bad = urls.find((url) => url.socketPath === undefined && url.host !== 'localhost' && !isAddress(url.host));
  return bad === undefined ? undefined : `expected IP in URL for binding (${bad.text})`;
}

const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

const isAddress = (host: string): boolean =>
  ipv4.test(host) || (host.includes(':') && URL.canParse(`http://[${host}]`));

function checkAdvertise(flag: string, urls: readonly ListenUrl[]): string | undefined {
  const bad = urls.find((url) => url.socketPath === undefined && url.host === '');
  if (bad === undefined) return undefined;
  return `${flag} ${goQuote(textsOf(urls).join(','))} must be "host:port" (unexpected empty host (${bad.text}))`;
}

function checkTimes(values: Values): string | undefined {
  const heartbeat = values['heartbeat-interval'];
  const election = values['election-timeout'];
  if (heartbeat === 0) return '--heartbeat-interval must be >0 (set to 0ms)';
  if (election === 0) return '--election-timeout must be >0 (set to 0ms)';
  if (5 * heartbeat > election) {
    return `--election-timeout[${election}ms] should be at least as 5 times as --heartbeat-interval[${heartbeat}ms]`;
  }
  if (election > MAXIMUM_ELECTION_MS) {
    return `--election-timeout[${election}ms] is too long, and should be set less than ${MAXIMUM_ELECTION_MS}ms`;
  }
  return undefined;
}

function checkCompaction(values: Values): string | undefined {
  const mode = values['auto-compaction-mode'];
  return ['', 'periodic', 'revision'].includes(mode) ? undefined : `unknown auto-compaction-mode ${goQuote(mode)}`;
}

function checkFeatures(values: Values): string | undefined {
  if (values['experimental-enable-lease-checkpoint-persist'] && !featuresIn(values).LeaseCheckpoint) {
    return 'setting experimental-enable-lease-checkpoint-persist requires experimental-enable-lease-checkpoint';
  }
  const { LeaseCheckpoint, LeaseCheckpointPersist, SetMemberLocalAddr } = featuresIn(values);
  // Who turns on all that is in its first stage does not mean this one in particular.
  const isNamed = values['feature-gates'].includes('SetMemberLocalAddr');
  if (SetMemberLocalAddr && isNamed)
    return 'etcd-ts has no feature SetMemberLocalAddr: --feature-gates must not turn it on';
  if (LeaseCheckpointPersist && !LeaseCheckpoint) {
    return 'enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint';
  }
  if (values['compact-hash-check-time'] <= 0) {
    return `--experimental-compact-hash-check-time must be >0 (set to ${formatMs(values['compact-hash-check-time'])})`;
  }
  return undefined;
}

/** Switches from before there were feature gates count as well. */
function featuresIn(values: Values): Features {
  const gates = featuresOf(parseFeatureGates(values['feature-gates']));
  return {
    ...gates,
    InitialCorruptCheck: gates.InitialCorruptCheck || values['experimental-initial-corrupt-check'],
    CompactHashCheck: gates.CompactHashCheck || values['experimental-compact-hash-check-enabled'],
    LeaseCheckpoint: gates.LeaseCheckpoint || values['experimental-enable-lease-checkpoint'],
    LeaseCheckpointPersist: gates.LeaseCheckpointPersist || values['experimental-enable-lease-checkpoint-persist'],
    StopGRPCServiceOnDefrag: gates.StopGRPCServiceOnDefrag || values['experimental-stop-grpc-service-on-defrag'],
  };
}

function checkTls(values: Values): string | undefined {
  try {
    const minimum = parseTlsVersion(values['tls-min-version']);
    const maximum = parseTlsVersion(values['tls-max-version']);
    if (minimum === 'TLSv1.3' && maximum === 'TLSv1.2')
      return 'min version (TLS1.3) is greater than max version (TLS1.2)';
    if (minimum === 'TLSv1.3' && values['cipher-suites'].length > 0) {
      return 'cipher suites cannot be configured when only TLS1.3 is enabled';
    }
    return undefined;
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
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

/** What a member is built from. Throws an Error in etcd's words for what etcd finds out only when it starts. */
export function toMemberOptions(values: Values, emulate: EmulatedVersion): MemberOptions {
  checkListeners(values);
  const features = featuresIn(values);
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
    clientTls: {
      ...tlsLimits(values),
      certFile: values['cert-file'],
      keyFile: values['key-file'],
      clientCertFile: values['client-cert-file'],
      clientKeyFile: values['client-key-file'],
      clientCertAuth: values['client-cert-auth'],
      trustedCaFile: values['trusted-ca-file'],
      clientCrlFile: values['client-crl-file'],
      allowedHostnames: values['client-cert-allowed-hostname'],
      autoTls: values['auto-tls'],
    },
    peerTls: {
      ...tlsLimits(values),
      certFile: values['peer-cert-file'],
      keyFile: values['peer-key-file'],
      clientCertFile: values['peer-client-cert-file'],
      clientKeyFile: values['peer-client-key-file'],
      clientCertAuth: values['peer-client-cert-auth'],
      trustedCaFile: values['peer-trusted-ca-file'],
      clientCrlFile: values['peer-crl-file'],
      allowedCns: values['peer-cert-allowed-cn'],
      allowedHostnames: values['peer-cert-allowed-hostname'],
      autoTls: values['peer-auto-tls'],
      skipClientSanVerification: values['peer-skip-client-san-verification'],
    },
    selfSignedCertValidityYears: orDefault(values['self-signed-cert-validity'], 1),
    enableV2: values['enable-v2'],
    v2OverV3Prefix: values['experimental-enable-v2v3'],
    cors: values.cors,
    v2Proxy: v2ProxyOptions(values),
    hostWhitelist: values['host-whitelist'],
    features,
    initialCorruptCheck: features.InitialCorruptCheck,
    corruptCheckIntervalMs: values['corrupt-check-time'],
    compactHashCheckIntervalMs: features.CompactHashCheck ? values['compact-hash-check-time'] : 0,
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

/** One set of limits for both kinds of listener. Throws for a suite that does not exist. */
const tlsLimits = (values: Values) => ({
  minVersion: parseTlsVersion(values['tls-min-version']),
  maxVersion: parseTlsVersion(values['tls-max-version']),
  ciphers: opensslCiphers(values['cipher-suites']),
});

/** Then nobody needs its addresses. */
const mayBeProxy = (values: Values): boolean =>
  values.proxy !== 'off' || (values.discovery !== '' && values['discovery-fallback'] === 'proxy');

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
