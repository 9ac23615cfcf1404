/** What each kind of a member's ports answers. */

import { besideV2, type HealthCounters, type HealthSource, healthHandler } from '../api/http/health.js';
import type { LoggedLevel } from '../api/http/log-level.js';
import { metricsHandler } from '../api/http/metrics.js';
import { peerMembersHandler } from '../api/http/peer.js';
import { peerDowngradeHandler } from '../api/http/peer-downgrade.js';
import { peerHashKvHandler } from '../api/http/peer-hash-kv.js';
import { peerLeasesHandler } from '../api/http/peer-leases.js';
import { peerPromoteHandler } from '../api/http/peer-promote.js';
import { createRouter } from '../api/http/router.js';
import type { HttpHandler } from '../api/http/types.js';
import { versionHandler } from '../api/http/version.js';
import { V2HttpMetrics } from '../api/v2/metrics.js';
import type { RpcCounts } from '../api/v3/register.js';
import type { MemberOptions } from '../config/member-options.js';
import type { Logger } from '../lib/logger.js';
import type { SpanAttributes } from '../lib/spans.js';
import type { Member } from '../member/member.js';
import type { MemberMetrics } from '../member/metrics/metrics.js';
import type { PeerTransport } from '../peer/transport.js';
import { clientApi } from './client-api.js';
import { debugHandlers } from './debug-face.js';
import type { PortFaces, PortKind } from './ports.js';
import type { Tracing } from './tracing.js';
import { v2Handlers } from './v2-face.js';

export interface Measured {
  readonly counts: RpcCounts;
  readonly health: HealthCounters;
  readonly metrics: MemberMetrics;
  /** What waits to be sent on all connections. */
  readonly backlog: { bytes: number };
  readonly tracing: Tracing | undefined;
}

/** Of the key that nobody has. */
const probeAttributes: SpanAttributes = {
  ...{ range_begin: '', range_end: '', rev: 0, limit: 1, count_only: false, keys_only: true },
};

export function facesOf(
  member: Member,
  options: MemberOptions,
  logger: Logger,
  measured: Measured,
  transport: PeerTransport,
  setLogLevel: ((level: LoggedLevel) => void) | undefined,
): Record<PortKind, PortFaces> {
  const { grpc, gateway } = clientApi(member, options, {
    logger,
    counts: measured.counts,
    backlog: measured.backlog,
    tracing: measured.tracing,
  });
  const version = versionHandler({
    serverVersion: member.serverVersion,
    clusterVersion: () => member.cluster.version,
    storageVersion: () => member.maintenance.storageVersion,
  });
  const { peerAnswers } = member;
  const peers = [
    peerMembersHandler(peerAnswers),
    peerPromoteHandler(peerAnswers, logger.with({ caller: 'api/http/peer-promote.ts' })),
    peerHashKvHandler(peerAnswers, logger.with({ caller: 'api/http/peer-hash-kv.ts' })),
    peerLeasesHandler(peerAnswers),
    peerDowngradeHandler(peerAnswers),
  ];
  const raft: HttpHandler = (request, url) => transport.handle(request, url);
  const source: HealthSource = {
    emulate: member.emulate,
    alarms: () => member.maintenance.namedAlarms(),
    hasLeader: () => member.leadership.hasLeader,
    isLearner: () => member.isLearner,
    servesV2: options.enableV2,
    probe: (options) => {
      const trace = measured.tracing?.alone('range', probeAttributes);
      return member.reads.probe(options).finally(() => trace?.leave());
    },
  };
  const health = healthHandler(source, logger.with({ caller: 'api/http/health.ts' }), measured.health);
  const metrics = metricsHandler({ emulate: member.emulate, metrics: () => measured.metrics.scraped() });
  const debug = debugHandlers(member, options, measured.counts, setLogLevel);
  const access = {
    cors: options.cors,
    hostWhitelist: options.hostWhitelist,
    logger: logger.with({ caller: 'api/http/router.ts' }),
  };
  const { emulate } = member;
  const http = createRouter({
    access,
    emulate,
    targetHandlers: [
      ...gateway,
      ...v2Handlers(member, options, { observer: new V2HttpMetrics(measured.metrics.registry), logger }),
    ],
    handlers: [version, besideV2(health, source), metrics, ...debug],
  });
  return {
    peer: { http: createRouter({ emulate, handlers: [raft, version, ...peers] }) },
    client: options.listenClientHttpUrls.length > 0 ? { grpc } : { grpc, http },
    http: { http },
    metrics: { http: createRouter({ emulate, handlers: [health, metrics] }) },
  };
}
