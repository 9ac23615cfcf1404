/**
 * A registry in v2 keys (`--discovery URL`): size in `<token>/_config/size`, members in `<token>/<id>`, found by
 * listing and waiting. Whatever the URL leads to, no more than a megabyte of an answer is read, and no question but a
 * wait for members is open for more than some seconds.
 */
import { Agent, type Dispatcher, ProxyAgent, request } from 'undici';
import { keysAnswer } from '../client/v2/answers.js';
import { AnswerError, DeadlineError, V2Error, V2ErrorCode } from '../client/v2/errors.js';
import type { V2Node } from '../client/v2/types.js';
import type { Clock } from '../lib/clock.js';
import { httpFailure } from '../lib/go/http-error.js';
import { systemErrorText } from '../lib/go/system-error.js';
import { collectBody } from '../lib/http.js';
import { DiscoveryError, UnavailableError } from './errors.js';
import type { Listing, Registration, Registry } from './registry.js';

const MAX_ANSWER_BYTES = 1024 * 1024;
const TIMEOUT_MS = 5000;
const MAX_REDIRECTS = 10;
const EMPTY_WAIT_MS = 100;

interface Answer {
  readonly node: V2Node;
  /** X-Etcd-Index */
  readonly index: number;
}

export interface V2RegistryOptions {
  /** With the token at its end. */
  readonly url: string;
  /** Of an HTTP proxy; `''` = none. Without a scheme it is http's. */
  readonly proxy: string;
  /** PEM, of the authorities that a service with https is trusted by; undefined = those that Node knows. */
  readonly ca?: string | undefined;
  readonly clock: Clock;
}

/** Throws an Error in etcd's words for a URL that is none. */
export function v2Registry({ url, proxy, ca, clock }: V2RegistryOptions): Registry {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) throw new DiscoveryError('invalidUrl');
  const token = new URL(url);
  token.search = '';
  token.hash = '';
  const at = (path: string): string => `${token.href.replace(/\/+$/, '')}${path}`;
  const dispatcher = dispatcherFor(proxy, ca);
  const ask = async (method: 'GET' | 'PUT', path: string, { signal, value }: AskOptions): Promise<Answer> => {
    const late = new AbortController();
    const cancelTimer = clock.after(TIMEOUT_MS, () => late.abort(new Error('i/o timeout')));
    try {
      return read(await send(dispatcher, method, at(path), AbortSignal.any([signal, late.signal]), value));
    } finally {
      cancelTimer();
    }
  };
  return {
    async size(signal) {
      const { node } = await ask('GET', '/_config/size', { signal });
      return node.value;
    },

    async list(signal): Promise<Listing> {
      const { node, index } = await ask('GET', '', { signal });
      const registrations = node.nodes.map(registrationOf).filter(({ id }) => id !== '_config');
      return { registrations: registrations.sort((a, b) => a.order - b.order), revision: index };
    },

    async register(id, value, signal) {
      try {
        await ask('PUT', `/${id}?prevExist=false`, { signal, value });
      } catch (cause) {
        if (cause instanceof V2Error && cause.code === V2ErrorCode.keyExists) throw new DiscoveryError('duplicateId');
        throw cause;
      }
    },

    async *watch(revision, signal) {
      let after = revision;
      for (;;) {
        try {
          const node = await waitFor({ dispatcher, clock }, at(''), after + 1, signal);
          after = node.modifiedIndex;
          if (node.value !== '' && !node.key.includes('/_config/')) yield registrationOf(node);
        } catch (cause) {
          // Too long ago for the service to know: look again.
          if (cause instanceof V2Error && cause.code === V2ErrorCode.eventIndexCleared) return;
          throw cause;
        }
      }
    },

    close: () => dispatcher.destroy(),
  };
}

function dispatcherFor(proxy: string, ca: string | undefined): Dispatcher {
  const trust = ca === undefined ? {} : { ca };
  const timeouts = { connect: { timeout: TIMEOUT_MS, ...trust }, headersTimeout: 0, bodyTimeout: 0 };
  if (proxy === '') return new Agent(timeouts);
  const uri = /^\w+:\/\//.test(proxy) ? proxy : `http://${proxy}`;
  return new ProxyAgent({ ...timeouts, requestTls: trust, uri, proxyTunnel: false });
}

interface Reply {
  readonly status: number;
  readonly index: string | undefined;
  readonly body: string;
}

interface AskOptions {
  readonly signal: AbortSignal;
  readonly value?: string;
}

async function waitFor(
  { dispatcher, clock }: { readonly dispatcher: Dispatcher; readonly clock: Clock },
  url: string,
  index: number,
  signal: AbortSignal,
): Promise<V2Node> {
  for (;;) {
    const answer = await send(dispatcher, 'GET', `${url}?recursive=true&wait=true&waitIndex=${index}`, signal);
    // A server that ends its long polls early sends nothing; one that does so at once is not to keep us busy.
    if (answer.body !== '') return read(answer).node;
    await new Promise<void>((resolve) => {
      clock.after(EMPTY_WAIT_MS, resolve);
    });
  }
}

async function send(
  dispatcher: Dispatcher,
  method: 'GET' | 'PUT',
  url: string,
  signal: AbortSignal,
  value?: string,
): Promise<Reply> {
  let target = url;
  for (let redirects = 0; ; redirects++) {
    const { status, headers, body } = await exchange(dispatcher, method, target, signal, value);
    if (status >= 500 && status < 600) throw unavailable(serverErrorText(status, target));
    if (status >= 300 && status < 400) {
      const location = headers.location;
      if (typeof location !== 'string' || location === '') throw unavailable('location header not set');
      if (!URL.canParse(location, target)) throw unavailable(`location header not valid URL: ${location}`);
      if (redirects === MAX_REDIRECTS) throw unavailable('client: too many redirects');
      target = new URL(location, target).href;
      continue;
    }
    const index = headers['x-etcd-index'];
    return { status, index: typeof index === 'string' ? index : undefined, body: body.toString() };
  }
}

const statusTexts: Readonly<Record<number, string>> = {
  501: 'Not Implemented',
  502: 'Bad Gateway',
  504: 'Gateway Timeout',
};

/** What etcd's client says of an answer that only the server is to blame for. */
function serverErrorText(status: number, url: string): string {
  const member = `client: etcd member ${new URL(url).origin}`;
  return status === 500 || status === 503
    ? `${member} has no leader`
    : `${member} returns server error [${statusTexts[status] ?? ''}]`;
}

const unavailable = (reason: string, cause?: unknown): UnavailableError =>
  new UnavailableError(`client: etcd cluster is unavailable or misconfigured; error #0: ${reason}`, { cause });

async function exchange(
  dispatcher: Dispatcher,
  method: 'GET' | 'PUT',
  url: string,
  signal: AbortSignal,
  value: string | undefined,
) {
  let isAnswering = false;
  try {
    const { statusCode, headers, body } = await request(url, {
      dispatcher,
      method,
      signal,
      ...(value === undefined
        ? {}
        : {
            body: `value=${encodeURIComponent(value)}`,
            headers: { 'content-type': 'application/x-www-form-urlencoded' },
          }),
    });
    isAnswering = true;
    return { status: statusCode, headers, body: Buffer.from(await collectBody(body, MAX_ANSWER_BYTES)) };
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_BODY_TOO_LARGE')
      throw new DiscoveryError('badEndpoint', { cause });
    // One that begins to answer and does not come to an end is no member that is away for a while.
    if (isAnswering && signal.aborted) throw new DeadlineError();
    throw unavailable(reasonOf(cause, isAnswering), cause);
  }
}

/** `dial tcp 127.0.0.1:1: connect: connection refused` */
function reasonOf(cause: unknown, isAnswering: boolean): string {
  if (!(cause instanceof Error)) return String(cause);
  if (isAnswering && 'code' in cause && cause.code === 'UND_ERR_SOCKET') return 'unexpected EOF';
  const { syscall, code, address, port } = cause as NodeJS.ErrnoException & { address?: string; port?: number };
  if (syscall === 'connect' && address !== undefined) {
    return `dial tcp ${address}:${port}: connect: ${systemErrorText(code ?? '')}`;
  }
  return httpFailure(cause).message;
}

/** Throws V2Error for a refusal, DiscoveryError for what no etcd would answer. */
function read(reply: Reply): Answer {
  try {
    const { node, index } = keysAnswer({ ...reply, clusterId: undefined });
    if (node !== undefined) return { node, index };
  } catch (cause) {
    if (!(cause instanceof AnswerError && cause.code === 'no-json')) throw cause;
  }
  throw new DiscoveryError('badEndpoint');
}

function registrationOf({ key, value, createdIndex }: V2Node): Registration {
  return { id: key.slice(key.lastIndexOf('/') + 1), value, order: createdIndex };
}
