/** What Go's encoding/pem finds in a file, as certificates of real members showed it. */
import { expect, it } from 'vitest';
import { pemBlocks, pemOf } from '../../../src/lib/pem.js';

const found = (text: string): string[] => pemBlocks(Buffer.from(text)).map(({ type, bytes }) => `${type} ${bytes}`);
const a = '-----BEGIN A-----\nYQ==\n-----END A-----\n';
const b = '-----BEGIN B-----\nYg==\n-----END B-----\n';

it.each<[string, string, string[]]>([
  ['with nothing around them', a + b, ['A a', 'B b']],
  ['with text around them', `one\n${a}two\n${b}three`, ['A a', 'B b']],
  ['with the line ends of Windows', a.replaceAll('\n', '\r\n'), ['A a']],
  ['without a line end', a.trimEnd(), ['A a']],
  ['with blanks in them and at the ends of lines', a.replace('YQ', 'Y Q').replaceAll('\n', ' \t\n'), ['A a']],
  ['with headers', a.replace('-\n', '-\nProc-Type: 4,ENCRYPTED\n\n'), ['A a']],
  ['with nothing in them', '-----BEGIN A-----\n-----END A-----\n', ['A ']],
  ['behind one of no base64', a.replace('YQ', '!!') + b, ['B b']],
  ['behind one of base64 that is cut', a.replace('==', '=') + b, ['B b']],
  ['behind one that ends as another', a.replace('END A', 'END X') + b, ['B b']],
  ['behind one that does not end', `-----BEGIN X-----\nYQ==\n${b}`, ['B b']],
  ['not behind a mark', `\ufeff${a}${b}`, ['B b']],
  ['not in the middle of a line', ` ${a}${b}`, ['B b']],
  ['not where one ends in the line of the next', a.trimEnd() + b, []],
  ['not where headers are all there is', '-----BEGIN A-----\nx: y\n', []],
])('blocks are found %s', (_where, text, blocks) => {
  expect(found(text)).toEqual(blocks);
});

it('a block that is written is read again', () => {
  const block = { type: 'A', bytes: Buffer.alloc(200, 7) };
  expect(pemBlocks(Buffer.from(pemOf(block)))).toEqual([block]);
  expect(pemOf(block)).toMatch(/^-----BEGIN A-----\n(?:.{64}\n){4}.{1,64}\n-----END A-----\n$/);
});
