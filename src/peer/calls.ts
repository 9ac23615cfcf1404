/** Requests to other members beside raft: `PeerCalls` over HTTP. */

import { parseBool } from '../lib/go/number.js';
import { collectBody } from '../lib/http.js';
import type { HttpAnswer, HttpAsk, HttpClient } from '../lib/http-client.js';
import type { ClusterId, LeaseId } from '../lib/ids.js';
import { LeaseKeepAliveRequest, LeaseKeepAliveResponse } from '../proto/gen/etcdserverpb.js';
import { hex } from './context.js';
import { PeerCallError, type PeerCalls } from './types.js';

/** A list of members, a lease with all its keys. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** `clusterId` is sent where the answer must come from the same cluster; undefined before it is known. */
export function createPeerCalls(http: HttpClient, clusterId: () => ClusterId | undefined): PeerCalls {
  return {
    async members(url, signal) {
      const { answer, body } = await ask(http, { method: 'GET', url: `${url}/members`, signal });
      const id = answer.headers['x-etcd-cluster-id'] ?? '';
      if (!/^[0-9a-f]{1,16}$/i.test(id)) throw new Error(`could not parse the cluster ID "${id}" of ${url}`);
      return { json: body.toString(), clusterId: BigInt(`0x${id}`) };
    },
    async version(url, signal) {
      const { body } = await ask(http, { method: 'GET', url: `${url}/version`, signal });
      const told = JSON.parse(body.toString()) as { etcdserver?: unknown; etcdcluster?: unknown };
      return { server: textOf(told.etcdserver), cluster: textOf(told.etcdcluster) };
    },
    async downgradeEnabled(url, signal) {
      const { body } = await ask(http, { method: 'GET', url: `${url}/downgrade/enabled`, signal });
      return parseBool(body.toString());
    },
    async promote(url, id, token, signal) {
      const headers = token === undefined ? {} : { Authorization: token };
      const { body } = await ask(http, { method: 'POST', url: `${url}/members/promote/${id}`, headers, signal });
      return body.toString();
    },
    async hashKv(url, revision, signal) {
      const id = clusterId();
      const { body } = await ask(http, {
        method: 'GET',
        url: `${url}/members/hashkv`,
        headers: id === undefined ? {} : { 'X-Etcd-Cluster-ID': hex(id) },
        body: JSON.stringify({ revision }),
        signal,
      });
      const { header, hash, compact_revision: compactRevision } = JSON.parse(body.toString()) as HashAnswer;
      return {
        currentRevision: numberOf(header?.revision),
        compactRevision: numberOf(compactRevision),
        hash: numberOf(hash),
      };
    },
    async renewLease(url, id, signal) {
      const request = { method: 'POST', url: `${url}/leases`, headers: protobuf, body: renewal(id), signal };
      try {
        const { body } = await ask(http, request);
        const renewed = LeaseKeepAliveResponse.decode(body);
        if (renewed.ID !== id) throw new Error('lease ID mismatch');
        return renewed.TTL;
      } catch (error) {
        if (error instanceof PeerCallError && error.status === 404) return 0;
        throw error;
      }
    },
    async leaseTimeToLive(url, request, signal) {
      const target = `${url}/leases/internal`;
      return (await ask(http, { method: 'POST', url: target, headers: protobuf, body: request, signal })).body;
    },
  };
}

/** The part that is read: zero numbers may be left out. */
interface HashAnswer {
  readonly header?: { readonly revision?: unknown };
  readonly hash?: unknown;
  readonly compact_revision?: unknown;
}

const protobuf = { 'Content-Type': 'application/protobuf' };

const renewal = (id: LeaseId): Uint8Array => LeaseKeepAliveRequest.encode(LeaseKeepAliveRequest.create({ ID: id }));

/** The answer of a member that did what was asked. */
async function ask(
  http: HttpClient,
  request: Omit<HttpAsk, 'headersTimeoutMs' | 'bodyTimeoutMs'>,
): Promise<{ readonly answer: HttpAnswer; readonly body: Buffer }> {
  // How long to wait is the caller's to say, by the signal.
  const answer = await http.ask({ ...request, headersTimeoutMs: 0, bodyTimeoutMs: 0 });
  const body = Buffer.from(await collectBody(answer.body, MAX_ANSWER_BYTES));
  if (answer.status !== 200) throw new PeerCallError(answer.status, body.toString().replace(/\n$/, ''));
  return { answer, body };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function numberOf(value: unknown): number {
  if (value === undefined) return 0;
  const number = typeof value === 'string' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) throw new Error('peer answered with what is no number');
  return number;
}
