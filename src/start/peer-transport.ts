/** Composition of a member's connections to its peers. */
import type { MemberOptions } from '../config/member-options.js';
import type { Logger } from '../lib/logger.js';
import { osClock } from '../lib/os/clock.js';
import { createHttpClient } from '../lib/os/http-client.js';
import { osNetwork } from '../lib/os/net.js';
import { readTls } from '../lib/os/tls-files.js';
import { hasAuthorities, hasCertificate, type TlsContents, type TlsOptions } from '../lib/tls.js';
import { PeerMetrics } from '../peer/metrics.js';
import { createPeerTransport, type PeerTransport } from '../peer/transport.js';
import { localAddressOf } from './local-address.js';
import { checkFiles, nameCheck, refuseNamesOfBothKinds } from './tls-server.js';

/** What a dialed peer may take at least, whatever the election timeout. As etcd's Config.peerDialTimeout. */
const DIAL_TIMEOUT_MS = 1000;
/** Peers close connections that have been idle for 5 s. The next question how they are comes after about 4 s. */
const KEEP_ALIVE_MS = 4500;

export interface PeerConnections {
  readonly transport: PeerTransport;
  readonly metrics: PeerMetrics;
}

/** Opens nothing yet: connections begin with the first peer, or the first call. */
export function openPeerConnections(options: MemberOptions, logger: Logger): PeerConnections {
  const http = createHttpClient({
    network: osNetwork,
    dialTimeoutMs: DIAL_TIMEOUT_MS + options.electionTimeoutMs,
    keepAliveMs: KEEP_ALIVE_MS,
    tls: peerTls(options.peerTls),
    localAddress: localAddressOf(options, logger.with({ caller: 'start/local-address.ts' })),
  });
  const metrics = new PeerMetrics();
  const transport = createPeerTransport({
    clock: osClock,
    http,
    logger: logger.with({ caller: 'peer/transport.ts' }),
    metrics,
    emulate: options.emulate,
    readTimeoutMs: options.raftReadTimeoutMs,
    writeTimeoutMs: options.raftWriteTimeoutMs,
  });
  return { transport, metrics };
}

/**
 * Read anew for each connection, so that renewed files take effect; as its TLSInfo.ClientConfig. Throws at first, also
 * where all peers are in clear.
 */
export function peerTls(options: TlsOptions): () => TlsContents {
  if (hasCertificate(options)) {
    checkFiles(options);
    refuseNamesOfBothKinds(options);
  }
  if (hasAuthorities(options)) readTls({ trustedCaFile: options.trustedCaFile });
  const verifyPeer = nameCheck(options);
  return () => ({ ...readTls(options), verifyPeer });
}
