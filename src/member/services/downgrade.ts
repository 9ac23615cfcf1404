/**
 * Downgrading the cluster by one minor version: asked about, begun and called off here, carried out by `versions.ts`.
 * Source: etcd's v3_server.go.
 */
import { differenceOf } from '../../lib/emulate.js';
import type { Logger } from '../../lib/logger.js';
import { EtcdError } from '../../proto/etcd-error.js';
import { DowngradeRequest_DowngradeAction as Action, type DowngradeRequest } from '../../proto/gen/etcdserverpb.js';
import type { Propose } from '../apply/operation.js';
import type { Cluster } from '../membership/cluster.js';
import { compareMinor, isOneMinorBelow, parseVersion } from '../membership/minor-version.js';
import type { Reads } from '../reads/reads.js';
import type { MemberConfig } from '../world/types.js';

/** Members older than this would end in a panic at the entry. */
const FIRST_VERSION = '3.5.0';

export interface DowngradeDeps {
  readonly config: Pick<MemberConfig, 'emulate'>;
  readonly cluster: Cluster;
  readonly reads: Pick<Reads, 'linearizable'>;
  readonly propose: Propose;
  readonly logger: Logger;
}

/**
 * `etcd-diff:` enabling and cancelling are answered as soon as they are applied. 3.5 carries them out as well, but
 * never wakes whoever waits for it: its answer is that the request timed out.
 */
export class Downgrade {
  constructor(readonly deps: DowngradeDeps) {}

  /** The cluster's version, as the emulated one spells it. */
  async run(request: DowngradeRequest): Promise<string> {
    const version = await this.#run(request);
    return differenceOf('downgradeTellsPatch', this.deps.config.emulate) ? version : version.replace(/\.\d+$/, '');
  }

  #run({ action, version }: DowngradeRequest): Promise<string> {
    switch (action) {
      case Action.VALIDATE:
        return this.#validate(version);
      case Action.ENABLE:
        return this.#enable(version);
      case Action.CANCEL:
        return this.#cancel();
      default:
        return Promise.reject(new Error('etcdserver: unknown method'));
    }
  }

  async cancel(): Promise<string> {
    const { cluster, propose, reads } = this.deps;
    await reads.linearizable();
    if (!cluster.downgrade.enabled) throw new EtcdError('noInflightDowngrade');
    await propose({ kind: 'downgradeInfoSet', request: { enabled: false, ver: '' } });
    return cluster.version ?? '';
  }

  async #cancel(): Promise<string> {
    const { cluster, config, logger } = this.deps;
    try {
      return await this.cancel();
    } catch (cause) {
      const isNone = cause instanceof EtcdError && cause.row === 'noInflightDowngrade';
      if (!isNone || !differenceOf('cancelsNoDowngrade', config.emulate)) throw cause;
      logger.warn('failed to cancel downgrade', { error: cause.message });
      return cluster.version ?? '';
    }
  }

  async #validate(text: string): Promise<string> {
    const { cluster, reads } = this.deps;
    const target = clusterVersionOf(text);
    await reads.linearizable();
    const { version } = cluster;
    if (version === undefined) throw new EtcdError('clusterVersionUnavailable');
    if (!isOneMinorBelow(target, version)) throw new EtcdError('invalidDowngradeTargetVersion');
    if (cluster.downgrade.enabled) throw new EtcdError('downgradeInProgress');
    return version;
  }

  async #enable(text: string): Promise<string> {
    const { logger, propose } = this.deps;
    try {
      const version = await this.#validate(text);
      // etcd-diff: etcd proposes it here as well, and its 3.4 members die of the entry.
      if (compareMinor(version, FIRST_VERSION) < 0) throw new EtcdError('notCapable');
      await propose({ kind: 'downgradeInfoSet', request: { enabled: true, ver: clusterVersionOf(text) } });
      return version;
    } catch (cause) {
      logger.warn('reject downgrade request', { error: (cause as Error).message });
      throw cause;
    }
  }
}

/** `3.4` and `3.4.23` are 3.4.0. */
function clusterVersionOf(text: string): string {
  const version = parseVersion(text) ?? parseVersion(`${text}.0`);
  if (version === undefined) throw new EtcdError('wrongDowngradeVersionFormat');
  return `${version.major}.${version.minor}.0`;
}
