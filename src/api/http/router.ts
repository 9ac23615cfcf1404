/**
 * The plain HTTP face of a port: CORS, then the handlers in order, then 404. Paths and answers: etcd's api/etcdhttp.
 */
import type { HttpRequest, HttpResponse } from '../../lib/http.js';
import { type HttpHandler, notFound } from './types.js';

export interface RouterOptions {
  /** Origins that browsers may call from; `*` = any. */
  readonly cors: readonly string[];
  readonly handlers: readonly HttpHandler[];
}

export function createRouter(options: RouterOptions): (request: HttpRequest) => Promise<HttpResponse> {
  return async (request) => {
    const cors = corsHeaders(options.cors, request.headers.origin);
    if (request.method === 'OPTIONS') return { status: 200, headers: cors, body: '' };
    const response = await route(options.handlers, request);
    return { ...response, headers: { ...cors, ...response.headers } };
  };
}

async function route(handlers: readonly HttpHandler[], request: HttpRequest): Promise<HttpResponse> {
  const url = parseTarget(request.target);
  if (url === undefined) return notFound;
  for (const handler of handlers) {
    const response = await handler(request, url);
    if (response !== undefined) return response;
  }
  return notFound;
}

function parseTarget(target: string): URL | undefined {
  return target.startsWith('/') && URL.canParse(target, 'http://etcd') ? new URL(target, 'http://etcd') : undefined;
}

/** Whether a page of `origin` may open a websocket: the origins for CORS, and the server's own. */
export function allowsOrigin(allowed: readonly string[], origin: string, host: string | undefined): boolean {
  if (allowed.includes('*') || allowed.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}

function corsHeaders(allowed: readonly string[], origin: string | undefined): Record<string, string> {
  const shown = allowed.includes('*') ? '*' : origin !== undefined && allowed.includes(origin) ? origin : undefined;
  if (shown === undefined) return {};
  return {
    'Access-Control-Allow-Methods': 'POST, GET, OPTIONS, PUT, DELETE',
    'Access-Control-Allow-Origin': shown,
    'Access-Control-Allow-Headers': 'accept, content-type, authorization',
  };
}
