/**
 * Messages that no member sends, whatever its version: each would stop this member, or its log, for good, or be taken
 * for one of its own. Only what can be seen without knowing the log; the rest is raft's to refuse
 * (`raft/out-of-range.ts`), and what entries ask for is the member's (`member/peers/entry-check.ts`).
 *
 * `etcd-diff:` etcd takes any term, and panics at entries with gaps, at configuration changes that do not decode, at
 * proposals and reads without entries, and at configurations that no group can have.
 */
import { ProtoDecodeError } from '../lib/codec.js';
import { confChangeOf, messageTypeName } from '../raftpb/describe.js';
import {
  asConfChangeV2,
  ConfChangeTransition,
  ConfChangeType,
  type ConfState,
  type Entry,
  EntryType,
  isConfChangeV2,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  NONE,
  type NodeId,
} from '../raftpb/types.js';

const knownEntries: ReadonlySet<number> = new Set(Object.values(EntryType));
const knownChanges: ReadonlySet<number> = new Set(Object.values(ConfChangeType));
const knownTransitions: ReadonlySet<number> = new Set(Object.values(ConfChangeTransition));

/** No cluster comes to such a term or index; one step more, and a member could not count on. */
const MOST = 2 ** 52;

/** On their way to the leader these belong to no term. */
const timeless: ReadonlySet<MessageType> = new Set([MessageType.MsgProp, MessageType.MsgReadIndex]);
/** What a node may get back that it sent itself, because whom it took for the leader took it for the leader. */
const mayComeBack: ReadonlySet<MessageType> = new Set([...timeless, MessageType.MsgTransferLeader]);

const isNoMember = (id: NodeId): boolean => id === NONE || id === LOCAL_APPEND_THREAD || id === LOCAL_APPLY_THREAD;

/** A message without the term it needs counts in raft as one of the node's own. */
export const lacksTerm = ({ type, term }: Message): boolean => term === 0 && !mayComeBack.has(type);

/** Why `message` is not to be taken by `local`. */
export function impossibleIn(message: Message, local: NodeId): string | undefined {
  const { type, from, term, logTerm, index, commit, rejectHint, entries, snapshot } = message;
  const name = messageTypeName(type);
  if (isNoMember(from)) return `${name} from ${from.toString(16)}, which is no member's id`;
  if (from === local && !mayComeBack.has(type)) return `${name} from this member itself`;
  if (Math.max(term, logTerm, index, commit, rejectHint) > MOST) return 'a term or an index that no cluster comes to';
  if (timeless.has(type) && term !== 0) return `${name} with a term`;
  switch (type) {
    case MessageType.MsgProp:
      return entries.length === 0 ? 'a proposal of nothing' : firstWrong(entries);
    case MessageType.MsgReadIndex:
    case MessageType.MsgReadIndexResp:
      return entries.length === 1 ? undefined : `${name} with ${entries.length} contexts`;
    case MessageType.MsgApp:
      return brokenRow(message) ?? firstWrong(entries);
    case MessageType.MsgSnap:
      if (snapshot === undefined) return undefined;
      if (Math.max(snapshot.metadata.index, snapshot.metadata.term) > MOST)
        return 'a snapshot that no cluster comes to';
      if (snapshot.metadata.term > term)
        return `a snapshot of term ${snapshot.metadata.term} in a message of term ${term}`;
      return wrongConfiguration(snapshot.metadata.confState);
    default:
      return undefined;
  }
}

/** Entries follow each other, and no term is followed by a lower one. */
function brokenRow({ term, logTerm, index, entries }: Message): string | undefined {
  let termBefore = Math.max(logTerm, 1);
  for (const [at, entry] of entries.entries()) {
    if (entry.index !== index + 1 + at) return `entry ${entry.index} does not follow ${index + at}`;
    if (entry.term > term) return `entry of term ${entry.term} in a message of term ${term}`;
    if (entry.term < termBefore) return `entry of term ${entry.term} after one of term ${termBefore}`;
    termBefore = entry.term;
  }
  return undefined;
}

function firstWrong(entries: readonly Entry[]): string | undefined {
  for (const entry of entries) {
    if (entry.type === EntryType.EntryNormal) continue;
    if (!knownEntries.has(entry.type)) return `entry of unknown type ${entry.type}`;
    const wrong = wrongChange(entry);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function wrongChange(entry: Entry): string | undefined {
  try {
    const change = confChangeOf(entry);
    if (change === undefined) return undefined;
    if (isConfChangeV2(change) && !knownTransitions.has(change.transition))
      return `configuration change with unknown transition ${change.transition}`;
    for (const { type, nodeId } of asConfChangeV2(change).changes) {
      if (!knownChanges.has(type)) return `configuration change of unknown type ${type}`;
      if (isNoMember(nodeId)) return `configuration change of ${nodeId.toString(16)}, which is no member's id`;
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof ProtoDecodeError)) throw error;
    return `configuration change that does not decode (${error.message})`;
  }
}

/** As raft itself would find it when it takes the configuration over. */
function wrongConfiguration(state: ConfState): string | undefined {
  const { voters, learners, votersOutgoing, learnersNext, autoLeave } = state;
  if (voters.length === 0) return 'a configuration without voters';
  const outgoing = new Set(votersOutgoing);
  const all = [...voters, ...learners];
  if ([...all, ...votersOutgoing].some(isNoMember)) return "a configuration with ids that are no member's";
  if (
    new Set([...all, ...learnersNext]).size < all.length + learnersNext.length ||
    outgoing.size < votersOutgoing.length
  )
    return 'a configuration that names a member twice';
  if (learners.some((id) => outgoing.has(id)) || learnersNext.some((id) => !outgoing.has(id)))
    return 'a configuration with learners that cannot be';
  return autoLeave && outgoing.size === 0 ? 'a configuration that is joint with none' : undefined;
}
