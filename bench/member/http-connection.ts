/**
 * A lean HTTP/1.1 client for the benchmark: one request at a time on one connection, so that the load generator costs
 * less than what it measures.
 */
import { connect, type Socket } from 'node:net';

/** All that are open: each measurement begins without those of the one before. */
const all = new Set<HttpConnection>();

export function closeHttpConnections(): void {
  for (const connection of all) connection.close();
  all.clear();
}

export class HttpConnection {
  readonly #socket: Socket;
  #held = '';
  #answer: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;

  private constructor(
    socket: Socket,
    readonly host: string,
  ) {
    this.#socket = socket;
    all.add(this);
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#read(text));
    socket.on('error', (error) => this.#answer?.reject(error));
    socket.on('close', () => this.#answer?.reject(new Error('the connection was closed')));
    socket.unref();
  }

  /** `target` as `127.0.0.1:2379`. */
  static open(target: string): Promise<HttpConnection> {
    const [host = '', port = ''] = target.split(':');
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port: Number(port) }, () => resolve(new HttpConnection(socket, target)));
      socket.once('error', reject);
    });
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
    );
    return new Promise((resolve, reject) => {
      this.#answer = { resolve, reject };
    });
  }

  close(): void {
    this.#answer = undefined;
    this.#socket.destroy();
  }

  #read(text: string): void {
    this.#held += text;
    const headEnd = this.#held.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const length = /content-length: (\d+)/i.exec(this.#held.slice(0, headEnd))?.[1];
    if (length === undefined || this.#held.length < headEnd + 4 + Number(length)) return;
    const status = this.#held.slice(9, 12);
    const answer = this.#answer;
    this.#answer = undefined;
    this.#held = '';
    if (status.startsWith('2')) answer?.resolve();
    else answer?.reject(new Error(`HTTP status ${status}`));
  }
}
