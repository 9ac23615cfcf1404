/** The writer of messages when its buffer has to grow, whatever is being written then. */
import { describe, expect, it } from 'vitest';
import { Writer } from '../../../src/proto/wire.js';

const BUFFER_BYTES = 64 * 1024;

describe('a writer whose buffer is full', () => {
  it.each([0, 1, 7, 8, 9, 24, 25, 100])('has room for raw bytes with %i left', (left) => {
    for (const size of [1, 8, 25, 300, 100_000]) {
      const w = new Writer().begin();
      const before = new Uint8Array(BUFFER_BYTES - left).fill(0xaa);
      const raw = Uint8Array.from({ length: size }, (_, i) => i);
      w.raw(before);
      w.raw(raw);
      expect(Buffer.compare(w.finish(), Buffer.concat([raw, before]))).toBe(0);
    }
  });

  it.each([0, 1, 2, 5, 24, 25, 200])('has room for bytes, texts and numbers with %i left', (left) => {
    const before = new Uint8Array(BUFFER_BYTES - left).fill(0xaa);
    const write: readonly ((w: Writer) => void)[] = [
      (w) => w.bytes(new Uint8Array(300).fill(1)),
      (w) => w.string('é'.repeat(200)),
      (w) => w.big(2n ** 63n),
      (w) => w.uint32(2 ** 31),
      (w) => w.byte(7),
    ];
    for (const each of write) {
      const alone = new Writer().begin();
      each(alone);
      const w = new Writer().begin();
      w.raw(before);
      each(w);
      expect(Buffer.compare(w.finish(), Buffer.concat([alone.finish(), before]))).toBe(0);
    }
  });
});
