/**
 * The plain HTTP face of a port: who may call at all, clean paths, then the handlers in order, then 404. Paths and
 * answers: etcd's api/etcdhttp and the access controller of embed/serve.go.
 */
import { DEFAULT_EMULATED_VERSION, type EmulatedVersion } from '../../lib/emulate.js';
import { goQuote } from '../../lib/go/quote.js';
import { splitHostPort } from '../../lib/go/url.js';
import type { HttpRequest, HttpResponse, HttpService } from '../../lib/http.js';
import type { Logger } from '../../lib/logger.js';
import type { Later, Soon } from '../../lib/soon.js';
import { badRequest, readTarget, redirectOf, relativeTarget, type Target } from './target.js';
import { type HttpHandler, notFound, textError } from './types.js';

/** Answers the paths it knows, read as bytes; undefined lets the next one try. */
export type TargetHandler = (
  request: HttpRequest,
  target: Target,
) => Soon<HttpResponse> | Later<HttpResponse> | undefined;

/** Ports that browsers may reach. */
export interface AccessOptions {
  /** Origins that their pages may call from; `*` = any. */
  readonly cors: readonly string[];
  /**
   * Names by which requests in clear may call this member; `*` = any. A page whose own name leads here (DNS rebinding)
   * has another.
   */
  readonly hostWhitelist: readonly string[];
  readonly logger: Logger;
}

export interface RouterOptions {
  /** Left out on ports that no browser has business with. */
  readonly access?: AccessOptions | undefined;
  readonly emulate?: EmulatedVersion | undefined;
  /** Asked before the others. */
  readonly targetHandlers?: readonly TargetHandler[];
  readonly handlers: readonly HttpHandler[];
}

export function createRouter(options: RouterOptions): HttpService {
  const { access } = options;
  if (access === undefined) return (request) => route(options, request);
  const forAll = corsHeaders(access.cors, undefined);
  const isForAll = access.cors.includes('*');
  return (request) => {
    const refused = request.peer.tls === undefined ? wrongHost(access, request) : undefined;
    if (refused !== undefined) return refused;
    const cors = isForAll ? forAll : corsHeaders(access.cors, request.headers.origin);
    if (request.method === 'OPTIONS') return { status: 200, headers: cors, body: '' };
    request.leading = cors;
    return route(options, request);
  };
}

function route(options: RouterOptions, request: HttpRequest): ReturnType<HttpService> {
  const target = readTarget(request.target);
  if (target === undefined) return badRequest;
  const redirect = redirectOf(target, { method: request.method, emulate: options.emulate ?? DEFAULT_EMULATED_VERSION });
  if (redirect !== undefined) return redirect;
  for (const handler of options.targetHandlers ?? []) {
    const response = handler(request, target);
    if (response !== undefined) return response;
  }
  return routeByUrl(options, request);
}

async function routeByUrl({ handlers }: RouterOptions, request: HttpRequest): Promise<HttpResponse> {
  const url = parseTarget(relativeTarget(request.target));
  if (url === undefined) return notFound;
  for (const handler of handlers) {
    const response = await handler(request, url);
    if (response !== undefined) return response;
  }
  return notFound;
}

function parseTarget(target: string): URL | undefined {
  if (!target.startsWith('/')) return undefined;
  try {
    return new URL(target, 'http://etcd');
  } catch {
    return undefined;
  }
}

function wrongHost({ hostWhitelist, logger }: AccessOptions, { headers }: HttpRequest): HttpResponse | undefined {
  if (hostWhitelist.includes('*')) return undefined;
  const sent = headers.host ?? '';
  const host = splitHostPort(sent)?.host ?? sent;
  if (hostWhitelist.includes(host)) return undefined;
  logger.warn('rejecting HTTP request to prevent DNS rebinding attacks', { host });
  return textError(421, unrecognizedHost(host));
}

const unrecognizedHost = (host: string): string => `
etcd received your request, but the Host header was unrecognized.

To fix this, choose one of the following options:
- Enable TLS, then any HTTPS request will be allowed.
- Add the hostname you want to use to the whitelist in settings.
  - e.g. etcd --host-whitelist ${goQuote(host)}

This requirement has been added to help prevent "DNS Rebinding" attacks (CVE-2018-5702).
`;

/** Whether a page of `origin` may open a websocket: the origins for CORS, and the server's own. */
export function allowsOrigin(allowed: readonly string[], origin: string, host: string | undefined): boolean {
  if (allowed.includes('*') || allowed.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}

export function corsHeaders(allowed: readonly string[], origin: string | undefined): Record<string, string> {
  const shown = allowed.includes('*') ? '*' : origin !== undefined && allowed.includes(origin) ? origin : undefined;
  if (shown === undefined) return {};
  return {
    'Access-Control-Allow-Headers': 'accept, content-type, authorization',
    'Access-Control-Allow-Methods': 'POST, GET, OPTIONS, PUT, DELETE',
    'Access-Control-Allow-Origin': shown,
  };
}
