/** What an operator asks of one member: how it is, the hashes of its data, a smaller file, a copy of it. */
import type { FileBackend } from '../../backend/options.js';
import { detectStorageVersion, isOutsideHash, readStorageVersion } from '../../backend/schema/meta.js';
import type { BackendSnapshot } from '../../backend/types.js';
import { type Caller, checkWanted } from '../../lib/caller.js';
import type { Clock } from '../../lib/clock.js';
import { differenceOf, type EmulatedVersion, fullVersionOf } from '../../lib/emulate.js';
import { humanBytes } from '../../lib/go/bytes.js';
import { formatMs } from '../../lib/go/duration.js';
import type { Logger } from '../../lib/logger.js';
import type { MvccStore } from '../../mvcc/store.js';
import type { KvHash } from '../../mvcc/types.js';
import { wireErrors } from '../../proto/errors.js';
import { EtcdError } from '../../proto/etcd-error.js';
import type { ResponseHeader, StatusResponse } from '../../proto/gen/etcdserverpb.js';
import type { RawNode } from '../../raft/rawnode.js';
import { type Alarms, alarmName, alarmText } from '../apply/alarms.js';
import type { Leadership } from '../loop/leadership.js';
import type { Cluster } from '../membership/cluster.js';
import type { Space } from './space.js';
import type { StoreWork } from './store-work.js';

const SHA256_BYTES = 32;

export interface MaintenanceDeps {
  readonly emulate: EmulatedVersion;
  readonly node: Pick<RawNode, 'committed' | 'term'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly backend: FileBackend;
  readonly store: MvccStore;
  readonly storeWork: StoreWork;
  readonly cluster: Cluster;
  readonly alarms: Alarms;
  readonly space: Space;
  readonly leadership: Leadership;
  readonly logger: Logger;
  readonly applied: () => number;
  readonly header: (revision: number) => ResponseHeader;
}

export class Maintenance {
  constructor(readonly deps: MaintenanceDeps) {}

  /** undefined for a version that tells nobody. */
  get storageVersion(): string | undefined {
    if (!differenceOf('statusHasStorageVersion', this.deps.emulate)) return undefined;
    return detectStorageVersion(this.deps.backend) ?? 'unknown';
  }

  status(): StatusResponse {
    const { alarms, applied, backend, cluster, emulate, header, leadership, node, space, store } = this.deps;
    const errors = alarms
      .list()
      .map(alarmText)
      .map((text) => (differenceOf('messageTextEndsInBlank', emulate) ? text : text.trimEnd()));
    if (!leadership.hasLeader) errors.unshift(wireErrors.noLeader.message);
    return {
      header: header(store.currentRevision),
      version: fullVersionOf[emulate],
      dbSize: backend.sizeBytes,
      leader: leadership.lead,
      raftIndex: node.committed,
      raftTerm: node.term,
      raftAppliedIndex: applied(),
      errors,
      dbSizeInUse: backend.sizeInUseBytes,
      isLearner: cluster.local?.isLearner ?? false,
      ...(differenceOf('statusHasStorageVersion', emulate)
        ? {
            storageVersion: detectStorageVersion(backend) ?? '',
            dbSizeQuota: space.quotaOption < 0 ? space.quotaOption : space.quotaBytes,
            downgradeInfo: cluster.downgrade,
          }
        : { storageVersion: '', dbSizeQuota: 0, downgradeInfo: undefined }),
    };
  }

  namedAlarms(): { readonly name: string; readonly memberId: bigint }[] {
    return this.deps.alarms.list().map(({ alarm, memberID }) => ({ name: alarmName(alarm), memberId: memberID }));
  }

  /** How long what was done took, for whoever measures. */
  onDone: ((what: 'defrag' | 'snapshot' | 'hash' | 'hashKv', tookMs: number) => void) | undefined;
  defragsRunning = 0;

  async #timed<T>(what: 'defrag' | 'snapshot' | 'hash' | 'hashKv', work: () => T | Promise<T>): Promise<T> {
    const { clock } = this.deps;
    const beganMs = clock.monotonicMs();
    const result = await work();
    this.onDone?.(what, clock.monotonicMs() - beganMs);
    return result;
  }

  async hash(caller?: Caller): Promise<number> {
    const { backend, emulate } = this.deps;
    await backend.commit();
    checkWanted(caller);
    const termToo = differenceOf('hashIgnoresTerm', emulate);
    return this.#timed('hash', () => backend.hash((bucket, key) => isOutsideHash(bucket, key, { termToo }), caller));
  }

  /** `computed`: not one that a compaction has left behind. */
  async hashKv(revision: number, options: { caller?: Caller; computed?: boolean } = {}): Promise<KvHash> {
    const { emulate, store, storeWork } = this.deps;
    const answersStored = differenceOf('hashkvAtCompactedRevision', emulate);
    if (revision > 0 && revision === store.compactRevision && !answersStored) throw new EtcdError('compacted');
    const computed = options.computed === true || !answersStored;
    const hash = this.#timed('hashKv', () => store.hashKV(revision, { caller: options.caller, computed }));
    storeWork.wake();
    return hash;
  }

  /** One that waits for another ends with its caller; one that has begun goes on to its end, as in etcd. */
  async defragment(caller?: Caller): Promise<void> {
    this.deps.logger.info('starting defragment');
    this.defragsRunning++;
    try {
      await this.#timed('defrag', () => this.deps.backend.defrag(caller));
    } finally {
      this.defragsRunning--;
    }
    this.deps.logger.info('finished defragment');
  }

  /** To be closed; `sent` is called when its client has been sent all of it. */
  async snapshot(caller?: Caller): Promise<{ snapshot: BackendSnapshot; storageVersion: string; sent: () => void }> {
    const { backend, clock, emulate, logger } = this.deps;
    const snapshot = await this.#timed('snapshot', () => backend.snapshot(caller));
    const storageVersion = readStorageVersion(backend) ?? '';
    const beganMs = clock.monotonicMs();
    const size = { 'total-bytes': snapshot.sizeBytes, size: humanBytes(snapshot.sizeBytes) };
    const version = differenceOf('statusHasStorageVersion', emulate) ? { 'storage-version': storageVersion } : {};
    logger.info('sending database snapshot to client', { ...size, ...version });
    const sent = (): void => {
      logger.info('sending database sha256 checksum to client', {
        'total-bytes': snapshot.sizeBytes,
        'checksum-size': SHA256_BYTES,
      });
      logger.info('successfully sent database snapshot to client', {
        ...size,
        took: formatMs(clock.monotonicMs() - beganMs),
        ...version,
      });
    };
    return { snapshot, storageVersion, sent };
  }
}
