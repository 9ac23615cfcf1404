/** Refusals of the gateway: statuses, bodies and headers of grpc-gateway v1 (etcd 3.4) and v2 (3.5.30 and later). */
import { Code, type GrpcError } from '../../grpc/types.js';
import { goStatusText } from '../../lib/go/http-status.js';
import type { HttpHeaders, HttpResponse } from '../../lib/http.js';
import { textError } from '../http/types.js';
import type { Dialect } from './dialect.js';
import { quoteJson } from './json/write.js';

const statuses: Readonly<Record<number, number>> = {
  [Code.Ok]: 200,
  [Code.Canceled]: 499,
  [Code.Unknown]: 500,
  [Code.InvalidArgument]: 400,
  [Code.DeadlineExceeded]: 504,
  [Code.NotFound]: 404,
  [Code.AlreadyExists]: 409,
  [Code.PermissionDenied]: 403,
  [Code.ResourceExhausted]: 429,
  [Code.FailedPrecondition]: 400,
  [Code.Aborted]: 409,
  [Code.OutOfRange]: 400,
  [Code.Unimplemented]: 501,
  [Code.Internal]: 500,
  [Code.Unavailable]: 503,
  [Code.DataLoss]: 500,
  [Code.Unauthenticated]: 401,
};
const firstStatuses: Readonly<Record<number, number>> = {
  ...statuses,
  [Code.Canceled]: 408,
  [Code.FailedPrecondition]: 412,
};

export function httpStatusOf(code: number, dialect: Dialect): number {
  return (dialect.gateway === 1 ? firstStatuses : statuses)[code] ?? 500;
}

/**
 * `call`: the error came from a handler, not from the gateway itself; the metadata that came before it, if any, are
 * told, else those that came with it, where the caller `takesTrailers`. Generation 1 does not ask.
 */
export function errorResponse(
  error: GrpcError,
  dialect: Dialect,
  call?: { readonly metadata: HttpHeaders | undefined; readonly takesTrailers: boolean },
): HttpResponse {
  const { code, message } = error;
  const status = httpStatusOf(code, dialect);
  const headers: Record<string, string | readonly string[]> = {
    'Content-Type': 'application/json',
    ...call?.metadata,
  };
  let body: string;
  if (dialect.gateway === 2) {
    if (code === Code.Unauthenticated) headers['WWW-Authenticate'] = message;
    body = `{"code":${code}, "message":${quoteJson(message, { escapeHtml: false })}}`;
  } else {
    const text = quoteJson(message, { escapeHtml: true });
    body = `{"error":${text},"message":${text},"code":${code}}`;
  }
  const hasTrailers =
    call !== undefined && call.metadata === undefined && (dialect.gateway === 1 || call.takesTrailers);
  if (!hasTrailers) return { status, headers, body };
  return {
    status,
    headers: { ...headers, Trailer: 'Grpc-Trailer-Content-Type' },
    body: inOnePiece(body),
    trailers: () => ({ 'Grpc-Trailer-Content-Type': 'application/grpc' }),
  };
}

/** Without its length: behind chunks there may be trailers, even where there are none. */
export function withoutLength(response: HttpResponse): HttpResponse {
  const { body } = response;
  return typeof body === 'string' || body instanceof Uint8Array ? { ...response, body: inOnePiece(body) } : response;
}

async function* inOnePiece(body: string | Uint8Array): AsyncGenerator<Uint8Array, undefined> {
  if (body.length > 0) yield Buffer.from(body);
}

/** The line that ends a stream; that of generation 1 does not end itself. */
export function lastLine({ code, message }: GrpcError, dialect: Dialect): string {
  const text = quoteJson(message, { escapeHtml: true });
  if (dialect.gateway === 2) return `{"error":{"code":${code},"message":${text}}}\n`;
  const status = httpStatusOf(code, dialect);
  return (
    `{"error":{"grpc_code":${code},"http_code":${status},"message":${text},` +
    `"http_status":"${goStatusText(status)}"}}`
  );
}

/** A path or method that leads nowhere. */
export function routingError(status: 404 | 405, dialect: Dialect): HttpResponse {
  const message = goStatusText(status);
  if (dialect.gateway === 1) return textError(status, message);
  const [code, shown] = status === 404 ? [Code.NotFound, 404] : [Code.Unimplemented, 501];
  return {
    status: shown,
    headers: { 'Content-Type': 'application/json' },
    body: `{"code":${code}, "message":"${message}"}`,
  };
}
