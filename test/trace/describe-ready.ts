/** A Ready as traces print it. */
import type { Ready } from '../../src/raft/ready.js';
import { describeEntries, describeHardState, describeMessage, describeSnapshot } from '../../src/raftpb/describe.js';

export function describeReady(ready: Ready): string {
  const { softState, hardState, readStates, entries, snapshot, committedEntries, messages } = ready;
  let text = '';
  if (softState !== undefined) text += `Lead:${softState.lead} State:${softState.raftState}\n`;
  if (hardState !== undefined) text += `HardState ${describeHardState(hardState)}\n`;
  if (readStates.length > 0) {
    const states = readStates.map(({ index, requestContext }) => `{${index} [${[...requestContext].join(' ')}]}`);
    text += `ReadStates [${states.join(' ')}]\n`;
  }
  if (entries.length > 0) text += `Entries:\n${describeEntries(entries)}`;
  if (snapshot !== undefined) text += `Snapshot ${describeSnapshot(snapshot)}\n`;
  if (committedEntries.length > 0) text += `CommittedEntries:\n${describeEntries(committedEntries)}`;
  if (messages.length > 0) text += `Messages:\n${messages.map((message) => `${describeMessage(message)}\n`).join('')}`;
  return text === '' ? '<empty Ready>' : `Ready MustSync=${ready.mustSync}:\n${text}`;
}
