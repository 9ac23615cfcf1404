/** The tree that answers for ranges without keys: balanced as etcd's, whatever the order of insertion. */
import { describe, expect, it } from 'vitest';
import { IntervalTree } from '../../../src/auth/interval-tree.js';

const letters = 'abcdefghijklmno';
/** One interval a letter, `[a, a5)`, in that order. */
const tree = (order: string): IntervalTree =>
  new IntervalTree([...order].map((start) => ({ start, end: `${start}5` })));

/** The letters on the way from the root to `letter`, those left out that begin below every asked end. */
function pathTo(order: string, letter: string): string {
  // The walk for an empty range turns back at each interval before its key that does not begin before the range's end.
  const asked = tree(order);
  return [...letters].filter((end) => end < letter && !asked.reaches(`${letter}1`, end)).at(-1) ?? '';
}

describe('the walk to a key', () => {
  it.each([
    ['abc', 'b'],
    ['cba', 'b'],
    ['acb', 'b'],
    ['cab', 'b'],
    ['bac', 'b'],
  ])('%s have %s at the root', (order, root) => {
    const asked = tree(order);
    expect(asked.reaches('c1', root)).toBe(false);
    expect(asked.reaches('c1', 'b1')).toBe(true);
    expect(asked.reaches('a1', 'a')).toBe(true);
    expect(asked.reaches('b1', 'a')).toBe(true);
  });

  it('of fifteen in rising or falling order passes by those that a red-black tree has above the last', () => {
    // Rising: d is the root, then h, l, n.
    expect(pathTo(letters, 'o')).toBe('n');
    expect(pathTo(letters, 'm')).toBe('l');
    expect(pathTo(letters, 'i')).toBe('h');
    expect(pathTo([...letters].reverse().join(''), 'o')).toBe('n');
  });

  it('ends at what is not there', () => {
    expect(new IntervalTree([]).reaches('a', 'a')).toBe(false);
    expect(tree('abc').reaches('a7', 'a')).toBe(false);
    expect(tree('abc').reaches('Z', 'A')).toBe(false);
    expect(tree('abc').reaches('z', 'y')).toBe(false);
  });

  it('finds intervals that have no end, and the same start twice', () => {
    const asked = new IntervalTree([
      { start: 'b', end: 'c' },
      { start: 'b', end: undefined },
    ]);
    expect(asked.reaches('x', 'c')).toBe(true);
    expect(asked.reaches('x', 'b')).toBe(false);
  });
});
