/**
 * Entries that other members want appended: proposals that they forward, and what leaders send. Each is read here as it
 * will be when it is applied, for then it is too late: an entry that cannot be read ends every member that comes to it,
 * at each of its starts again. What is refused here has not been written.
 *
 * `etcd-diff:` etcd appends anything, and panics when it applies it.
 */
import { confChangeOf } from '../../raftpb/describe.js';
import { type ConfChange, ConfChangeType, type Entry, EntryType, isConfChangeV2 } from '../../raftpb/types.js';
import { decodeEntryData } from '../apply/entry-data.js';
import { contextOf } from '../membership/conf-change.js';
import { membershipFactIn } from '../membership/v2-requests.js';

/** Why `entries` cannot be applied, if they cannot. */
export function unreadableIn(entries: readonly Entry[]): string | undefined {
  for (const entry of entries) {
    const why = unreadable(entry);
    if (why !== undefined) return why;
  }
  return undefined;
}

function unreadable(entry: Entry): string | undefined {
  try {
    if (entry.type !== EntryType.EntryNormal) return wrongChange(entry);
    const data = decodeEntryData(entry.data);
    if (data.t === 'v2') membershipFactIn(data.request);
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
  return undefined;
}

/** Members propose changes of the first form alone; one of the second would change raft and not the membership. */
function wrongChange(entry: Entry): string | undefined {
  const change = confChangeOf(entry);
  if (change === undefined || isConfChangeV2(change)) return 'a configuration change in a form that no member proposes';
  return change.type === ConfChangeType.ConfChangeRemoveNode ? undefined : wrongContext(change);
}

/** Raft goes by the change, the membership by its context: they must mean the same. */
function wrongContext(change: ConfChange): string | undefined {
  const { member, isPromote } = contextOf(change);
  const { type, nodeId } = change;
  if (member.id !== nodeId)
    return `a configuration change of ${nodeId.toString(16)} that describes ${member.id.toString(16)}`;
  if (type === ConfChangeType.ConfChangeUpdateNode) return undefined;
  const makesLearner = type === ConfChangeType.ConfChangeAddLearnerNode;
  return makesLearner === (member.isLearner && !isPromote)
    ? undefined
    : 'a configuration change that describes a learner as a voter, or the other way round';
}
