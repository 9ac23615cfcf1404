/** What all parts of one transport share. */

import type { Clock } from '../lib/clock.js';
import type { EmulatedVersion } from '../lib/emulate.js';
import { fullVersionOf } from '../lib/emulate.js';
import type { HttpClient } from '../lib/http-client.js';
import { hexId } from '../lib/ids.js';
import type { Logger } from '../lib/logger.js';
import type { PeerMetrics } from './metrics.js';
import type { LocalMember, RaftReceiver } from './types.js';

/**
 * A peer that is silent, or takes nothing, for so long is taken for gone. As etcd's ConnReadTimeout and
 * ConnWriteTimeout. Silent streams are an exception (`endsSilentStreams`).
 */
export const CONNECTION_TIMEOUT_MS = 5000;

/** Sent by every version from 3.0 on: which clusters a server can be a member of. */
export const MIN_CLUSTER_VERSION = '3.0.0';

export interface PeerDeps {
  readonly clock: Clock;
  readonly http: HttpClient;
  readonly logger: Logger;
  readonly metrics: PeerMetrics;
  readonly emulate: EmulatedVersion;
  /** A stream that is silent, or takes nothing, for so long is given up; 5 s when not given. */
  readonly readTimeoutMs?: number;
  readonly writeTimeoutMs?: number;
}

export interface PeerContext extends PeerDeps {
  readonly local: LocalMember;
  readonly receiver: RaftReceiver;
}

/** Ids in URLs, headers, labels and log lines: hex without leading zeros. */
export { hexId as hex };

/** Sent with every raft request. */
export function raftHeaders({ local, emulate }: PeerContext): Record<string, string> {
  return {
    'X-Server-From': hexId(local.id),
    'X-Server-Version': fullVersionOf[emulate],
    'X-Min-Cluster-Version': MIN_CLUSTER_VERSION,
    'X-Etcd-Cluster-ID': hexId(local.clusterId),
    ...(local.peerUrls.length > 0 && { 'X-PeerURLs': local.peerUrls.join(',') }),
  };
}

/** What went wrong with a connection, in Go's words where those of the libraries differ. */
export function errorText(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  switch (code) {
    case 'UND_ERR_SOCKET':
    case 'ECONNRESET':
    case 'ERR_STREAM_PREMATURE_CLOSE':
      return 'unexpected EOF';
    case 'UND_ERR_BODY_TIMEOUT':
    case 'UND_ERR_HEADERS_TIMEOUT':
      return 'i/o timeout';
    case 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC':
      return 'local error: tls: bad record MAC';
    default:
      return typeof message === 'string' ? message : String(error);
  }
}
