/**
 * Bytes as latin1 strings, one character a byte: they hash, compare and sort in byte order at native speed. The form in
 * which indexes and lines of the terminal hold keys.
 */

/** The bytes `[start, end)`. Always a flat string, which keeps nothing larger alive. */
export function latin1Text(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return latin1Slice.call(bytes, start, end);
}

export function latin1Bytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

// Works on any Uint8Array, and does without the copy that Buffer.from(bytes) makes.
const latin1Slice = (Buffer.prototype as unknown as { latin1Slice(start: number, end: number): string }).latin1Slice;
