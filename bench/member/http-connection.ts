/**
 * A lean HTTP/1.1 client for the benchmark: one request at a time on one connection, so that the load generator costs
 * less than what it measures. Bytes come into one buffer of its own, and are looked at where they are: no stream, no
 * event and no string for an answer.
 */
import { connect, type Socket } from 'node:net';

/** All that are open: each measurement begins without those of the one before. */
const all = new Set<HttpConnection>();

export function closeHttpConnections(): void {
  for (const connection of all) connection.close();
  all.clear();
}

/** Larger than any answer that is asked for. */
const BUFFER_BYTES = 4096;
const HEAD_END = Buffer.from('\r\n\r\n');
/** As Go's and our server spell it, in the head alone. */
const LENGTH = Buffer.from('\r\nContent-Length: ');
const NONE = Buffer.alloc(0);
const STATUS_AT = 'HTTP/1.1 '.length;
const TWO = 0x32;
const DIGIT_ZERO = 0x30;

export class HttpConnection {
  readonly #socket: Socket;
  /** The beginning of an answer that did not come whole. */
  #part: Buffer = NONE;
  #held = 0;
  /** Of the answer that is coming, once its head is there. */
  #wantedBytes = 0;
  #answer: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;

  private constructor(
    readonly host: string,
    opened: (connection: HttpConnection) => void,
    failed: (error: Error) => void,
  ) {
    const [host_ = '', port = ''] = host.split(':');
    const read = Buffer.allocUnsafe(BUFFER_BYTES);
    const onread = {
      buffer: read,
      callback: (count: number): boolean => {
        this.#read(read, count);
        return true;
      },
    };
    this.#socket = connect({ host: host_, port: Number(port), noDelay: true, onread }, () => {
      this.#socket.off('error', failed);
      opened(this);
    });
    this.#socket.once('error', failed);
    this.#socket.on('error', (error) => this.#answer?.reject(error));
    this.#socket.on('close', () => this.#answer?.reject(new Error('the connection was closed')));
    this.#socket.unref();
    all.add(this);
  }

  /** `target` as `127.0.0.1:2379`. */
  static open(target: string): Promise<HttpConnection> {
    return new Promise((resolve, reject) => new HttpConnection(target, resolve, reject));
  }

  /** Rejects unless the answer is a success. */
  ask(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    body?: { readonly type: string; readonly text: string },
  ): Promise<void> {
    const head = `${method} ${path} HTTP/1.1\r\nHost: ${this.host}\r\n`;
    this.#socket.write(
      body === undefined
        ? `${head}\r\n`
        : `${head}Content-Type: ${body.type}\r\nContent-Length: ${body.text.length}\r\n\r\n${body.text}`,
      'latin1',
    );
    return new Promise((resolve, reject) => {
      this.#answer = { resolve, reject };
    });
  }

  close(): void {
    this.#answer = undefined;
    this.#socket.destroy();
  }

  #read(bytes: Buffer, count: number): void {
    // Nearly every answer comes whole.
    if (this.#held === 0 && this.#sizeOf(bytes, count) === count) {
      this.#settle(bytes);
      return;
    }
    if (this.#held + count > BUFFER_BYTES) {
      this.#answer?.reject(new Error('the answer is too large'));
      return;
    }
    if (this.#part === NONE) this.#part = Buffer.allocUnsafe(BUFFER_BYTES);
    bytes.copy(this.#part, this.#held, 0, count);
    this.#held += count;
    if (this.#wantedBytes === 0) this.#wantedBytes = this.#sizeOf(this.#part, this.#held) ?? 0;
    if (this.#wantedBytes === 0 || this.#held < this.#wantedBytes) return;
    this.#held = 0;
    this.#wantedBytes = 0;
    this.#settle(this.#part);
  }

  #settle(bytes: Buffer): void {
    const answer = this.#answer;
    this.#answer = undefined;
    if (bytes[STATUS_AT] === TWO) answer?.resolve();
    else answer?.reject(new Error(`HTTP status ${bytes.toString('latin1', STATUS_AT, STATUS_AT + 3)}`));
  }

  /** Of the answer that `bytes[0, count)` begin; undefined while its head is not whole, or says no length. */
  #sizeOf(bytes: Buffer, count: number): number | undefined {
    const end = bytes.indexOf(HEAD_END);
    const at = bytes.indexOf(LENGTH);
    if (end < 0 || end >= count || at < 0 || at > end) return undefined;
    let length = 0;
    for (let digit = at + LENGTH.length; ; digit++) {
      const value = (bytes[digit] ?? 0) - DIGIT_ZERO;
      if (value < 0 || value > 9) break;
      length = 10 * length + value;
    }
    return end + HEAD_END.length + length;
  }
}
