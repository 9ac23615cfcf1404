/** Plain HTTP as the member's faces see it, whichever way it came (HTTP/1 or HTTP/2, clear or TLS). */
export interface HttpRequest {
  readonly method: string;
  /** Path with query, as sent. */
  readonly target: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The whole body; refuses with `BodyTooLargeError` above `limit` bytes. */
  body(limit: number): Promise<Uint8Array>;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
  readonly code = 'ERR_BODY_TOO_LARGE';
}

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
export function onlyGet(request: HttpRequest): HttpResponse | undefined {
  return request.method === 'GET' ? undefined : textError(405, 'Method Not Allowed', { Allow: 'GET' });
}
