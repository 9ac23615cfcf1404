/**
 * Lines of an answer, text and raw bytes in turn: keys and values are bytes, and stay what they are. What follows each
 * other on one stream is written in one piece.
 */
import { rawBytes } from '../../lib/raw-text.js';
import type { Output } from './printer.js';

const NEWLINE = Buffer.from('\n');

export class Lines {
  readonly #pieces: (Uint8Array | { readonly stderr: string })[] = [];

  text(line: string): this {
    this.#pieces.push(rawBytes(`${line}\n`));
    return this;
  }

  bytes(line: Uint8Array): this {
    this.#pieces.push(line, NEWLINE);
    return this;
  }

  /** `before`, the bytes, `after` on one line. */
  framed(before: string, value: Uint8Array, after: string): this {
    this.#pieces.push(rawBytes(before), value, rawBytes(`${after}\n`));
    return this;
  }

  /** A line on stderr. */
  error(line: string): this {
    this.#pieces.push({ stderr: `${line}\n` });
    return this;
  }

  add(lines: Lines): this {
    for (const piece of lines.#pieces) this.#pieces.push(piece);
    return this;
  }

  to(out: Output): void {
    let pending: Uint8Array[] = [];
    const flush = (): void => {
      if (pending.length > 0) out.stdout(Buffer.concat(pending));
      pending = [];
    };
    for (const piece of this.#pieces) {
      if (piece instanceof Uint8Array) pending.push(piece);
      else {
        flush();
        out.stderr(piece.stderr);
      }
    }
    flush();
  }
}
