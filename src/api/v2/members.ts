/** `/v2/members` and `/v2/machines`: who is in the cluster, and changes of that. */

import type { ClusterMember } from '../../datadir/cluster-member.js';
import { collectBody, type HttpRequest, type HttpResponse } from '../../lib/http.js';
import type { MemberId } from '../../lib/ids.js';
import { EtcdError } from '../../proto/etcd-error.js';
import { bytesOf, jsonString, textOf } from '../../v2/json.js';
import { textError } from '../http/types.js';
import { insufficientCredentials, MessageError } from './answers/message-error.js';
import { type Headers, jsonAnswer, refuseMethod } from './answers/responses.js';
import type { V2Members } from './answers/types.js';
import type { V2Access } from './auth/access.js';
import { readPeerUrls } from './peer-urls.js';

/** Far beyond any list of addresses. */
const MAX_BODY_BYTES = 10 * 1024 * 1024;

/** `path` below /v2/members. Throws MessageError. */
export async function answerMembers(
  members: V2Members,
  access: V2Access,
  headers: Headers,
  call: HttpRequest,
  path: string,
): Promise<HttpResponse> {
  const refused = refuseMethod(call.method, ['GET', 'POST', 'DELETE', 'PUT']);
  if (refused !== undefined) return refused;
  if (call.method !== 'GET' && !(await access.isRoot(call))) throw insufficientCredentials();
  switch (call.method) {
    case 'GET':
      return list(members, headers, path);
    case 'POST': {
      const peerURLs = await peerUrlsOf(call);
      const added = await changing(undefined, () => members.add(peerURLs));
      return jsonAnswer(201, `${memberJson(added)}\n`, headers);
    }
    case 'DELETE': {
      const id = idOf(path);
      if (typeof id !== 'bigint') return { ...id, headers: { ...headers, ...id.headers } };
      if (members.isRemoved(id)) throw new MessageError(410, `Member permanently removed: ${id.toString(16)}`);
      await changing(id, () => members.remove(id));
      return { status: 204, headers, body: '' };
    }
    default: {
      const id = idOf(path);
      if (typeof id !== 'bigint') return { ...id, headers: { ...headers, ...id.headers } };
      const peerURLs = await peerUrlsOf(call);
      // Of one that was removed etcd says no more than that it went wrong.
      if (members.isRemoved(id)) throw new EtcdError('memberNotFound');
      await changing(id, () => members.update(id, peerURLs));
      return { status: 204, headers, body: '' };
    }
  }
}

export function answerMachines(members: V2Members, call: HttpRequest): HttpResponse {
  const refused = refuseMethod(call.method, ['GET', 'HEAD']);
  if (refused !== undefined) return refused;
  const urls = members.members().flatMap(({ clientURLs }) => clientURLs);
  return { status: 200, headers: { 'Content-Type': 'text/plain; charset=utf-8' }, body: urls.sort().join(', ') };
}

function list(members: V2Members, headers: Headers, path: string): HttpResponse {
  switch (trimmed(path)) {
    case '':
      return jsonAnswer(200, `{"members":[${members.members().map(memberJson).join(',')}]}\n`, headers);
    case 'leader': {
      const leader = members.leader();
      if (leader === undefined) throw new MessageError(503, 'During election');
      return jsonAnswer(200, `${memberJson(leader)}\n`, headers);
    }
    default:
      throw new MessageError(404, 'Not found');
  }
}

function memberJson({ id, name, peerURLs, clientURLs }: ClusterMember): string {
  const urls = (each: readonly string[]): string => `[${each.map((url) => jsonString(bytesOf(url))).join(',')}]`;
  const shown = `"id":"${id.toString(16)}","name":${jsonString(bytesOf(name))}`;
  return `{${shown},"peerURLs":${urls(peerURLs)},"clientURLs":${urls(clientURLs)}}`;
}

const trimmed = (path: string): string => path.replace(/^\//, '');

function idOf(path: string): MemberId | HttpResponse {
  const text = textOf(trimmed(path));
  if (text === '') return textError(405, 'Method Not Allowed');
  if (!/^[0-9a-fA-F]{1,16}$/.test(text.replace(/^0+(?=.)/, ''))) throw new MessageError(404, `No such member: ${text}`);
  return BigInt(`0x${text}`);
}

async function peerUrlsOf(call: HttpRequest): Promise<readonly string[]> {
  const given = call.headers['content-type'] ?? '';
  const semicolon = given.indexOf(';');
  const type = semicolon < 0 ? given : given.slice(0, semicolon).toLowerCase().trim();
  if (type !== 'application/json') {
    throw new MessageError(415, `Bad Content-Type ${textOf(type)}, accept application/json`);
  }
  return readPeerUrls(Buffer.from(await collectBody(call.body, MAX_BODY_BYTES)).toString('utf8'));
}

async function changing<T>(id: MemberId | undefined, change: () => Promise<T>): Promise<T> {
  try {
    return await change();
  } catch (cause) {
    const row = cause instanceof EtcdError ? cause.row : undefined;
    if (row === 'memberExists' || row === 'peerUrlExists') throw new MessageError(409, membershipTexts[row]);
    if (row === 'memberNotFound' && id !== undefined) {
      throw new MessageError(404, `No such member: ${id.toString(16)}`);
    }
    throw cause;
  }
}

const membershipTexts = {
  memberExists: 'membership: ID exists',
  peerUrlExists: 'membership: peerURL exists',
} as const;
