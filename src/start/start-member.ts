/**
 * Composition root of a member: files, listeners, the member, its faces. Everything a member needs comes together here
 * and nowhere else.
 *
 *   1. Listeners are bound (peer, then client, then metrics): an address in use ends the start before anything is
 *      written. Connections wait.
 *   2. Where the members of a new cluster are to be found, they are.
 *   3. The data directory is opened or made, the log replayed.
 *   4. Once the member has published itself, clients are served and the waiting connections are let in.
 */

import { HealthCounters } from '../api/http/health.js';
import type { LoggedLevel } from '../api/http/log-level.js';
import { RpcCounts } from '../api/v3/register.js';
import { textsOf } from '../config/listen-url.js';
import type { MemberOptions } from '../config/member-options.js';
import type { Disk } from '../lib/disk.js';
import { differenceOf } from '../lib/emulate.js';
import type { Failpoints } from '../lib/failpoints/failpoints.js';
import { humanBytes } from '../lib/go/bytes.js';
import { IdleMemory, type ProcessMemory } from '../lib/idle-memory.js';
import type { Logger } from '../lib/logger.js';
import type { NetworkAddress } from '../lib/network.js';
import { osClock } from '../lib/os/clock.js';
import { osDisk } from '../lib/os/disk.js';
import { lockedDisk } from '../lib/os/locked-disk.js';
import { lookUpHost } from '../lib/os/look-up.js';
import { osNetwork } from '../lib/os/net.js';
import { openFileLimit } from '../lib/os/open-files.js';
import { osPasswords } from '../lib/os/passwords.js';
import { osRandom } from '../lib/os/random.js';
import { unsyncedDisk } from '../lib/os/unsynced-disk.js';
import type { TraceAlone } from '../lib/spans.js';
import { decide } from '../member/bootstrap/decide.js';
import { openParts } from '../member/bootstrap/open.js';
import { snapDirOf, walDirOf } from '../member/bootstrap/paths.js';
import type { DiskObserver } from '../member/bootstrap/types.js';
import { Member } from '../member/member.js';
import { majorMinor } from '../member/membership/cluster.js';
import type { MemberMetrics } from '../member/metrics/metrics.js';
import { requestTimeoutMs } from '../member/world/types.js';
import { hasWal } from '../wal/index.js';
import { makeTokens } from './auth-tokens.js';
import { maybeDefragment } from './bootstrap-defrag.js';
import { connectionLimits } from './connection-limit.js';
import { databaseIsFree } from './database-is-free.js';
import { discover } from './discover.js';
import { FatalStartError } from './fatal-start-error.js';
import { facesOf } from './member-faces.js';
import { memberMetrics } from './member-metrics.js';
import { withOwnCertificates } from './own-certificates.js';
import { openPeerConnections } from './peer-transport.js';
import { Ports } from './ports.js';
import { prepareDirectories } from './prepare-directories.js';
import { withSnapshotCounts } from './snapshot-counts.js';
import { startingFields } from './starting-record.js';
import { tlsFields } from './tls-record.js';
import type { Tracing } from './tracing.js';
import { checkV2Stage } from './v2-stage.js';

export interface RunningMember {
  readonly member: Member;
  /** Where clients are served, with the ports that were really bound. */
  readonly clientAddresses: readonly NetworkAddress[];
  /** Resolves after `close`; rejects when the member had to stop by itself. */
  readonly ended: Promise<undefined>;
  /** In order: no new requests, running ones end, the log and the database are closed. */
  close(): Promise<void>;
}

/** What a member has of the process that it is alone in; one among others goes without. */
export interface HostParts {
  readonly failpoints?: Failpoints | undefined;
  readonly memory?: ProcessMemory | undefined;
  /** From now on. */
  readonly setLogLevel?: ((level: LoggedLevel) => void) | undefined;
}

/** Rejects with what etcd would say when it cannot start; then nothing is left open. */
export async function startMember(given: MemberOptions, plain: Logger, host: HostParts = {}): Promise<RunningMember> {
  const logger = plain.with({ caller: 'start/start-member.ts' });
  const options = withOwnCertificates(given, logger);
  const ports = new Ports({
    network: osNetwork,
    clock: osClock,
    logger: logger.with({ caller: 'start/ports.ts' }),
    keepalive: {
      minTimeMs: options.grpcKeepaliveMinTimeMs,
      timeMs: options.grpcKeepaliveIntervalMs,
      timeoutMs: options.grpcKeepaliveTimeoutMs,
    },
    maxConcurrentStreams: options.maxConcurrentStreams,
    reusePort: options.socketReusePort,
    limits: connectionLimits(openFileLimit()),
    peerSilenceMs: options.raftReadTimeoutMs,
  });
  try {
    await listen(ports, options, logger);
    // A signal ends a process that still waits for others, as it ends etcd's.
    const { signal } = new AbortController();
    const isInitialized = hasWal(osDisk, walDirOf(options));
    const found = await discover(options, { disk: osDisk, logger, signal });
    logger.info('starting an etcd server', startingFields(found, { isInitialized }));
    warnOfLargeRequests(options.maxRequestBytes, logger);
    return await startOn(ports, withSnapshotCounts(found, logger), logger, host);
  } catch (cause) {
    logger.info('closing etcd server', closingFields(options));
    await ports.close({ graceMs: 0, busy: () => false });
    logger.info('closed etcd server', closingFields(options));
    throw cause;
  }
}

async function listen(ports: Ports, options: MemberOptions, logger: Logger): Promise<void> {
  const { clientTls, listenClientUrls, listenPeerUrls, peerTls } = options;
  logger.info('configuring peer listeners', { 'listen-peer-urls': textsOf(listenPeerUrls) });
  const peerFields = tlsFields(peerTls, options.emulate);
  if (peerFields !== undefined) logger.info('starting with peer TLS', peerFields);
  try {
    await ports.listen('peer', listenPeerUrls, peerTls);
  } catch (cause) {
    logger.error('creating peer listener failed', { error: cause instanceof Error ? cause.message : String(cause) });
    throw cause;
  }
  logger.info('configuring client listeners', { 'listen-client-urls': textsOf(listenClientUrls) });
  if (options.enablePprof) logger.info('pprof is enabled', { path: '/debug/pprof' });
  await ports.listen('client', listenClientUrls, clientTls);
  await ports.listen('http', options.listenClientHttpUrls, clientTls);
  await ports.listen('metrics', options.listenMetricsUrls, clientTls);
}

const RECOMMENDED_REQUEST_BYTES = 10 * 1024 * 1024;

function warnOfLargeRequests(bytes: number, logger: Logger): void {
  if (bytes <= RECOMMENDED_REQUEST_BYTES) return;
  logger.warn('exceeded recommended request limit', {
    'max-request-bytes': bytes,
    'max-request-size': humanBytes(bytes),
    'recommended-request-bytes': RECOMMENDED_REQUEST_BYTES,
    'recommended-request-size': humanBytes(RECOMMENDED_REQUEST_BYTES),
  });
}

const closingFields = (options: MemberOptions) => ({
  name: options.name,
  'data-dir': options.dataDir,
  'advertise-peer-urls': options.initialAdvertisePeerUrls,
  'advertise-client-urls': options.advertiseClientUrls,
});

function diskFor({ unsafeNoFsync, memoryMlock }: MemberOptions): Disk {
  const disk = unsafeNoFsync ? unsyncedDisk(osDisk) : osDisk;
  return memoryMlock ? lockedDisk(disk) : disk;
}

async function startOn(ports: Ports, options: MemberOptions, logger: Logger, host: HostParts): Promise<RunningMember> {
  let stopped: (outcome: undefined) => void = () => {};
  let failed: (cause: unknown) => void = () => {};
  const ended = new Promise<undefined>((resolve, reject) => {
    stopped = resolve;
    failed = reject;
  });
  /** Why the member stopped by itself: what a start that fails has to say, rather than that it was stopped. */
  let fatal: unknown;
  ended.catch((cause: unknown) => {
    fatal = cause;
  });
  let tracing: Tracing | undefined;
  const traceAlone: TraceAlone = (name, attributes) => tracing?.alone(name, attributes);
  const peers = openPeerConnections(options, logger);
  const tokens = makeTokens(options, { random: osRandom, logger });
  let metrics: MemberMetrics | undefined;
  const observer: DiskObserver = {
    onWalSync: (tookMs) => metrics?.took('walFsync', tookMs),
    onWalWrite: (bytes, tookMs) => {
      metrics?.walWritten(bytes);
      metrics?.took('walWrite', tookMs);
    },
    onBackendCommit: (tookMs, { rebalanceMs, spillMs, writeMs }) => {
      metrics?.took('commit', tookMs);
      metrics?.took('commitRebalance', rebalanceMs);
      metrics?.took('commitSpill', spillMs);
      metrics?.took('commitWrite', writeMs);
    },
    onSnapshotSave: ({ marshalMs, fsyncMs, totalMs }) => {
      metrics?.took('snapMarshal', marshalMs);
      metrics?.took('snapFsync', fsyncMs);
      metrics?.took('snapSave', totalMs);
    },
  };
  const world = {
    disk: diskFor(options),
    clock: osClock,
    random: osRandom,
    passwords: osPasswords,
    tokens,
    transport: peers.transport,
    logger,
    failpoints: host.failpoints,
    onRemoved: () => stopped(undefined),
    onFatal: failed,
    ...(options.distributedTracing !== undefined && { traceAlone }),
  };
  const open = async (): Promise<Member> => {
    try {
      prepareDirectories(world.disk, options, logger);
      await databaseIsFree(`${snapDirOf(options)}/db`, { disk: osDisk, clock: osClock, logger });
      checkV2Stage(options, world);
      const decision = await decide(options, { ...world, lookUpHost, calls: peers.transport.calls });
      return new Member(options, world, openParts(decision, options, world, observer));
    } catch (cause) {
      await peers.transport.close();
      throw cause;
    }
  };
  const member = await open();
  const counts = new RpcCounts({
    countsAttempts: differenceOf('countsAttempts', options.emulate),
  });
  try {
    const health = new HealthCounters();
    metrics = memberMetrics(member, counts, health, {
      isExtensive: options.metrics === 'extensive',
      gates: options.featureStates,
    });
    peers.metrics.registerIn(metrics.registry);
    if (options.distributedTracing !== undefined)
      tracing = await (await import('./tracing.js')).openTracing(options.distributedTracing, {
        clock: osClock,
        logger,
        emulate: options.emulate,
      });
    const faces = facesOf(
      member,
      options,
      logger,
      { counts, health, metrics, backlog: ports.backlog, tracing },
      peers.transport,
      host.setLogLevel,
    );
    await maybeDefragment(member.backend, options.bootstrapDefragThresholdMegabytes, logger);
    const { version } = member.cluster;
    logger.info('starting etcd server', {
      'local-member-id': member.id.toString(16),
      'local-server-version': member.serverVersion,
      ...(version === undefined
        ? { 'cluster-version': 'to_be_decided' }
        : { 'cluster-id': member.cluster.id.toString(16), 'cluster-version': majorMinor(version) }),
    });
    const clientFields = tlsFields(options.clientTls, options.emulate);
    if (clientFields !== undefined) logger.info('starting with client TLS', clientFields);
    ports.serve('peer', faces.peer);
    ports.tellServingPeers();
    await member.start();
    logger.info('ready to serve client requests');
    ports.serve('client', faces.client);
    ports.serve('http', faces.http);
    ports.serve('metrics', faces.metrics);
    ports.tellServing('client');
    ports.tellServing('http');
    for (const address of textsOf(options.listenMetricsUrls)) logger.info('serving metrics', { address });
    logger.info('now serving peer/client/metrics', {
      'local-member-id': member.id.toString(16),
      'initial-advertise-peer-urls': options.initialAdvertisePeerUrls,
      'listen-peer-urls': textsOf(options.listenPeerUrls),
      'advertise-client-urls': options.advertiseClientUrls,
      'listen-client-urls': textsOf(options.listenClientUrls),
      'listen-metrics-urls': textsOf(options.listenMetricsUrls),
    });
  } catch (cause) {
    await member.stop();
    // The warnings that say so have been logged.
    if (member.isRemoved && fatal === undefined)
      throw new FatalStartError('listener failed', { error: 'server is stopping' });
    throw fatal ?? cause;
  }
  // A leader that stops for longer would be voted out.
  const idle =
    host.memory && new IdleMemory(host.memory, { clock: osClock, longestPauseMs: options.electionTimeoutMs / 5 });
  return {
    member,
    clientAddresses: ports.addresses('client'),
    ended,
    close: async () => {
      idle?.stop();
      logger.info('closing etcd server', closingFields(options));
      await member.leaderTransfer.handOver();
      const kinds = ['client', 'http', 'metrics'] as const;
      await ports.close({ graceMs: requestTimeoutMs(options), busy: () => counts.runningUnary > 0, kinds });
      // Others are to read the end of their streams, which a connection that is broken off does not bring.
      await peers.transport.close();
      await ports.closePeers();
      await member.stop();
      logger.info('closed etcd server', closingFields(options));
      await tracing?.close();
      stopped(undefined);
    },
  };
}
