/**
 * What undici and Node say of a call that failed, in the words of Go's http.Transport, and how it failed. Errors of
 * dialing have Go's words already.
 */
import { goQuote } from './quote.js';
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
    const ends = 'ends' in error && typeof error.ends === 'string' ? ` ${error.ends}` : '';
    return new HttpFailure('read', `read tcp${ends}: read: ${systemErrorText(code)}`, error);
  }
  if (error.message === 'terminated') {
    const inner = error.cause === undefined ? undefined : httpFailure(error.cause);
    return inner?.kind === 'read' ? inner : new HttpFailure('other', 'unexpected EOF', error);
  }
  // The other side has closed the connection before it answered.
  if (code === 'UND_ERR_SOCKET') return new HttpFailure('other', 'EOF', error);
  return new HttpFailure('other', malformed(error) ?? error.message, error);
}

const BROKEN = 'net/http: HTTP/1.x transport connection broken: ';

/**
 * Of an answer that is no HTTP, which undici's parser tells in words, with what it could not read from there on;
 * undefined for any other failure.
 */
function malformed(error: Error): string | undefined {
  if (error.name !== 'HTTPParserError') return undefined;
  const why = /\(([^)]*)\)$/.exec(error.message)?.[1] ?? error.message;
  const unread = 'data' in error && typeof error.data === 'string' ? error.data : '';
  const [line = ''] = unread.split(/\r?\n/, 1);
  if (why.startsWith('Expected HTTP/')) return `${BROKEN}malformed HTTP response ${goQuote(line)}`;
  if (why === 'Invalid status code')
    return `${BROKEN}malformed HTTP status code ${goQuote(line.split(' ', 1)[0] ?? '')}`;
  if (why === 'Invalid character in Content-Length') return `${BROKEN}bad Content-Length ${goQuote(line)}`;
  if (why === 'Chunk size overflow') return 'http chunk length too large';
  if (why === 'Invalid character in chunk size') return 'invalid byte in chunk length';
  return `${BROKEN}${why}`;
}
