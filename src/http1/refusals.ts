/**
 * What Go's HTTP server says to a request that it can't read before it hangs up (net/http's server.go, request.go).
 */
const PLAIN_HEAD = 'Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n';

/** With the reason, where there is one, in the status line as well. */
function refusal(status: string, reason?: string): string {
  const text = reason === undefined ? status : `${status}: ${reason}`;
  return `HTTP/1.1 ${text}\r\n${PLAIN_HEAD}${text}`;
}

export const refusals = {
  malformed: refusal('400 Bad Request'),
  headerName: refusal('400 Bad Request', 'invalid header name'),
  hostMissing: refusal('400 Bad Request', 'missing required Host header'),
  hostMalformed: refusal('400 Bad Request', 'malformed Host header'),
  tooSlow: refusal('408 Request Timeout'),
  expectation: 'HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
  headTooLarge: refusal('431 Request Header Fields Too Large'),
  coding: `HTTP/1.1 501 Not Implemented\r\n${PLAIN_HEAD}Unsupported transfer encoding`,
  version: refusal('505 HTTP Version Not Supported', 'unsupported protocol version'),
} as const;

/** Thrown for a request that can't be read. */
export class RefusedRequest extends Error {
  override readonly name = 'RefusedRequest';

  /** Of `answer`, `''` says nothing. `isDated`: Go's handlers give it, which date what they say. */
  constructor(
    readonly answer: string,
    readonly isDated = false,
  ) {
    super(answer.split('\r\n', 1)[0]);
  }
}
