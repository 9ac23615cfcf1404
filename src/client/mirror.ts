/**
 * Copies keys from one cluster to another and follows their changes: first everything as of one revision, a page at a
 * time, then what the watch reports, all changes of one revision in one transaction. As clientv3's mirror package and
 * etcdctl's make-mirror.
 */

import type { RequestOp } from '../proto/gen/etcdserverpb.js';
import { Event_EventType } from '../proto/gen/mvccpb.js';
import type { Client } from './client.js';
import { prefixEnd, toBytes, zeroKey } from './key-range.js';
import { op } from './kv.js';

/** As clientv3. */
const PAGE_SIZE = 1000;

export interface MirrorOptions {
  readonly prefix: string;
  /** Takes the place of `prefix` in the copies. */
  readonly destinationPrefix: string;
  /** Copy nothing, only follow changes from this revision on; 0 = copy everything first. */
  readonly fromRevision: number;
  /** Most operations of one transaction at the destination; 0 = no limit. */
  readonly maxTxnOps: number;
  /** Called for every key written or deleted. */
  onChange(): void;
}

/** Goes on until one of the clusters refuses or the watch is ended; then throws EtcdError. */
export async function mirror(source: Client, destination: Client, options: MirrorOptions): Promise<void> {
  const { prefix } = options;
  const prefixBytes = toBytes(prefix);
  const renamed = (key: Uint8Array): Uint8Array =>
    Buffer.concat([toBytes(options.destinationPrefix), key.subarray(prefixBytes.length)]);
  const revision =
    options.fromRevision > 0 ? options.fromRevision - 1 : await copyAll(source, destination, options, renamed);
  for await (const { events } of source.watch(prefix, { prefix: true, revision: revision + 1 })) {
    let ops: RequestOp[] = [];
    let lastRevision = 0;
    const flush = async (): Promise<void> => {
      if (ops.length > 0) await destination.kv.txn({ success: ops });
      ops = [];
    };
    for (const { type, kv } of events) {
      if (kv === undefined) continue;
      const isFull = options.maxTxnOps > 0 && ops.length >= options.maxTxnOps;
      if (isFull || (lastRevision !== 0 && kv.modRevision > lastRevision)) await flush();
      lastRevision = kv.modRevision;
      const key = renamed(kv.key);
      ops.push(type === Event_EventType.DELETE ? op.delete(key) : op.put(key, kv.value));
      options.onChange();
    }
    await flush();
  }
}

/** Returns the revision that was copied. */
async function copyAll(
  source: Client,
  destination: Client,
  { prefix, onChange }: MirrorOptions,
  renamed: (key: Uint8Array) => Uint8Array,
): Promise<number> {
  const { header } = await source.kv.get(prefix === '' ? 'foo' : prefix);
  const revision = header?.revision ?? 0;
  const end = prefix === '' ? zeroKey : prefixEnd(toBytes(prefix));
  let key = prefix === '' ? zeroKey : toBytes(prefix);
  for (;;) {
    const { kvs, more } = await source.kv.get(key, { end, limit: PAGE_SIZE, revision });
    for (const kv of kvs) {
      await destination.kv.put(renamed(kv.key), kv.value);
      onChange();
    }
    const last = kvs.at(-1);
    if (!more || last === undefined) return revision;
    key = Buffer.concat([last.key, zeroKey]);
  }
}
