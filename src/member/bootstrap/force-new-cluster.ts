/**
 * `--force-new-cluster`: this member goes on alone with what it has. Entries that were never committed are dropped, and
 * configuration changes are put behind the committed ones, as if agreed on, that leave it the only voter and remove
 * everybody else, learners too (etcd #20071, #20339). Ids stay.
 */

import type { EmulatedVersion } from '../../lib/emulate.js';
import type { MemberId } from '../../lib/ids.js';
import { confChangeCodec, confChangeV2Codec } from '../../raftpb/codec.js';
import {
  asConfChangeV2,
  type ConfChange,
  ConfChangeType,
  type ConfState,
  type Entry,
  EntryType,
  type HardState,
  makeConfChange,
  makeEntry,
} from '../../raftpb/types.js';

export interface ForcedLog {
  /** Committed ones, then the changes. */
  readonly entries: readonly Entry[];
  /** The changes alone: what has to be written. */
  readonly added: readonly Entry[];
  readonly hardState: HardState;
}

export function forceNewCluster(
  self: MemberId,
  emulate: EmulatedVersion,
  from: { readonly confState: ConfState; readonly entries: readonly Entry[]; readonly hardState: HardState },
): ForcedLog {
  const committed = from.entries.filter((entry) => entry.index <= from.hardState.commit);
  const { voters, learners } = membersAt(from.confState, committed, emulate);
  const changes: ConfChange[] = [];
  if (!voters.has(self)) {
    // First of all, so that a voter is left at every moment.
    const context = Buffer.from(learners.has(self) ? promotion(self) : newcomer(self));
    changes.push(makeConfChange({ type: ConfChangeType.ConfChangeAddNode, nodeId: self, context }));
  }
  for (const nodeId of [...voters, ...learners].sort((a, b) => (a < b ? -1 : 1))) {
    if (nodeId !== self) changes.push(makeConfChange({ type: ConfChangeType.ConfChangeRemoveNode, nodeId }));
  }
  const { term, commit } = from.hardState;
  const added = changes.map((change, at) =>
    makeEntry({
      type: EntryType.EntryConfChange,
      term,
      index: commit + 1 + at,
      data: confChangeCodec[emulate].encode(change),
    }),
  );
  return { entries: [...committed, ...added], added, hardState: { ...from.hardState, commit: commit + added.length } };
}

const promotion = (id: MemberId): string => `{"id":${id},"isPromote":true}`;

/**
 * A backup's member has an id of its own, which its log knows nothing of. The address is etcd's; `member update` gives
 * it real ones.
 */
const newcomer = (id: MemberId): string => `{"id":${id},"peerURLs":["http://localhost:2380"]}`;

function membersAt(confState: ConfState, entries: readonly Entry[], emulate: EmulatedVersion) {
  const voters = new Set([...confState.voters, ...confState.votersOutgoing]);
  const learners = new Set([...confState.learners, ...confState.learnersNext]);
  for (const entry of entries) {
    if (entry.type === EntryType.EntryNormal) continue;
    const change =
      entry.type === EntryType.EntryConfChange
        ? asConfChangeV2(confChangeCodec[emulate].decode(entry.data))
        : confChangeV2Codec[emulate].decode(entry.data);
    for (const { type, nodeId } of change.changes) {
      if (type === ConfChangeType.ConfChangeUpdateNode) continue;
      voters.delete(nodeId);
      learners.delete(nodeId);
      if (type === ConfChangeType.ConfChangeAddNode) voters.add(nodeId);
      if (type === ConfChangeType.ConfChangeAddLearnerNode) learners.add(nodeId);
    }
  }
  return { voters, learners };
}
