/**
 * The Huffman code of RFC 7541 appendix B. The code is canonical (shorter codes first, symbols of one length in
 * ascending order), so the lengths alone, run-length coded below, rebuild it.
 * Decoding walks a table of (tree node, four bits) → (node, symbol): no code is shorter than five bits, so a step emits
 * at most one.
 */

const END_OF_STRING = 256;

/** `count x bits` for symbols 0…256 in order. */
const LENGTH_RUNS =
  '1x13 1x23 7x28 1x24 1x30 2x28 1x30 8x28 1x30 9x28 1x6 2x10 1x12 1x13 1x6 1x8 1x11 2x10 1x8 1x11 1x8 3x6 3x5 ' +
  '7x6 1x7 1x8 1x15 1x6 1x12 1x10 1x13 1x6 ' +
  '22x7 1x8 1x7 1x8 1x13 1x19 1x13 1x14 1x6 1x15 1x5 1x6 1x5 1x6 1x5 3x6 1x5 2x7 3x6 1x5 1x6 1x7 1x6 2x5 1x6 5x7 ' +
  '1x15 1x11 1x14 1x13 1x28 1x20 1x22 ' +
  '2x20 3x22 1x23 1x22 5x23 1x24 1x23 2x24 1x22 1x23 1x24 4x23 1x21 1x22 1x23 1x22 2x23 1x24 1x22 1x21 1x20 2x22 ' +
  '2x23 1x21 1x23 2x22 1x24 1x21 1x22 ' +
  '2x23 2x21 1x22 1x21 1x23 1x22 2x23 1x20 3x22 1x23 2x22 1x23 2x26 1x20 1x19 1x22 1x23 1x22 1x25 3x26 2x27 1x26 ' +
  '1x24 1x25 1x19 1x21 1x26 2x27 1x26 ' +
  '1x27 1x24 2x21 2x26 1x28 3x27 1x20 1x24 1x20 1x21 1x22 2x21 1x23 2x22 2x25 2x24 1x26 1x23 1x26 1x27 2x26 5x27 ' +
  '1x28 5x27 1x26 1x30';

const lengths = new Uint8Array(257);
const codes = new Uint32Array(257);
fillCodes();

function fillCodes(): void {
  let symbol = 0;
  for (const run of LENGTH_RUNS.split(' ')) {
    const [count = 0, bits = 0] = run.split('x').map(Number);
    lengths.fill(bits, symbol, symbol + count);
    symbol += count;
  }
  let code = 0;
  for (let bits = 5; bits <= 30; bits++) {
    for (let s = 0; s <= END_OF_STRING; s++) {
      if (lengths[s] === bits) codes[s] = code++;
    }
    code *= 2;
  }
}

/** Bytes that `text` (latin1) takes when coded. */
export function huffmanSize(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += lengths[text.charCodeAt(i) & 0xff] ?? 0;
  return (bits + 7) >> 3;
}

/** Writes the coded `text` to `into` from `at` on; returns the end. */
export function huffmanEncode(text: string, into: Uint8Array, at: number): number {
  let pos = at;
  // fewer than 8 bits between symbols; codes of up to 30 bits are fed in two pieces so that 32 bits suffice
  let held = 0;
  let heldBits = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i) & 0xff;
    let bits = lengths[symbol] ?? 0;
    const code = codes[symbol] ?? 0;
    if (bits > 16) {
      held = (held << (bits - 16)) | (code >>> 16);
      heldBits += bits - 16;
      bits = 16;
      for (; heldBits >= 8; heldBits -= 8) into[pos++] = held >>> (heldBits - 8);
      held &= 0xff;
    }
    held = (held << bits) | (code & 0xffff & ((1 << bits) - 1));
    heldBits += bits;
    for (; heldBits >= 8; heldBits -= 8) into[pos++] = held >>> (heldBits - 8);
    held &= 0xff;
  }
  // padded with the beginning of end-of-string: ones
  if (heldBits > 0) into[pos++] = (held << (8 - heldBits)) | (0xff >> heldBits);
  return pos;
}

interface Steps {
  /** Next node per node * 16 + nibble; -1 where no code or end-of-string lies. */
  readonly next: Int16Array;
  /** Symbol emitted on the way, or -1. */
  readonly emit: Int16Array;
  /** 1 where the text may end: the bits since the last symbol are at most seven ones. */
  readonly mayEnd: Uint8Array;
}
let built: Steps | undefined;

/** Built at first use: costs half a millisecond that most programs never need. */
function steps(): Steps {
  if (built !== undefined) return built;
  // An inner node is an index; a leaf is stored as -2 - symbol; 0 = not there (the root is nobody's child).
  const children: [number, number][] = [[0, 0]];
  for (let symbol = 0; symbol <= END_OF_STRING; symbol++) {
    let node = 0;
    for (let bit = (lengths[symbol] ?? 0) - 1; bit >= 0; bit--) {
      const side = ((codes[symbol] ?? 0) >>> bit) & 1;
      const pair = children[node] ?? [0, 0];
      if (bit === 0) {
        pair[side] = -2 - symbol;
      } else {
        if (pair[side] === 0) pair[side] = children.push([0, 0]) - 1;
        node = pair[side] ?? 0;
      }
    }
  }
  const next = new Int16Array(children.length * 16);
  const emit = new Int16Array(children.length * 16).fill(-1);
  for (let start = 0; start < children.length; start++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      let node = start;
      for (let bit = 3; bit >= 0 && node >= 0; bit--) {
        const child = children[node]?.[(nibble >> bit) & 1] ?? 0;
        if (child >= 0) {
          node = child;
        } else if (child === -2 - END_OF_STRING) {
          node = -1;
        } else {
          emit[start * 16 + nibble] = -2 - child;
          node = 0;
        }
      }
      next[start * 16 + nibble] = node;
    }
  }
  const mayEnd = new Uint8Array(children.length);
  for (let node = 0, ones = 0; ones < 8; ones++) {
    mayEnd[node] = 1;
    node = children[node]?.[1] ?? 0;
  }
  built = { next, emit, mayEnd };
  return built;
}

let scratch = Buffer.allocUnsafeSlow(1024);

/**
 * The text coded in `bytes[start, end)`, or undefined when that is no valid coding (bad padding, end-of-string inside).
 */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number): string | undefined {
  const { next, emit, mayEnd } = steps();
  const most = ((end - start) * 8) / 5 + 1;
  if (scratch.length < most) scratch = Buffer.allocUnsafeSlow(Math.ceil(most));
  const out = scratch;
  let pos = 0;
  let node = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] ?? 0;
    let step = node * 16 + (byte >> 4);
    let symbol = emit[step] ?? -1;
    if (symbol >= 0) out[pos++] = symbol;
    node = next[step] ?? -1;
    if (node < 0) return undefined;
    step = node * 16 + (byte & 15);
    symbol = emit[step] ?? -1;
    if (symbol >= 0) out[pos++] = symbol;
    node = next[step] ?? -1;
    if (node < 0) return undefined;
  }
  const text = mayEnd[node] === 1 ? out.toString('latin1', 0, pos) : undefined;
  // A long value must not leave a long scratch behind for the life of the process.
  if (scratch.length > 64 * 1024) scratch = Buffer.allocUnsafeSlow(1024);
  return text;
}
