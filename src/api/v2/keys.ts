/** `/v2/keys`: the store, by HTTP. A watch answers at once with its headers and then with events as they come. */

import type { HttpRequest, HttpResponse } from '../../lib/http.js';
import { latin1Bytes } from '../../lib/latin1.js';
import { wireErrors } from '../../proto/errors.js';
import { V2Error } from '../../v2/error.js';
import { eventJson, isCreated } from '../../v2/event.js';
import type { V2Request } from '../../v2/request.js';
import { KEYS_PREFIX } from '../../v2/tree.js';
import type { Target } from '../http/target.js';
import { type Headers, JSON_TYPE, jsonAnswer, refuseMethod, storeError } from './answers/responses.js';
import type { EventSource, V2Answer, V2Server } from './answers/types.js';
import type { V2Access } from './auth/access.js';
import { readKeyRequest } from './key-request.js';

/**
 * Beyond it, what the path's directories would cost in snapshots grows out of proportion: they carry each one's whole
 * path.
 */
const MAX_PATHS_CHARACTERS = 512 * 1024 * 1024;

/** `key` is the path below /v2/keys, as the client wrote it. */
export async function answerKeys(
  server: V2Server,
  access: V2Access,
  call: HttpRequest,
  target: Target,
  key: string,
): Promise<HttpResponse> {
  const refused = refuseMethod(call.method, 'HEAD', 'GET', 'PUT', 'POST', 'DELETE');
  if (refused !== undefined) return refused;
  const headers: Headers = { 'X-Etcd-Cluster-Id': server.clusterIdHex };
  try {
    const { request, noValueOnSuccess } = await readKeyRequest(call, target, key, server.nowNs());
    const allowed = access.mayUseKey(call, key, request.recursive);
    if (allowed !== true && !(await allowed)) {
      return storeError(new V2Error('unauthorized', 'Insufficient credentials', 0), '', headers);
    }
    const beganMs = server.nowMs();
    if (!request.wait) server.observer.received(call.method);
    const { raftIndex, raftTerm, result } = await carriedOut(server, request, call.method, key);
    const place = { ...headers, 'X-Raft-Index': String(raftIndex), 'X-Raft-Term': String(raftTerm) };
    if (result.t === 'watcher') return answerWatch(result.watcher, request.stream, call.signal, place);
    server.observer.succeeded(call.method, server.nowMs() - beganMs);
    const { event } = result;
    const bare = noValueOnSuccess && silentActions.has(event.action);
    const json = `${eventJson(event, { prefix: KEYS_PREFIX, bare })}\n`;
    return jsonAnswer(isCreated(event) ? 201 : 200, json, { ...place, 'X-Etcd-Index': String(event.etcdIndex) });
  } catch (cause) {
    if (cause instanceof V2Error) return storeError(cause, KEYS_PREFIX, headers);
    return storeError(new V2Error('raftInternal', (cause as Error).message, 0), '', headers);
  }
}

async function carriedOut(server: V2Server, request: V2Request, method: string, key: string): Promise<V2Answer> {
  try {
    if (isTooDeep(key)) throw new Error(wireErrors.requestTooLarge.message);
    return await server.do(request);
  } catch (cause) {
    server.observer.failed(method, cause instanceof V2Error ? cause.status : 500);
    throw cause;
  }
}

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
