/**
 * What all frames between peers have in common: lengths and counts are 8 bytes, big-endian, and a reader is fed as
 * bytes arrive. A length is a claim: nothing is set aside for it, and one beyond its limit ends the connection.
 */
import type { Writer } from '../proto/wire.js';
import type { Message } from '../raftpb/types.js';

/** Bytes that are no frames. The connection they came by is of no use any more. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
  readonly code = 'ERR_PEER_FRAME';
}

/** Longest message of a stream, as etcd's reader. */
export const MESSAGE_LIMIT_BYTES = 512 * 1024 * 1024;

/** One direction of one connection, sending side. */
export interface FrameEncoder {
  /** The frames of these messages, one after the other, in one piece. */
  encode(messages: readonly Message[]): Uint8Array;
  /** Sent while there is nothing else, so that the peer sees a living connection. */
  readonly heartbeat: Uint8Array;
}

/** One direction of one connection, receiving side. */
export interface FrameDecoder {
  push(chunk: Uint8Array): void;
  /**
   * The next message that is there as a whole, heartbeats of the connection included; undefined until more arrives. Its
   * entries are views of what was pushed. Throws `FrameError`, or the codec's error, at what is no frame.
   */
  next(): Message | undefined;
  /** Bytes of frames read so far. */
  readonly readBytes: number;
}

const eight = Buffer.alloc(8);

/** A number as frames have it, for a writer that goes backwards. */
export function putUint64(w: Writer, value: number): void {
  eight.writeUInt32BE(Math.floor(value / 0x1_0000_0000), 0);
  eight.writeUInt32BE(value >>> 0, 4);
  w.raw(eight);
}

/** Reads what `putUint64` wrote; what is too big for a safe integer is too big for every limit, and stays big. */
export function readUint64(bytes: Uint8Array): number {
  const at = (index: number): number => bytes[index] as number;
  const high = at(0) * 0x100_0000 + ((at(1) << 16) | (at(2) << 8) | at(3));
  const low = at(4) * 0x100_0000 + ((at(5) << 16) | (at(6) << 8) | at(7));
  return high * 0x1_0000_0000 + low;
}
