/**
 * Whether all members hold the same data, by hashes that they exchange. Three checks: before a member serves (it does
 * not start on data that others contradict), of all data every so often by the leader, and of the hashes that
 * compactions leave, which cost nothing more. A member that differs gets the CORRUPT alarm. Source: etcd's
 * server/etcdserver/corrupt.go.
 */

import { differenceOf } from '../../lib/emulate.js';
import { hexId } from '../../lib/ids.js';
import type { Logger } from '../../lib/logger.js';
import type { MvccStore } from '../../mvcc/store.js';
import { innerText, wireErrors } from '../../proto/errors.js';
import { AlarmRequest_AlarmAction as AlarmAction, AlarmType } from '../../proto/gen/etcdserverpb.js';
import type { NodeId } from '../../raftpb/types.js';
import type { Propose } from '../apply/operation.js';
import type { Leadership } from '../loop/leadership.js';
import type { Reads } from '../reads/reads.js';
import type { MemberConfig } from '../world/types.js';
import { CompactionHashes } from './compaction-hashes.js';
import type { Maintenance } from './maintenance.js';
import { type PeerHash, PeerHashes, type PeerHashesDeps } from './peer-hashes.js';

export interface CorruptionDeps extends PeerHashesDeps {
  readonly config: Pick<MemberConfig, 'corruptCheckIntervalMs' | 'compactHashCheckIntervalMs' | 'emulate'>;
  readonly leadership: Leadership;
  readonly maintenance: Pick<Maintenance, 'hashKv'>;
  readonly store: Pick<MvccStore, 'compactionHashes'>;
  readonly reads: Pick<Reads, 'linearizable'>;
  readonly propose: Propose;
  readonly logger: Logger;
}

export class Corruption {
  #nextMs: number | undefined;
  #nextCompactMs: number | undefined;
  #running = false;
  readonly #peers: PeerHashes;
  readonly #compactions: CompactionHashes;

  constructor(readonly deps: CorruptionDeps) {
    this.#peers = new PeerHashes(deps);
    this.#compactions = new CompactionHashes({ ...deps, peers: this.#peers, raise: (id) => this.#raise(id) });
  }

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
    this.#run(() => this.#compactions.check());
  }

  stop(): void {
    this.#peers.stop();
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
    for (const peer of await this.#peers.ask(own.revision)) {
      const fields = {
        'local-member-id': hexId(cluster.localId),
        'local-member-revision': own.revision,
        'local-member-compact-revision': own.compactRevision,
        'local-member-hash': own.hash,
        'remote-peer-id': hexId(peer.id),
        'remote-peer-endpoints': peer.endpoints,
      };
      if (peer.answer === undefined) {
        warnOfSilence(this.deps.logger, peer, fields);
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
    const peers = await this.#peers.ask(before.revision);
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
    const namesMember = differenceOf('corruptAlarmNamesMember', this.deps.config.emulate);
    for (const id of [...accused].slice(0, 1)) await this.#raise(namesMember ? id : 0n);
    logger.info('finished peer corruption check', { 'number-of-peers-checked': checked });
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

  async #raise(memberID: NodeId): Promise<void> {
    const { logger, propose } = this.deps;
    try {
      const request = { memberID, action: AlarmAction.ACTIVATE, alarm: AlarmType.CORRUPT };
      await propose({ kind: 'alarm', request });
    } catch (cause) {
      logger.warn('failed to raise alarm', { 'member-id': hexId(memberID), error: (cause as Error).message });
    }
  }
}

function warnOfSilence(logger: Logger, { error }: PeerHash, fields: Record<string, unknown>): void {
  if (error.includes(innerText(wireErrors.futureRevision))) {
    logger.warn('cannot fetch hash from slow remote peer', { ...fields, error });
  } else if (error.includes(innerText(wireErrors.compacted))) {
    logger.warn('cannot fetch hash from remote peer; local member is behind', { ...fields, error });
  } else if (error.includes(innerText(wireErrors.clusterIdMismatch))) {
    logger.warn(innerText(wireErrors.clusterIdMismatch), { ...fields, error });
  } else {
    logger.warn('failed to fetch hash from remote peer', { ...fields, error });
  }
}
