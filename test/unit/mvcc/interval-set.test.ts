import { expect, test } from 'vitest';
import { IntervalSet, NO_END } from '../../../src/mvcc/watch/interval-set.js';

type Interval = readonly [start: string, end: string];

function setOf(intervals: readonly Interval[]): IntervalSet<Interval> {
  const set = new IntervalSet<Interval>();
  for (const interval of intervals) set.add(...interval, interval);
  return set;
}

/** Which of them hold `key`, in the set and by a look at each. */
function expectSame(set: IntervalSet<Interval>, intervals: readonly Interval[]): void {
  for (const key of 'abcdefghijklmnop') {
    const found: string[] = [];
    set.at(key, (interval) => found.push(interval.join('-')));
    const expected = intervals.filter(([start, end]) => start <= key && key < end).map((each) => each.join('-'));
    expect(found.sort(), key).toEqual(expected.sort());
  }
  expect(set.isEmpty).toBe(intervals.length === 0);
}

/** Short ones beside long ones that reach over them, and one without an end. */
const intervals: readonly Interval[] = [
  ...[...'abcdefghijklmno'].map((start): Interval => [start, String.fromCharCode(start.charCodeAt(0) + 1)]),
  ['a', 'p'],
  ['c', 'h'],
  ['c', 'n'],
  ['g', NO_END],
  ['m', 'o'],
];

/** The same, begun elsewhere and gone through in steps that meet each once. */
const inStepsOf = (step: number, from: number): Interval[] =>
  intervals.map((_, at) => intervals[(from + at * step) % intervals.length] as Interval);

test('intervals are found from any key in them, in whatever order they came', () => {
  for (const step of [1, 3, 7, 9, 11, 13, 17, 19]) expectSame(setOf(inStepsOf(step, step)), intervals);
});

test('one that is gone is found no more, and all others are, in whatever order they go', () => {
  for (const step of [1, 3, 7, 9, 11, 13, 17, 19]) {
    const set = setOf(inStepsOf(step, 0));
    const left = inStepsOf(20 - step, step);
    for (let gone = left.pop(); gone !== undefined; gone = left.pop()) {
      set.delete(...gone, gone);
      expectSame(set, left);
    }
  }
});

test('one interval may have several items: it is there until the last is gone', () => {
  const set = new IntervalSet<number>();
  for (const item of [1, 2, 2]) set.add('a', 'c', item);
  const at = (key: string): number[] => {
    const found: number[] = [];
    set.at(key, (item) => found.push(item));
    return found;
  };
  expect(at('b')).toEqual([1, 2]);
  set.delete('a', 'c', 1);
  set.delete('a', 'c', 1);
  set.delete('a', 'b', 2);
  expect([at('b'), at('c'), set.isEmpty]).toEqual([[2], [], false]);
  set.delete('a', 'c', 2);
  expect([at('b'), set.isEmpty]).toEqual([[], true]);
});

test('who has seen enough is shown no more', () => {
  const set = setOf(intervals);
  let seen = 0;
  expect(set.at('g', () => ++seen < 2)).toBe(false);
  expect(seen).toBe(2);
  expect(set.at('g', () => true)).toBe(true);
  expect(set.at('\xff', () => true)).toBe(true);
  expect(set.at('A', () => expect.unreachable())).toBe(true);
});
