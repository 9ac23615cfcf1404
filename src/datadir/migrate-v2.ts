/**
 * `etcdctl migrate`: the v2 keys of a stopped member become v3 keys in its database, each at the revision that was its
 * index. The v2 store is put together again from the newest snapshot and the log behind it; hidden keys and empty
 * directories are left out. Source: etcd 3.4's etcdctl/ctlv3/command/migrate_command.go.
 *
 * `etcd-diff:` lifetimes become leases, where etcd makes keys of them that stay; and a database that holds keys is left
 * alone, where etcd writes among them.
 */

import { bucketBytes } from '../backend/buckets.js';
import { revisionKey } from '../backend/schema/key.js';
import { putLease } from '../backend/schema/lease.js';
import type { WriteTx } from '../bolt/types.js';
import type { Disk } from '../lib/disk.js';
import type { LeaseId, MemberId } from '../lib/ids.js';
import { KeyValue } from '../proto/gen/mvccpb.js';
import { confChangeOf } from '../raftpb/describe.js';
import { asConfChangeV2, ConfChangeType, type Entry } from '../raftpb/types.js';
import { applyRequest } from '../v2/apply.js';
import { V2Error } from '../v2/error.js';
import { type NodeView, nodeJson } from '../v2/event.js';
import { recoverStore } from '../v2/snapshot.js';
import { permanent, V2Store } from '../v2/store.js';
import { KEYS_PREFIX } from '../v2/tree.js';
import { readWal, walSnapshots } from '../wal/index.js';
import { absent, backendWriter, editDb, readDb } from './db.js';
import { requestOf } from './entry-request.js';
import { DataDirError } from './errors.js';
import { dbPathOf, snapDirOf, walDirOf } from './names.js';
import { newestSnapshot } from './newest-snapshot.js';

export interface MigrateV2Options {
  readonly dataDir: string;
  readonly walDir: string | undefined;
  /** Leave keys out that go at a time. */
  readonly skipsTtl: boolean;
  /** Write nothing. */
  readonly dryRun: boolean;
  /**
   * Makes records of nodes: of one node's JSON after the other, one KeyValue after the other, each behind its length
   * in eight bytes, the lowest first.
   */
  readonly transform?: ((nodes: Buffer) => Promise<Uint8Array>) | undefined;
}

export interface MigrateV2Report {
  readonly keys: number;
  readonly leases: number;
  /** Keys left out for their lifetimes. */
  readonly skipped: number;
}

interface Moved {
  /** As latin1, as the store has them. */
  readonly key: string;
  readonly value: string;
  readonly revision: number;
  readonly lease: LeaseId;
}

/** Rejects with DataDirError, BoltError, and what reading logs and snapshots or the transformer throws. */
export async function migrateV2(disk: Disk, options: MigrateV2Options, nowNs: bigint): Promise<MigrateV2Report> {
  const store = rebuildStore(disk, options, nowNs);
  store.deleteExpired(nowNs, nowNs);
  const top = store.has(KEYS_PREFIX)
    ? store.get(KEYS_PREFIX, { recursive: true, sorted: true, nowNs }).node
    : undefined;
  const { moved, leases, skipped } = collect(top, options.skipsTtl);
  const keys =
    options.transform === undefined
      ? moved.map(keyValueOf)
      : transformed(await options.transform(nodeTexts(top, options.skipsTtl)), moved);
  const path = dbPathOf(options.dataDir);
  const isEmpty = readDb(disk, path, (tx) => {
    let empty = true;
    tx.bucket(bucketBytes('key'))?.range(new Uint8Array(0), undefined, () => {
      empty = false;
      return false;
    });
    return empty;
  });
  if (!isEmpty && keys.length > 0) throw new DataDirError(`${path} holds keys of v3 already`);
  if (!options.dryRun) editDb(disk, path, (tx) => write(tx, keys, leases));
  return { keys: keys.length, leases: leases.size, skipped };
}

function rebuildStore(disk: Disk, { dataDir, walDir }: MigrateV2Options, nowNs: bigint): V2Store {
  const wal = walDirOf(dataDir, walDir);
  const snapDir = snapDirOf(dataDir);
  if (disk.stat(snapDir) === undefined) throw absent('open', disk, snapDir);
  const snapshot = newestSnapshot(disk, snapDir, walSnapshots(disk, wal));
  const store = new V2Store();
  if (snapshot !== undefined) recoverStore(store, snapshot.data);
  const at = { index: snapshot?.metadata.index ?? 0, term: snapshot?.metadata.term ?? 0 };
  const { hardState, entries } = readWal(disk, wal, at);
  for (const entry of entries) if (entry.index <= hardState.commit) replay(store, entry, nowNs);
  return store;
}

/**
 * What the entry did to the store when it was applied; changes of members have a part there too, and move the index.
 */
function replay(store: V2Store, entry: Entry, nowNs: bigint): void {
  const asked = requestOf(entry);
  try {
    if (asked.t === 'v2') applyRequest(store, asked.request, nowNs);
    else if (asked.t === 'conf-change') replayConfChange(store, entry, nowNs);
  } catch (error) {
    // It was refused then, as it is now.
    if (!(error instanceof V2Error)) throw error;
  }
}

function replayConfChange(store: V2Store, entry: Entry, nowNs: bigint): void {
  const change = confChangeOf(entry);
  const changes = change === undefined ? [] : asConfChangeV2(change).changes;
  for (const { type, nodeId } of changes) replayMemberChange(store, type, nodeId, nowNs);
}

function replayMemberChange(store: V2Store, type: ConfChangeType, nodeId: MemberId, nowNs: bigint): void {
  const hex = nodeId.toString(16);
  const folder = `/0/members/${hex}`;
  const attributes = `${folder}/raftAttributes`;
  if (type === ConfChangeType.ConfChangeRemoveNode) {
    store.delete(folder, { dir: true, recursive: true }, nowNs);
    store.create(`/0/removed_members/${hex}`, { dir: false, value: '', unique: false }, permanent, nowNs);
  } else if (type === ConfChangeType.ConfChangeUpdateNode || store.has(attributes)) {
    store.update(attributes, '{}', permanent, nowNs);
  } else {
    store.create(attributes, { dir: false, value: '{}', unique: false }, permanent, nowNs);
  }
}

/**
 * A directory that goes at a time gives what is below one lease; what goes earlier has its own, named by the index that
 * made it so.
 */
function collect(top: NodeView | undefined, skipsTtl: boolean) {
  const moved: Moved[] = [];
  const leases = new Map<LeaseId, number>();
  let skipped = 0;
  const pending = top === undefined ? [] : [{ node: top, lease: 0n }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { node, lease: inherited } = next;
    const ttl = node.ttl ?? 0;
    const isEarlier = ttl > 0 && ttl < (leases.get(inherited) ?? Number.POSITIVE_INFINITY);
    const isUseful = !node.dir || (node.nodes ?? []).length > 0;
    const lease = isEarlier && isUseful ? BigInt(node.modifiedIndex) : inherited;
    if (skipsTtl && lease !== 0n) {
      skipped += node.dir ? 0 : 1;
      leases.set(lease, ttl);
    } else {
      if (lease !== inherited) leases.set(lease, ttl);
      const key = node.key.slice(KEYS_PREFIX.length);
      if (!node.dir) moved.push({ key, value: node.value ?? '', revision: node.modifiedIndex, lease });
    }
    for (const child of node.nodes ?? []) pending.push({ node: child, lease });
  }
  return { moved, leases: skipsTtl ? new Map<LeaseId, number>() : leases, skipped };
}

const keyValueOf = ({ key, value, revision, lease }: Moved): KeyValue => ({
  key: Buffer.from(key, 'latin1'),
  value: Buffer.from(value, 'latin1'),
  createRevision: revision,
  modRevision: revision,
  version: 1,
  lease,
});

/** Directories too, each before what is in it, and without it. */
function nodeTexts(top: NodeView | undefined, skipsTtl: boolean): Buffer {
  const texts: string[] = [];
  const pending = top === undefined ? [] : [top];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    const { nodes = [], ...alone } = node;
    const key = node.key === KEYS_PREFIX ? `${KEYS_PREFIX}/` : node.key;
    if (!skipsTtl || (node.ttl ?? 0) === 0) texts.push(nodeJson({ ...alone, key }, KEYS_PREFIX));
    for (let at = nodes.length - 1; at >= 0; at--) pending.push(nodes[at] as NodeView);
  }
  return Buffer.from(texts.join(''), 'latin1');
}

/** What a transformer gives no lease gets that of the node it was made of, which its revision tells. */
function transformed(records: Uint8Array, moved: readonly Moved[]): KeyValue[] {
  const leases = new Map(moved.map(({ revision, lease }) => [revision, lease]));
  const bytes = Buffer.from(records.buffer, records.byteOffset, records.byteLength);
  const keys: KeyValue[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = bytes.length - at < 8 ? -1n : bytes.readBigInt64LE(at);
    if (size < 0n || size > BigInt(bytes.length - at - 8)) throw new DataDirError('unexpected EOF');
    const end = at + 8 + Number(size);
    const record = KeyValue.decode(bytes.subarray(at + 8, end));
    keys.push(record.lease === 0n ? { ...record, lease: leases.get(record.modRevision) ?? 0n } : record);
    at = end;
  }
  return keys;
}

function write(tx: WriteTx, keys: readonly KeyValue[], leases: ReadonlyMap<LeaseId, number>): void {
  const keyBucket = tx.createBucket(bucketBytes('key'));
  for (const record of keys) keyBucket.put(revisionKey(record.modRevision, 0, false), KeyValue.encode(record));
  tx.createBucket(bucketBytes('lease'));
  const db = backendWriter(tx);
  for (const [ID, TTL] of leases) putLease(db, { ID, TTL, RemainingTTL: 0 });
}
