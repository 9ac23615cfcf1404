/**
 * What a leader sends to the others so that their logs become like its own: entries, a snapshot where entries are gone
 * already, and heartbeats. How far each one is, its `Progress` knows (paper §5.3, §7).
 */

import { hexId } from '../lib/ids.js';
import { payloadsSize } from '../raftpb/sizes.js';
import { type Entry, isEmptySnapshot, MessageType, NO_BYTES, type NodeId } from '../raftpb/types.js';
import type { RaftLog } from './log/raft-log.js';
import type { Mailbox } from './mailbox.js';
import type { Progress } from './tracker/progress.js';
import type { Tracker } from './tracker/tracker.js';
import { type RaftLogger, RaftPanic } from './world/logger.js';

const noEntries: readonly Entry[] = [];

interface ReplicationParts {
  readonly id: NodeId;
  readonly log: RaftLog;
  readonly tracker: Tracker;
  readonly mailbox: Mailbox;
  readonly logger: RaftLogger;
  readonly maxMessageSize: number;
}

export class Replication {
  readonly #id: NodeId;
  readonly #log: RaftLog;
  readonly #tracker: Tracker;
  readonly #mailbox: Mailbox;
  readonly #logger: RaftLogger;
  readonly #maxMessageSize: number;

  constructor(parts: ReplicationParts) {
    this.#id = parts.id;
    this.#log = parts.log;
    this.#tracker = parts.tracker;
    this.#mailbox = parts.mailbox;
    this.#logger = parts.logger;
    this.#maxMessageSize = parts.maxMessageSize;
  }

  mustFindProgress(id: NodeId): Progress {
    const progress = this.#tracker.progress.get(id);
    if (progress === undefined) throw new RaftPanic(`${hexId(this.#id)} has no progress for ${hexId(id)}`);
    return progress;
  }

  sendAppend(to: NodeId): void {
    this.maybeSendAppend(to, this.mustFindProgress(to), true);
  }

  /**
   * Sends what the follower lacks, or at least the commit index if `sendIfEmpty`. Returns whether a message went out.
   */
  maybeSendAppend(to: NodeId, progress: Progress, sendIfEmpty: boolean): boolean {
    if (progress.paused) return false;
    const log = this.#log;
    const previous = progress.next - 1;
    const previousTerm = log.term(previous);
    if (typeof previousTerm === 'string') return this.#maybeSendSnapshot(to, progress);
    let entries: readonly Entry[] = noEntries;
    // Past a full window only an empty MsgApp goes: if all in flight were lost, its answer gets things going again.
    if (progress.state !== 'StateReplicate' || !progress.inflights.full) {
      const found = log.entries(progress.next, this.#maxMessageSize);
      if (typeof found === 'string') return this.#maybeSendSnapshot(to, progress);
      entries = found;
    }
    if (entries.length === 0 && !sendIfEmpty) return false;
    this.#mailbox.send({
      type: MessageType.MsgApp,
      to,
      index: previous,
      logTerm: previousTerm,
      entries,
      commit: log.committed,
    });
    progress.sentEntries(entries.length, payloadsSize(entries));
    progress.sentCommit = log.committed;
    return true;
  }

  #maybeSendSnapshot(to: NodeId, progress: Progress): boolean {
    const me = hexId(this.#id);
    const target = hexId(to);
    if (!progress.recentActive) {
      this.#logger.debug(`ignore sending snapshot to ${target} since it is not recently active`);
      return false;
    }
    const snapshot = this.#log.snapshot();
    if (snapshot === undefined) {
      this.#logger.debug(`${me} failed to send snapshot to ${target} because snapshot is temporarily unavailable`);
      return false;
    }
    if (isEmptySnapshot(snapshot)) throw new RaftPanic('need non-empty snapshot');
    const { index, term } = snapshot.metadata;
    this.#logger.debug(
      `${me} [firstindex: ${this.#log.firstIndex()}, commit: ${this.#log.committed}] sent snapshot[index: ` +
        `${index}, term: ${term}] to ${target} [${progress}]`,
    );
    progress.becomeSnapshot(index);
    this.#logger.debug(`${me} paused sending replication messages to ${target} [${progress}]`);
    this.#mailbox.send({ type: MessageType.MsgSnap, to, snapshot });
    return true;
  }

  sendHeartbeat(to: NodeId, context: Uint8Array | undefined): void {
    const progress = this.mustFindProgress(to);
    // The follower may lack what is committed; it must not commit more than it is known to have.
    const commit = Math.min(progress.match, this.#log.committed);
    this.#mailbox.send({ type: MessageType.MsgHeartbeat, to, commit, context: context ?? NO_BYTES });
    progress.sentCommit = commit;
  }

  broadcastAppend(): void {
    for (const id of this.#tracker.ids) if (id !== this.#id) this.sendAppend(id);
  }

  broadcastHeartbeat(context: Uint8Array | undefined): void {
    for (const id of this.#tracker.ids) if (id !== this.#id) this.sendHeartbeat(id, context);
  }

  sendTimeoutNow(to: NodeId): void {
    this.#mailbox.send({ type: MessageType.MsgTimeoutNow, to });
  }
}
