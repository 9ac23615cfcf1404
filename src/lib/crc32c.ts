/**
 * CRC-32C (Castagnoli), as the WAL, `.snap` files, snapshot status and HashKV use it.
 *
 * A hybrid, since both ends matter: WAL records are a few hundred bytes, hashes run over gigabytes. Measured on one
 * core:
 *
 *     bytes        16     64    300   1000   65536
 *     table      37 ns  68 ns 397 ns 1.3 µs  84 µs
 *     native    115 ns 142 ns 239 ns 0.4 µs  13 µs
 *
 * so the table answers below `NATIVE_FROM`, the prebuilt addon above it. The addon is loaded by the first long input,
 * and is optional: where there is none for the platform, the table does all.
 */
import { createRequire } from 'node:module';

const NATIVE_FROM = 200;

/**
 * Continues `crc` (0 to begin) over `bytes[start, end)`; the result is unsigned. `crc32c(crc32c(0, a), b)` is the CRC
 * of a followed by b.
 */
export function crc32c(crc: number, bytes: Uint8Array, start = 0, end = bytes.length): number {
  if (end - start < NATIVE_FROM) return crc32cByTable(crc, bytes, start, end);
  native ??= loadNative();
  return native(crc, bytes, start, end);
}

/**
 * The same in plain JavaScript, eight bytes a step ("slicing by 8"). Exported so that a test can hold the two against
 * each other.
 */
export function crc32cByTable(crc: number, bytes: Uint8Array, start = 0, end = bytes.length): number {
  let c = ~crc;
  let i = start;
  for (const last = end - 7; i < last; i += 8) {
    c ^= at(bytes, i) | (at(bytes, i + 1) << 8) | (at(bytes, i + 2) << 16) | (at(bytes, i + 3) << 24);
    c =
      at(table, 0x700 | (c & 0xff)) ^
      at(table, 0x600 | ((c >>> 8) & 0xff)) ^
      at(table, 0x500 | ((c >>> 16) & 0xff)) ^
      at(table, 0x400 | (c >>> 24)) ^
      at(table, 0x300 | at(bytes, i + 4)) ^
      at(table, 0x200 | at(bytes, i + 5)) ^
      at(table, 0x100 | at(bytes, i + 6)) ^
      at(table, at(bytes, i + 7));
  }
  for (; i < end; i++) c = (c >>> 8) ^ at(table, (c ^ at(bytes, i)) & 0xff);
  return ~c >>> 0;
}

type Crc = (crc: number, bytes: Uint8Array, start: number, end: number) => number;
let native: Crc | undefined;

function loadNative(): Crc {
  try {
    const addon: { crc32c(data: Uint8Array, initial?: number): number } = createRequire(import.meta.url)(
      '@node-rs/crc32',
    );
    return (crc, bytes, start, end) => addon.crc32c(bytes.subarray(start, end), crc);
  } catch {
    return crc32cByTable;
  }
}

/** Row r, entry b: the CRC of byte b followed by r zero bytes. */
const table = makeTable();

function makeTable(): Int32Array {
  const reversedCastagnoli = 0x82f63b78;
  const rows = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let c = byte;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ reversedCastagnoli : c >>> 1;
    rows[byte] = c;
  }
  for (let i = 256; i < rows.length; i++) {
    const previous = at(rows, i - 256);
    rows[i] = (previous >>> 8) ^ at(rows, previous & 0xff);
  }
  return rows;
}

/** An index that is in range by construction; the cast is free, a check here would not be. */
function at(array: Uint8Array | Int32Array, index: number): number {
  return array[index] as number;
}
