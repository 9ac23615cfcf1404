/** Lines of an answer: text and raw bytes in turn, handed to the output in one piece. Keys and values are bytes, and stay what they are. */
import type { Output } from './printer.js';

const newline = Buffer.from('\n');

export class ByteLines {
  readonly #pieces: Uint8Array[] = [];

  text(line: string): this {
    this.#pieces.push(Buffer.from(`${line}\n`));
    return this;
  }

  bytes(line: Uint8Array): this {
    this.#pieces.push(line, newline);
    return this;
  }

  /** `before`, the bytes, `after` on one line. */
  framed(before: string, value: Uint8Array, after: string): this {
    this.#pieces.push(Buffer.from(before), value, Buffer.from(`${after}\n`));
    return this;
  }

  to(out: Output): void {
    if (this.#pieces.length > 0) out.stdout(Buffer.concat(this.#pieces));
  }
}
