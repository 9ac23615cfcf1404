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
 * told.
 */
export function errorResponse(
  error: GrpcError,
  dialect: Dialect,
  call?: { readonly metadata: HttpHeaders | undefined },
): HttpResponse {
  const { code, message } = error;
  const status = httpStatusOf(code, dialect);
  const headers: Record<string, string | readonly string[]> = {
    'Content-Type': 'application/json',
    ...call?.metadata,
  };
  if (dialect.gateway === 2) {
    if (code === Code.Unauthenticated) headers['WWW-Authenticate'] = message;
    return { status, headers, body: `{"code":${code}, "message":${quoteJson(message, { escapeHtml: false })}}` };
  }
  const text = quoteJson(message, { escapeHtml: true });
  const body = `{"error":${text},"message":${text},"code":${code}}`;
  if (call === undefined || call.metadata !== undefined) return { status, headers, body };
  return {
    status,
    headers: { ...headers, Trailer: 'Grpc-Trailer-Content-Type' },
    body: once(body),
    trailers: () => ({ 'Grpc-Trailer-Content-Type': 'application/grpc' }),
  };
}

async function* once(text: string): AsyncGenerator<Uint8Array, undefined> {
  yield Buffer.from(text);
}

/** The line that ends a stream. */
export function errorLine({ code, message }: GrpcError, dialect: Dialect): string {
  const text = quoteJson(message, { escapeHtml: true });
  if (dialect.gateway === 2) return `{"error":{"code":${code},"message":${text}}}`;
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
