/** The cluster's members, as v2 shows them. Source of the statuses: etcd's client/members.go. */
import type { Json } from '../../lib/go/json-shape.js';
import { checkPeerUrls } from '../peer-urls.js';
import { expectOk, expectStatus, objectsAt, parseObject, struct, textAt, texts, textsAt } from './answers.js';
import type { Cluster } from './cluster.js';
import type { V2CallOptions, V2Member } from './types.js';

const PATH = '/v2/members';
const JSON_TYPE = 'application/json';
const memberShape = struct('client.Member', {
  id: { t: 'string' },
  name: { t: 'string' },
  peerURLs: texts,
  clientURLs: texts,
});
const listShape = struct('struct { Members []client.Member }', { Members: { t: 'list', of: memberShape } });

/**
 * Calls reject with V2CallError, EtcdError for bad URLs, ClusterError, AnswerError, DeadlineError and the signal's
 * reason.
 */
export class MembersApi {
  constructor(readonly cluster: Cluster) {}

  async list(call: V2CallOptions = {}): Promise<readonly V2Member[]> {
    const answer = await this.cluster.send({ method: 'GET', path: PATH }, call);
    expectStatus(answer, 200);
    return objectsAt(parseObject(answer.body, listShape), 'members').map(memberOf);
  }

  async leader(call: V2CallOptions = {}): Promise<V2Member> {
    const answer = await this.cluster.send({ method: 'GET', path: `${PATH}/leader` }, call);
    expectStatus(answer, 200);
    return memberOf(parseObject(answer.body, memberShape));
  }

  async add(peerURLs: readonly string[], call: V2CallOptions = {}): Promise<V2Member> {
    const body = { type: JSON_TYPE, text: membersBody(peerURLs) };
    const answer = await this.cluster.send({ method: 'POST', path: PATH, body }, call);
    expectStatus(answer, 201, 409);
    expectOk(answer, 'membersError', 201);
    return memberOf(parseObject(answer.body, memberShape));
  }

  async update(id: string, peerURLs: readonly string[], call: V2CallOptions = {}): Promise<void> {
    const body = { type: JSON_TYPE, text: membersBody(peerURLs) };
    const answer = await this.cluster.send({ method: 'PUT', path: `${PATH}/${id}`, body }, call);
    expectStatus(answer, 204, 404, 409);
    expectOk(answer, 'membersError', 204);
  }

  /** Removing one that is gone already succeeds. */
  async remove(id: string, call: V2CallOptions = {}): Promise<void> {
    const answer = await this.cluster.send({ method: 'DELETE', path: `${PATH}/${id}` }, call);
    expectStatus(answer, 204, 410);
  }
}

/** URLs as etcd's types.URLs keeps them: checked, sorted. */
function membersBody(peerURLs: readonly string[]): string {
  checkPeerUrls(peerURLs);
  return JSON.stringify({ peerURLs: peerURLs.map((url) => url.trim()).sort() });
}

const memberOf = (json: Json): V2Member => ({
  id: textAt(json, 'id'),
  name: textAt(json, 'name'),
  peerURLs: textsAt(json, 'peerURLs'),
  clientURLs: textsAt(json, 'clientURLs'),
});
