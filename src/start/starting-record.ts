/**
 * The record `starting an etcd server`: all options of a member, in etcd's order. Harnesses look for single fields
 * of it. As embed's print.
 */
import type { DiscoveryOptions, ListenUrl, MemberOptions } from '../config/member-options.js';
import { differenceOf, fullVersionOf } from '../lib/emulate.js';
import { formatMs } from '../lib/go/duration.js';
import { type LogFields, silentLogger } from '../lib/logger.js';
import { goPlatform, processors } from '../lib/os/processors.js';
import { quotaBytes } from '../member/apply/quota.js';
import { memberDirOf } from '../member/bootstrap/paths.js';
import { localAddressOf } from './local-address.js';

/** `cluster`: where the other members are not known from elsewhere. */
export function startingFields(
  options: MemberOptions,
  { isInitialized }: { readonly isInitialized: boolean },
): LogFields {
  const { emulate } = options;
  const isNewer = differenceOf('startTellsFeatures', emulate);
  const localAddress = differenceOf('startTellsLocalAddressAs', emulate);
  const hasCompactCheck = differenceOf('startTellsCompactCheck', emulate);
  const { os, arch } = goPlatform();
  const { available, usable } = processors();
  const retention = formatMs(options.autoCompaction.mode === 'periodic' ? options.autoCompaction.retentionMs : 0);
  return {
    'etcd-version': fullVersionOf[emulate],
    'git-sha': 'etcd-ts',
    'go-version': `none, Node.js ${process.version}`,
    'go-os': os,
    'go-arch': arch,
    'max-cpu-set': usable,
    'max-cpu-available': available,
    'member-initialized': isInitialized,
    name: options.name,
    'data-dir': options.dataDir,
    'wal-dir': options.walDir,
    'wal-dir-dedicated': options.walDir,
    'member-dir': memberDirOf(options),
    'force-new-cluster': options.forceNewCluster,
    'heartbeat-interval': formatMs(options.heartbeatIntervalMs),
    'election-timeout': formatMs(options.electionTimeoutMs),
    'initial-election-tick-advance': options.initialElectionTickAdvance,
    'snapshot-count': options.snapshotCount,
    'max-wals': options.maxWals,
    'max-snapshots': options.maxSnapshots,
    'snapshot-catchup-entries': options.snapshotCatchupEntries,
    'initial-advertise-peer-urls': options.initialAdvertisePeerUrls,
    'listen-peer-urls': textsOf(options.listenPeerUrls),
    'advertise-client-urls': options.advertiseClientUrls,
    'listen-client-urls': textsOf(options.listenClientUrls),
    'listen-metrics-urls': textsOf(options.listenMetricsUrls),
    ...(localAddress !== undefined && { [localAddress]: localAddressOf(options, silentLogger) ?? '' }),
    cors: orAny(options.cors),
    'host-whitelist': orAny(options.hostWhitelist),
    'initial-cluster': isInitialized ? '' : clusterText(options.initialCluster),
    'initial-cluster-state': options.initialClusterState,
    'initial-cluster-token': options.initialClusterToken,
    'quota-backend-bytes':
      options.quotaBackendBytes < 0 ? options.quotaBackendBytes : quotaBytes(options.quotaBackendBytes),
    'max-request-bytes': options.maxRequestBytes,
    'max-concurrent-streams': options.maxConcurrentStreams,
    'pre-vote': options.preVote,
    ...(isNewer ? { 'feature-gates': featureText(options) } : {}),
    'initial-corrupt-check': options.initialCorruptCheck,
    'corrupt-check-time-interval': formatMs(options.corruptCheckIntervalMs),
    ...(hasCompactCheck && compactCheckFields(options, { isNewer })),
    'auto-compaction-mode': options.autoCompactionMode,
    'auto-compaction-retention': retention,
    'auto-compaction-interval': retention,
    ...(differenceOf('startTellsV2Discovery', emulate) && v2DiscoveryFields(options.discovery)),
    ...(isNewer ? v3DiscoveryFields(options.discovery) : {}),
    ...(hasCompactCheck && { 'downgrade-check-interval': formatMs(options.downgradeCheckIntervalMs) }),
    ...(isNewer ? { 'max-learners': options.maxLearners, 'v2-deprecation': 'write-only' } : {}),
  };
}

const textsOf = (urls: readonly ListenUrl[]): string[] => urls.map(({ text }) => text);

const orAny = (names: readonly string[]): readonly string[] => (names.length === 0 ? ['*'] : [...names].sort());

/** As types.URLsMap prints: names and each one's URLs in byte order. */
const clusterText = (cluster: ReadonlyMap<string, readonly string[]>): string =>
  [...cluster]
    .flatMap(([name, urls]) => urls.map((url) => `${name}=${url}`))
    .sort()
    .join(',');

const featureText = ({ features }: MemberOptions): string =>
  Object.entries(features)
    .map(([name, isOn]) => `${name}=${isOn}`)
    .join(',');

const compactCheckFields = (options: MemberOptions, { isNewer }: { readonly isNewer: boolean }): LogFields => ({
  ...(isNewer ? {} : { 'compact-check-time-enabled': options.features.CompactHashCheck }),
  'compact-check-time-interval': formatMs(options.compactHashCheckTimeMs),
});

const v2DiscoveryFields = (discovery: DiscoveryOptions): LogFields => ({
  'discovery-url': discovery.t === 'v2' ? discovery.url : '',
  'discovery-proxy': discovery.t === 'v2' ? discovery.proxy : '',
});

function v3DiscoveryFields(discovery: DiscoveryOptions): LogFields {
  const v3 = discovery.t === 'v3' ? discovery : undefined;
  return {
    'discovery-token': v3?.token ?? '',
    'discovery-endpoints': v3?.endpoints.join(',') ?? '',
    'discovery-dial-timeout': formatMs(v3?.dialTimeoutMs ?? 2000),
    'discovery-request-timeout': formatMs(v3?.requestTimeoutMs ?? 5000),
    'discovery-keepalive-time': formatMs(v3?.keepaliveTimeMs ?? 2000),
    'discovery-keepalive-timeout': formatMs(v3?.keepaliveTimeoutMs ?? 6000),
    'discovery-insecure-transport': v3?.insecureTransport ?? true,
    'discovery-insecure-skip-tls-verify': v3?.tls.insecureSkipVerify ?? false,
    'discovery-cert': v3?.tls.certFile ?? '',
    'discovery-key': v3?.tls.keyFile ?? '',
    'discovery-cacert': v3?.tls.trustedCaFile ?? '',
    'discovery-user': v3?.username ?? '',
  };
}
