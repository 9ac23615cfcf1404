/**
 * The chunked coding (RFC 9112 section 7.1), taken apart as bytes arrive. Extensions and trailing fields are passed
 * over; what is longer than a line of Go's reader, or no chunk, is refused.
 */
const MAX_LINE_BYTES = 4096;
const MAX_TRAILER_BYTES = 64 * 1024;
const LF = 0x0a;
/** Hexadecimal digits; no body is longer. */
const sizeLine = /^([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?\r?$/;

export class ChunkError extends Error {
  override readonly name = 'ChunkError';
}

export class ChunkedDecoder {
  #state: 'size' | 'data' | 'data end' | 'trailers' | 'end' = 'size';
  #left = 0;
  #line = '';
  #trailerBytes = 0;

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
      if (this.#line.length > MAX_LINE_BYTES) throw new ChunkError('header line too long');
      if (end < 0) return bytes.length;
      at = end + 1;
      const line = this.#line;
      this.#line = '';
      this.#takeLine(line);
    }
    return at;
  }

  #takeLine(line: string): void {
    const isEmpty = line === '' || line === '\r';
    switch (this.#state) {
      case 'size': {
        const digits = sizeLine.exec(line)?.[1];
        if (digits === undefined) throw new ChunkError('invalid byte in chunk length');
        this.#left = Number.parseInt(digits, 16);
        this.#state = this.#left === 0 ? 'trailers' : 'data';
        return;
      }
      case 'data end':
        if (!isEmpty) throw new ChunkError('malformed chunked encoding');
        this.#state = 'size';
        return;
      default:
        this.#trailerBytes += line.length + 1;
        if (this.#trailerBytes > MAX_TRAILER_BYTES) throw new ChunkError('trailer header is too long');
        if (isEmpty) this.#state = 'end';
    }
  }
}
