/** A write transaction over the store. Source: etcd's mvcc/kvstore_txn.go, storeTxnWrite. */

import { revisionKey } from '../backend/schema/key.js';
import type { Backend } from '../backend/types.js';
import type { LeaseId } from '../lib/ids.js';
import { latin1Bytes, latin1Text } from '../lib/latin1.js';
import { KeyValue } from '../proto/gen/mvccpb.js';
import { isAlive } from './key-history.js';
import type { KeyIndex } from './key-index.js';
import { tombstoneRecord } from './key-value.js';
import { intervalOf, type RecordReader } from './read.js';
import type { Change, KeyLeases, RangeOptions, RangeResult, VisitNumbers, WriteTransaction } from './types.js';

/** Revision keys only rise, so the backend may put each behind all others without a search. */
const append = { append: true } as const;

/** What a transaction works on; the store is it. */
export interface WriteTarget {
  readonly backend: Backend;
  readonly index: KeyIndex;
  readonly reader: RecordReader;
  readonly leases: KeyLeases;
  readonly currentRevision: number;
  readonly compactRevision: number;
  readonly counts: OperationCounts;
  /** Takes over the changes (none = nothing happened) and returns the current revision. */
  finishWrite(changes: readonly Change[]): number;
}

/** What was done since the start, inside transactions too. As etcd's mvcc/metrics_txn.go counts. */
export interface OperationCounts {
  puts: number;
  putBytes: number;
  /** Calls, whatever they deleted. */
  deletes: number;
  ranges: number;
  /** Write transactions and read-only ones of more than one operation. */
  txns: number;
  /** Records that compactions removed, and compactions that came to their end. */
  compactedRecords: number;
  compactions: number;
}

export const operationsOf = ({ puts, deletes, ranges }: OperationCounts): number => puts + deletes + ranges;

export class WriteTxn implements WriteTransaction {
  readonly #changes: Change[] = [];
  readonly #main: number;
  #open = true;
  readonly #target: WriteTarget;

  constructor(target: WriteTarget) {
    this.#target = target;
    this.#main = target.currentRevision + 1;
  }

  get revision(): number {
    return this.#changes.length === 0 ? this.#main - 1 : this.#main;
  }

  get namesLeases(): boolean {
    return this.#target.reader.namesLeases;
  }

  range(key: Uint8Array, end: Uint8Array | undefined, options: RangeOptions): RangeResult {
    this.#target.counts.ranges++;
    return this.#target.reader.range(key, end, options, {
      current: this.revision,
      compacted: this.#target.compactRevision,
    });
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#target.counts.ranges++;
    return this.#target.reader.get(latin1Text(key), this.revision);
  }

  visitNumbers(key: Uint8Array, end: Uint8Array | undefined, visit: VisitNumbers): void {
    this.#target.counts.ranges++;
    this.#target.reader.visitNumbers(key, end, visit);
  }

  put(key: Uint8Array, value: Uint8Array, lease: LeaseId): void {
    const { index, backend, counts, leases } = this.#target;
    counts.puts++;
    counts.putBytes += key.length + value.length;
    const text = latin1Text(key);
    const sub = this.#changes.length;
    const { created, version } = index.put(text, this.#main, sub);
    const kv = KeyValue.encode({
      key,
      createRevision: created,
      modRevision: this.#main,
      version,
      value,
      lease,
    });
    backend.put('key', revisionKey(this.#main, sub, false), kv, append);
    this.#changes.push({ kind: 'put', key: text, kv, isCreate: version === 1 });

    const before = version === 1 ? 0n : leases.leaseOf(text);
    if (before === lease) return;
    if (before !== 0n) leases.detach(before, text);
    if (lease !== 0n && !leases.attach(lease, text)) throw new Error(`put with lease ${lease}, which does not exist`);
  }

  /**
   * `etcd-diff:` one step, however many keys there are (200 000 of them take about as long as etcd takes); what others
   * write waits for it as in etcd, what they read as well.
   */
  deleteRange(key: Uint8Array, end: Uint8Array | undefined): number {
    this.#target.counts.deletes++;
    const interval = intervalOf(key, end);
    if (interval === undefined) return this.#delete(latin1Text(key), key) ? 1 : 0;
    if (interval.end !== undefined && interval.end <= interval.start) return 0;
    const doomed: string[] = [];
    this.#target.index.range(interval.start, interval.end, (text, history) => {
      if (isAlive(history)) doomed.push(text);
    });
    for (const text of doomed) this.#delete(text, latin1Bytes(text));
    return doomed.length;
  }

  #delete(text: string, key: Uint8Array): boolean {
    const { index, backend, leases } = this.#target;
    const sub = this.#changes.length;
    if (!index.tombstone(text, this.#main, sub)) return false;
    const kv = tombstoneRecord(key);
    backend.put('key', revisionKey(this.#main, sub, true), kv, append);
    this.#changes.push({ kind: 'delete', key: text, kv, isCreate: false });
    const lease = leases.leaseOf(text);
    if (lease !== 0n) leases.detach(lease, text);
    return true;
  }

  end(): number {
    if (!this.#open) throw new Error('the write transaction has ended already');
    this.#open = false;
    return this.#target.finishWrite(this.#changes);
  }
}
