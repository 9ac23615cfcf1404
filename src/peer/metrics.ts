/**
 * What a transport counts, under etcd's names, help texts and buckets; labelled series begin with their first value, as
 * etcd's do.
 */
import { Counter, Gauge, Histogram, type Metric, type Registry } from 'prom-client';
import { doubling } from '../lib/metrics.js';

/** 0.1 ms … 3.2768 s. */
const rttBuckets = doubling(0.0001, 16);
/** 0.1 s … 51.2 s. */
const snapshotBuckets = doubling(0.1, 10);

export class PeerMetrics {
  readonly #all: Metric<string>[] = [];

  readonly activePeers = this.#gauge('active_peers', 'The current number of active peer connections.', [
    'Local',
    'Remote',
  ]);
  readonly disconnectedPeers = this.#counter('disconnected_peers_total', 'The total number of disconnected peers.', [
    'Local',
    'Remote',
  ]);
  readonly knownPeers = this.#gauge('known_peers', 'The current number of known peers.', ['Local', 'Remote']);
  readonly sentBytes = this.#counter('peer_sent_bytes_total', 'The total number of bytes sent to peers.', ['To']);
  readonly receivedBytes = this.#counter(
    'peer_received_bytes_total',
    'The total number of bytes received from peers.',
    ['From'],
  );
  readonly sentFailures = this.#counter('peer_sent_failures_total', 'The total number of send failures from peers.', [
    'To',
  ]);
  readonly receivedFailures = this.#counter(
    'peer_received_failures_total',
    'The total number of receive failures from peers.',
    ['From'],
  );
  readonly roundTrip = this.#histogram(
    'peer_round_trip_time_seconds',
    'Round-Trip-Time histogram between peers',
    ['To'],
    rttBuckets,
  );
  readonly snapshotSent = this.#counter('snapshot_send_success', 'Total number of successful snapshot sends', ['To']);
  readonly snapshotSending = this.#gauge('snapshot_send_inflights_total', 'Total number of inflight snapshot sends', [
    'To',
  ]);
  readonly snapshotSendFailures = this.#counter('snapshot_send_failures', 'Total number of snapshot send failures', [
    'To',
  ]);
  readonly snapshotSendSeconds = this.#histogram(
    'snapshot_send_total_duration_seconds',
    'Total latency distributions of v3 snapshot sends',
    ['To'],
    snapshotBuckets,
  );
  readonly snapshotReceived = this.#counter(
    'snapshot_receive_success',
    'Total number of successful snapshot receives',
    ['From'],
  );
  readonly snapshotReceiving = this.#gauge(
    'snapshot_receive_inflights_total',
    'Total number of inflight snapshot receives',
    ['From'],
  );
  readonly snapshotReceiveFailures = this.#counter(
    'snapshot_receive_failures',
    'Total number of snapshot receive failures',
    ['From'],
  );
  readonly snapshotReceiveSeconds = this.#histogram(
    'snapshot_receive_total_duration_seconds',
    'Total latency distributions of v3 snapshot receives',
    ['From'],
    snapshotBuckets,
  );

  /** Shows them on a member's page. */
  registerIn(registry: Registry): void {
    for (const metric of this.#all) registry.registerMetric(metric);
  }

  #counter(name: string, help: string, labelNames: string[]): Counter<string> {
    return this.#keep(new Counter({ name: `etcd_network_${name}`, help, labelNames, registers: [] }));
  }

  #gauge(name: string, help: string, labelNames: string[]): Gauge<string> {
    return this.#keep(new Gauge({ name: `etcd_network_${name}`, help, labelNames, registers: [] }));
  }

  #histogram(name: string, help: string, labelNames: string[], buckets: number[]): Histogram<string> {
    return this.#keep(new Histogram({ name: `etcd_network_${name}`, help, labelNames, buckets, registers: [] }));
  }

  #keep<M extends Metric<string>>(metric: M): M {
    this.#all.push(metric);
    return metric;
  }
}
