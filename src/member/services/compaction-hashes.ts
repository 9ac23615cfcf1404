/**
 * Comparing the hashes that compactions leave: by the leader, with those of all members. Source: etcd's
 * server/etcdserver/corrupt.go, CompactHashCheck.
 */
import { differenceOf } from '../../lib/emulate.js';
import { hexId } from '../../lib/ids.js';
import type { Logger } from '../../lib/logger.js';
import type { MvccStore } from '../../mvcc/store.js';
import type { NodeId } from '../../raftpb/types.js';
import type { Cluster } from '../membership/cluster.js';
import type { MemberConfig } from '../world/types.js';
import type { PeerHash, PeerHashes } from './peer-hashes.js';

interface CompactionHashesDeps {
  readonly config: Pick<MemberConfig, 'emulate'>;
  readonly cluster: Cluster;
  readonly store: Pick<MvccStore, 'compactionHashes'>;
  readonly logger: Logger;
  readonly timeoutMs: number;
  readonly peers: PeerHashes;
  /** The member gets the CORRUPT alarm. */
  readonly raise: (memberId: NodeId) => Promise<void>;
}

interface LeaderHash {
  readonly hash: number;
  readonly revision: number;
  readonly compactRevision: number;
}

export class CompactionHashes {
  /** Up to where all members were found to agree. */
  #checkedRevision = 0;

  constructor(readonly deps: CompactionHashesDeps) {}

  /** From the newest hash on, until one could be compared with all members. */
  async check(): Promise<void> {
    const { cluster, logger, store, timeoutMs } = this.deps;
    logger.info('starting compact hash check', {
      'local-member-id': hexId(cluster.localId),
      timeout: `${timeoutMs / 1000}s`,
    });
    let checked = 0;
    const unchecked = store.compactionHashes().filter(({ revision }) => revision > this.#checkedRevision);
    for (const own of unchecked.reverse()) {
      checked++;
      const peers = await this.deps.peers.ask(own.revision);
      if (peers.length > 0 && (await this.#compare(own, peers))) break;
    }
    logger.info('finished compaction hash check', { 'number-of-hashes-checked': checked });
  }

  /** False: ask of an older one. */
  async #compare(own: LeaderHash, peers: readonly PeerHash[]): Promise<boolean> {
    const { cluster, logger } = this.deps;
    const idsByHash = new Map<number, NodeId[]>([[own.hash, [cluster.localId]]]);
    let compared = 0;
    for (const { id, answer } of peers) {
      if (answer === undefined || answer.compactRevision !== own.compactRevision) {
        const reason =
          answer === undefined
            ? 'no response'
            : `the peer's CompactRevision ${answer.compactRevision} doesn't match leader's CompactRevision ` +
              `${own.compactRevision}`;
        logger.warn("Skipped peer's hash", {
          'number-of-peers': peers.length,
          'leader-id': hexId(cluster.localId),
          'peer-id': hexId(id),
          reason,
        });
        continue;
      }
      compared++;
      idsByHash.set(answer.hash, [...(idsByHash.get(answer.hash) ?? []), id]);
    }
    const at = { revision: own.revision, compactRevision: own.compactRevision };
    if (idsByHash.size === 1) {
      if (compared === peers.length) {
        logger.info('successfully checked hash on whole cluster', { 'number-of-peers-checked': compared, ...at });
        this.#checkedRevision = Math.max(this.#checkedRevision, own.revision);
        return true;
      }
      logger.warn('skipped revision in compaction hash check; was not able to check all peers', {
        'number-of-peers-checked': compared,
        'number-of-peers': peers.length,
        ...at,
      });
      return false;
    }
    await this.#accuse(own, idsByHash, peers.length + 1);
    return true;
  }

  /** A majority is right; without one nobody knows who is, and the alarm is for the whole cluster: member 0. */
  async #accuse(
    own: LeaderHash,
    idsByHash: ReadonlyMap<number, readonly NodeId[]>,
    memberCount: number,
  ): Promise<void> {
    const { cluster, config, logger } = this.deps;
    const leader = {
      'leader-id': hexId(cluster.localId),
      'leader-revision': own.revision,
      'leader-compact-revision': own.compactRevision,
      'leader-hash': own.hash,
    };
    const quorum = Math.floor(memberCount / 2) + 1;
    const right = differenceOf('corruptAlarmNamesMember', config.emulate)
      ? [...idsByHash].find(([, ids]) => ids.length >= quorum)?.[0]
      : undefined;
    if (right === undefined) {
      logger.error(
        'Detected compaction hash mismatch but cannot identify the corrupted members, so intentionally set the ' +
          'memberID as 0',
        leader,
      );
      await this.deps.raise(0n);
    }
    for (const [hash, ids] of idsByHash) {
      if (hash === right) continue;
      if (right !== undefined) for (const id of ids) await this.deps.raise(id);
      logger.error('Detected compaction hash mismatch', { ...leader, 'peer-ids': ids.map(hexId), 'peer-hash': hash });
    }
  }
}
