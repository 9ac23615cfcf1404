/** With what a group begins: what its first members have on their disks. */
import { confChangeCodec } from '../../../src/raftpb/codec.js';
import {
  type ConfState,
  type Entry,
  EntryType,
  type Index,
  makeConfChange,
  makeConfState,
  makeEntry,
  makeSnapshot,
  type NodeId,
  type Snapshot,
} from '../../../src/raftpb/types.js';
import type { NodeDisk } from './node-disk.js';
import type { Scenario } from './scenario.js';

export interface Genesis {
  /** Index of the last entry that is committed from the beginning. */
  readonly index: Index;
  readonly conf: ConfState;
  /** The empty one where all begin with a log. */
  readonly snapshot: Snapshot;
  /** Committed entries after it. */
  readonly entries: readonly Entry[];
}

const idsFrom = (first: number, count: number): NodeId[] =>
  Array.from({ length: count }, (_, at) => BigInt(first + at));

export function makeGenesis(scenario: Scenario): Genesis {
  const voters = idsFrom(1, scenario.voters);
  const conf = makeConfState({ voters, learners: idsFrom(scenario.voters + 1, scenario.learners) });
  if (scenario.genesis === 'snapshot') {
    const index = 10;
    return {
      index,
      conf,
      entries: [],
      snapshot: makeSnapshot({ index, term: 1, confState: conf, data: Buffer.alloc(4, 7) }),
    };
  }
  const entries = voters.map((nodeId, at) =>
    makeEntry({
      type: EntryType.EntryConfChange,
      term: 1,
      index: at + 1,
      data: confChangeCodec['3.5'].encode(makeConfChange({ nodeId })),
    }),
  );
  return { index: entries.length, conf, entries, snapshot: makeSnapshot() };
}

/** Writes it to the disk of a first member. */
export function install(genesis: Genesis, disk: NodeDisk): void {
  const { snapshot, entries, index } = genesis;
  const hardState = { term: 1, vote: 0n, commit: index };
  disk.write({ snapshot: snapshot.metadata.index > 0 ? snapshot : undefined, entries, hardState });
  disk.sync();
}
