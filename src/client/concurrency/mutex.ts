/**
 * A lock that is held by one session at a time. Whoever wants it puts a key `<name>/<lease in hex>`; the oldest of
 * these keys owns the lock, and the others wait for those before them to go. Other clients of etcd use the same keys,
 * so locks are shared with them.
 */

import { Code } from '../../grpc/types.js';
import type { LeaseId } from '../../lib/ids.js';
import type { Compare, ResponseHeader, TxnResponse } from '../../proto/gen/etcdserverpb.js';
import { EtcdError } from '../errors.js';
import { compare, op } from '../kv.js';
import type { Session } from './session.js';
import { waitForDeletions } from './wait-for-deletion.js';

/** Of a call that ended so it is not known whether it was done. */
const OPEN_ENDS: ReadonlySet<Code> = new Set([
  ...[Code.Unavailable, Code.DeadlineExceeded, Code.Canceled, Code.Unknown, Code.Internal],
]);

export class Mutex {
  readonly #session: Session;
  readonly #prefix: string;
  #key = '\0';
  #createRevision = -1;
  #header: ResponseHeader | undefined;

  constructor(session: Session, name: string) {
    this.#session = session;
    this.#prefix = `${name}/`;
  }

  /** The key that owns the lock, once it is owned. */
  get key(): string {
    return this.#key;
  }

  /** Of the answer that made us owner. */
  get header(): ResponseHeader | undefined {
    return this.#header;
  }

  /** Holds while the lock is ours: for transactions that must not be done by a former owner. */
  isOwner(): Compare {
    return compare.createRevision(this.#key, '=', this.#createRevision);
  }

  /** Resolves when the lock is ours. Throws EtcdError; then nothing is left of the attempt. */
  async lock(options: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { client } = this.#session;
    try {
      if (await this.#isAcquired(options)) return;
    } catch (error) {
      const isRefused = error instanceof EtcdError && !OPEN_ENDS.has(error.code);
      if (!isRefused) await this.unlock().catch(() => undefined);
      throw error;
    }
    try {
      await waitForDeletions(client, this.#prefix, this.#createRevision - 1, options);
      const { kvs, header } = await client.kv.get(this.#key, { signal: options.signal });
      if (kvs.length === 0) throw new EtcdError(Code.Unknown, 'mutex: session is expired');
      this.#header = header;
    } catch (error) {
      await this.unlock().catch(() => undefined);
      throw error;
    }
  }

  /** False: another session holds it. */
  async tryLock(options: { signal?: AbortSignal | undefined } = {}): Promise<boolean> {
    if (await this.#isAcquired(options)) return true;
    await this.unlock();
    return false;
  }

  async unlock(): Promise<void> {
    await this.#session.client.kv.delete(this.#key);
    this.#key = '\0';
    this.#createRevision = -1;
  }

  /** Puts our key, unless it is there already, and says whether it is the oldest. */
  async #isAcquired(options: { signal?: AbortSignal | undefined }): Promise<boolean> {
    const { client, lease } = this.#session;
    this.#key = `${this.#prefix}${leaseHex(lease)}`;
    const owner = op.get(this.#prefix, { prefix: true, sort: { by: 'create', order: 'ascend' }, limit: 1 });
    const answer = await client.kv.txn(
      {
        compare: [compare.createRevision(this.#key, '=', 0)],
        success: [op.put(this.#key, '', { lease }), owner],
        failure: [op.get(this.#key), owner],
      },
      { signal: options.signal },
    );
    this.#createRevision = answer.succeeded
      ? (answer.header?.revision ?? 0)
      : (firstCreateRevision(answer, 0) ?? this.#createRevision);
    const oldest = firstCreateRevision(answer, 1);
    const isOurs = oldest === undefined || oldest === this.#createRevision;
    if (isOurs) this.#header = answer.header;
    return isOurs;
  }
}

/** The creation revision of the only key in an answer's range. */
function firstCreateRevision(answer: TxnResponse, at: number): number | undefined {
  const response = answer.responses[at]?.response;
  return response?.case === 'responseRange' ? response.value.kvs[0]?.createRevision : undefined;
}

/** As Go's `%x` of an int64. */
export const leaseHex = (lease: LeaseId): string => lease.toString(16);
