/**
 * `GET /members/hashkv`: the hash of the keys at a revision, for members that compare theirs. Source: etcd's
 * corrupt.go.
 */
import { differenceOf, type EmulatedVersion } from '../../lib/emulate.js';
import { collectBody } from '../../lib/http.js';
import type { Logger } from '../../lib/logger.js';
import { innerText, wireErrors } from '../../proto/errors.js';
import { type HttpHandler, onlyGet, textError } from './types.js';

export interface PeerHash {
  readonly currentRevision: number;
  readonly hash: number;
  readonly compactRevision: number;
  readonly hashRevision: number;
}

export interface HashSource {
  readonly emulate: EmulatedVersion;
  readonly clusterIdHex: string;
  /** At `revision`, 0 = now. Rejects with the store's reason (compacted, future). */
  hashKv(revision: number, signal: AbortSignal): Promise<PeerHash>;
}

const MAX_BODY_BYTES = 64 * 1024;

export function peerHashKvHandler(source: HashSource, logger: Logger): HttpHandler {
  return async (request, url) => {
    if (url.pathname !== '/members/hashkv') return undefined;
    const refused = onlyGet(request);
    if (refused !== undefined) return refused;
    const clusterId = request.headers['x-etcd-cluster-id'];
    const checked = differenceOf('peerHashChecksCluster', source.emulate);
    if (checked && clusterId !== undefined && clusterId !== '' && clusterId !== source.clusterIdHex) {
      return textError(412, innerText(wireErrors.clusterIdMismatch));
    }
    const revision = await readRevision(request.body);
    if (typeof revision === 'string') return textError(400, revision);
    try {
      const answer = await source.hashKv(revision, request.signal);
      return {
        status: 200,
        headers: { 'Content-Type': 'application/json', 'X-Etcd-Cluster-Id': source.clusterIdHex },
        body: toJson(answer, { hashRevision: differenceOf('hashkvHasRevision', source.emulate) }),
      };
    } catch (error) {
      const text = (error instanceof Error ? error.message : String(error)).replace(/^etcdserver: /, '');
      logger.warn('failed to get hashKV', { 'requested-revision': revision, error: text });
      return textError(400, text);
    }
  };
}

/** `{"revision":N}`, or what is wrong with it. */
async function readRevision(body: AsyncIterable<Uint8Array>): Promise<number | string> {
  let bytes: Uint8Array;
  try {
    bytes = await collectBody(body, MAX_BODY_BYTES);
  } catch {
    return 'error reading body';
  }
  try {
    const { revision = 0 } = JSON.parse(Buffer.from(bytes).toString()) as { revision?: unknown };
    if (typeof revision === 'number' && Number.isSafeInteger(revision)) return revision;
  } catch {
    // Said below.
  }
  return 'error unmarshalling request';
}

/** Fields that are zero are left out, as Go does. */
function toJson(answer: PeerHash, { hashRevision }: { hashRevision: boolean }): string {
  const orNothing = (value: number): number | undefined => (value === 0 ? undefined : value);
  return JSON.stringify({
    header: { revision: orNothing(answer.currentRevision) },
    hash: orNothing(answer.hash),
    compact_revision: orNothing(answer.compactRevision),
    hash_revision: hashRevision ? orNothing(answer.hashRevision) : undefined,
  });
}
