/**
 * One node of a raft group, driven from outside: it never waits, sends, writes or looks at a clock.
 *
 *     tick(), step(message), propose(data), …  ──▶  hasReady()? ready() ──▶ write, send, apply ──▶ advance() ──▶ again
 *
 * # The contract of Ready, storage writes in step (the default)
 *
 * For each Ready, in this order:
 * 1. Persist `snapshot`, if there is one: first the snapshot itself, then what refers to it. It replaces the whole log.
 * 2. Persist `entries` and `hardState` as one batch, entries first or together: a hard state whose commit index points
 *    past the log does not load. `entries` void everything persisted earlier at the first one's index and above. With
 *    `mustSync` the batch must be durable before going on; without, it is only a commit index that moved, which is
 *    learned again after a crash.
 * 3. Put the same into the `Storage` (`MemoryStorage`: `applySnapshot`, `append`, `setHardState`). From here on the
 *    core reads it there.
 * 4. Send `messages`, in any order between receivers and in this order to each. They contain acknowledgements and
 *    votes, so none may leave before 2 — except on the leader, whose MsgApps promise nothing of its own: it may send
 *    `messages` at the beginning and write while its followers do (thesis §10.2.1). After sending a MsgSnap its fate
 *    must be reported by `reportSnapshot`; messages that cannot be sent, by `reportUnreachable`.
 * 5. Apply `snapshot`, then `committedEntries`, in order. Each configuration change among them goes through
 *    `applyConfChange`, refused ones with nodeId NONE. Entries may be committed while the leader's own write of them is
 *    under way, but not for a group with one voter. Applying may be done later and elsewhere, as long as configuration
 *    changes are handed to `applyConfChange` before the `advance` of their Ready: what is applied is taken as known to
 *    `applied` then.
 * 6. `readStates`: a read with that context is linearizable as soon as the state machine has applied `index`.
 * 7. `advance()`. The node acknowledges its own entries and votes, which may commit more: so `hasReady` again.
 *
 * `ready()` must be followed by `advance()` before the next `ready()`; `tick`, `step` and proposals may come in
 * between.
 *
 * # With `asyncStorageWrites`
 *
 * Messages go out at once. Two of the receivers are local: LOCAL_APPEND_THREAD gets MsgStorageAppend (entries, hard
 * state in term, vote and commit — all zero: unchanged —, snapshot), LOCAL_APPLY_THREAD gets MsgStorageApply (entries).
 * Each target works through its messages in order, and when one is done — for MsgStorageAppend: durable — sends its
 * `responses`: those to the own node through `step`, others over the network. `advance` is not called, and any number
 * of Readys may be under way.
 *
 * # After a crash
 *
 * Storage with the last durable snapshot, entries and hard state, and `applied` as the state machine remembers it.
 * Committed entries above `applied` come again.
 *
 * Source of behaviour: etcd-io/raft rawnode.go, bootstrap.go and doc.go (v3.7).
 */

import { confChangeCodec, confChangeV2Codec } from '../raftpb/codec.js';
import { localMessages } from '../raftpb/local-messages.js';
import { entriesSize } from '../raftpb/sizes.js';
import {
  asConfChangeV2,
  type ConfChange,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  EntryType,
  type HardState,
  type Index,
  isConfChangeV2,
  isEmptyHardState,
  type Message,
  MessageType,
  makeEntry,
  makeHardState,
  makeMessage,
  type NodeId,
  sameHardState,
  type Term,
} from '../raftpb/types.js';
import { bootstrapGroup, type Peer } from './bootstrap.js';
import { completeConfig, type RaftConfig } from './config.js';
import { type RaftError, stepLocalMessage, stepOutOfRange, stepPeerNotFound } from './errors.js';
import { OutOfRange } from './out-of-range.js';
import { Raft } from './raft.js';
import type { Ready, SoftState } from './ready.js';
import type { Status } from './status.js';
import {
  isLocalTarget,
  storageAppend,
  storageAppendResponse,
  storageApply,
  storageApplyResponse,
} from './storage-messages.js';
import type { Progress } from './tracker/progress.js';
import { RaftPanic } from './world/logger.js';

const responseTypes: ReadonlySet<MessageType> = new Set([
  MessageType.MsgAppResp,
  MessageType.MsgVoteResp,
  MessageType.MsgHeartbeatResp,
  MessageType.MsgUnreachable,
  MessageType.MsgReadIndexResp,
  MessageType.MsgPreVoteResp,
  MessageType.MsgStorageAppendResp,
  MessageType.MsgStorageApplyResp,
]);

const sameSoftState = (a: SoftState, b: SoftState): boolean => a.lead === b.lead && a.raftState === b.raftState;

export class RawNode {
  readonly #raft: Raft;
  readonly #asyncStorageWrites: boolean;
  readonly #outOfRange: OutOfRange;
  #previousSoftState: SoftState;
  #previousHardState: HardState;
  /** What the node owes itself for the Ready under way; undefined when there is none. */
  #stepsOnAdvance: Message[] | undefined;

  /** Throws RangeError for a configuration that makes no sense. */
  constructor(config: RaftConfig) {
    const complete = completeConfig(config);
    this.#raft = new Raft(complete);
    this.#asyncStorageWrites = complete.asyncStorageWrites;
    this.#outOfRange = new OutOfRange(this.#raft);
    this.#previousSoftState = this.#raft.softState();
    this.#previousHardState = this.#raft.hardState();
  }

  get id(): NodeId {
    return this.#raft.id;
  }
  /** `NONE` when unknown. */
  get lead(): NodeId {
    return this.#raft.lead;
  }
  get term(): Term {
    return this.#raft.term;
  }
  get isLeader(): boolean {
    return this.#raft.state === 'StateLeader';
  }
  /** It neither leads nor stands for election. */
  get isFollower(): boolean {
    return this.#raft.state === 'StateFollower';
  }
  /** The only voter, so that what it writes is committed thereby. */
  get isAlone(): boolean {
    const { tracker, id } = this.#raft;
    return tracker.singleton && tracker.isVoter(id);
  }
  get committed(): Index {
    return this.#raft.log.committed;
  }
  /** What was acknowledged as applied. */
  get applied(): Index {
    return this.#raft.log.applied;
  }
  get lastIndex(): Index {
    return this.#raft.log.lastIndex();
  }
  /** To whom leadership is being transferred, else `NONE`. */
  get leadTransferee(): NodeId {
    return this.#raft.leadTransferee;
  }

  /**
   * A brand-new group, the same on each of its nodes: one committed ConfChangeAddNode entry of term 1 per peer, to be
   * written, applied and handed to `applyConfChange` as any other (they are in force at once, too). The log must be
   * empty. Groups that exist are joined without it.
   */
  bootstrap(peers: readonly Peer[]): void {
    bootstrapGroup(this.#raft, peers);
    // Nothing of this is persisted, so the first Ready has to say it all.
    this.#previousHardState = makeHardState();
  }

  /** One tick of the clock: elections, heartbeats and leases count in ticks. */
  tick(): void {
    this.#raft.tick();
  }

  /**
   * A message from another node or, with asynchronous storage writes, a response of a local target. Refuses local
   * messages that came from elsewhere, responses of nodes that are not in the configuration, and what counts on entries
   * that are not in the log.
   */
  step(message: Message): RaftError | undefined {
    const { type, from } = message;
    if (isLocalTarget(from)) return this.#raft.step(message);
    if (localMessages.has(type)) return stepLocalMessage;
    if (responseTypes.has(type) && !this.#raft.tracker.progress.has(from)) return stepPeerNotFound;
    if (this.#outOfRange.refuses(message)) return stepOutOfRange;
    return this.#raft.step(message);
  }

  /** Starts an election (or a pre-vote) now. */
  campaign(): RaftError | undefined {
    return this.#raft.step(makeMessage({ type: MessageType.MsgHup }));
  }

  /**
   * Entries with these data, in this order, as one append. On a follower they go to the leader. May be lost without
   * word: propose again.
   */
  propose(...data: readonly Uint8Array[]): RaftError | undefined {
    return this.proposeAll(data);
  }

  /** The same for a list, which may be long. */
  proposeAll(data: readonly Uint8Array[]): RaftError | undefined {
    return this.#proposeEntries(data.map((bytes) => makeEntry({ data: bytes })));
  }

  /**
   * A ConfChange is proposed in its v1 form, a ConfChangeV2 in its v2 form. One that cannot be now becomes an empty
   * entry.
   */
  proposeConfChange(change: ConfChange | ConfChangeV2): RaftError | undefined {
    const entry = isConfChangeV2(change)
      ? makeEntry({ type: EntryType.EntryConfChangeV2, data: confChangeV2Codec['3.5'].encode(change) })
      : makeEntry({ type: EntryType.EntryConfChange, data: confChangeCodec['3.5'].encode(change) });
    return this.#proposeEntries([entry]);
  }

  #proposeEntries(entries: readonly Entry[]): RaftError | undefined {
    return this.#raft.step(makeMessage({ type: MessageType.MsgProp, from: this.#raft.id, entries }));
  }

  /**
   * To be called for every committed change, in order; with nodeId NONE where the application refuses it, which leaves
   * the configuration as it is. Returns the configuration now in force, for the next snapshot.
   */
  applyConfChange(change: ConfChange | ConfChangeV2): ConfState {
    return this.#raft.applyConfChange(asConfChangeV2(change));
  }

  /** The configuration in force. */
  confState(): ConfState {
    return this.#raft.tracker.confState();
  }

  hasReady(): boolean {
    const raft = this.#raft;
    if (raft.mailbox.messages.length > 0 || raft.mailbox.afterAppend.length > 0 || raft.readStates.length > 0)
      return true;
    if (!sameSoftState(raft.softState(), this.#previousSoftState)) return true;
    const hardState = raft.hardState();
    if (!isEmptyHardState(hardState) && !sameHardState(hardState, this.#previousHardState)) return true;
    return (
      raft.log.unstable.nextSnapshot() !== undefined ||
      raft.log.hasNextUnstableEntries ||
      raft.log.hasNextCommittedEntries(this.#applying)
    );
  }

  /**
   * Entries may be applied before they are stable locally only where one Ready is written before the next one is made.
   */
  get #applying(): { readonly allowUnstable: boolean } {
    return { allowUnstable: !this.#asyncStorageWrites };
  }

  /** What is to be done now; see the contract above. */
  ready(): Ready {
    if (this.#stepsOnAdvance !== undefined) throw new RaftPanic('two accepted Ready structs without call to Advance');
    const raft = this.#raft;
    const { log } = raft;
    const entries = log.nextUnstableEntries();
    const committedEntries = log.nextCommittedEntries(this.#applying);
    const snapshot = log.unstable.nextSnapshot();
    const softState = raft.softState();
    const hardState = raft.hardState();
    const softChanged = !sameSoftState(softState, this.#previousSoftState);
    const hardChanged = !sameHardState(hardState, this.#previousHardState) && !isEmptyHardState(hardState);
    const mustSync =
      entries.length > 0 ||
      hardState.vote !== this.#previousHardState.vote ||
      hardState.term !== this.#previousHardState.term;
    const { readStates } = raft;
    const { afterAppend } = raft.mailbox;
    const messages = raft.mailbox.messages;

    if (this.#asyncStorageWrites) {
      if (entries.length > 0 || hardChanged || snapshot !== undefined || afterAppend.length > 0) {
        const state = hardChanged ? hardState : undefined;
        messages.push(storageAppend(raft, entries, state, snapshot, afterAppend));
      }
      if (committedEntries.length > 0) messages.push(storageApply(raft, committedEntries));
    } else {
      const steps: Message[] = [];
      for (const message of afterAppend) (message.to === raft.id ? steps : messages).push(message);
      if (log.hasNextOrInProgressUnstableEntries || snapshot !== undefined)
        steps.push(storageAppendResponse(raft, snapshot));
      if (committedEntries.length > 0) steps.push(storageApplyResponse(raft, committedEntries));
      this.#stepsOnAdvance = steps;
    }

    if (softChanged) this.#previousSoftState = softState;
    if (hardChanged) this.#previousHardState = hardState;
    raft.readStates = [];
    raft.mailbox.messages = [];
    raft.mailbox.afterAppend = [];
    log.acceptUnstable();
    const last = committedEntries[committedEntries.length - 1];
    if (last !== undefined) log.acceptApplying(last.index, entriesSize(committedEntries), this.#applying);
    return {
      softState: softChanged ? softState : undefined,
      hardState: hardChanged ? hardState : undefined,
      readStates,
      entries,
      snapshot,
      committedEntries,
      messages,
      mustSync,
    };
  }

  /** The last Ready was persisted, sent and applied. Not with asynchronous storage writes. */
  advance(): void {
    if (this.#asyncStorageWrites) throw new RaftPanic('Advance must not be called when using AsyncStorageWrites');
    const steps = this.#stepsOnAdvance;
    if (steps === undefined) return;
    this.#stepsOnAdvance = undefined;
    for (const message of steps) this.#raft.step(message);
  }

  /**
   * Asks for the index from which on a read is linearizable; the answer is a ReadState with `context`, or nothing: ask
   * again, with another context.
   */
  readIndex(context: Uint8Array): void {
    this.#raft.step(makeMessage({ type: MessageType.MsgReadIndex, entries: [makeEntry({ data: context })] }));
  }

  /** Tries for one election timeout; proposals are dropped meanwhile. On a follower the request goes to the leader. */
  transferLeader(to: NodeId): void {
    this.#raft.step(makeMessage({ type: MessageType.MsgTransferLeader, from: to }));
  }

  /** A follower that knows from elsewhere that its leader is gone may vote at once, instead of under its lease. */
  forgetLeader(): RaftError | undefined {
    return this.#raft.step(makeMessage({ type: MessageType.MsgForgetLeader }));
  }

  /** A message to `id` could not be sent. */
  reportUnreachable(id: NodeId): void {
    this.#raft.step(makeMessage({ type: MessageType.MsgUnreachable, from: id }));
  }

  /**
   * What became of the MsgSnap to `id`. Without it nothing more is sent there until the follower acknowledges
   * something.
   */
  reportSnapshot(id: NodeId, { ok }: { readonly ok: boolean }): void {
    this.#raft.step(makeMessage({ type: MessageType.MsgSnapStatus, from: id, reject: !ok }));
  }

  /** A copy. `progress` is there on the leader alone. */
  status(): Status {
    const raft = this.#raft;
    const progress = new Map<NodeId, Progress>();
    if (this.isLeader) for (const [id, one] of raft.tracker.progress) progress.set(id, one.clone());
    return {
      id: raft.id,
      hardState: raft.hardState(),
      softState: raft.softState(),
      applied: raft.log.applied,
      leadTransferee: raft.leadTransferee,
      config: raft.tracker.config,
      progress,
    };
  }

  /** For tests: this timeout, in ticks, holds until the next change of term or state. */
  setRandomizedElectionTimeout(ticks: number): void {
    this.#raft.randomizedElectionTimeout = ticks;
  }
}
