/** Messages sent as requests of their own: what the answer means. */

import { goStatusText } from '../lib/go/http-status.js';
import { goQuote } from '../lib/go/quote.js';
import { collectBody } from '../lib/http.js';
import type { HttpAnswer } from '../lib/http-client.js';
import type { NodeId } from '../raftpb/types.js';
import { CLUSTER_MISMATCH, INCOMPATIBLE_VERSION } from './compatibility.js';
import { hex, type PeerContext, raftHeaders } from './context.js';

const MAX_ANSWER_BYTES = 64 * 1024;

export interface Post {
  readonly peerId: NodeId;
  readonly url: string;
  readonly contentType: string;
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
}

/** Resolves when the peer has taken it. */
export async function post(context: PeerContext, request: Post): Promise<void> {
  const { url, body, signal, headersTimeoutMs, bodyTimeoutMs } = request;
  const headers = { 'Content-Type': request.contentType, ...raftHeaders(context) };
  const answer = await context.http.ask({
    method: 'POST',
    url,
    headers,
    body,
    signal,
    headersTimeoutMs,
    bodyTimeoutMs,
  });
  const text = Buffer.from(await collectBody(answer.body, MAX_ANSWER_BYTES)).toString();
  if (answer.status !== 204) throw new Error(refusal(context, request, answer, text));
}

function refusal({ logger, local, receiver }: PeerContext, request: Post, answer: HttpAnswer, body: string): string {
  const text = body.replace(/\n$/, '');
  const peer = { 'remote-peer-id': hex(request.peerId) };
  switch (answer.status) {
    case 412:
      if (text === INCOMPATIBLE_VERSION) {
        logger.error('request sent was ignored by peer', peer);
        return text;
      }
      if (text === CLUSTER_MISMATCH) {
        logger.error('request sent was ignored due to cluster ID mismatch', {
          ...peer,
          'remote-peer-cluster-id': answer.headers['x-etcd-cluster-id'] ?? '',
          'local-member-cluster-id': hex(local.clusterId),
        });
        return text;
      }
      return `unhandled error ${goQuote(body)} when precondition failed`;
    case 403:
      receiver.reportRemoved();
      return 'the member has been permanently removed from the cluster';
    default:
      return `unexpected http status ${goStatusText(answer.status)} while posting to ${goQuote(request.url)}`;
  }
}
