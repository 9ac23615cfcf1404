import { describe, expect, it } from 'vitest';
import { isGrantableRange, KeyRanges } from '../../../src/auth/key-ranges.js';
import fc from '../../support/drawn.js';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const OPEN = '\0';
const granted = (...ranges: readonly (readonly [string, string])[]): KeyRanges =>
  new KeyRanges(ranges.map(([key, rangeEnd]) => ({ key: bytes(key), rangeEnd: bytes(rangeEnd) })));
const allows = (ranges: KeyRanges, key: string, rangeEnd = ''): boolean => ranges.contains(bytes(key), bytes(rangeEnd));

describe('granted ranges', () => {
  it('of nothing hold nothing', () => {
    expect(allows(granted(), 'a')).toBe(false);
    expect(allows(granted(), '\0', OPEN)).toBe(false);
  });

  it('of a key hold that key alone', () => {
    const ranges = granted(['b', '']);
    expect(allows(ranges, 'b')).toBe(true);
    expect(allows(ranges, 'b\0')).toBe(false);
    expect(allows(ranges, 'a')).toBe(false);
    expect(allows(ranges, 'b', 'b\0')).toBe(true);
    expect(allows(ranges, 'b', 'c')).toBe(false);
  });

  it('of a key do not hold what begins there and has no end (GHSA-xg4h-6gfc-h4m8)', () => {
    expect(allows(granted(['b', '']), 'b', OPEN)).toBe(false);
  });

  it('end before their end', () => {
    const ranges = granted(['b', 'd']);
    expect(allows(ranges, 'c\xff')).toBe(true);
    expect(allows(ranges, 'd')).toBe(false);
    expect(allows(ranges, 'b', 'd')).toBe(true);
    expect(allows(ranges, 'b', 'd\0')).toBe(false);
    expect(allows(ranges, 'b', OPEN)).toBe(false);
  });

  it('join where they touch or overlap, whichever came first', () => {
    const ranges = granted(['c', 'e'], ['x', ''], ['a', 'c'], ['d', ''], ['d', 'f']);
    expect(allows(ranges, 'a', 'f')).toBe(true);
    expect(allows(ranges, 'a', 'x')).toBe(false);
    expect(allows(ranges, 'f', 'x')).toBe(false);
    expect(allows(ranges, 'x')).toBe(true);
  });

  it('do not join over a gap of one key', () => {
    const ranges = granted(['a', 'b'], ['b\0', 'c']);
    expect(allows(ranges, 'a', 'c')).toBe(false);
    expect(allows(ranges, 'b')).toBe(false);
  });

  it('without an end hold everything from their key on', () => {
    const ranges = granted(['m', OPEN], ['p', 'q']);
    expect(allows(ranges, 'm', OPEN)).toBe(true);
    expect(allows(ranges, 'zzz')).toBe(true);
    expect(allows(ranges, 'q', 'zz')).toBe(true);
    expect(allows(ranges, 'l\xff', OPEN)).toBe(false);
  });

  it.each([
    ['k', 'a', true],
    ['l', 'k', true],
    ['z', 'a', false],
    ['z', 'k', false],
    ['z', 'l', true],
    ['z', 'z', true],
    ['s', 'r', true],
    ['s', 'k', false],
    ['m', 'a', false],
    ['m', 'm', false],
    ['a', 'a', false],
  ])('are asked for an empty range as etcd asks its tree: [%s, %s) of [k, m) and [r, …', (key, rangeEnd, allowed) => {
    expect(allows(granted(['k', 'm'], ['r', OPEN]), key, rangeEnd)).toBe(allowed);
  });

  it('are asked for an empty range in the order in which they were granted', () => {
    // Three in rising order make the middle one the root; the first below it on the left.
    const rising = granted(['b', 'c'], ['d', 'e'], ['f', 'h']);
    expect(allows(rising, 'g', 'd')).toBe(false);
    expect(allows(rising, 'g', 'e')).toBe(true);
    // Two leave the first one as the root.
    expect(allows(granted(['b', 'c'], ['f', 'h']), 'g', 'c')).toBe(true);
    expect(allows(granted(['f', 'h'], ['b', 'c']), 'g', 'a')).toBe(true);
    expect(allows(granted(['b', 'c'], ['f', 'h']), 'g', 'a')).toBe(false);
  });

  it('that end before they begin hold nothing, as 3.4 grants them', () => {
    expect(allows(granted(['z', 'a']), 'm')).toBe(false);
    expect(allows(granted(['z', 'a']), 'z')).toBe(false);
  });

  it('compare bytes, not characters', () => {
    const ranges = granted(['\x7f', '\xff']);
    expect(allows(ranges, '\x80')).toBe(true);
    expect(allows(ranges, '\xff')).toBe(false);
  });

  it('answer as a look at every key does', () => {
    // Keys over two letters, up to three long: few enough to look at each, and at the boundaries between them.
    const letters = ['a', 'b'];
    const keys = ['', ...letters];
    for (const one of letters)
      for (const two of letters) keys.push(one + two, ...letters.map((three) => one + two + three));
    const universe = [...new Set([...keys.filter((key) => key !== ''), 'a\0', 'ab\0', 'b\0', 'c'])];
    const key = fc.constantFrom(...universe);
    const range = fc.tuple(key, fc.oneof(fc.constantFrom('', OPEN), key));
    const within = (at: string, [start, end]: readonly [string, string]): boolean =>
      end === '' ? at === start : at >= start && (end === OPEN || at < end);
    // Also what lies beyond all of them, so that an end counts.
    const everyKey = [...universe, ...universe.map((one) => `${one}\0`), 'zz'];
    fc.assert(
      fc.property(fc.array(range, { maxLength: 6 }), range, (ranges, asked) => {
        const wanted = everyKey.filter((at) => within(at, asked));
        fc.pre(wanted.length > 0);
        const isOpen = asked[1] === OPEN;
        const expected =
          wanted.every((at) => ranges.some((one) => within(at, one))) &&
          (!isOpen || ranges.some(([, end]) => end === OPEN));
        expect(allows(granted(...ranges), ...asked)).toBe(expected);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('a range that may be granted', () => {
  it.each([
    ['a', '', true],
    ['a', 'b', true],
    ['a', OPEN, true],
    ['\0', OPEN, true],
    ['', '', false],
    ['', OPEN, false],
    ['b', 'b', false],
    ['z', 'a', false],
  ] as const)('[%j, %j): %s', (key, rangeEnd, grantable) => {
    expect(isGrantableRange(bytes(key), bytes(rangeEnd))).toBe(grantable);
  });
});
