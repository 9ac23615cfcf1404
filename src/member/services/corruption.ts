/**
 * Whether all members hold the same data, by hashes that they exchange. Three checks: before a member serves (it does
 * not start on data that others contradict), of all data every so often by the leader, and of the hashes that
 * compactions leave, which cost nothing more. A member that differs gets the CORRUPT alarm. Source: etcd's
 * server/etcdserver/corrupt.go.
 */

import type { Clock } from '../../lib/clock.js';
import { hexId } from '../../lib/ids.js';
import type { Logger } from '../../lib/logger.js';
import type { MvccStore } from '../../mvcc/store.js';
import { PeerCallError, type PeerCalls } from '../../peer/types.js';
import { AlarmRequest_AlarmAction as AlarmAction, AlarmType } from '../../proto/gen/etcdserverpb.js';
import type { NodeId } from '../../raftpb/types.js';
import type { Propose } from '../apply/operation.js';
import type { Leadership } from '../loop/leadership.js';
import type { Cluster } from '../membership/cluster.js';
import type { Reads } from '../reads/reads.js';
import type { MemberConfig } from '../world/types.js';
import type { Maintenance } from './maintenance.js';

export interface CorruptionDeps {
  readonly config: Pick<MemberConfig, 'corruptCheckIntervalMs' | 'compactHashCheckIntervalMs' | 'emulate'>;
  readonly cluster: Cluster;
  readonly leadership: Leadership;
  readonly maintenance: Pick<Maintenance, 'hashKv'>;
  readonly store: Pick<MvccStore, 'compactionHashes'>;
  readonly reads: Pick<Reads, 'linearizable'>;
  readonly calls: Pick<PeerCalls, 'hashKv'>;
  readonly propose: Propose;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly timeoutMs: number;
}

/** What another member answered, or why it did not. */
interface PeerHash {
  readonly id: NodeId;
  readonly endpoints: readonly string[];
  readonly answer: Awaited<ReturnType<PeerCalls['hashKv']>> | undefined;
  readonly error: string;
}

interface LeaderHash {
  readonly hash: number;
  readonly revision: number;
  readonly compactRevision: number;
}

export class Corruption {
  #nextMs: number | undefined;
  #nextCompactMs: number | undefined;
  #running = false;
  /** Of the compaction hashes, up to where all members were found to agree. */
  #checkedRevision = 0;
  readonly #stopped = new AbortController();

  constructor(readonly deps: CorruptionDeps) {}

  tick(nowMs: number): void {
    const { compactHashCheckIntervalMs: compactMs, corruptCheckIntervalMs: periodicMs } = this.deps.config;
    if (periodicMs > 0) {
      this.#nextMs ??= nowMs + periodicMs;
      if (nowMs >= this.#nextMs) {
        this.#nextMs = nowMs + periodicMs;
        this.#run(() => this.#checkAll());
      }
    }
    if (compactMs <= 0) return;
    this.#nextCompactMs ??= nowMs + compactMs;
    if (nowMs < this.#nextCompactMs) return;
    this.#nextCompactMs = nowMs + compactMs;
    this.#run(() => this.#checkCompactions());
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** Rejects when another member with the same history has other data. One that does not answer proves nothing. */
  async checkBeforeServing(): Promise<void> {
    const { cluster, logger, timeoutMs } = this.deps;
    logger.info('starting initial corruption check', {
      'local-member-id': hexId(cluster.localId),
      timeout: `${timeoutMs / 1000}s`,
    });
    const own = await this.deps.maintenance.hashKv(0, { computed: true });
    let mismatches = 0;
    for (const peer of await this.#ask(own.revision)) {
      const fields = {
        'local-member-id': hexId(cluster.localId),
        'local-member-revision': own.revision,
        'local-member-compact-revision': own.compactRevision,
        'local-member-hash': own.hash,
        'remote-peer-id': hexId(peer.id),
        'remote-peer-endpoints': peer.endpoints,
      };
      if (peer.answer === undefined) {
        this.#tellUnanswered(peer, fields);
        continue;
      }
      const { hash, compactRevision, currentRevision } = peer.answer;
      if (hash === own.hash) continue;
      const remote = {
        'remote-peer-revision': currentRevision,
        'remote-peer-compact-revision': compactRevision,
        'remote-peer-hash': hash,
      };
      if (compactRevision === own.compactRevision) {
        mismatches++;
        logger.warn('found different hash values from remote peer', { ...fields, ...remote });
      } else {
        logger.warn('found different compact revision values from remote peer', { ...fields, ...remote });
      }
    }
    if (mismatches > 0) throw new Error(`${hexId(cluster.localId)} found data inconsistency with peers`);
    logger.info('initial corruption checking passed; no corruption', { 'local-member-id': hexId(cluster.localId) });
  }

  /**
   * The leader's: it is ahead of all, so that nobody may know of a later revision, and at the same compaction all must
   * have the same.
   */
  async #checkAll(): Promise<void> {
    const { logger, maintenance, reads } = this.deps;
    const before = await maintenance.hashKv(0, { computed: true });
    const peers = await this.#ask(before.revision);
    await reads.linearizable();
    const now = await maintenance.hashKv(0, { computed: true });
    const accused = new Set<NodeId>();
    const { localId } = this.deps.cluster;
    if (
      now.revision === before.revision &&
      now.compactRevision === before.compactRevision &&
      now.hash !== before.hash
    ) {
      logger.warn('found hash mismatch', {
        'revision-1': before.revision,
        'compact-revision-1': before.compactRevision,
        'hash-1': before.hash,
        'revision-2': now.revision,
        'compact-revision-2': now.compactRevision,
        'hash-2': now.hash,
      });
      accused.add(localId);
    }
    let checked = 0;
    for (const { id, answer } of peers) {
      if (answer === undefined) continue;
      checked++;
      const peer = { 'follower-peer-id': hexId(id) };
      if (answer.currentRevision > now.currentRevision) {
        logger.warn("revision from follower must be less than or equal to leader's", {
          'leader-revision': now.currentRevision,
          'follower-revision': answer.currentRevision,
          ...peer,
        });
        accused.add(id);
      }
      if (answer.compactRevision > now.compactRevision) {
        logger.warn("compact revision from follower must be less than or equal to leader's", {
          'leader-compact-revision': now.compactRevision,
          'follower-compact-revision': answer.compactRevision,
          ...peer,
        });
        accused.add(id);
      }
      if (answer.compactRevision === before.compactRevision && answer.hash !== before.hash) {
        logger.warn('same compact revision then hashes must match', {
          'leader-compact-revision': before.compactRevision,
          'leader-hash': before.hash,
          'follower-compact-revision': answer.compactRevision,
          'follower-hash': answer.hash,
          ...peer,
        });
        accused.add(id);
      }
    }
    // As etcd: one alarm a round, for the first that was found.
    for (const id of [...accused].slice(0, 1)) await this.#raise(id);
    logger.info('finished peer corruption check', { 'number-of-peers-checked': checked });
  }

  /** From the newest hash on, until one could be compared with all members. */
  async #checkCompactions(): Promise<void> {
    const { cluster, logger, store, timeoutMs } = this.deps;
    logger.info('starting compact hash check', {
      'local-member-id': hexId(cluster.localId),
      timeout: `${timeoutMs / 1000}s`,
    });
    let checked = 0;
    const unchecked = store.compactionHashes().filter(({ revision }) => revision > this.#checkedRevision);
    for (const own of unchecked.reverse()) {
      checked++;
      const peers = await this.#ask(own.revision);
      if (peers.length > 0 && (await this.#compareCompaction(own, peers))) break;
    }
    logger.info('finished compaction hash check', { 'number-of-hashes-checked': checked });
  }

  /** False: ask of an older one. */
  async #compareCompaction(own: LeaderHash, peers: readonly PeerHash[]): Promise<boolean> {
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
    const { cluster, logger } = this.deps;
    const leader = {
      'leader-id': hexId(cluster.localId),
      'leader-revision': own.revision,
      'leader-compact-revision': own.compactRevision,
      'leader-hash': own.hash,
    };
    const quorum = Math.floor(memberCount / 2) + 1;
    const right = [...idsByHash].find(([, ids]) => ids.length >= quorum)?.[0];
    if (right === undefined) {
      logger.error(
        'Detected compaction hash mismatch but cannot identify the corrupted members, so intentionally set the ' +
          'memberID as 0',
        leader,
      );
      await this.#raise(0n);
    }
    for (const [hash, ids] of idsByHash) {
      if (hash === right) continue;
      if (right !== undefined) for (const id of ids) await this.#raise(id);
      logger.error('Detected compaction hash mismatch', { ...leader, 'peer-ids': ids.map(hexId), 'peer-hash': hash });
    }
  }

  async #raise(memberID: NodeId): Promise<void> {
    const { logger, propose } = this.deps;
    try {
      const request = { memberID, action: AlarmAction.ACTIVATE, alarm: AlarmType.CORRUPT };
      await propose({ kind: 'alarm', request });
    } catch (cause) {
      logger.warn('failed to raise alarm', { 'member-id': hexId(memberID), error: (cause as Error).message });
    }
  }

  #run(check: () => Promise<void>): void {
    if (this.#running || !this.deps.leadership.isEstablished) return;
    this.#running = true;
    check()
      .catch((cause: unknown) => {
        this.deps.logger.warn('failed to check hash KV', { error: (cause as Error).message });
      })
      .finally(() => {
        this.#running = false;
      });
  }

  /** All others; learners too. */
  #ask(revision: number): Promise<PeerHash[]> {
    const { calls, clock, cluster, timeoutMs } = this.deps;
    const others = cluster.members.filter(({ id }) => id !== cluster.localId);
    return Promise.all(
      others.map(async ({ id, peerURLs }) => {
        let error = 'no URL';
        for (const url of peerURLs) {
          const late = new AbortController();
          const cancel = clock.after(timeoutMs, () => late.abort());
          try {
            const signal = AbortSignal.any([late.signal, this.#stopped.signal]);
            return { id, endpoints: peerURLs, answer: await calls.hashKv(url, revision, signal), error: '' };
          } catch (cause) {
            error = cause instanceof PeerCallError ? cause.body : (cause as Error).message;
          } finally {
            cancel();
          }
        }
        return { id, endpoints: peerURLs, answer: undefined, error };
      }),
    );
  }

  #tellUnanswered({ error }: PeerHash, fields: Record<string, unknown>): void {
    const { logger } = this.deps;
    if (error.includes('required revision is a future revision')) {
      logger.warn('cannot fetch hash from slow remote peer', { ...fields, error });
    } else if (error.includes('required revision has been compacted')) {
      logger.warn('cannot fetch hash from remote peer; local member is behind', { ...fields, error });
    } else if (error.includes('cluster ID mismatch')) {
      logger.warn('cluster ID mismatch', { ...fields, error });
    } else {
      logger.warn('failed to fetch hash from remote peer', { ...fields, error });
    }
  }
}
