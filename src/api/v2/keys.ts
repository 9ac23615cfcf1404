/** `/v2/keys`: the store, by HTTP. A watch answers at once with its headers and then with events as they come. */

import type { HttpHeaders, HttpRequest, HttpResponse } from '../../lib/http.js';
import { latin1Bytes } from '../../lib/latin1.js';
import { Later, type Soon } from '../../lib/soon.js';
import { wireErrors } from '../../proto/errors.js';
import { V2Error } from '../../v2/error.js';
import { eventJson, isCreated } from '../../v2/event.js';
import { KEYS_PREFIX } from '../../v2/tree.js';
import type { Target } from '../http/target.js';
import { type Headers, JSON_TYPE, refuseMethod, storeError } from './answers/responses.js';
import type { EventSource, V2Answer, V2Server } from './answers/types.js';
import type { V2Access } from './auth/access.js';
import type { Form } from './form.js';
import { formOf, type KeyRequest, readKeyRequest } from './key-request.js';

/**
 * Beyond it, what the path's directories would cost in snapshots grows out of proportion: they carry each one's whole
 * path.
 */
const MAX_PATHS_CHARACTERS = 512 * 1024 * 1024;
const METHODS: readonly string[] = ['HEAD', 'GET', 'PUT', 'POST', 'DELETE'];

type SoonOrLater = Soon<HttpResponse> | Later<HttpResponse>;

/** One call. `key` is the path below /v2/keys, as the client wrote it. */
interface KeyCall {
  readonly server: V2Server;
  readonly place: PlaceLines;
  readonly access: V2Access;
  readonly call: HttpRequest;
  readonly key: string;
}

/** Here and below what is there at once is answered without a promise, and what is not with as few as can be. */
export function answerKeys(keyCall: KeyCall, target: Target): SoonOrLater {
  const refused = refuseMethod(keyCall.call.method, METHODS);
  if (refused !== undefined) return refused;
  try {
    const form = formOf(keyCall.call, target);
    return form instanceof Promise ? answerLater(keyCall, form) : answerForm(keyCall, form);
  } catch (cause) {
    return refusalOf(keyCall, cause);
  }
}

async function answerLater(keyCall: KeyCall, form: Promise<Form>): Promise<HttpResponse> {
  try {
    return await answerForm(keyCall, await form);
  } catch (cause) {
    return refusalOf(keyCall, cause);
  }
}

function refusalOf({ server }: KeyCall, cause: unknown): HttpResponse {
  const headers: Headers = { 'X-Etcd-Cluster-Id': server.clusterIdHex };
  return cause instanceof V2Error
    ? storeError(cause, KEYS_PREFIX, headers)
    : storeError(new V2Error('raftInternal', (cause as Error).message, 0), '', headers);
}

/** Throws V2Error. */
function answerForm(keyCall: KeyCall, form: Form): SoonOrLater {
  const { server, access, call, key } = keyCall;
  const asked = readKeyRequest(call, form, key, server);
  const isAllowed = access.mayUseKey(call, key, asked.request.recursive);
  return isAllowed === true ? carryOut(keyCall, asked) : carryOutIf(isAllowed, keyCall, asked);
}

async function carryOutIf(isAllowed: Promise<boolean>, keyCall: KeyCall, asked: KeyRequest): Promise<HttpResponse> {
  if (await isAllowed) return carryOut(keyCall, asked);
  return refusalOf(keyCall, new V2Error('unauthorized', 'Insufficient credentials', 0));
}

function carryOut(keyCall: KeyCall, asked: KeyRequest): SoonOrLater {
  const { server, call, key } = keyCall;
  const beganMs = server.nowMs();
  if (!asked.request.wait) server.observer.received(call.method);
  try {
    if (isTooDeep(key)) throw new Error(wireErrors.requestTooLarge.message);
    const answer = server.do(asked.request);
    if (!('then' in answer)) return carriedOut(keyCall, asked, beganMs, answer);
    return Later.of(
      answer,
      (later) => carriedOut(keyCall, asked, beganMs, later),
      (cause) => failed(keyCall, cause),
    );
  } catch (cause) {
    return failed(keyCall, cause);
  }
}

function failed(keyCall: KeyCall, cause: unknown): HttpResponse {
  const { server, call } = keyCall;
  server.observer.failed(call.method, cause instanceof V2Error ? cause.status : 500);
  return refusalOf(keyCall, cause);
}

function carriedOut(
  { server, place, call }: KeyCall,
  asked: KeyRequest,
  beganMs: number,
  answer: V2Answer,
): HttpResponse {
  const clusterId = server.clusterIdHex;
  const { raftIndex, raftTerm, result } = answer;
  if (result.t === 'watcher') {
    const place = { 'X-Etcd-Cluster-Id': clusterId, 'X-Raft-Index': `${raftIndex}`, 'X-Raft-Term': `${raftTerm}` };
    return answerWatch(result.watcher, asked.request.stream, call.signal, place);
  }
  server.observer.succeeded(call.method, server.nowMs() - beganMs);
  const { event } = result;
  const bare = asked.noValueOnSuccess && silentActions.has(event.action);
  const body = `${eventJson(event, { prefix: KEYS_PREFIX, bare })}\n`;
  return new KeyAnswer(isCreated(event) ? 201 : 200, body, place, answer, event.etcdIndex);
}

/** What answers say of where the member stands: all that are given in one turn say the same. */
export class PlaceLines {
  #raftIndex = -1;
  #raftTerm = -1;
  #text = '';

  constructor(readonly clusterIdHex: string) {}

  /** With the beginning of the line of the store's index. */
  at({ raftIndex, raftTerm }: Place): string {
    if (raftIndex !== this.#raftIndex || raftTerm !== this.#raftTerm) {
      this.#raftIndex = raftIndex;
      this.#raftTerm = raftTerm;
      const raft = `X-Raft-Index: ${raftIndex}\r\nX-Raft-Term: ${raftTerm}\r\n`;
      this.#text = `X-Etcd-Cluster-Id: ${this.clusterIdHex}\r\n${raft}X-Etcd-Index: `;
    }
    return this.#text;
  }
}

type Place = Pick<V2Answer, 'raftIndex' | 'raftTerm'>;

/**
 * Its headers are made as lines of HTTP/1, with nothing in them to be checked; copying them from object to object took
 * a fifth of a get.
 */
class KeyAnswer implements HttpResponse {
  readonly encoding = 'latin1';

  constructor(
    readonly status: number,
    readonly body: string,
    readonly placeLines: PlaceLines,
    readonly place: Place,
    readonly etcdIndex: number,
  ) {}

  get lines(): string {
    return `${this.placeLines.at(this.place)}${this.etcdIndex}\r\n${TYPE_LINE}`;
  }

  get headers(): HttpHeaders {
    return {
      'X-Etcd-Cluster-Id': this.placeLines.clusterIdHex,
      'X-Raft-Index': `${this.place.raftIndex}`,
      'X-Raft-Term': `${this.place.raftTerm}`,
      'X-Etcd-Index': `${this.etcdIndex}`,
      'Content-Type': JSON_TYPE,
    };
  }
}

const TYPE_LINE = `Content-Type: ${JSON_TYPE}\r\n`;

const silentActions: ReadonlySet<string> = new Set(['set', 'create', 'update', 'compareAndSwap']);

function isTooDeep(key: string): boolean {
  if (key.length < 16_384) return false;
  let segments = 0;
  for (let at = key.indexOf('/'); at >= 0; at = key.indexOf('/', at + 1)) segments++;
  return segments * key.length > MAX_PATHS_CHARACTERS;
}

function answerWatch(watcher: EventSource, stream: boolean, signal: AbortSignal, place: Headers): HttpResponse {
  const leave = (): void => watcher.remove();
  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  return {
    status: 200,
    headers: { ...place, 'Content-Type': JSON_TYPE, 'X-Etcd-Index': String(watcher.startIndex) },
    body: events(watcher, stream, () => signal.removeEventListener('abort', leave)),
  };
}

async function* events(watcher: EventSource, stream: boolean, done: () => void): AsyncGenerator<Uint8Array> {
  try {
    do {
      const event = await watcher.next();
      if (event === undefined) return;
      yield latin1Bytes(`${eventJson(event, { prefix: KEYS_PREFIX })}\n`);
    } while (stream);
  } finally {
    watcher.remove();
    done();
  }
}
