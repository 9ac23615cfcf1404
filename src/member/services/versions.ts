/**
 * The version of the cluster: what all its members understand. Its leader asks them every few seconds and when its term
 * begins, and agrees on a version through the log: the lowest of theirs, raised when all are newer, lowered only by a
 * downgrade that was asked for (to 3.4: by `--next-cluster-version-compatible`). It also ends a downgrade once all have
 * followed it. Source: etcd's monitorVersions, monitorDowngrade and cluster_util.go.
 */
import type { ClusterMember } from '../../datadir/cluster-member.js';
import type { Clock } from '../../lib/clock.js';
import { differenceOf, fullVersionOf } from '../../lib/emulate.js';
import type { Logger } from '../../lib/logger.js';
import type { PeerCalls } from '../../peer/types.js';
import { EtcdError } from '../../proto/etcd-error.js';
import type { Leadership } from '../loop/leadership.js';
import { type Cluster, majorMinor } from '../membership/cluster.js';
import { compareMinor, isOneMinorBelow, parseVersion } from '../membership/minor-version.js';
import { versionRequest } from '../membership/v2-requests.js';
import type { MemberConfig } from '../world/types.js';
import type { Proposals } from '../writes/proposals.js';
import type { RequestIds } from '../writes/request-ids.js';

const MONITOR_MS = 4000;
const ASK_TIMEOUT_MS = 1000;
/** As old as any member may be. */
const MIN_CLUSTER_VERSION = '3.0.0';

export interface VersionsDeps {
  readonly config: Pick<MemberConfig, 'emulate' | 'downgradeCheckIntervalMs' | 'nextClusterVersionCompatible'>;
  readonly cluster: Cluster;
  readonly leadership: Leadership;
  readonly calls: Pick<PeerCalls, 'version'>;
  readonly proposals: Proposals;
  readonly ids: RequestIds;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly endDowngrade: () => Promise<unknown>;
}

export class Versions {
  #nextMs = 0;
  #nextDowngradeMs = 0;
  #running = false;
  readonly #stopped = new AbortController();

  constructor(readonly deps: VersionsDeps) {
    deps.leadership.onFirstCommit(() => {
      this.#nextMs = 0;
    });
  }

  tick(nowMs: number): void {
    const { cluster, config, leadership } = this.deps;
    if (this.#running || !leadership.isEstablished) return;
    if (nowMs >= this.#nextMs) {
      this.#nextMs = nowMs + MONITOR_MS;
      this.#run(this.#decide(), 'failed to update cluster version');
    } else if (config.downgradeCheckIntervalMs > 0 && nowMs >= this.#nextDowngradeMs) {
      this.#nextDowngradeMs = nowMs + config.downgradeCheckIntervalMs;
      if (cluster.downgrade.enabled) this.#run(this.#watchDowngrade(), 'failed to cancel downgrade');
    }
  }

  stop(): void {
    this.#stopped.abort();
    const { config, logger } = this.deps;
    if (!differenceOf('tellsStorageVersion', config.emulate)) return;
    logger.info("server has stopped; stopping cluster version's monitor");
    logger.info("server has stopped; stopping storage version's monitor");
  }

  #run(work: Promise<void>, failure: string): void {
    this.#running = true;
    work
      .catch((cause: unknown) => {
        if (cause instanceof EtcdError && cause.row === 'stopped') {
          this.deps.logger.warn('aborting cluster version update; server is stopped', { error: cause.message });
        } else this.deps.logger.warn(failure, { error: (cause as Error).message });
      })
      .finally(() => {
        this.#running = false;
      });
  }

  async #decide(): Promise<void> {
    const { cluster, config } = this.deps;
    const lowest = lowestOf(await this.#ofMembers());
    const decided = lowest === undefined ? undefined : `${majorMinor(lowest)}.0`;
    const { version } = cluster;
    if (version === undefined) await this.#update(decided ?? MIN_CLUSTER_VERSION);
    else if (cluster.downgrade.enabled && differenceOf('downgradesClusterFirst', config.emulate)) {
      const { targetVersion } = cluster.downgrade;
      if (isOneMinorBelow(targetVersion, version)) await this.#update(targetVersion);
    } else if (decided !== undefined && this.#mayChange(version, decided)) await this.#update(decided);
  }

  #mayChange(from: string, to: string): boolean {
    if (compareMinor(from, to) < 0) return parseVersion(from)?.major === parseVersion(to)?.major;
    if (!isOneMinorBelow(to, from)) return false;
    const { cluster, config } = this.deps;
    // A 3.4 that has been put in the place of a 3.5, where nobody can be asked for a downgrade.
    if (config.nextClusterVersionCompatible) return true;
    return cluster.downgrade.enabled && compareMinor(cluster.downgrade.targetVersion, to) === 0;
  }

  async #update(version: string): Promise<void> {
    const { cluster, config, ids, logger, proposals } = this.deps;
    const inV2 = differenceOf('membershipInV2Requests', config.emulate);
    const api = inV2 ? 'v2' : 'v3';
    if (cluster.version === undefined) {
      logger.info(`setting up initial cluster version using ${api} API`, { 'cluster-version': majorMinor(version) });
    } else {
      const change = { from: majorMinor(cluster.version), to: majorMinor(version) };
      logger.info(`updating cluster version using ${api} API`, change);
    }
    if (inV2) {
      const id = ids.next();
      await proposals.proposeV2(id, versionRequest(id, version));
    } else await proposals.propose({ kind: 'clusterVersionSet', request: { ver: version } });
    logger.info('cluster version is updated', { 'cluster-version': majorMinor(version) });
  }

  async #watchDowngrade(): Promise<void> {
    const { cluster, endDowngrade, logger } = this.deps;
    const { targetVersion } = cluster.downgrade;
    const versions = await this.#ofMembers();
    if (!versions.every((version) => version !== undefined && compareMinor(version, targetVersion) === 0)) return;
    logger.info('the cluster has been downgraded', { 'cluster-version': targetVersion });
    await endDowngrade();
  }

  /** undefined for a member that was not reached. */
  #ofMembers(): Promise<(string | undefined)[]> {
    const { cluster, config } = this.deps;
    const own = fullVersionOf[config.emulate];
    return Promise.all(
      cluster.members.map(async (member) => {
        if (member.id === cluster.localId) return own;
        const version = await this.#ask(member);
        if (version !== undefined && compareMinor(own, version) < 0) {
          this.deps.logger.warn('leader found higher-versioned member', {
            'local-member-version': own,
            'remote-member-id': member.id.toString(16),
            'remote-member-version': version,
          });
        }
        return version;
      }),
    );
  }

  async #ask({ id, peerURLs }: ClusterMember): Promise<string | undefined> {
    const { calls, clock, logger } = this.deps;
    let error = 'no URL';
    for (const url of peerURLs) {
      const late = new AbortController();
      const cancel = clock.after(ASK_TIMEOUT_MS, () => late.abort());
      try {
        const { server } = await calls.version(url, AbortSignal.any([late.signal, this.#stopped.signal]));
        if (parseVersion(server) !== undefined) return server;
        error = `no version: ${server}`;
      } catch (cause) {
        error = (cause as Error).message;
        logger.warn('failed to reach the peer URL', {
          address: `${url}/version`,
          'remote-member-id': id.toString(16),
          error,
        });
      } finally {
        cancel();
      }
    }
    logger.warn('failed to get version', { 'remote-member-id': id.toString(16), error });
    return undefined;
  }
}

/** undefined where one of them is not known. */
function lowestOf(versions: readonly (string | undefined)[]): string | undefined {
  let lowest: string | undefined;
  for (const version of versions) {
    if (version === undefined) return undefined;
    if (lowest === undefined || compareMinor(version, lowest) < 0) lowest = version;
  }
  return lowest;
}
