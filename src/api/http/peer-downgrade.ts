/**
 * `GET /downgrade/enabled`: whether the cluster is being downgraded, for members that join. There from 3.5 on. Source:
 * etcd's etcdhttp/peer.go.
 */
import { differenceOf, type EmulatedVersion } from '../../lib/emulate.js';
import { type HttpHandler, onlyGet, textError } from './types.js';

export interface DowngradeSource {
  readonly emulate: EmulatedVersion;
  readonly clusterIdHex: string;
  /** After a linearizable read, whose failure rejects. */
  downgradeEnabled(signal: AbortSignal): Promise<boolean>;
}

export function peerDowngradeHandler(source: DowngradeSource): HttpHandler {
  return async (request, url) => {
    if (url.pathname !== '/downgrade/enabled' || !differenceOf('tellsDowngrade', source.emulate)) return undefined;
    const refused = onlyGet(request);
    if (refused !== undefined) return refused;
    const headers = { 'X-Etcd-Cluster-Id': source.clusterIdHex };
    try {
      const enabled = await source.downgradeEnabled(request.signal);
      return { status: 200, headers: { 'Content-Type': 'text/plain', ...headers }, body: String(enabled) };
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      return textError(500, `failed linearized read: ${text}`, headers);
    }
  };
}
