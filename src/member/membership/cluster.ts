/**
 * The membership this member has applied: members, removed ids and the cluster version. Kept twice on disk because
 * versions differ in what they believe: 3.4 and 3.5 restore it from the v2 store's JSON inside a `.snap` file, 3.6 and
 * later from the buckets `members`, `members_removed` and `cluster`. Each change is made in memory first and written to
 * the buckets only where `persist` says that the backend has not seen the entry yet; to the v2 store always, since it
 * begins at the snapshot whose successors are replayed.
 */

import {
  type DowngradeInfo,
  readDowngrade,
  writeClusterVersion,
  writeDowngrade,
} from '../../backend/schema/cluster.js';
import { deleteMember, putMember, readMembers } from '../../backend/schema/members.js';
import { putRemovedMember } from '../../backend/schema/members-removed.js';
import { detectStorageVersion } from '../../backend/schema/meta.js';
import type { Backend } from '../../backend/types.js';
import {
  type ClusterMember,
  type MemberAttributes,
  type MembershipState,
  memberFromJson,
  memberToJson,
} from '../../datadir/cluster-member.js';
import {
  storeAttributes,
  storeMember,
  storeRaftAttributes,
  storeRemoval,
  storeVersion,
} from '../../datadir/v2-membership.js';
import { differenceOf, type EmulatedVersion, fullVersionOf } from '../../lib/emulate.js';
import { type ClusterId, hexId, type MemberId } from '../../lib/ids.js';
import type { LogFields, Logger } from '../../lib/logger.js';
import type { V2Store } from '../../v2/store.js';
import { followClusterVersion } from './storage-version.js';

export class Cluster {
  readonly #members = new Map<MemberId, ClusterMember>();
  readonly #removed = new Set<MemberId>();
  #version: string | undefined;
  /** The last one that was said to be enabled. */
  #enabledVersion: string | undefined;
  #downgrade: DowngradeInfo = { enabled: false, targetVersion: '' };

  constructor(
    readonly id: ClusterId,
    readonly localId: MemberId,
    readonly backend: Backend,
    readonly v2: V2Store,
    readonly logger: Logger,
    readonly emulate: EmulatedVersion,
  ) {}

  /** In ascending id order, as every list of members is shown. */
  get members(): ClusterMember[] {
    return [...this.#members.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  get voters(): ClusterMember[] {
    return this.members.filter((member) => !member.isLearner);
  }

  get(id: MemberId): ClusterMember | undefined {
    return this.#members.get(id);
  }

  isRemoved(id: MemberId): boolean {
    return this.#removed.has(id);
  }

  get local(): ClusterMember | undefined {
    return this.#members.get(this.localId);
  }

  /** `3.5.0`, or undefined before the first one was agreed on. */
  get version(): string | undefined {
    return this.#version;
  }

  /** Of the whole cluster. */
  get downgrade(): DowngradeInfo {
    return this.#downgrade;
  }

  get state(): MembershipState {
    return {
      members: this.members,
      removed: [...this.#removed].sort((a, b) => (a < b ? -1 : 1)),
      version: this.#version,
    };
  }

  /** Replaces what is in memory; the buckets stay. */
  restore(state: MembershipState): void {
    this.#members.clear();
    this.#removed.clear();
    for (const member of state.members) this.#members.set(member.id, member);
    for (const id of state.removed) this.#removed.add(id);
    this.#version = state.version;
    this.#downgrade = readDowngrade(this.backend);
    this.#tellRestored();
    if (this.#version !== undefined) this.#tellDowngrading(this.#version);
  }

  #tellRestored(): void {
    const { logger } = this;
    this.#tellEnabled();
    for (const { id, peerURLs, isLearner } of this.members)
      logger.info('recovered/added member from store', {
        ...this.#ids,
        'recovered-remote-peer-id': id.toString(16),
        'recovered-remote-peer-urls': peerURLs,
        'recovered-remote-peer-is-learner': isLearner,
      });
    if (this.#version !== undefined)
      logger.info('set cluster version from store', { 'cluster-version': majorMinor(this.#version) });
  }

  /** As etcd's `UpdateCapability`; all that the versions served here can do is there always. */
  #tellEnabled(): void {
    if (this.#version === undefined || this.#version === this.#enabledVersion) return;
    this.#enabledVersion = this.#version;
    this.logger.info('enabled capabilities for version', { 'cluster-version': majorMinor(this.#version) });
  }

  get #ids(): LogFields {
    return { 'cluster-id': this.id.toString(16), 'local-member-id': this.localId.toString(16) };
  }

  /**
   * Makes the bucket agree with what is known, and only where it is not ahead of that. `etcdctl snapshot restore` of
   * 3.4 leaves the members of the old cluster in it (etcd #20967), and promotions once were not written there (etcd
   * #19557): 3.6 would start with such members.
   */
  correctBucket(): void {
    for (const stored of readMembers(this.backend).map(memberFromJson)) {
      const known = this.#members.get(stored.id);
      if (known === undefined) {
        this.logger.warn('Removing zombie member from v3store', { member: memberText(stored) });
        deleteMember(this.backend, stored.id);
      } else if (stored.isLearner && !known.isLearner) {
        this.logger.warn('Syncing member in v3store', { member: memberText(known) });
        this.#store(known);
      }
    }
  }

  add(member: ClusterMember, options: { persist: boolean }): void {
    this.#members.set(member.id, member);
    storeMember(this.v2, member);
    if (options.persist) this.#store(member);
    this.logger.info(this.#isKnown(options) ? 'ignore already added member' : 'added member', {
      ...this.#ids,
      'added-peer-id': member.id.toString(16),
      'added-peer-peer-urls': member.peerURLs,
      'added-peer-is-learner': member.isLearner,
    });
  }

  remove(id: MemberId, options: { persist: boolean }): void {
    const member = this.#members.get(id);
    this.#members.delete(id);
    this.#removed.add(id);
    storeRemoval(this.v2, id);
    if (options.persist) {
      deleteMember(this.backend, id);
      putRemovedMember(this.backend, id);
    }
    if (this.#isKnown(options)) {
      this.logger.info('ignore already removed member', {
        ...this.#ids,
        'removed-remote-peer-id': id.toString(16),
      });
      return;
    }
    this.logger.info('removed member', {
      ...this.#ids,
      'removed-remote-peer-id': id.toString(16),
      ...(member !== undefined && {
        'removed-remote-peer-urls': member.peerURLs,
        'removed-remote-peer-is-learner': member.isLearner,
      }),
    });
  }

  promote(id: MemberId, options: { persist: boolean }): void {
    const changed = this.#change(id, { isLearner: false }, options);
    if (changed !== undefined) storeRaftAttributes(this.v2, changed);
    const isKnown = this.#isKnown(options);
    if (isKnown && this.#promoteInBucket(id)) return;
    this.logger.info(isKnown ? 'ignore already promoted member in v3store' : 'promote member', {
      ...this.#ids,
      'promoted-member-id': id.toString(16),
    });
  }

  /** Learner or voter stays what it is, whatever the request said (etcd #21694). */
  updatePeerURLs(id: MemberId, peerURLs: readonly string[], options: { persist: boolean }): void {
    const changed = this.#change(id, { peerURLs }, options);
    if (changed === undefined) return;
    storeRaftAttributes(this.v2, changed);
    this.logger.info(this.#isKnown(options) ? 'ignored already updated member' : 'updated member', {
      ...this.#ids,
      'updated-remote-peer-id': id.toString(16),
      'updated-remote-peer-urls': peerURLs,
      'updated-remote-peer-is-learner': changed.isLearner,
    });
  }

  /** A member publishing itself. Ignored for one that is not (or no longer) there. */
  updateAttributes(id: MemberId, attributes: MemberAttributes, options: { persist: boolean }): void {
    // Once a start: enough to look through the bucket, before the change covers up what is wrong there.
    if (id === this.localId && options.persist) this.correctBucket();
    const changed = this.#change(id, attributes, options);
    if (changed !== undefined) storeAttributes(this.v2, id, changed);
  }

  setVersion(version: string, options: { persist: boolean }): void {
    const from = this.#version;
    this.#version = version;
    storeVersion(this.v2, version);
    if (options.persist) {
      writeClusterVersion(this.backend, version);
    }
    if (from === undefined)
      this.logger.info('set initial cluster version', { ...this.#ids, 'cluster-version': majorMinor(version) });
    else if (from !== version)
      this.logger.info('updated cluster version', { ...this.#ids, from: majorMinor(from), to: majorMinor(version) });
    if (from !== version) this.#tellEnabled();
    if (options.persist) this.#followVersion(version);
  }

  #followVersion(version: string): void {
    const before = detectStorageVersion(this.backend);
    followClusterVersion(this.backend, version);
    const now = detectStorageVersion(this.backend);
    if (now === before || now === undefined || !differenceOf('tellsStorageVersion', this.emulate)) return;
    const versions = { 'cluster-version': version, 'storage-version': before ?? '' };
    this.logger.info('cluster version differs from storage version.', versions);
    this.logger.info('updated storage version', { 'new-storage-version': now });
    if (this.#downgrade.enabled) this.#tellReady();
  }

  setDowngrade(downgrade: DowngradeInfo, options: { persist: boolean }): void {
    this.#downgrade = downgrade;
    if (options.persist) writeDowngrade(this.backend, downgrade);
    if (downgrade.enabled && !differenceOf('tellsStorageVersion', this.emulate)) this.#tellReady();
  }

  #tellReady(): void {
    this.logger.info('The server is ready to downgrade', {
      'target-version': this.#downgrade.targetVersion,
      'server-version': fullVersionOf[this.emulate],
    });
  }

  /** It has come up in the version that its cluster is to have. */
  #tellDowngrading(version: string): void {
    const { enabled, targetVersion } = this.#downgrade;
    if (!enabled || majorMinor(targetVersion) !== this.emulate) return;
    this.logger.info('cluster is downgrading to target version', {
      'target-cluster-version': targetVersion,
      ...(!differenceOf('tellsStorageVersion', this.emulate) && { 'determined-cluster-version': majorMinor(version) }),
      'current-server-version': fullVersionOf[this.emulate],
    });
  }

  /** Whether a change is ignored, as 3.6 says of those from before a start; here they are made again in memory. */
  #isKnown({ persist }: { persist: boolean }): boolean {
    return !persist && differenceOf('ignoresKnownChanges', this.emulate);
  }

  /** A promotion that the bucket has been told of but does not show: see `correctBucket`. */
  #promoteInBucket(id: MemberId): boolean {
    const stored = readMembers(this.backend)
      .map(memberFromJson)
      .find((member) => member.id === id);
    if (stored?.isLearner !== true) return false;
    const promoted = { ...stored, isLearner: false };
    this.#store(promoted);
    this.logger.info('Forcibly apply member promotion request in v3store', { member: memberText(promoted) });
    return true;
  }

  #change(id: MemberId, change: Partial<ClusterMember>, options: { persist: boolean }): ClusterMember | undefined {
    const member = this.#members.get(id);
    if (member === undefined) return undefined;
    const changed = { ...member, ...change };
    this.#members.set(id, changed);
    if (options.persist) this.#store(changed);
    return changed;
  }

  #store(member: ClusterMember): void {
    putMember(this.backend, member.id, memberToJson(member));
  }
}

/** As Go prints one with `%+v`. */
function memberText({ id, peerURLs, isLearner, name, clientURLs }: ClusterMember): string {
  const raft = `RaftAttributes:{PeerURLs:[${peerURLs.join(' ')}] IsLearner:${isLearner}}`;
  return `{ID:${hexId(id)} ${raft} Attributes:{Name:${name} ClientURLs:[${clientURLs.join(' ')}]}}`;
}

/** `3.5.0` → `3.5` */
export function majorMinor(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}
