/**
 * What a member does beside requests, and for those who ask for more than the store: leases, v2, versions, maintenance,
 * comparisons, answers to other members.
 */
import { differenceOf } from '../lib/emulate.js';
import type { Bootstrapped } from './bootstrap/types.js';
import { ElectionTicks } from './peers/election-ticks.js';
import { PeerAnswers } from './peers/peer-answers.js';
import { Compactor } from './services/compactor.js';
import { Corruption } from './services/corruption.js';
import { Downgrade } from './services/downgrade.js';
import { LeaseExpiry } from './services/lease-expiry.js';
import { Leases } from './services/leases.js';
import { Maintenance } from './services/maintenance.js';
import { Publisher } from './services/publisher.js';
import { Versions } from './services/versions.js';
import { V2Service } from './v2/v2-service.js';
import type { Core } from './wiring-core.js';
import type { MemberConfig, MemberWorld } from './world/types.js';

/** So many heartbeats long nobody else can have come to lead, as etcd has it (isActive). */
const ACTIVE_TICKS = 3;

export function wireServices(config: MemberConfig, world: MemberWorld, parts: Bootstrapped, core: Core) {
  const { clock, failpoints } = world;
  const { alarms, backend, cluster, lessor, node, store } = parts;
  const { from, timeoutMs, propose, ids, header, leadership, connections, space, storeWork } = core;
  const { auth, authentication, entries, applied, reads, loop, proposals, leaderCalls, changes } = core;
  const electionTicks = new ElectionTicks({
    connections,
    logger: from('member/peers/election-ticks.ts'),
    isWanted: config.initialElectionTickAdvance,
    electionTicks: Math.floor(config.electionTimeoutMs / config.heartbeatIntervalMs),
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    advance: (ticks) => {
      for (let i = 0; i < ticks; i++) loop.tick();
    },
  });
  const leases = new Leases({
    lessor,
    clock,
    ids,
    leadership,
    isTicking: () => loop.hasTicked(ACTIVE_TICKS * config.heartbeatIntervalMs),
    reads,
    applied,
    leaderCalls,
    calls: world.transport.calls,
    propose,
    renewsAtOnce: config.fastLeaseKeepAlive && differenceOf('leaseRenewMayBeFast', config.emulate),
    failpoints,
  });
  const v2 = new V2Service({
    store: parts.v2,
    node,
    applied: () => entries.applied,
    proposals,
    ids,
    leadership,
    clock,
  });
  const expiry = new LeaseExpiry({
    lessor,
    leadership,
    reads,
    logger: from('member/services/lease-expiry.ts'),
    propose: (operation, options) => propose(operation, { ...options, identity: auth.access.rootIdentity() }),
    traceAlone: world.traceAlone,
  });
  const compactor = new Compactor(config.autoCompaction, {
    logger: from('member/services/compactor.ts'),
    clock,
    leadership,
    currentRevision: () => store.currentRevision,
    compact: async (revision) => {
      const trace = world.traceAlone?.('compact', { is_physical: false, rev: revision });
      await propose({ kind: 'compaction', request: { revision, physical: false } }, { trace }).finally(() =>
        trace?.leave(),
      );
    },
  });
  const publisher = new Publisher({
    config,
    cluster,
    logger: from('member/services/publisher.ts'),
    ids,
    leadership,
    proposals,
  });
  const logger = from('member/services/downgrade.ts');
  const downgrade = new Downgrade({ config, cluster, reads, propose, logger });
  const versions = new Versions({
    config,
    cluster,
    leadership,
    calls: world.transport.calls,
    proposals,
    ids,
    clock,
    logger: from('member/services/versions.ts'),
    endDowngrade: () => downgrade.cancel(),
  });
  const maintenance = new Maintenance({
    clock,
    emulate: config.emulate,
    node,
    backend,
    store,
    storeWork,
    cluster,
    alarms,
    space,
    leadership,
    logger: from('member/services/maintenance.ts'),
    applied: () => entries.applied,
    header,
  });
  const corruption = new Corruption({
    config,
    cluster,
    leadership,
    maintenance,
    store,
    reads,
    calls: world.transport.calls,
    propose,
    clock,
    logger: from('member/services/corruption.ts'),
    timeoutMs,
  });
  const peerAnswers = new PeerAnswers({
    initialMembers: parts.initialMembers,
    emulate: config.emulate,
    cluster,
    changes,
    leases,
    maintenance,
    reads,
    applied,
    auth,
    authentication,
  });
  return {
    electionTicks,
    leases,
    v2,
    expiry,
    compactor,
    publisher,
    downgrade,
    versions,
    maintenance,
    corruption,
    peerAnswers,
  };
}
