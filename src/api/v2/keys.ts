/** `/v2/keys`: the store, by HTTP. A watch answers at once with its headers and then with events as they come. */

import type { HttpRequest, HttpResponse } from '../../lib/http.js';
import { latin1Bytes } from '../../lib/latin1.js';
import { attempt, type Soon, whenThere } from '../../lib/soon.js';
import { wireErrors } from '../../proto/errors.js';
import { V2Error } from '../../v2/error.js';
import { eventJson, isCreated } from '../../v2/event.js';
import type { V2Request } from '../../v2/request.js';
import { KEYS_PREFIX } from '../../v2/tree.js';
import type { Target } from '../http/target.js';
import { type Headers, JSON_TYPE, refuseMethod, sentAs, storeError } from './answers/responses.js';
import type { EventSource, V2Answer, V2Server } from './answers/types.js';
import type { V2Access } from './auth/access.js';
import { formOf, type KeyRequest, readKeyRequest } from './key-request.js';

/**
 * Beyond it, what the path's directories would cost in snapshots grows out of proportion: they carry each one's whole
 * path.
 */
const MAX_PATHS_CHARACTERS = 512 * 1024 * 1024;

/** `key` is the path below /v2/keys, as the client wrote it. */
export function answerKeys(
  server: V2Server,
  access: V2Access,
  call: HttpRequest,
  target: Target,
  key: string,
): Soon<HttpResponse> {
  const refused = refuseMethod(call.method, 'HEAD', 'GET', 'PUT', 'POST', 'DELETE');
  if (refused !== undefined) return refused;
  const headers: Headers = { 'X-Etcd-Cluster-Id': server.clusterIdHex };
  return attempt(
    () =>
      whenThere(formOf(call, target), (form) => {
        const asked = readKeyRequest(call, form, key, () => server.nowNs());
        return whenThere(access.mayUseKey(call, key, asked.request.recursive), (isAllowed) => {
          if (!isAllowed) throw new V2Error('unauthorized', 'Insufficient credentials', 0);
          return answerRequest(server, call, key, asked);
        });
      }),
    (cause) =>
      cause instanceof V2Error
        ? storeError(cause, KEYS_PREFIX, headers)
        : storeError(new V2Error('raftInternal', (cause as Error).message, 0), '', headers),
  );
}

function answerRequest(
  server: V2Server,
  call: HttpRequest,
  key: string,
  { request, noValueOnSuccess }: KeyRequest,
): Soon<HttpResponse> {
  const { observer } = server;
  const beganMs = server.nowMs();
  if (!request.wait) observer.received(call.method);
  const answer = attempt(
    () => carriedOut(server, request, key),
    (cause): never => {
      observer.failed(call.method, cause instanceof V2Error ? cause.status : 500);
      throw cause;
    },
  );
  return whenThere(answer, ({ raftIndex, raftTerm, result }) => {
    const clusterId = server.clusterIdHex;
    if (result.t === 'watcher') {
      const place = { 'X-Etcd-Cluster-Id': clusterId, 'X-Raft-Index': `${raftIndex}`, 'X-Raft-Term': `${raftTerm}` };
      return answerWatch(result.watcher, request.stream, call.signal, place);
    }
    observer.succeeded(call.method, server.nowMs() - beganMs);
    const { event } = result;
    const bare = noValueOnSuccess && silentActions.has(event.action);
    const json = `${eventJson(event, { prefix: KEYS_PREFIX, bare })}\n`;
    // Written out: copying headers from object to object took a fifth of a get.
    return {
      status: isCreated(event) ? 201 : 200,
      headers: {
        'X-Etcd-Cluster-Id': clusterId,
        'X-Raft-Index': `${raftIndex}`,
        'X-Raft-Term': `${raftTerm}`,
        'X-Etcd-Index': `${event.etcdIndex}`,
        'Content-Type': JSON_TYPE,
      },
      body: sentAs(json),
    };
  });
}

function carriedOut(server: V2Server, request: V2Request, key: string): Soon<V2Answer> {
  if (isTooDeep(key)) throw new Error(wireErrors.requestTooLarge.message);
  return server.do(request);
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
