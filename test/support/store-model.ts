/**
 * What a store must hold after a sequence of operations: every version of every key, leases, compaction. Slow and
 * obvious. Each operation is one log entry; `describe` gives the whole state as text, so that a recovered member can be
 * found among the states it may be in.
 */
import type { Operation as MemberOperation } from '../../src/member/apply/operation.js';
import {
  CompactionRequest,
  DeleteRangeRequest,
  LeaseGrantRequest,
  PutRequest,
  TxnRequest,
} from '../../src/proto/gen/etcdserverpb.js';
import type { InProcessMember } from './in-process-member.js';

export type Change =
  | { readonly t: 'put'; readonly key: string; readonly value: string; readonly lease?: bigint }
  | { readonly t: 'delete'; readonly key: string; readonly end?: string };

export type Operation =
  | Change
  | { readonly t: 'txn'; readonly changes: readonly Change[] }
  | { readonly t: 'grant'; readonly lease: bigint }
  | { readonly t: 'revoke'; readonly lease: bigint }
  | { readonly t: 'compact'; readonly revision: number };

interface Version {
  readonly key: string;
  /** undefined = deleted. */
  readonly value: string | undefined;
  readonly lease: bigint;
  readonly create: number;
  readonly version: number;
}

export const leaseTtlSeconds = 1_000_000;

export class StoreModel {
  revision = 1;
  compacted = -1;
  /** By main revision, changes in order. */
  readonly history = new Map<number, Version[]>();
  readonly live = new Map<string, Version & { readonly mod: number }>();
  readonly leases = new Set<bigint>();

  copy(): StoreModel {
    const copy = new StoreModel();
    copy.revision = this.revision;
    copy.compacted = this.compacted;
    for (const [main, changes] of this.history) copy.history.set(main, changes);
    for (const [key, version] of this.live) copy.live.set(key, version);
    for (const lease of this.leases) copy.leases.add(lease);
    return copy;
  }

  /** False when it is refused: then nothing has changed. */
  apply(operation: Operation): boolean {
    switch (operation.t) {
      case 'put':
      case 'delete':
        return this.#write([operation]);
      case 'txn':
        return this.#write(operation.changes);
      case 'grant':
        if (this.leases.has(operation.lease)) return false;
        this.leases.add(operation.lease);
        return true;
      case 'revoke': {
        if (!this.leases.delete(operation.lease)) return false;
        const keys = [...this.live.values()].filter(({ lease }) => lease === operation.lease).map(({ key }) => key);
        return this.#write(keys.sort().map((key) => ({ t: 'delete', key })));
      }
      case 'compact':
        if (operation.revision <= this.compacted || operation.revision > this.revision) return false;
        this.compacted = operation.revision;
        return true;
    }
  }

  #write(changes: readonly Change[]): boolean {
    const unknown = changes.some(
      (change) => change.t === 'put' && change.lease !== undefined && !this.leases.has(change.lease),
    );
    if (unknown) return false;
    const main = this.revision + 1;
    const versions: Version[] = [];
    for (const change of changes) {
      if (change.t === 'put') {
        const before = this.live.get(change.key);
        const version = {
          key: change.key,
          value: change.value,
          lease: change.lease ?? 0n,
          create: before?.create ?? main,
          version: (before?.version ?? 0) + 1,
        };
        this.live.set(change.key, { ...version, mod: main });
        versions.push(version);
        continue;
      }
      const { key, end } = change;
      const gone = [...this.live.keys()].filter((name) =>
        end === undefined ? name === key : name >= key && name < end,
      );
      for (const name of gone.sort()) {
        this.live.delete(name);
        versions.push({ key: name, value: undefined, lease: 0n, create: 0, version: 0 });
      }
    }
    if (versions.length === 0) return true;
    this.revision = main;
    this.history.set(main, versions);
    return true;
  }

  describe(): string {
    const lines = [`revision ${this.revision} compacted ${this.compacted} leases ${[...this.leases].sort().join(' ')}`];
    const live = [...this.live.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    for (const { key, value, lease, create, mod, version } of live)
      lines.push(`${key}=${value} ${create} ${mod} ${version} ${lease}`);
    for (const [main, versions] of this.history) {
      // A compaction keeps what its revision shows, so only later ones are sure to be whole.
      if (main <= this.compacted) continue;
      for (const { key, value, lease, version } of versions)
        lines.push(`@${main} ${value === undefined ? `-${key}` : `${key}=${value} ${version} ${lease}`}`);
    }
    return lines.join('\n');
  }
}

/** What a member really holds, in the words of `StoreModel.describe`. */
export function describeMember(opened: InProcessMember): string {
  const { member } = opened;
  const { currentRevision, compactRevision } = member.store;
  const leases = member.leases.list().sort().join(' ');
  const lines = [`revision ${currentRevision} compacted ${compactRevision} leases ${leases}`];
  for (const { key, value, createRevision, modRevision, version, lease } of opened.all())
    lines.push(`${text(key)}=${text(value)} ${createRevision} ${modRevision} ${version} ${lease}`);
  for (const { main, kv, isDeleted } of opened.history()) {
    if (main <= compactRevision) continue;
    const what = isDeleted ? `-${text(kv.key)}` : `${text(kv.key)}=${text(kv.value)} ${kv.version} ${kv.lease}`;
    lines.push(`@${main} ${what}`);
  }
  return lines.join('\n');
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const bytes = (name: string): Buffer => Buffer.from(name, 'latin1');

/** The log entry's request. */
export function requestOf(operation: Operation): MemberOperation {
  switch (operation.t) {
    case 'put':
      return { kind: 'put', request: putOf(operation) };
    case 'delete':
      return { kind: 'deleteRange', request: deleteOf(operation) };
    case 'txn':
      return {
        kind: 'txn',
        request: TxnRequest.create({
          success: operation.changes.map((change) =>
            change.t === 'put'
              ? { request: { case: 'requestPut', value: putOf(change) } }
              : { request: { case: 'requestDeleteRange', value: deleteOf(change) } },
          ),
        }),
      };
    case 'grant':
      return {
        kind: 'leaseGrant',
        request: LeaseGrantRequest.create({ ID: operation.lease, TTL: leaseTtlSeconds }),
      };
    case 'revoke':
      return { kind: 'leaseRevoke', request: { ID: operation.lease } };
    case 'compact':
      return { kind: 'compaction', request: CompactionRequest.create({ revision: operation.revision }) };
  }
}

const putOf = ({ key, value, lease }: Extract<Change, { t: 'put' }>): PutRequest =>
  PutRequest.create({ key: bytes(key), value: bytes(value), lease: lease ?? 0n });

const deleteOf = ({ key, end }: Extract<Change, { t: 'delete' }>): DeleteRangeRequest =>
  DeleteRangeRequest.create({ key: bytes(key), rangeEnd: bytes(end ?? '') });
