/**
 * `/v2/…`: which part answers which path. Every answer of members, statistics and auth that refuses is one sentence as
 * JSON.
 */
import type { HttpRequest, HttpResponse } from '../../lib/http.js';
import { V2Error } from '../../v2/error.js';
import type { TargetHandler } from '../http/router.js';
import type { Target } from '../http/target.js';
import { notFound } from '../http/types.js';
import { MessageError } from './answers/message-error.js';
import { type Headers, JSON_TYPE, messageError, refuseMethod, storeError } from './answers/responses.js';
import type { V2Members, V2Passwords, V2Server, V2Stats } from './answers/types.js';
import { V2Access } from './auth/access.js';
import { answerAuth, type V2Auth } from './auth/answers.js';
import { V2AuthStore } from './auth/store.js';
import { answerKeys, PlaceLines } from './keys.js';
import { answerMachines, answerMembers } from './members.js';

export interface V2HandlerDeps {
  readonly server: V2Server;
  readonly members: V2Members;
  readonly stats: V2Stats;
  readonly passwords: V2Passwords;
  /** Names of client certificates are names of users. */
  readonly commonNames: boolean;
}

export function v2Handler(deps: V2HandlerDeps): TargetHandler {
  const { server } = deps;
  const headers: Headers = { 'X-Etcd-Cluster-Id': server.clusterIdHex };
  const store = new V2AuthStore(server, deps.passwords);
  const place = new PlaceLines(server.clusterIdHex);
  const access = new V2Access(store, deps.passwords, { commonNames: deps.commonNames });
  const auth: V2Auth = { store, access, headers };
  return (call, target) => {
    const { path } = target;
    if (!path.startsWith('/v2/')) return undefined;
    const key = below(path, '/v2/keys');
    if (key !== undefined) return answerKeys({ server, place, access, call, key }, target);
    return guarded(headers, () => answerOthers(deps, auth, call, target));
  };
}

async function answerOthers(
  { members, stats }: V2HandlerDeps,
  auth: V2Auth,
  call: HttpRequest,
  { path }: Target,
): Promise<HttpResponse> {
  const memberPath = below(path, '/v2/members');
  if (memberPath !== undefined) return answerMembers(members, auth.access, auth.headers, call, memberPath);
  if (path === '/v2/machines') return answerMachines(members, call);
  const authPath = below(path, '/v2/auth');
  if (authPath !== undefined) return (await answerAuth(auth, call, authPath)) ?? notFound;
  switch (path) {
    case '/v2/stats/store':
      return answerStats(call, stats.store());
    case '/v2/stats/self':
      return answerStats(call, stats.self());
    case '/v2/stats/leader':
      return answerStats(call, stats.leader());
    default:
      return notFound;
  }
}

function answerStats(call: HttpRequest, json: string | undefined): HttpResponse {
  const refused = refuseMethod(call.method, ['GET']);
  if (refused !== undefined) return refused;
  if (json === undefined) return messageError(403, 'not current leader');
  return { status: 200, headers: { 'Content-Type': JSON_TYPE }, body: json };
}

/** What of `path` is below `folder`: `''` or what begins with a slash. */
function below(path: string, folder: string): string | undefined {
  if (!path.startsWith(folder)) return undefined;
  return path.length === folder.length || path[folder.length] === '/' ? path.slice(folder.length) : undefined;
}

async function guarded(headers: Headers, run: () => Promise<HttpResponse>): Promise<HttpResponse> {
  try {
    return await run();
  } catch (cause) {
    if (cause instanceof MessageError) {
      return messageError(cause.status, cause.message, cause.options.namesCluster ? headers : {});
    }
    if (cause instanceof V2Error) return storeError(cause, '', headers);
    return messageError(500, 'Internal Server Error', headers);
  }
}
