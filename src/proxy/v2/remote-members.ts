/**
 * The members of a cluster as one of its peers tells them (`/members` on the peer port). As etcd's
 * etcdserver/cluster_util.go.
 */

import type { Clock } from '../../lib/clock.js';
import { httpFailure } from '../../lib/go/http-error.js';
import { goQuote } from '../../lib/go/quote.js';
import { collectBody } from '../../lib/http.js';
import type { HttpClient } from '../../lib/http-client.js';
import type { Logger } from '../../lib/logger.js';
import { wireErrors } from '../../proto/errors.js';

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

export interface RemoteCluster {
  /** Sorted, as are the others. */
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
}

export interface RemoteDeps {
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Of the first peer that answers; undefined when none does. */
export async function remoteCluster(peerUrls: readonly string[], deps: RemoteDeps): Promise<RemoteCluster | undefined> {
  for (const url of peerUrls) {
    const address = `${url}/members`;
    try {
      return await askMembers(address, deps);
    } catch (error) {
      deps.signal.throwIfAborted();
      const why = httpFailure(error).message;
      deps.logger.warn('failed to get cluster response', { address, error: `Get ${goQuote(address)}: ${why}` });
    }
  }
  return undefined;
}

async function askMembers(url: string, { http, clock, signal }: RemoteDeps): Promise<RemoteCluster> {
  const late = new AbortController();
  const cancel = clock.after(TIMEOUT_MS, () => late.abort(new Error(wireErrors.contextDeadlineExceeded.message)));
  try {
    const answer = await http.ask({
      method: 'GET',
      url,
      signal: AbortSignal.any([signal, late.signal]),
      headersTimeoutMs: 0,
      bodyTimeoutMs: 0,
    });
    const text = Buffer.from(await collectBody(answer.body, MAX_ANSWER_BYTES)).toString();
    if (answer.status !== 200) throw new Error(`unexpected status code ${answer.status}`);
    return clusterOf(text);
  } finally {
    cancel();
  }
}

/** Ids in it are numbers above 2^53 and are not looked at. */
function clusterOf(text: string): RemoteCluster {
  const members: unknown = JSON.parse(text);
  if (!Array.isArray(members)) throw new Error('malformed list of members');
  const urlsOf = (name: string): string[] =>
    members
      .flatMap((member: unknown): unknown => (member as Record<string, unknown>)[name] ?? [])
      .filter((url): url is string => typeof url === 'string')
      .sort();
  return { peerUrls: urlsOf('peerURLs'), clientUrls: urlsOf('clientURLs') };
}
