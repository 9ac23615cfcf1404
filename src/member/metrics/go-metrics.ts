/**
 * What dashboards for etcd ask of Go's runtime, where Node has something that means the same; docs/operations.md says
 * what. Names for which it has nothing (objects, allocations, stacks) are left out: a zero would be a lie.
 */
import { Gauge, type MetricObjectWithValues, type MetricValueWithName, type Registry, Summary } from 'prom-client';
import type { Scalars } from '../../lib/metrics.js';
import type { GarbageFigures, Runtime, RuntimeFigures } from '../../lib/runtime.js';
import { addScalars } from './scalars.js';

const inUse = (f: RuntimeFigures): number => f.heapUsedBytes + f.externalBytes;
const MEMORY_HELP = 'heap of the engine and buffers outside of it';

const GO_SCALARS: Scalars<RuntimeFigures> = {
  go_goroutines: ['gauge', 'Number of sockets, timers and files that the event loop waits for.', (f) => f.waiting],
  go_threads: ['gauge', 'Number of OS threads of the process.', (f) => f.threads],
  go_gc_gomemlimit_bytes: ['gauge', 'Size that the heap may grow to.', (f) => f.heapLimitBytes],
  go_memstats_alloc_bytes: ['gauge', `Number of bytes in use: ${MEMORY_HELP}.`, inUse],
  go_memstats_heap_alloc_bytes: ['gauge', `Number of bytes in use: ${MEMORY_HELP}.`, inUse],
  go_memstats_heap_inuse_bytes: ['gauge', `Number of bytes in use: ${MEMORY_HELP}.`, inUse],
  go_memstats_heap_idle_bytes: [
    'gauge',
    'Number of bytes of the heap that wait to be used.',
    (f) => f.heapSizeBytes - f.heapUsedBytes,
  ],
  go_memstats_heap_released_bytes: [
    'gauge',
    'Number of bytes of the heap that have no memory behind them.',
    (f) => f.heapSizeBytes - f.heapPhysicalBytes,
  ],
  go_memstats_heap_sys_bytes: [
    'gauge',
    `Number of bytes obtained from the system: ${MEMORY_HELP}.`,
    (f) => f.heapSizeBytes + f.externalBytes,
  ],
  go_memstats_other_sys_bytes: ['gauge', 'Number of bytes that the engine uses itself.', (f) => f.engineBytes],
  go_memstats_sys_bytes: [
    'gauge',
    `Number of bytes obtained from the system: ${MEMORY_HELP}, and what the engine uses itself.`,
    (f) => f.heapSizeBytes + f.externalBytes + f.engineBytes,
  ],
};

export function addGoMetrics(registry: Registry, runtime: Runtime): void {
  const registers = [registry];
  const garbage = (): GarbageFigures => runtime.garbage();
  addScalars(registry, GO_SCALARS, () => runtime.figures());
  const info = { name: 'go_info', help: 'Information about the runtime.', labelNames: ['version'], registers };
  new Gauge(info).set({ version: runtime.figures().version }, 1);
  new Gauge({
    name: 'go_memstats_last_gc_time_seconds',
    help: 'Number of seconds since 1970 of last garbage collection.',
    registers,
    collect() {
      this.set(garbage().lastSeconds);
    },
  });
  registry.registerMetric(new Pauses(garbage));
}

type Shown = MetricObjectWithValues<MetricValueWithName<string>>;

/** The quantiles that Go's runtime tells. */
const QUANTILES = [0, 0.25, 0.5, 0.75, 1];

/** Quantiles over the last pauses; prom-client's own are over all that were ever observed. */
class Pauses extends Summary {
  static readonly config = {
    name: 'go_gc_duration_seconds',
    help: 'A summary of the pause duration of garbage collection cycles.',
    registers: [],
  };

  constructor(readonly garbage: () => GarbageFigures) {
    super(Pauses.config);
  }

  override async get(): Promise<Shown> {
    const { name, help } = Pauses.config;
    const { count, sumSeconds, pausesSeconds } = this.garbage();
    const sorted = [...pausesSeconds].sort((a, b) => a - b);
    const at = (quantile: number): number => sorted[Math.floor(quantile * (sorted.length - 1))] ?? 0;
    const values = [
      ...QUANTILES.map((quantile) => ({ metricName: name, labels: { quantile }, value: at(quantile) })),
      { metricName: `${name}_sum`, labels: {}, value: sumSeconds },
      { metricName: `${name}_count`, labels: {}, value: count },
    ];
    // The package's declarations know neither this word nor that `collect` may be absent.
    return { name, help, type: 'summary', aggregator: 'sum', values } as unknown as Shown;
  }
}
