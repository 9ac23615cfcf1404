/** Standard input as Go's programs read it. */
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readWord } from '../../../src/cli/stdin.js';

describe('a word of standard input', () => {
  it.each<[string, readonly string[], string]>([
    ['a line', ['secret\n'], 'secret'],
    ['a line that comes in pieces', ['sec', 'ret', '\n'], 'secret'],
    ['a line with more behind', ['secret\nother\n'], 'secret'],
    ['two words', ['se cret\n'], 'se'],
    ['a word behind blanks', ['  \tsecret\n'], 'secret'],
    ['an empty line, whatever follows', ['\nsecret\n'], ''],
    ['letters beyond ASCII', ['pä', 'ß\n'], 'päß'],
  ])('is read of %s, while the pipe stays open', async (_name, chunks, word) => {
    const stdin = new PassThrough();
    const read = readWord(stdin);
    for (const chunk of chunks) stdin.write(chunk);
    expect(await read).toBe(word);
  });

  it.each<[string, string]>([
    ['secret', 'secret'],
    ['', ''],
    ['  ', ''],
  ])('is read of %j at the end of input', async (text, word) => {
    const stdin = new PassThrough();
    stdin.end(text);
    expect(await readWord(stdin)).toBe(word);
  });
});
