/**
 * One request whose answer's body is a stream of many small pieces, for days: a peer's messages. undici reads a socket
 * by way of Node's queue of readable events and a parser in WebAssembly, which cost an idle member more than all it did
 * with what was read (docs/decisions/0116). Such a request has a connection of its own, which ends with it.
 *
 *   dial ─▶ request ─▶ head ─▶ `answer` resolves ─▶ body, out of its chunks ─▶ AnswerBody
 */
import type { Duplex } from 'node:stream';
import { ChunkedDecoder } from '../chunked-coding.js';
import type { HttpAnswer, HttpAsk } from '../http-client.js';
import { AnswerBody, headersOf } from './http-exchange.js';

/** As undici's limit for the others. */
const MAX_HEAD_BYTES = 1024 * 1024;
const LF = 0x0a;
const CR = 0x0d;
const statusLine = /^HTTP\/1\.[01] (\d{3})(?: .*)?$/;
const fieldLine = /^([^\s:]+):[ \t]*(.*)$/;
const unsendable = /[\0\r\n]/;

export interface StreamAsk extends Pick<HttpAsk, 'method' | 'headersTimeoutMs' | 'bodyTimeoutMs'> {
  readonly path: string;
  readonly host: string;
  readonly headers: NonNullable<HttpAsk['headers']>;
  readonly signal: AbortSignal;
}

/** Takes the socket over. */
export function askForStream(socket: Duplex, request: StreamAsk): Promise<HttpAnswer> {
  return new StreamExchange(socket, request).answer;
}

class StreamExchange {
  readonly answer: Promise<HttpAnswer>;
  #resolve: (answer: HttpAnswer) => void = () => {};
  #reject: (error: Error) => void = () => {};
  /** Of the head, while it is not whole. */
  #held: Buffer = Buffer.alloc(0);
  #body: AnswerBody | undefined;
  /** Takes the bytes behind the head; true at the body's end. */
  #take: (bytes: Buffer) => boolean = () => false;
  /** The end of the connection is that of the body. */
  #endsWithConnection = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    readonly socket: Duplex,
    readonly request: StreamAsk,
  ) {
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { signal, headersTimeoutMs } = request;
    this.#startTimer(headersTimeoutMs);
    signal.addEventListener('abort', this.#onAbort, { once: true });
    socket.on('data', this.#onData);
    socket.on('end', () => this.#onEnd());
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#onEnd());
    if (signal.aborted) this.#onAbort();
    else this.#ask();
  }

  #ask(): void {
    try {
      this.socket.write(headOf(this.request), 'latin1');
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  readonly #onAbort = (): void => {
    const reason: unknown = this.request.signal.reason;
    this.#fail(reason instanceof Error ? reason : new Error(String(reason)));
  };

  readonly #onData = (bytes: Buffer): void => {
    try {
      const rest = this.#body === undefined ? this.#takeHead(bytes) : bytes;
      if (this.#body === undefined) return;
      this.#timer?.refresh();
      if (this.#take(rest)) this.#done();
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  };

  #onEnd(): void {
    if (this.#endsWithConnection) this.#done();
    else this.#fail(Object.assign(new Error('unexpected EOF'), { code: 'ERR_STREAM_PREMATURE_CLOSE' }));
  }

  /** What comes behind the head; nothing while it has not come. */
  #takeHead(bytes: Buffer): Buffer {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    for (;;) {
      const end = headEnd(this.#held);
      if ((end ?? this.#held.length) > MAX_HEAD_BYTES)
        throw new Error('net/http: server response headers exceeded limit');
      if (end === undefined) return this.#held;
      const [first = '', ...lines] = this.#held.toString('latin1', 0, end).trimEnd().split(/\r?\n/);
      this.#held = this.#held.subarray(end);
      const status = Number(statusLine.exec(first)?.[1] ?? Number.NaN);
      if (!(status >= 100)) throw new Error(`malformed HTTP response ${JSON.stringify(first)}`);
      // Of an informational answer nothing is to be told.
      if (status >= 200) {
        this.#begin(status, lines.map(fieldOf));
        return this.#held;
      }
    }
  }

  #begin(status: number, fields: readonly (readonly [string, string])[]): void {
    const { socket } = this;
    const headers = headersOf(fields);
    const body = new AnswerBody({
      pause: () => void socket.pause(),
      resume: () => void socket.resume(),
      abort: (error) => this.#fail(error),
    });
    this.#body = body;
    this.#take = this.#framing(status, headers, body);
    this.#startTimer(this.request.bodyTimeoutMs);
    this.#resolve({
      status,
      headers,
      fields,
      body,
      read: (onChunk) => body.read(onChunk),
      discard: () => body.discard(),
    });
  }

  #framing(status: number, headers: HttpAnswer['headers'], body: AnswerBody): (bytes: Buffer) => boolean {
    const coding = headers['transfer-encoding'];
    const length = headers['content-length'];
    if (coding !== undefined) {
      if (coding.toLowerCase() !== 'chunked')
        throw new Error(`unsupported transfer encoding: ${JSON.stringify(coding)}`);
      const decoder = new ChunkedDecoder();
      const onData = (data: Buffer): void => body.push(data);
      return (bytes) => {
        decoder.decode(bytes, onData);
        return decoder.isAtEnd;
      };
    }
    if (length !== undefined && !/^\d{1,15}$/.test(length))
      throw new Error(`bad Content-Length ${JSON.stringify(length)}`);
    const isEmpty = status === 204 || status === 304;
    this.#endsWithConnection = length === undefined && !isEmpty;
    let left = isEmpty ? 0 : Number(length ?? Number.POSITIVE_INFINITY);
    return (bytes) => {
      const piece = bytes.length > left ? bytes.subarray(0, left) : bytes;
      left -= piece.length;
      if (piece.length > 0) body.push(piece);
      return left === 0;
    };
  }

  #startTimer(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = ms > 0 ? setTimeout(() => this.#fail(new Error('i/o timeout')), ms) : undefined;
  }

  #done(): void {
    this.#body?.end();
    this.#leave();
  }

  #fail(error: Error): void {
    this.#reject(error);
    this.#body?.fail(error);
    this.#leave();
  }

  #leave(): void {
    clearTimeout(this.#timer);
    this.request.signal.removeEventListener('abort', this.#onAbort);
    this.socket.off('data', this.#onData);
    this.socket.destroy();
  }
}

function headOf({ method, path, host, headers }: StreamAsk): string {
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${host}`];
  for (const [name, value] of Object.entries(headers))
    for (const each of typeof value === 'string' ? [value] : value) lines.push(`${name}: ${each}`);
  for (const line of lines)
    if (unsendable.test(line)) throw new Error(`line of a request with a line's end in it: ${line}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function fieldOf(line: string): readonly [string, string] {
  const [, name, value] = fieldLine.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`malformed MIME header line: ${line}`);
  return [name, value.trimEnd()];
}

/** Behind the empty line; undefined when it has not come. */
function headEnd(bytes: Buffer): number | undefined {
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at + 1] === LF) return at + 2;
    if (bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
  }
  return undefined;
}
