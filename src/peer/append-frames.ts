/**
 * Frames of the msgapp stream ("msgappv2"). The first byte tells the kind:
 *
 *   0x00  heartbeat of the connection, nothing more
 *   0x01  entries that continue the last frame: 8 bytes count k; k times 8 bytes length and a raftpb.Entry; 8 bytes
 *         commit index
 *   0x02  8 bytes length and a whole raftpb.Message
 *
 * Both ends remember (term, index) of what went over this connection, beginning with (0, 0): after 0x02 the message's
 * term and its last entry's index (its own index when it has none), after 0x01 the index k further. 0x01 stands for the
 * MsgApp that goes on exactly there in the same term; k may be 0.
 */
import type { EmulatedVersion } from '../lib/emulate.js';
import { type Writer, writer } from '../proto/wire.js';
import { entryCodec, messageCodec, partWriter } from '../raftpb/codec.js';
import {
  type Entry,
  type Index,
  type Message,
  MessageType,
  makeMessage,
  type NodeId,
  type Term,
} from '../raftpb/types.js';
import { ByteQueue } from './byte-queue.js';
import {
  type FrameDecoder,
  type FrameEncoder,
  FrameError,
  MESSAGE_LIMIT_BYTES,
  putUint64,
  readUint64,
} from './frames.js';
import { linkHeartbeat } from './message-frames.js';

const HEARTBEAT = 0;
const APP_ENTRIES = 1;
const APP = 2;

/**
 * More entries than the largest MsgApp of any version could hold, were they all empty (512 KiB of entries of 6 bytes).
 */
const MAX_ENTRIES = 1 << 20;

/** (term, index) of what went over the connection last. */
class Position {
  term: Term = 0;
  index: Index = 0;

  continues(message: Message): boolean {
    return message.index === this.index && message.logTerm === this.term && message.logTerm === message.term;
  }

  after(message: Message): void {
    this.term = message.term;
    this.index = message.entries.at(-1)?.index ?? message.index;
  }
}

export class AppendFrameEncoder implements FrameEncoder {
  readonly heartbeat: Uint8Array = Uint8Array.of(HEARTBEAT);
  readonly #position = new Position();

  constructor(readonly version: EmulatedVersion) {}

  /** Given MsgApp alone. */
  encode(messages: readonly Message[]): Uint8Array {
    // Which frame a message takes depends on the one before it; bytes are written from the last to the first.
    const continues = messages.map((message) => {
      const short = this.#position.continues(message);
      if (short) this.#position.index += message.entries.length;
      else this.#position.after(message);
      return short;
    });
    const w = writer.begin();
    for (let at = messages.length - 1; at >= 0; at--) {
      const message = messages[at] as Message;
      if (continues[at] === true) this.#putEntries(w, message);
      else this.#putMessage(w, message);
    }
    return w.finish();
  }

  #putEntries(w: Writer, { entries, commit }: Message): void {
    putUint64(w, commit);
    const part = partWriter[this.version];
    for (let at = entries.length - 1; at >= 0; at--) {
      const mark = w.mark();
      part.entry(w, entries[at] as Entry);
      putUint64(w, w.mark() - mark);
    }
    putUint64(w, entries.length);
    w.byte(APP_ENTRIES);
  }

  #putMessage(w: Writer, message: Message): void {
    const mark = w.mark();
    partWriter[this.version].message(w, message);
    putUint64(w, w.mark() - mark);
    w.byte(APP);
  }
}

/** What is read next. */
type Step =
  | { readonly t: 'kind' }
  | { readonly t: 'count' }
  | { readonly t: 'entry-length'; readonly left: number; readonly entries: Entry[] }
  | { readonly t: 'entry'; readonly length: number; readonly left: number; readonly entries: Entry[] }
  | { readonly t: 'commit'; readonly entries: Entry[] }
  | { readonly t: 'message-length' }
  | { readonly t: 'message'; readonly length: number };

const kindStep: Step = { t: 'kind' };

export class AppendFrameDecoder implements FrameDecoder {
  readonly #queue = new ByteQueue();
  readonly #position = new Position();
  #step: Step = kindStep;
  /** Bytes of the entries of the frame that is being read. */
  #frameBytes = 0;
  readBytes = 0;

  /** The ends of the connection are not in its frames. */
  constructor(
    readonly version: EmulatedVersion,
    readonly ends: { readonly local: NodeId; readonly remote: NodeId },
    readonly limitBytes = MESSAGE_LIMIT_BYTES,
  ) {}

  push(chunk: Uint8Array): void {
    this.#queue.push(chunk);
  }

  next(): Message | undefined {
    for (;;) {
      const step = this.#step;
      const needed = neededBytes(step);
      if (this.#queue.size < needed) return undefined;
      const bytes = this.#queue.take(needed);
      this.readBytes += needed;
      const message = this.#take(step, bytes);
      if (message !== undefined) {
        this.#step = kindStep;
        this.#frameBytes = 0;
        return message;
      }
    }
  }

  #take(step: Step, bytes: Uint8Array): Message | undefined {
    switch (step.t) {
      case 'kind':
        return this.#takeKind(bytes[0] as number);
      case 'count': {
        const count = readUint64(bytes);
        if (count > MAX_ENTRIES) throw new FrameError(`raft message has too many entries (${count})`);
        this.#step = count === 0 ? { t: 'commit', entries: [] } : { t: 'entry-length', left: count, entries: [] };
        return undefined;
      }
      case 'entry-length':
        this.#step = { t: 'entry', length: this.#length(bytes), left: step.left, entries: step.entries };
        return undefined;
      case 'entry': {
        const { entries } = step;
        entries.push(entryCodec[this.version].decode(bytes));
        const left = step.left - 1;
        this.#step = left === 0 ? { t: 'commit', entries } : { t: 'entry-length', left, entries };
        return undefined;
      }
      case 'commit':
        return this.#continued(step.entries, readUint64(bytes));
      case 'message-length':
        this.#step = { t: 'message', length: this.#length(bytes) };
        return undefined;
      case 'message': {
        const message = messageCodec[this.version].decode(bytes);
        this.#position.after(message);
        return message;
      }
    }
  }

  #takeKind(kind: number): Message | undefined {
    if (kind === HEARTBEAT) return linkHeartbeat;
    if (kind === APP_ENTRIES) this.#step = { t: 'count' };
    else if (kind === APP) this.#step = { t: 'message-length' };
    else throw new FrameError(`failed to parse type ${kind} in msgappv2 stream`);
    return undefined;
  }

  #length(bytes: Uint8Array): number {
    const length = readUint64(bytes);
    this.#frameBytes += length;
    if (this.#frameBytes > this.limitBytes) throw new FrameError('raft message exceeds the limit');
    return length;
  }

  #continued(entries: readonly Entry[], commit: Index): Message {
    const { term, index } = this.#position;
    this.#position.index += entries.length;
    if (!Number.isSafeInteger(commit)) throw new FrameError('commit index is out of range');
    return makeMessage({
      type: MessageType.MsgApp,
      from: this.ends.remote,
      to: this.ends.local,
      term,
      logTerm: term,
      index,
      entries,
      commit,
    });
  }
}

function neededBytes(step: Step): number {
  switch (step.t) {
    case 'kind':
      return 1;
    case 'entry':
    case 'message':
      return step.length;
    default:
      return 8;
  }
}
