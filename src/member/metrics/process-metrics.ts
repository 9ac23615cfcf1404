/** What a process says of itself, under the names that dashboards of Go's and Node's processes look for. */
import { collectDefaultMetrics, type Registry } from 'prom-client';

/** Of the event loop's lag only what is measured at a scrape: these come from a timer that wakes an idle process. */
const sampledLag = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'];
/** The longest period of a timer, 24 days. */
const NEVER_MS = 0x7fff_ffff;

/**
 * Node's sampling of the lag every 10 ms, which is on otherwise, takes 1.5 % of a core from a process that has nothing
 * to do.
 */
export function collectProcessMetrics(register: Registry): void {
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: NEVER_MS });
  for (const kind of sampledLag) register.removeSingleMetric(`nodejs_eventloop_lag_${kind}_seconds`);
}
