/**
 * The member's metrics about the others: promotions of learners, heartbeats. Source: etcd's
 * server/etcdserver/metrics.go.
 */
import { Counter, type Registry } from 'prom-client';

export interface ClusterFigures {
  readonly promotions: number;
  /** By reason. */
  readonly promotionsFailed: ReadonlyMap<string, number>;
  readonly lateHeartbeats: number;
}

export function addClusterMetrics(registry: Registry, figures: () => ClusterFigures): void {
  const registers = [registry];
  new Counter({
    name: 'etcd_server_learner_promote_successes',
    help: 'The total number of successful learner promotions while this member is leader.',
    registers,
    collect() {
      this.reset();
      this.inc(figures().promotions);
    },
  });
  new Counter({
    name: 'etcd_server_learner_promote_failures',
    help: 'The total number of failed learner promotions (likely learner not ready) while this member is leader.',
    labelNames: ['Reason'],
    registers,
    collect() {
      this.reset();
      for (const [Reason, count] of figures().promotionsFailed) this.inc({ Reason }, count);
    },
  });
  new Counter({
    name: 'etcd_server_heartbeat_send_failures_total',
    help: 'The total number of leader heartbeat send failures (likely overloaded from slow disk).',
    registers,
    collect() {
      this.reset();
      this.inc(figures().lateHeartbeats);
    },
  });
}
