/**
 * The member's metrics, put together from the rows of its parts' `metrics.ts`. Parts keep plain numbers; they are read
 * when somebody scrapes, so that counting on the hot path costs an increment. One registry a member: two members in one
 * process never meet in a global.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { AUTH_SCALARS, type AuthFigures } from '../../auth/metrics.js';
import { BACKEND_DURATIONS, BACKEND_SCALARS, type BackendFigures } from '../../backend/metrics.js';
import { LEASE_SCALARS, LEASE_TTL, type LeaseFigures } from '../../lease/metrics.js';
import type { Clock } from '../../lib/clock.js';
import { doubling, type Scalars } from '../../lib/metrics.js';
import type { Runtime } from '../../lib/runtime.js';
import { SharedWork } from '../../lib/shared-work.js';
import { MVCC_DURATIONS, MVCC_SCALARS, type MvccFigures } from '../../mvcc/metrics.js';
import { V2_ACTIONS, V2_SCALARS, type V2Figures } from '../../v2/metrics.js';
import { WAL_DURATIONS } from '../../wal/metrics.js';
import { operationName } from '../apply/operation.js';
import { asGoShows } from './exposition.js';
import { collectProcessMetrics, PROCESS_SCALARS, type ProcessFigures } from './process-metrics.js';
import { addRpcMetrics, type RpcFigures } from './rpc-metrics.js';
import { addScalars } from './scalars.js';
import {
  addAlarmMetrics,
  addHealthMetrics,
  PROXY_SCALARS,
  SERVER_SCALARS,
  type ServerFigures,
} from './server-metrics.js';
import { type Series, TalliedHistogram } from './tallied-histogram.js';

/** What is read at each scrape. */
export interface MemberFigures
  extends MvccFigures,
    BackendFigures,
    LeaseFigures,
    AuthFigures,
    V2Figures,
    ServerFigures,
    ProcessFigures {
  readonly clusterVersion: string | undefined;
}

/** Those of all parts. */
const SCALARS: Scalars<MemberFigures> = {
  ...SERVER_SCALARS,
  ...MVCC_SCALARS,
  ...BACKEND_SCALARS,
  ...LEASE_SCALARS,
  ...AUTH_SCALARS,
  ...V2_SCALARS,
  ...PROCESS_SCALARS,
  ...PROXY_SCALARS,
};
const DURATIONS = { ...WAL_DURATIONS, ...BACKEND_DURATIONS, ...MVCC_DURATIONS };

/** What is timed, by the words of the parts' rows. */
export type Timing = keyof typeof DURATIONS;

export interface MetricsIdentity {
  readonly serverVersion: string;
  readonly memberIdHex: string;
}

/** Versions of clients that are counted apart; the rest is one. */
const MAX_CLIENT_VERSIONS = 100;
const UNKNOWN = 'unknown';
/** Operations that etcd applies without a name. */
const NAMELESS = new Set(['authStatus']);

const seriesByVersion = () => ({ v2: new Map<string, Series>(), v3: new Map<string, Series>() });

export class MemberMetrics {
  readonly registry = new Registry();
  readonly #durations: ReadonlyMap<string, { readonly series: Series; readonly unitsPerMs: number }>;
  #walBytes = 0;
  readonly #applied: TalliedHistogram;
  /** By version of the API and operation. */
  readonly #appliedOk = seriesByVersion();
  readonly #appliedRefused = seriesByVersion();
  readonly #leaseTtl: Histogram;
  /** By version of the client. */
  readonly #clientRequests = new Map<string, { unary: number; stream: number }>();
  readonly #scrapes: Counter;
  readonly #scrapesRunning: Gauge;
  /** Some ten milliseconds of work. */
  readonly #text: SharedWork<string>;

  constructor(
    identity: MetricsIdentity,
    runtime: Runtime,
    figures: () => MemberFigures,
    rpcs: () => Iterable<RpcFigures>,
    clock: Clock,
  ) {
    this.#text = new SharedWork(clock, async () => asGoShows(await this.registry.metrics()));
    const registers = [this.registry];
    this.#applied = new TalliedHistogram({
      name: 'etcd_server_apply_duration_seconds',
      help: 'The latency distributions of v2 apply called by backend.',
      labelNames: ['op', 'success', 'version'],
      buckets: doubling(0.0001, 20),
      registers,
    });
    this.#leaseTtl = new Histogram({ ...LEASE_TTL, registers });
    const clientRequests = this.#clientRequests;
    new Counter({
      name: 'etcd_server_client_requests_total',
      help: 'The total number of client requests per client version.',
      labelNames: ['client_api_version', 'type'],
      registers,
      collect() {
        this.reset();
        for (const [version, counts] of clientRequests) {
          for (const type of ['stream', 'unary'] as const) {
            if (counts[type] > 0) this.inc({ client_api_version: version, type }, counts[type]);
          }
        }
      },
    });
    this.#scrapes = new Counter({
      name: 'promhttp_metric_handler_requests_total',
      help: 'Total number of scrapes by HTTP status code.',
      labelNames: ['code'],
      registers,
    });
    for (const code of ['200', '500', '503']) this.#scrapes.inc({ code }, 0);
    this.#scrapesRunning = new Gauge({
      name: 'promhttp_metric_handler_requests_in_flight',
      help: 'Current number of scrapes being served.',
      registers,
    });
    addScalars(this.registry, SCALARS, figures);
    const walBytes = (): number => this.#walBytes;
    new Gauge({
      name: 'etcd_disk_wal_write_bytes_total',
      help: 'Total number of bytes written in WAL.',
      registers,
      collect() {
        this.set(walBytes());
      },
    });
    this.#identity(identity, runtime, figures);
    this.#durations = new Map(
      Object.entries(DURATIONS).map(([what, { name, help, buckets, unitsPerMs }]) => [
        what,
        {
          series: new TalliedHistogram({ name, help, buckets: [...buckets], registers }).series({}),
          unitsPerMs,
        },
      ]),
    );
    for (const [name, { help, read }] of Object.entries(V2_ACTIONS)) {
      new Counter({
        name,
        help,
        labelNames: ['action'],
        registers,
        collect() {
          this.reset();
          for (const [action, count] of read(figures())) this.inc({ action }, count);
        },
      });
    }
    addRpcMetrics(this.registry, rpcs);
    addHealthMetrics(this.registry, figures);
    addAlarmMetrics(this.registry, figures);
    collectProcessMetrics(this.registry, runtime);
  }

  /** The text that is scraped. */
  async scraped(): Promise<string> {
    this.#scrapesRunning.inc();
    try {
      return await this.#text.run();
    } finally {
      this.#scrapesRunning.dec();
      this.#scrapes.inc({ code: '200' });
    }
  }

  /** `kind` as operations are named here: `leaseGrant` is etcd's `LeaseGrant`; of v2 they are the words of HTTP. */
  applied(kind: string, ok: boolean, tookMs: number, version: 'v2' | 'v3'): void {
    const known = (ok ? this.#appliedOk : this.#appliedRefused)[version];
    let series = known.get(kind);
    if (series === undefined) {
      const op = NAMELESS.has(kind) ? UNKNOWN : operationName(kind);
      series = this.#applied.series({ op, success: String(ok), version });
      known.set(kind, series);
    }
    series.observe(tookMs / 1000);
  }

  took(what: Timing, tookMs: number): void {
    const known = this.#durations.get(what);
    known?.series.observe(tookMs * known.unitsPerMs);
  }

  leaseGranted(ttlSeconds: number): void {
    this.#leaseTtl.observe(ttlSeconds);
  }

  clientRequest(type: 'unary' | 'stream', version: string | undefined): void {
    let counts = this.#clientRequests.get(version ?? UNKNOWN);
    if (counts === undefined) {
      const name = version === undefined || this.#clientRequests.size >= MAX_CLIENT_VERSIONS ? UNKNOWN : version;
      counts = this.#clientRequests.get(name) ?? { unary: 0, stream: 0 };
      this.#clientRequests.set(name, counts);
    }
    counts[type]++;
  }

  walWritten(bytes: number): void {
    this.#walBytes += bytes;
  }

  #identity(identity: MetricsIdentity, runtime: Runtime, figures: () => MemberFigures): void {
    const registers = [this.registry];
    const info = (name: string, help: string, label: string, value: string): void => {
      new Gauge({ name, help, labelNames: [label], registers }).set({ [label]: value }, 1);
    };
    info(
      'etcd_server_version',
      "Which version is running. 1 for 'server_version' label with current version.",
      'server_version',
      identity.serverVersion,
    );
    info(
      'etcd_server_id',
      "Server or member ID in hexadecimal format. 1 for 'server_id' label with current ID.",
      'server_id',
      identity.memberIdHex,
    );
    const { version } = runtime.figures();
    info(
      'etcd_server_go_version',
      "Which Go version server is running with. 1 for 'server_go_version' label with current version.",
      'server_go_version',
      version,
    );
    new Gauge({
      name: 'etcd_cluster_version',
      help: "Which version is running. 1 for 'cluster_version' label with current cluster version",
      labelNames: ['cluster_version'],
      registers,
      collect() {
        this.reset();
        const version = figures().clusterVersion;
        if (version !== undefined) this.set({ cluster_version: version.split('.').slice(0, 2).join('.') }, 1);
      },
    });
  }
}
