/**
 * Frames of the message stream, and the head of a snapshot:
 *
 *   offset 0  8 bytes  length n, big-endian
 *   offset 8  n bytes  raftpb.Message
 *
 * The connection's own heartbeat is a MsgHeartbeat from 0 to 0.
 */
import type { EmulatedVersion } from '../lib/emulate.js';
import { writer } from '../proto/wire.js';
import { messageCodec, partWriter } from '../raftpb/codec.js';
import { type Message, MessageType, makeMessage, NONE } from '../raftpb/types.js';
import { ByteQueue } from './byte-queue.js';
import {
  type FrameDecoder,
  type FrameEncoder,
  FrameError,
  MESSAGE_LIMIT_BYTES,
  putUint64,
  readUint64,
} from './frames.js';

const LENGTH_BYTES = 8;

export const linkHeartbeat: Message = makeMessage({ type: MessageType.MsgHeartbeat });

export const isLinkHeartbeat = (message: Message): boolean =>
  message.type === MessageType.MsgHeartbeat && message.from === NONE && message.to === NONE;

export class MessageFrameEncoder implements FrameEncoder {
  readonly heartbeat: Uint8Array;

  constructor(readonly version: EmulatedVersion) {
    this.heartbeat = this.encode([linkHeartbeat]);
  }

  encode(messages: readonly Message[]): Uint8Array {
    const w = writer.begin();
    const part = partWriter[this.version];
    for (let at = messages.length - 1; at >= 0; at--) {
      const mark = w.mark();
      part.message(w, messages[at] as Message);
      putUint64(w, w.mark() - mark);
    }
    return w.finish();
  }
}

export class MessageFrameDecoder implements FrameDecoder {
  readonly #queue = new ByteQueue();
  readonly #decode: (bytes: Uint8Array) => Message;
  #length: number | undefined;
  readBytes = 0;

  constructor(
    version: EmulatedVersion,
    readonly limitBytes = MESSAGE_LIMIT_BYTES,
  ) {
    this.#decode = messageCodec[version].decode;
  }

  push(chunk: Uint8Array): void {
    this.#queue.push(chunk);
  }

  next(): Message | undefined {
    const queue = this.#queue;
    if (this.#length === undefined) {
      if (queue.size < LENGTH_BYTES) return undefined;
      const length = readUint64(queue.take(LENGTH_BYTES));
      if (length > this.limitBytes) throw new FrameError('raft message exceeds the limit');
      this.#length = length;
    }
    if (queue.size < this.#length) return undefined;
    const bytes = queue.take(this.#length);
    this.readBytes += LENGTH_BYTES + this.#length;
    this.#length = undefined;
    return this.#decode(bytes);
  }

  /** What was pushed behind the last whole message. */
  rest(): Uint8Array {
    return this.#queue.take(this.#queue.size);
  }
}
