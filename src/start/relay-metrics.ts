/**
 * `/metrics` of a proxy is that of a member of the cluster: the first that answers, asked once for all who wait. As
 * etcd's proxy/grpcproxy/metrics.go.
 */

import { type HttpHandler, textError } from '../api/http/types.js';
import type { Clock } from '../lib/clock.js';
import type { HttpResponse } from '../lib/http.js';
import { httpGet } from '../lib/os/http-get.js';
import { SharedWork } from '../lib/shared-work.js';
import type { TlsContents } from '../lib/tls.js';

/** A scraper gives up after 10 s by default. */
const SILENCE_MS = 5000;

/** `tls` is used for endpoints that say https, and for those that do not say. */
export function relayMetrics(
  endpoints: () => readonly string[],
  tls: TlsContents | undefined,
  clock: Pick<Clock, 'monotonicMs' | 'after'>,
): HttpHandler {
  const asked = new SharedWork(clock, () => firstAnswer(endpoints(), tls));
  return async (_request, { pathname }) => (pathname === '/metrics' ? asked.run() : undefined);
}

async function firstAnswer(endpoints: readonly string[], tls: TlsContents | undefined): Promise<HttpResponse> {
  for (const endpoint of endpoints) {
    const base = /^https?:\/\//.test(endpoint) ? endpoint : `${tls === undefined ? 'http' : 'https'}://${endpoint}`;
    const used = base.startsWith('https') ? (tls ?? {}) : undefined;
    try {
      const body = await httpGet(`${base}/metrics`, used, SILENCE_MS);
      return { status: 200, headers: { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' }, body };
    } catch {
      // The next one may do better.
    }
  }
  return textError(500, 'Internal server error');
}
