/** What a process says of itself, under the names that dashboards of Go's and Node's processes look for. */
import { collectDefaultMetrics, type Registry } from 'prom-client';
import type { Scalars } from '../../lib/metrics.js';
import type { Runtime } from '../../lib/runtime.js';
import { addGoMetrics } from './go-metrics.js';

/** Of the event loop's lag only what is measured at a scrape: these come from a timer that wakes an idle process. */
const sampledLag = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'];
/** The longest period of a timer, 24 days. */
const NEVER_MS = 0x7fff_ffff;

/**
 * Node's sampling of the lag every 10 ms, which is on otherwise, takes 1.5 % of a core from a process that has nothing
 * to do.
 */
export function collectProcessMetrics(register: Registry, runtime: Runtime): void {
  addGoMetrics(register, runtime);
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: NEVER_MS });
  for (const kind of sampledLag) register.removeSingleMetric(`nodejs_eventloop_lag_${kind}_seconds`);
}

/** What is read at each scrape. */
export interface ProcessFigures {
  readonly openDescriptors: number;
  readonly descriptorLimit: number;
  readonly clientReceivedBytes: number;
  readonly clientSentBytes: number;
  readonly networkReceivedBytes: number;
  readonly networkSentBytes: number;
  readonly addressSpaceLimitBytes: number;
}

export const PROCESS_SCALARS: Scalars<ProcessFigures> = {
  process_network_receive_bytes_total: [
    'counter',
    'Number of bytes received by the process over the network.',
    (f) => f.networkReceivedBytes,
  ],
  process_network_transmit_bytes_total: [
    'counter',
    'Number of bytes sent by the process over the network.',
    (f) => f.networkSentBytes,
  ],
  process_virtual_memory_max_bytes: [
    'gauge',
    'Maximum amount of virtual memory available in bytes.',
    (f) => f.addressSpaceLimitBytes,
  ],
  os_fd_limit: ['gauge', 'The file descriptor limit.', (f) => f.descriptorLimit],
  os_fd_used: ['gauge', 'The number of used file descriptors.', (f) => f.openDescriptors],
  etcd_network_client_grpc_received_bytes_total: [
    'counter',
    'The total number of bytes received from grpc clients.',
    (f) => f.clientReceivedBytes,
  ],
  etcd_network_client_grpc_sent_bytes_total: [
    'counter',
    'The total number of bytes sent to grpc clients.',
    (f) => f.clientSentBytes,
  ],
};
