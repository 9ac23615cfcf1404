/**
 * What undici and Node say of a call that failed, in the words of Go's http.Transport, and how it failed. Errors of
 * dialing have Go's words already.
 */
import { systemErrorText } from './system-error.js';

/** No connection; one that broke or stood still; anything else: TLS not agreed on, an answer that is no HTTP. */
export type HttpFailureKind = 'dial' | 'read' | 'other';

export class HttpFailure extends Error {
  override readonly name = 'HttpFailure';
  constructor(
    readonly kind: HttpFailureKind,
    message: string,
    cause: unknown,
  ) {
    super(message, { cause });
  }
}

export function httpFailure(error: unknown): HttpFailure {
  if (error instanceof HttpFailure) return error;
  if (!(error instanceof Error)) return new HttpFailure('other', String(error), error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (error.message.startsWith('dial ')) return new HttpFailure('dial', error.message, error);
  if (error.name === 'StallError') return new HttpFailure('read', error.message, error);
  if (code === 'ECONNRESET' && error.message !== 'EOF') {
    return new HttpFailure('read', `read tcp: read: ${systemErrorText(code)}`, error);
  }
  // The other side has closed the connection: before an answer, or in the middle of one.
  if (code === 'UND_ERR_SOCKET') return new HttpFailure('other', 'EOF', error);
  if (error.message === 'terminated') {
    const inner = error.cause === undefined ? undefined : httpFailure(error.cause);
    return inner?.kind === 'read' ? inner : new HttpFailure('other', 'unexpected EOF', error);
  }
  if (code.startsWith('HPE_')) {
    return new HttpFailure('other', `net/http: HTTP/1.x transport connection broken: ${error.message}`, error);
  }
  return new HttpFailure('other', error.message, error);
}
