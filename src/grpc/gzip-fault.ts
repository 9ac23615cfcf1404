/**
 * What is wrong with bytes that are no gzip, in the words of grpc-go and of Go's compress/gzip: a header that is none
 * is met as the reader is made, everything else as it reads.
 */
import { inflateRawSync } from 'node:zlib';

const HEADER_BYTES = 10;
const TRAILER_BYTES = 8;
const MAGIC = [0x1f, 0x8b, 8];
/** Of the flags: those of fields that follow the header. */
const CRC = 2;
const EXTRA = 4;
const NAME = 8;
const COMMENT = 16;
/** Of a longer message it is not looked for where exactly it is corrupt. */
const MAX_SEARCHED_BYTES = 4096;

/** `maxBytes` is how much it may unfold to. */
export function gzipFault(bytes: Uint8Array, maxBytes: number): string {
  const first = headerOf(bytes);
  if (typeof first === 'string') return `failed to decompress the message: ${bytes.length === 0 ? 'EOF' : first}`;
  return `failed to read decompressed data: ${faultBehind(bytes, first, maxBytes)}`;
}

/** From the end of the first header on: one compressed piece after the other, each with a header of its own. */
function faultBehind(bytes: Uint8Array, first: number, maxBytes: number): string {
  let at = first;
  for (;;) {
    const length = pieceOf(bytes.subarray(at), maxBytes);
    if (typeof length === 'string') return length;
    at += length + TRAILER_BYTES;
    if (at > bytes.length) return 'unexpected EOF';
    // All pieces are whole: it is the sums behind them that are wrong.
    if (at === bytes.length) return 'gzip: invalid checksum';
    const next = headerOf(bytes.subarray(at));
    if (typeof next === 'string') return next;
    at += next;
  }
}

/** How long it is; or what is wrong with it. */
function headerOf(bytes: Uint8Array): number | string {
  if (bytes.length < HEADER_BYTES) return 'unexpected EOF';
  if (MAGIC.some((byte, at) => bytes[at] !== byte)) return 'gzip: invalid header';
  const flags = bytes[3] ?? 0;
  let at = HEADER_BYTES;
  if ((flags & EXTRA) !== 0) at += 2 + (bytes[at] ?? 0) + 256 * (bytes[at + 1] ?? 0);
  for (const flag of [NAME, COMMENT]) {
    if ((flags & flag) === 0) continue;
    const end = bytes.indexOf(0, at);
    if (end === -1) return 'unexpected EOF';
    at = end + 1;
  }
  if ((flags & CRC) !== 0) at += 2;
  return at > bytes.length ? 'unexpected EOF' : at;
}

/** How many bytes of it are compressed data; or what is wrong with them. */
function pieceOf(bytes: Uint8Array, maxBytes: number): number | string {
  const fault = inflated(bytes, maxBytes);
  if (typeof fault === 'number') return fault;
  if (fault === 'Z_BUF_ERROR') return 'unexpected EOF';
  let length = 1;
  const end = Math.min(bytes.length, MAX_SEARCHED_BYTES);
  while (length < end && inflated(bytes.subarray(0, length), maxBytes) !== fault) length++;
  return `flate: corrupt input before offset ${length}`;
}

function inflated(bytes: Uint8Array, maxBytes: number): number | string {
  try {
    const { engine } = inflateRawSync(bytes, { info: true, maxOutputLength: maxBytes }) as unknown as {
      readonly engine: { readonly bytesWritten: number };
    };
    return engine.bytesWritten;
  } catch (cause) {
    return String((cause as { code?: unknown }).code);
  }
}
