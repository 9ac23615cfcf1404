/**
 * A record on disk is a frame: 8-byte little-endian length word, body, padding to a multiple of 8.
 *
 *     bits 0–55   body size n
 *     bits 56–58  padding size, (8 - n mod 8) mod 8
 *     bit  63     set iff there is padding
 *
 * Frames start at multiples of 8, so a length word never spans two disk sectors: it is on disk wholly or not at all. A
 * word of zero ends the segment. The body is a protobuf `walpb.Record { type = 1; crc = 2; data = 3 }`.
 * Source: etcd's server/storage/wal/encoder.go.
 */

export const recordType = { metadata: 1, entry: 2, state: 3, crc: 4, snapshot: 5 } as const;

export const LENGTH_WORD_SIZE = 8;

export const paddingOf = (bodySize: number): number => -bodySize & 7;

/** `into[at, at + 8)`; `bodySize` fits 32 bits, or nothing could hold the record. */
export function putLengthWord(into: Buffer, at: number, bodySize: number): void {
  const padding = paddingOf(bodySize);
  into.writeUInt32LE(bodySize, at);
  into.writeUInt32LE(padding === 0 ? 0 : (0x80 | padding) * 0x1000000, at + 4);
}

/** Undefined when no writer would have written this word. */
export function parseLengthWord(bytes: Buffer, at: number): { bodySize: number; padding: number } | undefined {
  const high = bytes.readUInt32LE(at + 4);
  const bodySize = (high & 0x00ff_ffff) * 0x1_0000_0000 + bytes.readUInt32LE(at);
  const top = high >>> 24;
  const padding = top & 7;
  const expectedTop = padding === 0 ? 0 : 0x80 | padding;
  return top === expectedTop && padding === paddingOf(bodySize) ? { bodySize, padding } : undefined;
}
