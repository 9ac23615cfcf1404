/**
 * The head of an HTTP/1 request, read as Go's server reads it (net/http's request.go and transfer.go, net/textproto):
 * any method, lines that end without a carriage return, bytes beyond ASCII in targets and values. Text is bytes as
 * latin1.
 */
import { RefusedRequest, refusals } from './refusals.js';

export interface RequestHead {
  readonly method: string;
  readonly target: string;
  readonly protocol: 'HTTP/1.0' | 'HTTP/1.1';
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** What follows the head. */
  readonly bodyBytes: number | 'chunked';
  readonly keepsAlive: boolean;
  /** The body comes once it has been asked for. */
  readonly expectsContinue: boolean;
  /** Another protocol that the client would like to go on with. */
  readonly upgrade: string | undefined;
}

interface RequestLine {
  readonly method: string;
  readonly target: string;
  readonly protocol: 'HTTP/1.0' | 'HTTP/1.1';
}

const TOKEN = "!#$%&'*+\\-.^_`|~0-9A-Za-z";
const token = new RegExp(`^[${TOKEN}]+$`);
/** The first header's line may not begin with white space. */
const spacedName = new RegExp(`^[${TOKEN}][${TOKEN} ]*$`);
const knownMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']);
/** A path with nothing to be undone or refused. */
const plainTarget = /^\/[!-$&-~]*$/;
/** Without what Go's url.ParseRequestURI refuses. */
const targetText = /^(?:\/|\*$|[a-zA-Z][a-zA-Z0-9+.-]*:)[!-~\x80-\xff]*$/;
const authorityTarget = /^[!-.0-~\x80-\xff]+$/;
const absoluteTarget = /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/([^/?#]*)/;
const badPort = /:(?!\d*$)[^:@\]]*$/;
const illegalInValue = /[^\t -~\x80-\xff]/;
/** As Go's httpguts.ValidHostHeader. */
const hostHeader = /^[\w!$%&'()*+,\-.:;=@[\]~]*$/;
const decimal = /^\d{1,15}$/;
/** Of a path; those of a query are looked at by whoever reads it. */
const badEscape = /^[^?]*%(?![\da-fA-F]{2})/;

/** Throws RefusedRequest. */
export function readRequestLine(line: string): RequestLine {
  const first = line.indexOf(' ');
  const second = line.indexOf(' ', first + 1);
  if (first < 0 || second < 0) throw new RefusedRequest(refusals.malformed);
  const method = line.slice(0, first);
  const target = line.slice(first + 1, second);
  const protocol = protocolOf(line.slice(second + 1));
  // Nearly all are.
  if (knownMethods.has(method) && plainTarget.test(target)) return { method, target, protocol };
  const isTarget = method === 'CONNECT' && !target.startsWith('/') ? authorityTarget : targetText;
  if (!token.test(method) || !isTarget.test(target) || badEscape.test(target))
    throw new RefusedRequest(refusals.malformed);
  return { method, target: escaped(target), protocol };
}

function protocolOf(text: string): RequestLine['protocol'] {
  if (text === 'HTTP/1.1') return text;
  if (text === 'HTTP/1.0') return text;
  if (!/^HTTP\/\d\.\d$/.test(text)) throw new RefusedRequest(refusals.malformed);
  if (!text.startsWith('HTTP/1.')) throw new RefusedRequest(refusals.version);
  return 'HTTP/1.1';
}

function escaped(target: string): string {
  if (!/[\x80-\xff]/.test(target)) return target;
  return target.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`);
}

/** Longer heads are read each time: nothing is kept of them. */
const MAX_KEPT_CHARACTERS = 2048;

/**
 * Reads the heads of one connection. Its client mostly says the same fields again, and what they mean is kept: reading
 * them took a quarter of what a get of the v2 API takes.
 */
export class HeadReader {
  /** The last head, and what stood before and behind its target. */
  #head: RequestHead | undefined;
  #before = '';
  #behind = '';

  /** `text` ends with the empty line. Throws RefusedRequest. */
  read(text: string): RequestHead {
    return this.#again(text) ?? this.#anew(text);
  }

  /** As the last one but for its target; undefined where it is not. */
  #again(text: string): RequestHead | undefined {
    const head = this.#head;
    if (head === undefined || !text.startsWith(this.#before) || !text.endsWith(this.#behind)) return undefined;
    const target = text.slice(this.#before.length, text.length - this.#behind.length);
    if (!plainTarget.test(target)) return undefined;
    const { method, protocol, headers, bodyBytes, keepsAlive, expectsContinue, upgrade } = head;
    return { method, target, protocol, headers, bodyBytes, keepsAlive, expectsContinue, upgrade };
  }

  #anew(text: string): RequestHead {
    const from = text.indexOf('\n') + 1;
    const line = readRequestLine(withoutReturn(text, 0, from - 1));
    const { method, target } = line;
    const head = readRest(line, text, from);
    // Other targets have a say in what the fields mean.
    if (!knownMethods.has(method) || !plainTarget.test(target) || text.length > MAX_KEPT_CHARACTERS) return head;
    this.#head = head;
    this.#before = `${method} `;
    this.#behind = text.slice(method.length + 1 + target.length);
    return head;
  }
}

function readRest({ method, target, protocol }: RequestLine, text: string, from: number): RequestHead {
  const fields = readFields(text, from);
  const { headers, hosts } = fields;
  if (hosts > 1) throw new RefusedRequest(refusals.malformed);
  if (headers.host === undefined) {
    if (protocol === 'HTTP/1.1' && method !== 'CONNECT') throw new RefusedRequest(refusals.hostMissing);
  } else if (!hostHeader.test(headers.host)) {
    throw new RefusedRequest(refusals.hostMalformed);
  }
  if (!target.startsWith('/')) {
    const authority = absoluteTarget.exec(target)?.[1];
    if (authority !== undefined && badPort.test(authority)) throw new RefusedRequest(refusals.malformed);
    if (authority !== undefined && authority !== '') headers.host = authority.slice(authority.lastIndexOf('@') + 1);
  }
  const { connection, expect } = headers;
  const expectsContinue = hasWord(expect, '100-continue');
  if (expect !== undefined && expect !== '' && !expectsContinue)
    throw new RefusedRequest(refusals.expectation.replace('HTTP/1.1', protocol), true);
  const upgrade = protocol === 'HTTP/1.1' && hasWord(connection, 'upgrade') ? headers.upgrade : undefined;
  // Asked for by the way (`curl --http2`), and optional: served as the ordinary request that it also is.
  const isForHttp2 = upgrade?.toLowerCase() === 'h2c';
  if (isForHttp2) {
    delete headers.upgrade;
    delete headers['http2-settings'];
  }
  const bodyBytes = bodyBytesOf(protocol, fields);
  // What whoever passes the request on must not say again: Go forgets it too.
  delete headers['transfer-encoding'];
  if (bodyBytes === 'chunked') delete headers['content-length'];
  return {
    method,
    target,
    protocol,
    headers,
    bodyBytes,
    keepsAlive: protocol === 'HTTP/1.1' ? !hasWord(connection, 'close') : hasWord(connection, 'keep-alive'),
    // A client of HTTP/1.0 knows no answer before the answer.
    expectsContinue: expectsContinue && protocol === 'HTTP/1.1',
    upgrade: isForHttp2 ? undefined : upgrade,
  };
}

interface Fields {
  readonly headers: Record<string, string | undefined>;
  readonly hosts: number;
  readonly lengths: readonly string[];
  readonly codings: readonly string[];
}

/** Of which the first counts when they are sent more than once; others are joined. */
const singular: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'content-length',
  'content-type',
  'etag',
  'expires',
  'from',
  'grpc-timeout',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'user-agent',
]);

function readFields(text: string, from: number): Fields {
  const headers: Record<string, string | undefined> = Object.create(null);
  const lengths: string[] = [];
  const codings: string[] = [];
  let hosts = 0;
  for (let at = from; ; ) {
    let end = text.indexOf('\n', at);
    const colon = text.indexOf(':', at);
    if (colon < 0 || colon > end) {
      if (withoutReturn(text, at, end) === '') return { headers, hosts, lengths, codings };
      throw new RefusedRequest(refusals.malformed);
    }
    const name = text.slice(at, colon).toLowerCase();
    let value = trimmed(text, colon + 1, end);
    // A line that begins with white space goes on with the one before.
    for (at = end + 1; text[at] === ' ' || text[at] === '\t'; at = end + 1) {
      end = text.indexOf('\n', at);
      value = `${value} ${trimmed(text, at, end)}`;
    }
    if (!token.test(name)) throw new RefusedRequest(spacedName.test(name) ? refusals.headerName : refusals.malformed);
    if (illegalInValue.test(value)) throw new RefusedRequest(refusals.malformed);
    if (name === 'host') hosts++;
    else if (name === 'content-length') lengths.push(value);
    else if (name === 'transfer-encoding') codings.push(value);
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else if (!singular.has(name)) headers[name] = `${before}${name === 'cookie' ? '; ' : ', '}${value}`;
  }
}

/** What cannot come behind a body. */
const framingFields = ['transfer-encoding', 'trailer', 'content-length'];

function bodyBytesOf(protocol: string, { headers, lengths, codings }: Fields): number | 'chunked' {
  const length = lengths[0];
  if (length !== undefined && (!decimal.test(length) || lengths.some((other) => other !== length)))
    throw new RefusedRequest(refusals.malformed);
  // Clients of HTTP/1.0 know no codings; with one, a length says nothing.
  if (codings.length > 0 && protocol === 'HTTP/1.1') {
    if (codings.length > 1 || codings[0]?.toLowerCase() !== 'chunked') throw new RefusedRequest(refusals.coding);
    if (framingFields.some((name) => hasWord(headers.trailer, name))) throw new RefusedRequest(refusals.malformed);
    return 'chunked';
  }
  return Number(length ?? 0);
}

/** Whether a list separated by commas has the word, in any case. */
function hasWord(list: string | undefined, word: string): boolean {
  if (list === undefined) return false;
  const lower = list.toLowerCase();
  return lower === word || lower.split(',').some((each) => each.trim() === word);
}

function withoutReturn(text: string, from: number, end: number): string {
  return text.slice(from, text[end - 1] === '\r' && end > from ? end - 1 : end);
}

function trimmed(text: string, from: number, end: number): string {
  let first = from;
  let last = end > from && text.charCodeAt(end - 1) === 0x0d ? end - 1 : end;
  while (first < last && isSpace(text.charCodeAt(first))) first++;
  while (last > first && isSpace(text.charCodeAt(last - 1))) last--;
  return text.slice(first, last);
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09;
