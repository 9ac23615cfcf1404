/**
 * What every call has to pass before its handler, whatever it asks for: the cluster must have agreed on a version, a
 * learner serves little, and a client that wants a leader (`hasleader: true`) is refused where there is none. A stream
 * of such a client ends when there has been none for three election timeouts: reconnecting costs it more than waiting.
 * Source: etcd's api/v3rpc/interceptor.go.
 */
import type { Metadata } from '../../grpc/types.js';
import type { MethodKind } from '../../lib/codec.js';
import { differenceOf } from '../../lib/emulate.js';
import { EtcdError } from '../../proto/etcd-error.js';
import type { RangeRequest } from '../../proto/gen/etcdserverpb.js';
import type { MemberFace } from './face.js';

const MAX_TIMES_WITHOUT_LEADER = 3;
const STATUS = '/etcdserverpb.Maintenance/Status';
const RANGE = '/etcdserverpb.KV/Range';
const SNAPSHOT = '/etcdserverpb.Maintenance/Snapshot';

export type AdmissionMember = Pick<MemberFace, 'emulate' | 'clock' | 'isLearner' | 'leadership'> & {
  readonly cluster: Pick<MemberFace['cluster'], 'version'>;
  readonly limits: Pick<MemberFace['limits'], 'electionTimeoutMs'>;
};

export class Admission {
  readonly #streams = new Set<(error: Error) => void>();
  #stopTimer: (() => void) | undefined;
  #withoutLeader = 0;

  constructor(readonly member: AdmissionMember) {}

  /** Throws the refusal. `request` is undefined for streams. */
  check(path: string, kind: MethodKind, metadata: Metadata, request: unknown): void {
    const { cluster, isLearner, leadership } = this.member;
    if (cluster.version === undefined) throw new EtcdError('notCapable');
    if (isLearner && !this.#servesAsLearner(path, kind, request)) throw new EtcdError('notSupportedForLearner');
    if (wantsLeader(metadata) && !leadership.hasLeader) throw new EtcdError('noLeader');
  }

  /** Ends as `work` does, or with "no leader". */
  whileLed<T>(metadata: Metadata, work: Promise<T>): Promise<T> {
    if (!wantsLeader(metadata)) return work;
    return new Promise((resolve, reject) => {
      this.#streams.add(reject);
      this.#stopTimer ??= this.member.clock.every(this.member.limits.electionTimeoutMs, () => this.#look());
      work.then(resolve, reject).finally(() => {
        this.#streams.delete(reject);
        if (this.#streams.size > 0) return;
        this.#stopTimer?.();
        this.#stopTimer = undefined;
        this.#withoutLeader = 0;
      });
    });
  }

  #look(): void {
    this.#withoutLeader = this.member.leadership.hasLeader ? 0 : this.#withoutLeader + 1;
    if (this.#withoutLeader < MAX_TIMES_WITHOUT_LEADER) return;
    for (const end of this.#streams) end(new EtcdError('noLeader'));
  }

  #servesAsLearner(path: string, kind: MethodKind, request: unknown): boolean {
    if (kind !== 'unary') return path === SNAPSHOT && differenceOf('learnerSendsSnapshots', this.member.emulate);
    return path === STATUS || (path === RANGE && (request as RangeRequest).serializable);
  }
}

function wantsLeader(metadata: Metadata): boolean {
  return metadata.get('hasleader')?.[0] === 'true';
}
