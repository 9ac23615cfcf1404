/** The first lines of an HTTP/1 response, in the order that they are given. */
import { goStatusText } from '../lib/go/http-status.js';
import type { HttpHeaders, HttpRequest, HttpResponse } from '../lib/http.js';

/** What a handler may not put into a header: it would be another line. */
const illegal = /[^\t\x20-\x7e\x80-\xff]/;

export interface ResponseFields {
  /** Lines, each with its end. */
  readonly text: string;
  readonly closes: boolean;
  /** A handler that passes on what it was given knows its length. */
  readonly hasLength: boolean;
}

/** `start`: the first lines. Throws for a name or value that is none. */
export function responseFields(start: string, response: Pick<HttpResponse, 'headers' | 'lines'>): ResponseFields {
  const { lines } = response;
  if (lines !== undefined) return { text: start + lines, closes: false, hasLength: false };
  const { headers } = response;
  let text = start;
  let closes = false;
  let hasLength = false;
  for (const name in headers) {
    const value = headers[name] ?? '';
    if (typeof value === 'string') text += `${name}: ${value}\r\n`;
    else for (const each of value) text += `${name}: ${checked(each)}\r\n`;
    checked(name);
    if (typeof value === 'string') checked(value);
    if (name.length === CONNECTION.length && name.toLowerCase() === CONNECTION) closes = value === 'close';
    else if (name.length === LENGTH.length && name.toLowerCase() === LENGTH) hasLength = true;
  }
  return { text, closes, hasLength };
}

const CONNECTION = 'connection';
const LENGTH = 'content-length';

/** Whether a response can have a body: what followed these would be read as the next response. */
export function allowsBody(method: string, status: number): boolean {
  return method !== 'HEAD' && status >= 200 && status !== 204 && status !== 304;
}

/** The fields behind a chunked body, with the line that ends it. Throws for a name or value that is none. */
export function trailerFields(trailers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(trailers).map(([name, value]) => `${checked(name)}: ${checked(value)}\r\n`);
  return `0\r\n${lines.join('')}\r\n`;
}

function checked(text: string): string {
  if (illegal.test(text)) throw new Error(`invalid character in header: ${JSON.stringify(text)}`);
  return text;
}

/** What many responses begin with, made once for as long as it is the same: status, and headers that lead others. */
export class FirstLines {
  #leading: HttpHeaders | undefined;
  #text = '';
  /** By status, for HTTP/1.1. */
  readonly #made = new Map<number, string>();

  /** Throws for a name or value that is none. */
  of(protocol: HttpRequest['protocol'], status: number, leading: HttpHeaders | undefined): string {
    if (leading !== this.#leading) {
      this.#text = leading === undefined ? '' : linesOf(leading);
      this.#leading = leading;
      this.#made.clear();
    }
    const isUsual = protocol === 'HTTP/1.1';
    const made = isUsual ? this.#made.get(status) : undefined;
    if (made !== undefined) return made;
    const lines = `${protocol} ${status} ${goStatusText(status) || `status code ${status}`}\r\n${this.#text}`;
    if (isUsual) this.#made.set(status, lines);
    return lines;
  }
}

function linesOf(headers: HttpHeaders): string {
  return Object.entries(headers)
    .flatMap(([name, values]) => [values].flat().map((value) => `${checked(name)}: ${checked(value)}\r\n`))
    .join('');
}
