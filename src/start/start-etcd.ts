/**
 * A member, or a proxy of the v2 API: the data directory decides when it was used before, else the flags; and a member
 * that finds its cluster full becomes a proxy of it. As etcd's startEtcdOrProxyV2.
 */
import { parseInitialCluster } from '../config/listen-url.js';
import type { MemberOptions } from '../config/member-options.js';
import { FullError } from '../discovery/join.js';
import type { Logger } from '../lib/logger.js';
import { osDisk } from '../lib/os/disk.js';
import { dataDirKind } from './data-dir-kind.js';
import { clusterOfOptions, JoinError } from './discover.js';
import { FatalStartError } from './fatal-start-error.js';
import { type HostParts, startMember } from './start-member.js';
import { startProxy } from './start-proxy.js';

/** What runs, as far as the process that runs it minds. */
export interface Running {
  /**
   * Resolves after `close`, for a member that was removed from its cluster before; rejects when it had to stop by
   * itself.
   */
  readonly ended: Promise<undefined>;
  close(): Promise<void>;
}

/** Rejects with FatalStartError, and as `startMember`. */
export async function startEtcd(options: MemberOptions, logger: Logger, host?: HostParts): Promise<Running> {
  const kind = dataDirKind(options, osDisk, logger);
  const isProxy = kind === 'proxy' || (kind === 'empty' && options.v2Proxy.mode !== 'off');
  if (isProxy) {
    const { signal } = new AbortController();
    return runProxy(options, logger, async () => peerUrlsOf(await clusterOfOptions(options, { logger, signal })));
  }
  try {
    return await startMember(options, logger, host);
  } catch (error) {
    const refusal = error instanceof JoinError ? error : undefined;
    const full = refusal?.cause instanceof FullError ? refusal.cause : undefined;
    const { discovery } = options;
    if (full === undefined || discovery.t !== 'v2' || discovery.fallback !== 'proxy') throw error;
    logger.warn('discovery cluster is full, falling back to proxy', {
      'fallback-proxy': discovery.fallback,
      error: refusal?.message,
    });
    return runProxy(options, logger, async () => peerUrlsOf(parseInitialCluster(full.cluster)));
  }
}

async function runProxy(
  options: MemberOptions,
  logger: Logger,
  peerUrls: () => Promise<readonly string[]>,
): Promise<Running> {
  try {
    const proxy = await startProxy(options, logger, peerUrls);
    // It stops only when it is asked to.
    return { ended: new Promise(() => {}), close: () => proxy.close() };
  } catch (cause) {
    if (cause instanceof FatalStartError) throw cause;
    throw new FatalStartError('discovery failed', { error: cause instanceof Error ? cause.message : String(cause) });
  }
}

const peerUrlsOf = (cluster: ReadonlyMap<string, readonly string[]>): readonly string[] =>
  [...cluster.values()].flat().sort();
