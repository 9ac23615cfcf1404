/**
 * Looks at each member after each event, and at each change of its store as it is made:
 *
 *   - the same index holds the same entry on whoever has applied it
 *   - what is applied never goes back within a life
 *   - a term has one leader
 *   - a revision changes the same on whoever has it (`Truth`), and the revision never goes back
 *   - a lease ends no earlier than its owner was promised (`LeaseRecords`)
 */
import { decodeEntryData } from '../../../src/member/apply/entry-data.js';
import type { Change } from '../../../src/mvcc/types.js';
import { KeyValue } from '../../../src/proto/gen/mvccpb.js';
import { type Entry, EntryType, type NodeId } from '../../../src/raftpb/types.js';
import { alike, Truth, text, type Version } from '../../support/linearizability/truth.js';
import { versionOf } from '../../support/linearizability/wire.js';
import { must } from '../raft/violation.js';
import type { LeaseRecords } from './lease-records.js';
import type { Life } from './place.js';

export class Observer {
  readonly truth = new Truth();
  /** By term. */
  readonly leaders = new Map<number, NodeId>();
  readonly #entries = new Map<number, Entry>();
  highestTerm = 0;
  applied = 0;

  constructor(
    readonly leases: LeaseRecords,
    readonly trace: (line: string) => void,
  ) {}

  /** What the store's own calls show wrong is told to `fail`: the store is in the midst of something. */
  opened(life: Life, fail: (error: Error) => void): void {
    const { member } = life;
    if (member === undefined) return;
    const checked = (check: () => void): void => {
      try {
        check();
      } catch (error) {
        fail(error as Error);
      }
    };
    const isKnown = (): void =>
      must(
        member.currentRevision <= this.truth.revision,
        'neither a restart nor a snapshot makes a revision',
        () => `${life.name} is at ${member.currentRevision}, ${this.truth.revision} is the last`,
      );
    life.applied = member.figures().appliedIndex;
    checked(isKnown);
    member.store.listen({
      written: (revision, changes) => checked(() => this.#written(life, revision, changes)),
      restored: () => checked(isKnown),
    });
  }

  look(life: Life): void {
    const { member } = life;
    if (member === undefined) return;
    const { node } = member.parts;
    if (node.isLeader) {
      const other = this.leaders.get(node.term);
      if (other === undefined) {
        this.leaders.set(node.term, node.id);
        this.highestTerm = Math.max(this.highestTerm, node.term);
        this.trace(`${life.name} leads term ${node.term}`);
      } else must(other === node.id, 'a term has one leader', () => `${node.term}: ${other} and ${node.id}`);
    }
    const before = life.applied;
    if (node.applied === before) return;
    must(node.applied > before, 'what is applied never goes back', () => `${life.name}: ${before} to ${node.applied}`);
    life.applied = node.applied;
    const entries = member.parts.storage.entries(before + 1, node.applied + 1, Number.MAX_SAFE_INTEGER);
    // After a snapshot they are gone, maybe.
    if (typeof entries === 'string') return;
    for (const entry of entries) this.#entry(life, entry);
  }

  #entry({ name }: Life, entry: Entry): void {
    const { index, term, type, data } = entry;
    const known = this.#entries.get(index);
    if (known !== undefined) {
      must(
        known.term === term && known.type === type && Buffer.compare(known.data, data) === 0,
        'an index holds one entry',
        () => `${name} applied ${index}: ${textOf(entry)}, others ${textOf(known)}`,
      );
      return;
    }
    // Its own bytes: an entry's data may lie in a buffer that is used again.
    this.#entries.set(index, { ...entry, data: Uint8Array.from(data) });
    this.applied++;
    if (type !== EntryType.EntryNormal) return;
    const decoded = decodeEntryData(data);
    if (decoded.t === 'operation' && decoded.operation.kind === 'leaseRevoke')
      this.leases.revoked(decoded.operation.request.ID);
  }

  #written(life: Life, revision: number, changes: readonly Change[]): void {
    const versions = changes.map(({ kind, key, kv }): Version => {
      if (kind === 'delete') return { key, value: undefined, lease: 0n, create: 0, version: 0, mod: revision };
      return versionOf(KeyValue.decode(kv));
    });
    if (revision > this.truth.revision) this.truth.add(revision, versions);
    else
      must(
        alike(versions, this.truth.at(revision)),
        'a revision is the same on all members',
        () => `${life.name} has ${text(versions)} at ${revision}, others ${text(this.truth.at(revision))}`,
      );
  }
}

const textOf = ({ data, term, type }: Entry): string => `${term} ${type} ${Buffer.from(data).toString('latin1')}`;
