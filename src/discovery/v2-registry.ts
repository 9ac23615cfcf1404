/**
 * A registry in v2 keys (`--discovery URL`): size in `<token>/_config/size`, members in `<token>/<id>`, found by
 * listing and waiting. Whatever the URL leads to, no more than a megabyte of an answer is read, and no question but a
 * wait for members is open for more than some seconds.
 */
import { Agent, type Dispatcher, ProxyAgent, request } from 'undici';
import { DeadlineError } from '../client/v2/errors.js';
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
const NODE_EXISTS = 105;
const HISTORY_CLEARED = 401;

interface Node {
  readonly key: string;
  readonly value?: string;
  readonly createdIndex: number;
  readonly nodes?: readonly Node[];
}

interface Answer {
  readonly node: Node;
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
      const { body, index } = await send(dispatcher, method, at(path), AbortSignal.any([signal, late.signal]), value);
      return { node: parseNode(body).node, index };
    } finally {
      cancelTimer();
    }
  };
  return {
    async size(signal) {
      const { node } = await ask('GET', '/_config/size', { signal });
      return node.value ?? '';
    },

    async list(signal): Promise<Listing> {
      const { node, index } = await ask('GET', '', { signal });
      const registrations = (node.nodes ?? []).map(registrationOf).filter(({ id }) => id !== '_config');
      return { registrations: registrations.sort((a, b) => a.order - b.order), revision: index };
    },

    async register(id, value, signal) {
      try {
        await ask('PUT', `/${id}?prevExist=false`, { signal, value });
      } catch (cause) {
        if (cause instanceof V2Error && cause.errorCode === NODE_EXISTS) throw new DiscoveryError('duplicateId');
        throw cause;
      }
    },

    async *watch(revision, signal) {
      let after = revision;
      for (;;) {
        try {
          const { node, modifiedIndex } = await waitFor({ dispatcher, clock }, at(''), after + 1, signal);
          after = modifiedIndex;
          const registration = registrationOf(node);
          if (node.value !== undefined && !node.key.includes('/_config/')) yield registration;
        } catch (cause) {
          // Too long ago for the service to know: look again.
          if (cause instanceof V2Error && cause.errorCode === HISTORY_CLEARED) return;
          throw cause;
        }
      }
    },

    close: () => dispatcher.destroy(),
  };
}

/** What the service answers with an error of its own, in etcd's words: `100: Key not found (/a) [7]`. */
class V2Error extends Error {
  constructor(
    readonly errorCode: number,
    message: string,
    cause: string,
    index: number,
  ) {
    super(`${errorCode}: ${message} (${cause}) [${index}]`);
  }
}

function dispatcherFor(proxy: string, ca: string | undefined): Dispatcher {
  const trust = ca === undefined ? {} : { ca };
  const timeouts = { connect: { timeout: TIMEOUT_MS, ...trust }, headersTimeout: 0, bodyTimeout: 0 };
  if (proxy === '') return new Agent(timeouts);
  const uri = /^\w+:\/\//.test(proxy) ? proxy : `http://${proxy}`;
  return new ProxyAgent({ ...timeouts, requestTls: trust, uri, proxyTunnel: false });
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
): Promise<{ node: Node; modifiedIndex: number }> {
  for (;;) {
    const { body } = await send(dispatcher, 'GET', `${url}?recursive=true&wait=true&waitIndex=${index}`, signal);
    // A server that ends its long polls early sends nothing; one that does so at once is not to keep us busy.
    if (body.length > 0) return parseNode(body);
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
): Promise<{ body: Uint8Array; index: number }> {
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
    if (status >= 400) throw errorOf(body);
    return { body, index: Number(headers['x-etcd-index'] ?? 0) };
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
    return { status: statusCode, headers, body: await collectBody(body, MAX_ANSWER_BYTES) };
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

function parseNode(body: Uint8Array): { node: Node; modifiedIndex: number } {
  const { node } = parseObject(body);
  const { modifiedIndex = 0, nodes = [] } = isObject(node) ? node : {};
  if (typeof modifiedIndex !== 'number' || !Array.isArray(nodes)) throw new DiscoveryError('badEndpoint');
  return { node: { ...nodeOf(node), nodes: nodes.map(nodeOf) }, modifiedIndex };
}

/** Without those below it. The root of a store has no key: where the token is `…/v2/keys`. */
function nodeOf(found: unknown): Node {
  if (!isObject(found)) throw new DiscoveryError('badEndpoint');
  const { key = '', createdIndex = 0, value } = found;
  if (typeof key !== 'string' || typeof createdIndex !== 'number') throw new DiscoveryError('badEndpoint');
  if (value === undefined || value === null) return { key, createdIndex };
  if (typeof value !== 'string') throw new DiscoveryError('badEndpoint');
  return { key, createdIndex, value };
}

const isObject = (found: unknown): found is Record<string, unknown> => typeof found === 'object' && found !== null;

function errorOf(body: Uint8Array): Error {
  const { errorCode, message, cause, index } = parseObject(body);
  if (typeof errorCode !== 'number') return new DiscoveryError('badEndpoint');
  return new V2Error(errorCode, String(message), String(cause), Number(index));
}

function parseObject(body: Uint8Array): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(body).toString());
    if (isObject(parsed)) return parsed;
  } catch {
    // Said below.
  }
  throw new DiscoveryError('badEndpoint');
}

function registrationOf({ key, value = '', createdIndex }: Node): Registration {
  return { id: key.slice(key.lastIndexOf('/') + 1), value, order: createdIndex };
}
