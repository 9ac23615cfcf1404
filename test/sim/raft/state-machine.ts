/**
 * The replicated state machine: a hash over everything applied, so that two nodes agree on a state exactly if they
 * applied the same entries in the same order. A snapshot carries the hash.
 */
import { type ConfState, type Entry, type Index, makeConfState, type Snapshot } from '../../../src/raftpb/types.js';

/** FNV-1a over type and data of an entry, chained to `hash`. */
export function chainHash(hash: number, entry: Entry): number {
  let mixed = Math.imul(hash ^ entry.type ^ 0x5bd1e995, 0x01000193);
  for (const byte of entry.data) mixed = Math.imul(mixed ^ byte, 0x01000193);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

export class StateMachine {
  applied: Index = 0;
  hash = 0;
  /** The configuration as of `applied`; the core may know a newer one, from a snapshot on its way to the disk. */
  confState: ConfState = makeConfState();

  apply(entry: Entry): void {
    this.applied = entry.index;
    this.hash = chainHash(this.hash, entry);
  }

  restore(snapshot: Snapshot): void {
    this.applied = snapshot.metadata.index;
    this.hash = hashIn(snapshot);
    this.confState = snapshot.metadata.confState;
  }

  /** For a snapshot. */
  data(): Uint8Array {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(this.hash);
    return bytes;
  }
}

/** The state that `snapshot` stands for. */
export const hashIn = ({ data }: Snapshot): number => (data.length < 4 ? 0 : Buffer.from(data).readUInt32LE(0));
