/**
 * A lean HTTP/1.1 client for the benchmark: one request at a time on one connection, so that the load generator costs
 * less than what it measures.
 */
import { connect, type Socket } from 'node:net';

export class GatewayClient {
  readonly #socket: Socket;
  #held = '';
  #answer: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;

  private constructor(
    socket: Socket,
    readonly host: string,
  ) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#read(text));
    socket.on('error', (error) => this.#answer?.reject(error));
    socket.on('close', () => this.#answer?.reject(new Error('the connection was closed')));
    socket.unref();
  }

  /** `target` as `127.0.0.1:2379`. */
  static open(target: string): Promise<GatewayClient> {
    const [host = '', port = ''] = target.split(':');
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port: Number(port) }, () => resolve(new GatewayClient(socket, target)));
      socket.once('error', reject);
    });
  }

  post(path: string, body: string): Promise<void> {
    this.#socket.write(
      `POST ${path} HTTP/1.1\r\nHost: ${this.host}\r\nContent-Type: application/json\r\nContent-Length: ` +
        `${body.length}\r\n\r\n${body}`,
    );
    return new Promise((resolve, reject) => {
      this.#answer = { resolve, reject };
    });
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
    if (status === '200') answer?.resolve();
    else answer?.reject(new Error(`HTTP status ${status}`));
  }
}
