/** Requests of the v2 API, byte for byte as given: no client's ideas about paths or escapes come between. */
import { Agent, request } from 'node:http';

export interface V2Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

export interface V2Call {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** A form, as it is sent. */
  readonly form?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Sent as it is. */
  readonly body?: string | Uint8Array | undefined;
}

/** One connection, kept for all calls. `endpoint`: `127.0.0.1:2379`. */
export class V2Http implements Disposable {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(readonly endpoint: string) {}

  call({ method, target, form, headers = {}, body = form }: V2Call): Promise<V2Answer> {
    const type = form === undefined ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' };
    const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
    return new Promise((resolve, reject) => {
      const [hostname, port] = this.endpoint.split(':');
      const sent = request(
        { hostname, port, method, path: target, agent: this.#agent, headers: { ...type, ...length, ...headers } },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const shown = response.headers as Record<string, string | undefined>;
            resolve({ status: response.statusCode ?? 0, headers: shown, body: Buffer.concat(chunks).toString() });
          });
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
