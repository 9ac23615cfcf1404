/**
 * The chunked coding (RFC 9112 section 7.1), taken apart as bytes arrive. Extensions and trailing fields are passed
 * over; what is longer than a line of Go's reader, or no chunk, is refused in its words (net/http/internal's
 * chunked.go). Lines end with CRLF and nothing less: whoever stands before us may see no line's end in a bare LF, and
 * another request where we see a chunk.
 */
const MAX_LINE_BYTES = 4096;
const MAX_TRAILER_BYTES = 4096;
const TRAILER_TOO_LONG = 'http: suspiciously long trailer after chunked body';
/** Of a chunk's line that need no reason, beside as much again as the chunk has bytes. */
const FREE_LINE_BYTES = 16;
/** What lines are longer than that, over a whole body. */
const MAX_EXCESS_BYTES = 16 * 1024;
const LF = 0x0a;
const hexadecimal = /^[0-9a-fA-F]*/;
const MAX_SIZE_DIGITS = 16;

export class ChunkError extends Error {
  override readonly name = 'ChunkError';
}

export class ChunkedDecoder {
  #state: 'size' | 'data' | 'data end' | 'trailers' | 'end' = 'size';
  #left = 0;
  #line = '';
  #trailerBytes = 0;
  #excessBytes = 0;

  get isAtEnd(): boolean {
    return this.#state === 'end';
  }

  /** Returns how much of `bytes` was part of the body; its data goes to `onData`. Throws ChunkError. */
  decode(bytes: Buffer, onData: (data: Buffer) => void): number {
    let at = 0;
    while (at < bytes.length && this.#state !== 'end') {
      if (this.#state === 'data') {
        const piece = bytes.subarray(at, at + this.#left);
        at += piece.length;
        this.#left -= piece.length;
        onData(piece);
        if (this.#left === 0) this.#state = 'data end';
        continue;
      }
      const end = bytes.indexOf(LF, at);
      this.#line += bytes.toString('latin1', at, end < 0 ? bytes.length : end);
      if (this.#line.length > MAX_LINE_BYTES)
        throw new ChunkError(this.#state === 'trailers' ? TRAILER_TOO_LONG : 'header line too long');
      if (end < 0) return bytes.length;
      at = end + 1;
      const line = this.#line;
      this.#line = '';
      this.#takeLine(line);
    }
    return at;
  }

  /** `line` is without its LF. */
  #takeLine(line: string): void {
    switch (this.#state) {
      case 'size':
        this.#takeSize(line);
        return;
      case 'data end':
        if (line !== '\r') throw new ChunkError('malformed chunked encoding');
        this.#state = 'size';
        return;
      default:
        this.#trailerBytes += line.length + 1;
        if (this.#trailerBytes > MAX_TRAILER_BYTES) throw new ChunkError(TRAILER_TOO_LONG);
        if (!line.endsWith('\r')) throw new ChunkError('trailer line ends with bare LF');
        if (line === '\r') this.#state = 'end';
    }
  }

  #takeSize(line: string): void {
    const cr = line.indexOf('\r');
    if (cr < 0) throw new ChunkError('chunked line ends with bare LF');
    if (cr !== line.length - 1) throw new ChunkError('invalid CR in chunked line');
    this.#left = sizeOf(line.slice(0, cr));
    const excess = this.#excessBytes + line.length + 1 - FREE_LINE_BYTES - 2 * this.#left;
    this.#excessBytes = Math.max(0, excess);
    if (this.#excessBytes > MAX_EXCESS_BYTES) throw new ChunkError('chunked encoding contains too much non-data');
    this.#state = this.#left === 0 ? 'trailers' : 'data';
  }
}

/** Beyond 2^53 not to the byte: no connection lives to see the end of such a chunk. */
function sizeOf(line: string): number {
  let end = line.length;
  while (line[end - 1] === ' ' || line[end - 1] === '\t') end--;
  const extension = line.indexOf(';');
  const size = line.slice(0, extension < 0 ? end : extension);
  const digits = hexadecimal.exec(size)?.[0].length ?? 0;
  if (size === '') throw new ChunkError('empty hex number for chunk length');
  if (digits > MAX_SIZE_DIGITS) throw new ChunkError('http chunk length too large');
  if (digits < size.length) throw new ChunkError('invalid byte in chunk length');
  return Number.parseInt(size, 16);
}
