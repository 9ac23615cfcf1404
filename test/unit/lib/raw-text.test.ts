/** Bytes that are no UTF-8, in text and back. */

import { describe, expect, it } from 'vitest';
import { selectRange } from '../../../src/client/key-range.js';
import { goQuote } from '../../../src/lib/go/quote.js';
import { rawBytes, rawText, textOrBytes } from '../../../src/lib/raw-text.js';
import fc from '../../support/drawn.js';

describe('bytes in text', () => {
  it('come back as they were, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(rawBytes(rawText(Buffer.from(bytes)))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it.each<[string, number[]]>([
    ['one that no sequence begins with', [0xff]],
    ['an unfinished sequence', [0xe2, 0x82]],
    ['an overlong form', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xb3, 0xbf]],
    ['beyond the last code point', [0xf4, 0x90, 0x80, 0x80]],
    ['between letters', [0x61, 0xfe, 0xc3, 0xa4]],
  ])('keep %s', (_name, bytes) => {
    const text = rawText(Buffer.from(bytes));
    expect(text).not.toContain('\ufffd');
    expect([...rawBytes(text)]).toEqual(bytes);
    expect(textOrBytes(text)).toEqual(Buffer.from(bytes));
  });

  it('leave text alone, the replacement character too', () => {
    for (const text of ['', 'plain', 'ä€😀', 'a\ufffdb']) {
      expect(rawText(Buffer.from(text))).toBe(text);
      expect(textOrBytes(text)).toBe(text);
    }
  });

  it('are different keys, and quoted as Go quotes them', () => {
    const [a, b] = [rawText(Buffer.of(0xff)), rawText(Buffer.of(0xfe))];
    expect(selectRange(a, {}).key).not.toEqual(selectRange(b, {}).key);
    expect(selectRange(a, { end: b })).toEqual({ key: Buffer.of(0xff), rangeEnd: Buffer.of(0xfe) });
    expect(goQuote(`a${a}`)).toBe('"a\\xff"');
  });
});
