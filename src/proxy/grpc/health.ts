/**
 * `/health` of a proxy: whether the cluster answers a read. `/proxy/health`: whether it does so through the proxy, and
 * whether a watch can be made there. Bodies and texts: etcd's proxy/grpcproxy/health.go.
 */

import type { HttpHandler } from '../../api/http/types.js';
import type { Client } from '../../client/client.js';
import type { Clock } from '../../lib/clock.js';
import type { HttpRequest, HttpResponse } from '../../lib/http.js';
import { wireErrors } from '../../proto/errors.js';

const READ_WITHIN_MS = 1000;
const WATCH_WITHIN_MS = 3000;
/** A refusal was answered by the cluster, too. */
const PERMISSION_DENIED = wireErrors.permissionDenied.message;

export interface HealthDeps {
  readonly clock: Clock;
  /** To the cluster. */
  readonly cluster: Client;
  /** To the proxy itself, by the address that clients get; undefined = they get none. */
  readonly self: Client | undefined;
  /** The key that is read: `a`, in the proxy's namespace. */
  readonly key: Uint8Array;
}

export function proxyHealth(deps: HealthDeps): HttpHandler {
  return async (request, url) => {
    switch (url.pathname) {
      case '/health':
        return onlyGet(request) ?? answer(await readProblem(deps.cluster, deps.key));
      case '/proxy/health':
        return onlyGet(request) ?? answer(await proxyProblem(deps));
      default:
        return undefined;
    }
  };
}

async function proxyProblem({ self, clock }: HealthDeps): Promise<string> {
  if (self === undefined) return 'no connection to proxy';
  const problem = await readProblem(self, 'a');
  return problem === '' ? watchProblem(self, clock) : problem;
}

/** '' = none. */
async function readProblem(client: Client, key: string | Uint8Array): Promise<string> {
  try {
    await client.kv.get(key, { timeoutMs: READ_WITHIN_MS });
    return '';
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return text === PERMISSION_DENIED ? '' : `GET ERROR:${text}`;
  }
}

async function watchProblem(client: Client, clock: Clock): Promise<string> {
  const watch = client.watch('a');
  let cancelTimer = (): void => {};
  const late = new Promise<string>((resolve) => {
    cancelTimer = clock.after(WATCH_WITHIN_MS, () => resolve('WATCH TIMEOUT'));
  });
  try {
    // A watch that is refused was answered all the same; any answer will do.
    return await Promise.race([watch.started.then(none, none), late]);
  } finally {
    cancelTimer();
    watch.cancel();
  }
}

const none = (): string => '';

function answer(problem: string): HttpResponse {
  const isHealthy = problem === '';
  const body = JSON.stringify({ health: String(isHealthy), reason: problem });
  if (isHealthy) return { status: 200, headers: { 'Content-Type': 'text/plain; charset=utf-8' }, body };
  return { status: 503, headers: textHeaders, body: `${body}\n` };
}

function onlyGet({ method }: HttpRequest): HttpResponse | undefined {
  if (method === 'GET') return undefined;
  return { status: 405, headers: { ...textHeaders, Allow: 'GET' }, body: 'Method Not Allowed\n' };
}

const textHeaders = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' } as const;
