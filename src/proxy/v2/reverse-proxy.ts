/**
 * Passes requests on to the cluster, to one endpoint after another until one answers; what it answers, errors included,
 * goes back as it comes. Waits last as long as both sides like, and end when either goes away. As etcd's
 * proxy/httpproxy/reverse.go.
 */
import type { Clock } from '../../lib/clock.js';
import { httpFailure } from '../../lib/go/http-error.js';
import { splitHostPort } from '../../lib/go/url.js';
import { collectBody, type HttpRequest, type HttpResponse, type HttpService } from '../../lib/http.js';
import type { HttpAnswer, HttpClient } from '../../lib/http-client.js';
import type { Logger } from '../../lib/logger.js';
import { isOwnLack } from '../../lib/own-lack.js';
import type { Director } from './director.js';
import type { ProxyMetrics } from './metrics.js';

/**
 * A body is kept for the next endpoint. Members read no form above 10 MB; what is several times that is nobody's
 * request. `etcd-diff:` etcd keeps bodies of any size.
 */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** Those between two neighbours alone (RFC 2616, 13.5.1). */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailers',
  'transfer-encoding',
  'upgrade',
]);

export interface ReverseProxyDeps {
  readonly director: Director;
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ProxyMetrics;
}

export function reverseProxy({ director, http, clock, logger, metrics }: ReverseProxyDeps): HttpService {
  return async (request) => {
    const { method, target, signal } = request;
    const startedMs = clock.monotonicMs();
    metrics.came(method);
    let body: Uint8Array;
    try {
      body = await collectBody(request.body, MAX_BODY_BYTES);
    } catch (error) {
      const why = `failed to read request body: ${error instanceof Error ? error.message : String(error)}`;
      logger.info('failed to read request body', { error });
      return failure(500, why);
    }
    const endpoints = director.available();
    if (endpoints.length === 0) {
      metrics.dropped(method, 'zero_endpoints');
      logger.info('zero endpoints currently available');
      return failure(503, 'zero endpoints currently available');
    }
    const headers = forwarded(request);
    for (const endpoint of endpoints) {
      try {
        const answer = await http.ask({
          method,
          url: `${originOf(endpoint.url)}${target}`,
          headers,
          body: body.length === 0 ? undefined : body,
          signal,
          headersTimeoutMs: 0,
          bodyTimeoutMs: 0,
        });
        metrics.handled(method, { code: answer.status, tookMs: clock.monotonicMs() - startedMs });
        return { status: answer.status, headers: returned(answer), body: answer.body };
      } catch (error) {
        if (signal.aborted) {
          logger.info('client closed request prematurely', { 'remote-address': request.peer.address });
          // Nobody is there to read it.
          return failure(502, 'client closed request prematurely');
        }
        metrics.dropped(method, 'failed_sending_request');
        logger.info('failed to direct request', { url: endpoint.url, error: httpFailure(error).message });
        if (!isOwnLack(error)) director.failed(endpoint);
      }
    }
    metrics.dropped(method, 'failed_getting_response');
    logger.info(`unable to get response from ${endpoints.length} endpoint(s)`);
    return failure(502, `unable to get response from ${endpoints.length} endpoint(s)`);
  };
}

/** As etcd's HTTPError. */
const failure = (status: number, message: string): HttpResponse => ({
  status,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ message: `httpproxy: ${message}` }),
});

const originOf = (url: string): string => /^[^:]*:\/\/[^/?#]*/.exec(url)?.[0] ?? url;

function forwarded({ headers, peer }: HttpRequest): Record<string, string> {
  const copy: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !hopByHop.has(name) && name !== 'content-length' && name !== 'expect')
      copy[name] = value;
  }
  const address = splitHostPort(peer.address)?.host;
  if (address !== undefined) {
    const before = headers['x-forwarded-for'];
    copy['x-forwarded-for'] = before === undefined ? address : `${before}, ${address}`;
  }
  return copy;
}

function returned({ fields }: HttpAnswer): Record<string, string[]> {
  const copy: Record<string, string[]> = {};
  for (const [name, value] of fields) {
    if (hopByHop.has(name.toLowerCase())) continue;
    const values = copy[name];
    if (values === undefined) copy[name] = [value];
    else values.push(value);
  }
  return copy;
}
