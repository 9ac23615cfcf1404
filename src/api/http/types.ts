/** How the plain HTTP faces are cut: handlers that know their paths, and the answers several of them give. */
import type { HttpRequest, HttpResponse } from '../../lib/http.js';

/** Answers the paths it knows; undefined lets the next one try. */
export type HttpHandler = (
  request: HttpRequest,
  url: URL,
) => HttpResponse | undefined | Promise<HttpResponse | undefined>;

/** As Go's http.Error words and frames it. */
export function textError(status: number, message: string, headers: Record<string, string> = {}): HttpResponse {
  return {
    status,
    headers: { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff', ...headers },
    body: `${message}\n`,
  };
}

export const notFound: HttpResponse = textError(404, '404 page not found');

/** undefined when the method is fine, else the 405 that Go's etcd gives. */
export const onlyGet = (request: HttpRequest): HttpResponse | undefined => only(request, 'GET');
export const onlyPost = (request: HttpRequest): HttpResponse | undefined => only(request, 'POST');

function only({ method }: HttpRequest, allowed: string): HttpResponse | undefined {
  return method === allowed ? undefined : textError(405, 'Method Not Allowed', { Allow: allowed });
}
