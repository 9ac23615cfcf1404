/** Two ends of an in-memory byte stream; what one writes the other reads, with back-pressure. */
import { Duplex } from 'node:stream';

class End extends Duplex {
  other: End | undefined;
  #written: (() => void) | undefined;

  override _read(): void {
    const written = this.other?.takeWritten();
    written?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.other === undefined || this.other.destroyed || this.other.push(chunk)) done();
    else this.#written = done;
  }

  /** As a socket's: what was corked together arrives together. */
  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'binary', done);
  }

  override _final(done: () => void): void {
    this.other?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const other = this.other;
    if (other !== undefined && !other.destroyed && !other.readableEnded) {
      queueMicrotask(() => {
        if (!other.destroyed) other.push(null);
      });
    }
    done(error);
  }

  takeWritten(): (() => void) | undefined {
    const written = this.#written;
    this.#written = undefined;
    return written;
  }
}

export function duplexPair(): [Duplex, Duplex] {
  const a = new End({ allowHalfOpen: false });
  const b = new End({ allowHalfOpen: false });
  a.other = b;
  b.other = a;
  return [a, b];
}
