/**
 * One request to a cluster: the endpoint that answered last is asked first, then the others, until one gives an answer
 * that is not its own trouble (5xx). As etcd's client/client.go.
 */
import type { Clock } from '../../lib/clock.js';
import { httpFailure } from '../../lib/go/http-error.js';
import { goStatusText } from '../../lib/go/http-status.js';
import { parseGoUrl } from '../../lib/go/url.js';
import type { HttpClient } from '../../lib/http-client.js';
import type { Random } from '../../lib/random.js';
import { AnswerError, ClusterError, DeadlineError, HeaderTimeoutError, NoEndpointsError } from './errors.js';
import type { V2CallOptions, V2ClientOptions } from './types.js';
import { joinUrl } from './url.js';

/** A request, whichever endpoint it goes to. */
export interface V2Request {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Unescaped, e.g. `/v2/keys/foo bar`. */
  readonly path: string;
  /** Encoded, without `?`. */
  readonly query?: string;
  readonly body?: { readonly type: string; readonly text: string };
  /** It may wait as long as it likes for its answer. */
  readonly isWait?: boolean;
  /** A second try could do it twice, so there is none. */
  readonly isOneShot?: boolean;
}

export interface V2Answer {
  readonly status: number;
  readonly index: string | undefined;
  readonly clusterId: string | undefined;
  readonly body: string;
}

const MAX_REDIRECTS = 10;
/** A recursive read of a large tree; far above it nobody sends one. */
const MAX_BODY_BYTES = 1024 * 1024 * 1024;

export class Cluster {
  #endpoints: readonly string[] = [];
  #pinned = 0;

  constructor(
    readonly options: V2ClientOptions,
    readonly world: { readonly clock: Clock; readonly random: Random; readonly http: HttpClient },
  ) {
    this.setEndpoints(options.endpoints);
  }

  get endpoints(): readonly string[] {
    return this.#endpoints;
  }

  /** Throws NoEndpointsError for none, UrlError for what is no URL. */
  setEndpoints(endpoints: readonly string[]): void {
    if (endpoints.length === 0) throw new NoEndpointsError();
    for (const endpoint of endpoints) parseGoUrl(endpoint);
    this.#endpoints = shuffled(endpoints, this.world.random);
    this.#pinned = 0;
  }

  /**
   * Rejects with ClusterError, DeadlineError, the signal's reason; a one-shot request with the one endpoint's error.
   */
  async send(request: V2Request, { signal, timeoutMs }: V2CallOptions = {}): Promise<V2Answer> {
    using deadline = startDeadline(this.world.clock, { signal, timeoutMs });
    deadline.signal.throwIfAborted();
    const endpoints = this.#endpoints;
    const first = this.#pinned;
    const errors: Error[] = [];
    for (let step = 0; step < endpoints.length; step++) {
      const at = (first + step) % endpoints.length;
      const endpoint = endpoints[at] ?? '';
      try {
        const answer = await this.#follow(endpoint, request, deadline.signal);
        if (answer.status < 500 || answer.status >= 600) {
          if (this.#endpoints === endpoints) this.#pinned = at;
          return answer;
        }
        errors.push(serverTrouble(endpoint, answer.status));
      } catch (error) {
        deadline.signal.throwIfAborted();
        errors.push(error instanceof AnswerError || error instanceof HeaderTimeoutError ? error : httpFailure(error));
      }
      if (request.isOneShot === true) {
        // The next call had better begin elsewhere.
        if (this.#endpoints === endpoints) this.#pinned = (at + 1) % endpoints.length;
        throw errors[0];
      }
    }
    throw new ClusterError(errors);
  }

  async #follow(endpoint: string, request: V2Request, signal: AbortSignal): Promise<V2Answer> {
    let url = joinUrl(endpoint, request.path, request.query ?? '');
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const { answer, location } = await this.#exchange(endpoint, url, request, signal);
      if (answer.status < 300 || answer.status >= 400) return answer;
      if (location === undefined || location === '') throw new AnswerError('redirects', 'location header not set');
      url = targetOf(location, url);
    }
    throw new AnswerError('redirects', 'client: too many redirects');
  }

  async #exchange(
    endpoint: string,
    url: string,
    { method, body, isWait }: V2Request,
    signal: AbortSignal,
  ): Promise<{ answer: V2Answer; location: string | undefined }> {
    const { username, password = '', requestTimeoutMs = 0, onSend } = this.options;
    onSend?.({ method, url, body: body?.text });
    const credentials = Buffer.from(`${username}:${password}`).toString('base64');
    using headers = startDeadline(
      this.world.clock,
      { signal, timeoutMs: isWait === true || requestTimeoutMs === 0 ? undefined : requestTimeoutMs },
      () => new HeaderTimeoutError(endpoint),
    );
    const answer = await this.world.http.ask({
      method,
      url,
      headers: {
        ...(body === undefined ? {} : { 'content-type': body.type }),
        ...(username === undefined || username === '' ? {} : { authorization: `Basic ${credentials}` }),
      },
      body: body?.text,
      signal: headers.signal,
      headersTimeoutMs: 0,
      bodyTimeoutMs: 0,
    });
    headers.stop();
    return {
      answer: {
        status: answer.status,
        index: answer.headers['x-etcd-index'],
        clusterId: answer.headers['x-etcd-cluster-id'],
        body: await textOf(answer.body),
      },
      location: answer.headers.location,
    };
  }
}

function targetOf(location: string, from: string): string {
  try {
    parseGoUrl(location);
    return new URL(location, from).href;
  } catch {
    throw new AnswerError('redirects', `location header not valid URL: ${location}`);
  }
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new AnswerError('server', `response body exceeds ${MAX_BODY_BYTES} bytes`);
  }
  return Buffer.concat(chunks).toString();
}

function serverTrouble(endpoint: string, status: number): Error {
  return status === 500 || status === 503
    ? new AnswerError('server', `client: etcd member ${endpoint} has no leader`)
    : new AnswerError('server', `client: etcd member ${endpoint} returns server error [${goStatusText(status)}]`);
}

function shuffled(list: readonly string[], random: Random): readonly string[] {
  const copy = [...list];
  for (let at = copy.length - 1; at > 0; at--) {
    const other = random.below(at + 1);
    [copy[at], copy[other]] = [copy[other] ?? '', copy[at] ?? ''];
  }
  return copy;
}

/** A signal that follows the caller's and aborts by itself after a time, until it is stopped. */
function startDeadline(
  clock: Clock,
  { signal, timeoutMs }: V2CallOptions,
  reason: () => Error = () => new DeadlineError(),
): { readonly signal: AbortSignal; stop(): void } & Disposable {
  const controller = new AbortController();
  const follow = (): void => controller.abort(signal?.reason);
  const expire = (): void => controller.abort(reason());
  let cancel = (): void => {};
  if (signal?.aborted === true) follow();
  else signal?.addEventListener('abort', follow);
  if (timeoutMs !== undefined) {
    if (timeoutMs <= 0) expire();
    else cancel = clock.after(timeoutMs, expire);
  }
  return {
    signal: controller.signal,
    stop: () => cancel(),
    [Symbol.dispose]() {
      cancel();
      signal?.removeEventListener('abort', follow);
    },
  };
}
