/**
 * `/health`, `/livez`, `/readyz` and their single checks. Orders, texts and statuses: facts of etcd's
 * api/etcdhttp/health.go; `health` is the string "true", not a boolean, and scripts compare it.
 */

import { differenceOf, type EmulatedVersion } from '../../lib/emulate.js';
import type { HttpResponse } from '../../lib/http.js';
import type { Logger } from '../../lib/logger.js';
import type { HealthCheckCount } from '../../member/metrics/server-metrics.js';
import { type HttpHandler, onlyGet, textError } from './types.js';

const V2_PROBE_TIMEOUT_MS = 1000;

/** What the checks need of a member. */
export interface HealthSource {
  readonly emulate: EmulatedVersion;
  /** Raised by anyone: by name, `NOSPACE` or `CORRUPT`. */
  alarms(): readonly { readonly name: string; readonly memberId: bigint }[];
  hasLeader(): boolean;
  isLearner(): boolean;
  /** `--enable-v2`: `/health` reads through the v2 API then, always by a quorum. */
  readonly servesV2: boolean;
  /** A read of one absent key, within the time of a request unless told. Rejects with the error whose text is shown. */
  probe(options: { serializable: boolean; timeoutMs?: number | undefined }): Promise<void>;
}

/** Of `/health`, and of each check of the others. */
export class HealthCounters {
  success = 0;
  failures = 0;
  readonly checks = new Map<string, HealthCheckCount>();

  checked(type: HealthCheckCount['type'], name: string, isOk: boolean): void {
    const key = `${type}/${name}`;
    const { success, error } = this.checks.get(key) ?? { success: 0, error: 0 };
    this.checks.set(key, { type, name, isOk, success: success + (isOk ? 1 : 0), error: error + (isOk ? 0 : 1) });
  }
}

export function healthHandler(source: HealthSource, logger: Logger, counters: HealthCounters): HttpHandler {
  return async (request, url) => {
    if (url.pathname === '/health') return onlyGet(request) ?? health(source, logger, counters, url);
    const match = /^\/(livez|readyz)(?:\/([a-z_]+))?$/.exec(url.pathname);
    if (match === null) return undefined;
    const type = match[1] === 'livez' ? 'livez' : 'readyz';
    const checks = type === 'livez' ? liveChecks(source) : readyChecks(source);
    const only = match[2];
    if (only !== undefined && !checks.has(only)) return undefined;
    return (
      onlyGet(request) ??
      runChecks(logger, url, only === undefined ? checks : pick(checks, only), (name, isOk) =>
        counters.checked(type, name, isOk),
      )
    );
  };
}

/** The same where clients of v2 are served too: its handler knows `/health` alone before etcd 3.6. */
export function besideV2(handler: HttpHandler, { servesV2, emulate }: HealthSource): HttpHandler {
  if (!servesV2 || differenceOf('probesBesideV2', emulate)) return handler;
  return (request, url) => (url.pathname === '/health' ? handler(request, url) : undefined);
}

async function health(source: HealthSource, logger: Logger, counters: HealthCounters, url: URL): Promise<HttpResponse> {
  const serializable = url.searchParams.get('serializable') === 'true';
  const reason = await unhealthyReason(source, logger, new Set(url.searchParams.getAll('exclude')), serializable);
  if (reason === undefined) {
    counters.success++;
    logger.debug('/health OK', { 'status-code': 200 });
    return {
      status: 200,
      headers: { 'Content-Type': 'text/plain; charset=utf-8' },
      body: healthText(source, 'true', ''),
    };
  }
  counters.failures++;
  const output = healthText(source, 'false', reason);
  logger.warn('/health error', { output, 'status-code': 503 });
  return textError(503, output);
}

function healthText({ emulate }: HealthSource, health: 'true' | 'false', reason: string): string {
  return JSON.stringify(differenceOf('healthTellsReason', emulate) ? { health, reason } : { health });
}

async function unhealthyReason(
  source: HealthSource,
  logger: Logger,
  excluded: ReadonlySet<string>,
  serializable: boolean,
): Promise<string | undefined> {
  const alarm = source.alarms().find(({ name }) => !excluded.has(name));
  if (alarm !== undefined) {
    // The text of the whole message, with the space that Go's printer leaves behind it.
    logger.warn('serving /health false due to an alarm', {
      alarm: `memberID:${alarm.memberId} alarm:${alarm.name} `,
    });
    return `ALARM ${alarm.name}`;
  }
  if (!serializable && !source.hasLeader()) {
    logger.warn('serving /health false; no leader');
    return 'RAFT NO LEADER';
  }
  const call = source.servesV2 ? 'QGET' : 'RANGE';
  try {
    await source.probe(source.servesV2 ? { serializable: false, timeoutMs: V2_PROBE_TIMEOUT_MS } : { serializable });
    return undefined;
  } catch (cause) {
    const error = (cause as Error).message;
    logger.warn(`serving /health false; ${source.servesV2 ? 'QGET' : 'Range'} fails`, { error });
    return `${call} ERROR:${error}`;
  }
}

type Check = () => Promise<void>;

function liveChecks(source: HealthSource): Map<string, Check> {
  return new Map([['serializable_read', () => source.probe({ serializable: true })]]);
}

function readyChecks(source: HealthSource): Map<string, Check> {
  return new Map<string, Check>([
    [
      'data_corruption',
      async () => {
        if (source.alarms().some(({ name }) => name === 'CORRUPT')) throw new Error('alarm activated: CORRUPT');
      },
    ],
    ['serializable_read', () => source.probe({ serializable: true })],
    ['linearizable_read', () => source.probe({ serializable: false })],
    [
      'non_learner',
      async () => {
        if (source.isLearner()) throw new Error('not supported for learner');
      },
    ],
  ]);
}

function pick(checks: ReadonlyMap<string, Check>, name: string): Map<string, Check> {
  return new Map([...checks].filter(([check]) => check === name));
}

async function runChecks(
  logger: Logger,
  url: URL,
  checks: ReadonlyMap<string, Check>,
  checked: (name: string, isOk: boolean) => void,
): Promise<HttpResponse> {
  const excluded = url.searchParams.getAll('exclude');
  const unknown = excluded.filter((name) => !checks.has(name));
  if (unknown.length > 0) logger.warn('some health checks cannot be excluded', { path: url.pathname, checks: unknown });
  const lines: string[] = [];
  let failed = false;
  for (const [name, check] of checks) {
    if (excluded.includes(name)) continue;
    try {
      await check();
      checked(name, true);
      lines.push(`[+]${name} ok\n`);
    } catch (cause) {
      failed = true;
      checked(name, false);
      lines.push(`[-]${name} failed: ${(cause as Error).message}\n`);
    }
  }
  if (failed) {
    logger.error('Health check error', { path: url.pathname, reason: lines.join(''), 'status-code': 503 });
    return textError(503, lines.join(''));
  }
  logger.debug('Health check OK', { path: url.pathname, 'status-code': 200 });
  return {
    status: 200,
    headers: { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    body: `${url.searchParams.has('verbose') ? lines.join('') : ''}ok\n`,
  };
}
