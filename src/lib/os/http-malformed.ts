/**
 * What Node's parser of HTTP/1 stumbles over. Two things it refuses that Go's takes: bytes beyond ASCII in a target
 * (curl sends them so), and methods that nobody has registered. Such a request is written anew and read again. All else
 * gets Go's answer (net/http's server.go, request.go); a first line that is no HTTP/1 gets none, since etcd's cmux
 * finds nobody to hand the connection to.
 */
/** A method that the parser knows and nobody uses, in place of one that it does not know. */
export const STAND_IN_METHOD = 'SOURCE';

export interface Repaired {
  /** From the beginning of the request on. */
  readonly bytes: Buffer;
  /** What the request calls `STAND_IN_METHOD`. */
  readonly method: string | undefined;
}

export interface ParserError {
  readonly code?: string | undefined;
  readonly reason?: string | undefined;
  /** The piece of the stream in which the error is, and where. */
  readonly rawPacket?: Buffer | undefined;
  readonly bytesParsed?: number | undefined;
}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const requestLine = new RegExp(`^(${TOKEN}) (\\S+) (HTTP/1\\.[01])\\r\\n`);
/** As cmux looks for HTTP/1: whatever the words are. */
const http1Line = /^[^ \n]* [^ \n]* HTTP\/1\.\d+\r?\n/;
/** The reader of Go's http server and cmux's alike. */
const MAX_LINE_BYTES = 4096;

/** The request as the parser takes it; undefined where it is beyond repair. Text is bytes as latin1. */
export function repaired({ code, rawPacket, bytesParsed = 0 }: ParserError): Repaired | undefined {
  if (rawPacket === undefined || (code !== 'HPE_INVALID_URL' && code !== 'HPE_INVALID_METHOD')) return undefined;
  const begin = lineBegin(rawPacket, bytesParsed);
  const end = rawPacket.indexOf('\n', begin) + 1;
  if (end === 0) return undefined;
  const [line, method = '', target = '', version = ''] =
    requestLine.exec(rawPacket.toString('latin1', begin, end)) ?? [];
  if (line === undefined) return undefined;
  const isUnknown = code === 'HPE_INVALID_METHOD';
  const escaped = target.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`);
  // Neither is what the parser has stumbled over: it would again.
  if (!isUnknown && escaped === target) return undefined;
  const head = `${isUnknown ? STAND_IN_METHOD : method} ${escaped} ${version}\r\n`;
  return {
    bytes: Buffer.concat([Buffer.from(head, 'latin1'), rawPacket.subarray(end)]),
    method: isUnknown ? method : undefined,
  };
}

/** What Go's server says before it hangs up; `''` when it says nothing. */
export function answerToMalformed(error: ParserError, { isFirst }: { readonly isFirst: boolean }): string {
  const { code, reason = '', rawPacket = Buffer.alloc(0), bytesParsed = 0 } = error;
  const line = rawPacket.toString('latin1', lineBegin(rawPacket, bytesParsed)).split('\n', 1)[0] ?? '';
  switch (code) {
    case 'HPE_INVALID_METHOD':
    case 'HPE_INVALID_CONSTANT':
    case 'HPE_INVALID_URL':
    case 'HPE_INVALID_VERSION':
      if (isFirst && !http1Line.test(rawPacket.toString('latin1', 0, MAX_LINE_BYTES))) return '';
      return / HTTP\/\d\.\d\r?$/.test(line) && code === 'HPE_INVALID_VERSION'
        ? plain(505, 'HTTP Version Not Supported', 'unsupported protocol version')
        : plain(400, 'Bad Request');
    case 'HPE_INVALID_HEADER_TOKEN':
      if (reason.includes('value')) return plain(400, 'Bad Request', 'invalid header value');
      return line.includes(':') ? plain(400, 'Bad Request', 'invalid header name') : plain(400, 'Bad Request');
    case 'HPE_INVALID_TRANSFER_ENCODING':
      return unsupportedCoding;
    case 'HPE_HEADER_OVERFLOW':
      return plain(431, 'Request Header Fields Too Large');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return plain(408, 'Request Timeout');
    default:
      return code?.startsWith('HPE_') === true ? plain(400, 'Bad Request') : '';
  }
}

/** With the reason, where there is one, in the status line as well. */
export function plain(status: number, name: string, reason?: string): string {
  const text = `${status} ${name}${reason === undefined ? '' : `: ${reason}`}`;
  return head(text, text);
}

function head(status: string, body: string): string {
  return `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${body}`;
}

export const unsupportedCoding = head('501 Not Implemented', 'Unsupported transfer encoding');

const lineBegin = (packet: Buffer, at: number): number => (at === 0 ? 0 : packet.lastIndexOf('\n', at - 1) + 1);
