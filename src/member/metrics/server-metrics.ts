/** What the member itself counts. Source: etcd's server/etcdserver/metrics.go and api/etcdhttp/health.go. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Scalars } from '../../lib/metrics.js';
import type { AlarmState } from '../apply/alarms.js';

/** A check of `/livez` or `/readyz`. */
export interface HealthCheckCount {
  readonly type: 'livez' | 'readyz';
  readonly name: string;
  /** How it ended last. */
  readonly isOk: boolean;
  readonly success: number;
  readonly error: number;
}

/** What is read at each scrape. */
export interface ServerFigures {
  /** Those that were ever asked for. */
  readonly healthChecks: Iterable<HealthCheckCount>;
  readonly alarms: readonly AlarmState[];
  readonly hasLeader: boolean;
  readonly isLeader: boolean;
  readonly isLearner: boolean;
  readonly leaderChanges: number;
  readonly committedIndex: number;
  readonly appliedIndex: number;
  readonly proposalsPending: number;
  readonly proposalsFailed: number;
  readonly readIndexesSlow: number;
  readonly readIndexesFailed: number;
  readonly slowApplies: number;
  readonly quotaBytes: number;
  readonly healthSuccess: number;
  readonly healthFailures: number;
  readonly snapshotsInstalling: number;
}

export const SERVER_SCALARS: Scalars<ServerFigures> = {
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
  etcd_server_snapshot_apply_in_progress_total: [
    'gauge',
    '1 if the server is applying the incoming snapshot. 0 if none.',
    (f) => f.snapshotsInstalling,
  ],
};

/** The proxy is another command, which keeps and merges nothing; etcd shows its metrics in members too. */
export const PROXY_SCALARS: Scalars<unknown> = {
  etcd_grpc_proxy_cache_hits_total: ['gauge', 'Total number of cache hits', () => 0],
  etcd_grpc_proxy_cache_keys_total: ['gauge', 'Total number of keys/ranges cached', () => 0],
  etcd_grpc_proxy_cache_misses_total: ['gauge', 'Total number of cache misses', () => 0],
  etcd_grpc_proxy_events_coalescing_total: ['counter', 'Total number of events coalescing', () => 0],
  etcd_grpc_proxy_watchers_coalescing_total: ['gauge', 'Total number of current watchers coalescing', () => 0],
};

export function addHealthMetrics(registry: Registry, figures: () => Pick<ServerFigures, 'healthChecks'>): void {
  const registers = [registry];
  new Gauge({
    name: 'etcd_server_healthcheck',
    help: 'The result of each kind of healthcheck.',
    labelNames: ['name', 'type'],
    registers,
    collect() {
      for (const { name, type, isOk } of figures().healthChecks) this.set({ name, type }, isOk ? 1 : 0);
    },
  });
  new Counter({
    name: 'etcd_server_healthchecks_total',
    help: 'The total number of each kind of healthcheck.',
    labelNames: ['name', 'status', 'type'],
    registers,
    collect() {
      this.reset();
      for (const { name, type, success, error } of figures().healthChecks) {
        if (success > 0) this.inc({ name, status: 'success', type }, success);
        if (error > 0) this.inc({ name, status: 'error', type }, error);
      }
    },
  });
}

/** `etcd-diff:` etcd's adds one for each time that an alarm is raised again, and is 0 after a restart. */
export function addAlarmMetrics(registry: Registry, figures: () => Pick<ServerFigures, 'alarms'>): void {
  new Gauge({
    name: 'etcd_debugging_server_alarms',
    help:
      "Alarms for every member in cluster. 1 for 'server_id' label with current ID. 2 for 'alarm_type' label with " +
      'type of this alarm',
    labelNames: ['alarm_type', 'server_id'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { memberHex, type, isRaised } of figures().alarms)
        this.set({ alarm_type: type, server_id: memberHex }, isRaised ? 1 : 0);
    },
  });
}
