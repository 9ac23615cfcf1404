/** A member's metrics: its own figures, those of its faces and of the process, and who reports what takes time. */
import type { HealthCounters } from '../api/http/health.js';
import type { RpcCounts } from '../api/v3/register.js';
import { descriptorLimit, openDescriptors } from '../lib/os/descriptors.js';
import { addressSpaceLimitBytes, networkBytes } from '../lib/os/process-figures.js';
import { watchRuntime } from '../lib/os/runtime.js';
import type { Member } from '../member/member.js';
import { CallMetrics } from '../member/metrics/call-metrics.js';
import { addClusterMetrics } from '../member/metrics/cluster-metrics.js';
import { addFeatures, type FeatureState } from '../member/metrics/feature-metrics.js';
import { MemberMetrics } from '../member/metrics/metrics.js';
import { addHandlingHistogram } from '../member/metrics/rpc-metrics.js';

export function memberMetrics(
  member: Member,
  counts: RpcCounts,
  health: HealthCounters,
  { isExtensive, gates }: { readonly isExtensive: boolean; readonly gates: readonly FeatureState[] },
): MemberMetrics {
  const identity = {
    serverVersion: member.serverVersion,
    memberIdHex: member.id.toString(16),
  };
  const figures = () => ({
    ...member.figures(),
    healthSuccess: health.success,
    healthFailures: health.failures,
    healthChecks: health.checks.values(),
    clientReceivedBytes: counts.receivedBytes,
    clientSentBytes: counts.sentBytes,
    openDescriptors: openDescriptors(),
    descriptorLimit: descriptorLimit(),
    ...networkFigures(),
    addressSpaceLimitBytes: addressSpaceLimitBytes(),
  });
  const metrics = new MemberMetrics(identity, watchRuntime(), figures, () => counts.all(), member.clock);
  addClusterMetrics(metrics.registry, () => member.figures());
  member.onApplied = (kind, ok, tookMs, ttl) => {
    metrics.applied(kind, ok, tookMs, 'v3');
    if (ttl !== undefined) metrics.leaseGranted(ttl);
  };
  member.onV2Applied = (method, ok, tookMs) => metrics.applied(method, ok, tookMs, 'v2');
  member.storeWork.observer = {
    onPause: (what, tookMs) => metrics.took(what === 'index' ? 'indexCompactionPause' : 'compactionPause', tookMs),
    onDone: (tookMs) => metrics.took('compactionTotal', tookMs),
  };
  member.onDatabaseSave = ({ fsyncMs, totalMs }) => {
    metrics.took('databaseFsync', fsyncMs);
    metrics.took('databaseSave', totalMs);
  };
  member.maintenance.onDone = (what, tookMs) => metrics.took(what, tookMs);
  const calls = new CallMetrics(metrics.registry);
  counts.onServed = (path, request, tookMs, code) => calls.served(path, request, tookMs, code);
  member.proposals.onEnded = calls.proposed;
  member.reads.onRange = (ok, tookMs) => calls.ranged(ok, tookMs);
  member.watchTimes = calls;
  addFeatures(metrics.registry, gates);
  counts.onRequest = (type, version) => metrics.clientRequest(type, version);
  if (isExtensive) counts.addHandledListener(addHandlingHistogram(metrics.registry, () => counts.all()));
  return metrics;
}

function networkFigures(): { networkReceivedBytes: number; networkSentBytes: number } {
  const { received, sent } = networkBytes();
  return { networkReceivedBytes: received, networkSentBytes: sent };
}
