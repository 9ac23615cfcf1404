/**
 * Messages as one reads them in logs and traces, in the reference's words. Source of behaviour: etcd-io/raft util.go,
 * raftpb/confchange.go.
 */
import { goQuoteBytes } from '../lib/go/quote.js';
import { confChangeCodec, confChangeV2Codec } from './codec.js';
import {
  asConfChangeV2,
  type ConfChange,
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  EntryType,
  type HardState,
  isConfChangeV2,
  isEmptySnapshot,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  NONE,
  type NodeId,
  type Snapshot,
} from './types.js';

const namesOf = <T extends number>(values: Readonly<Record<string, T>>): ReadonlyMap<T, string> =>
  new Map(Object.entries(values).map(([name, value]) => [value, name]));

const messageTypeNames = namesOf(MessageType);
const entryTypeNames = namesOf(EntryType);
const changeTypeNames = namesOf(ConfChangeType);
const transitionNames = namesOf(ConfChangeTransition);

export const messageTypeName = (type: MessageType): string => messageTypeNames.get(type) ?? String(type);
export const entryTypeName = (type: EntryType): string => entryTypeNames.get(type) ?? String(type);

const changeLetters: Readonly<Record<ConfChangeType, string>> = { 0: 'v', 1: 'r', 2: 'u', 3: 'l' };

/** `v1 l2 r3 u4` */
const describeChanges = (changes: readonly ConfChangeSingle[]): string =>
  changes.map(({ type, nodeId }) => `${changeLetters[type] ?? 'unknown'}${nodeId}`).join(' ');

/** The change as Go's protobuf library prints it. */
export function describeConfChange(change: ConfChange | ConfChangeV2): string {
  const single = ({ type, nodeId }: ConfChangeSingle): string =>
    `type:${changeTypeNames.get(type) ?? type} node_id:${nodeId}`;
  const parts = isConfChangeV2(change)
    ? [
        `transition:${transitionNames.get(change.transition) ?? change.transition}`,
        ...change.changes.map((each) => `changes:{${single(each)}}`),
      ]
    : [single(change)];
  if (change.context.length > 0) parts.push(`context:${goQuoteBytes(change.context)}`);
  if (!isConfChangeV2(change) && change.id !== 0n) parts.push(`id:${change.id}`);
  return parts.join(' ');
}

/** The configuration change in `entry`; undefined for a normal entry. */
export function confChangeOf(entry: Entry): ConfChange | ConfChangeV2 | undefined {
  switch (entry.type) {
    case EntryType.EntryConfChange:
      return confChangeCodec['3.5'].decode(entry.data);
    case EntryType.EntryConfChangeV2:
      return confChangeV2Codec['3.5'].decode(entry.data);
    default:
      return undefined;
  }
}

/** `1/12 EntryNormal "data"` */
export function describeEntry(entry: Entry): string {
  const change = confChangeOf(entry);
  const content = change === undefined ? goQuoteBytes(entry.data) : describeChanges(asConfChangeV2(change).changes);
  return `${entry.term}/${entry.index} ${entryTypeName(entry.type)}${content === '' ? '' : ` ${content}`}`;
}

/** One line an entry. */
export const describeEntries = (entries: readonly Entry[]): string =>
  entries.map((entry) => `${describeEntry(entry)}\n`).join('');

export function describeHardState({ term, vote, commit }: HardState): string {
  return `Term:${term}${vote === NONE ? '' : ` Vote:${vote}`} Commit:${commit}`;
}

export function describeConfState(state: ConfState): string {
  const ids = (list: readonly NodeId[]): string => `[${list.join(' ')}]`;
  return (
    `Voters:${ids(state.voters)} VotersOutgoing:${ids(state.votersOutgoing)} ` +
    `Learners:${ids(state.learners)} LearnersNext:${ids(state.learnersNext)} AutoLeave:${state.autoLeave}`
  );
}

export const describeSnapshot = ({ metadata }: Snapshot): string =>
  `Index:${metadata.index} Term:${metadata.term} ConfState:${describeConfState(metadata.confState)}`;

function describeTarget(id: NodeId): string {
  if (id === NONE) return 'None';
  if (id === LOCAL_APPEND_THREAD) return 'AppendThread';
  if (id === LOCAL_APPLY_THREAD) return 'ApplyThread';
  return id.toString(16);
}

/** `1->2 MsgApp Term:1 Log:1/10 Commit:10 Entries:[1/11 EntryNormal "x"]`; several entries or responses one a line. */
export function describeMessage(message: Message, indent = ''): string {
  const { entries, snapshot, responses } = message;
  let text =
    `${indent}${describeTarget(message.from)}->${describeTarget(message.to)} ` +
    `${messageTypeName(message.type)} Term:${message.term} Log:${message.logTerm}/${message.index}`;
  if (message.reject) text += ` Rejected (Hint: ${message.rejectHint})`;
  if (message.commit !== 0) text += ` Commit:${message.commit}`;
  if (message.vote !== NONE) text += ` Vote:${message.vote}`;
  const [only] = entries;
  if (entries.length === 1 && only !== undefined) {
    text += ` Entries:[${describeEntry(only)}]`;
  } else if (entries.length > 1) {
    text += ` Entries:[${entries.map((entry) => `\n${indent}  ${describeEntry(entry)}`).join('')}\n${indent}]`;
  }
  if (snapshot !== undefined && !isEmptySnapshot(snapshot)) {
    text += `\n${indent}  Snapshot: ${describeSnapshot(snapshot)}`;
  }
  if (responses.length > 0) {
    const lines = responses.map((response) => `\n${describeMessage(response, `${indent}  `)}`);
    text += ` Responses:[${lines.join('')}\n${indent}]`;
  }
  return text;
}
