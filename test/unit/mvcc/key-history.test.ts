import { describe, expect, test } from 'vitest';
import { processMemory } from '../../../src/lib/os/process-memory.js';
import {
  compacted,
  type Found,
  findAt,
  type History,
  hasOlderTombstoneAt,
  isKept,
  KeyHistory,
} from '../../../src/mvcc/key-history.js';

/** `2 4.1 -6 8`: puts at 2, 4 (sub 1) and 8, a tombstone at 6. */
function historyOf(text: string): KeyHistory {
  let history: KeyHistory | undefined;
  let created = 0;
  let version = 0;
  for (const word of text.split(' ')) {
    const isTombstone = word.startsWith('-');
    const [main = 0, sub = 0] = word.replace('-', '').split('.').map(Number);
    if (isTombstone) version = 0;
    else {
      if (version === 0) created = main;
      version++;
    }
    if (history === undefined) history = new KeyHistory(main, sub, created, version);
    else history.push(main, sub, created, version);
  }
  return history as KeyHistory;
}

function textOf(history: History | undefined): string {
  if (history === undefined) return 'gone';
  if (typeof history === 'number') return `plain ${history}`;
  const words: string[] = [];
  const word = (main: number, sub: number, tombstone: boolean) =>
    words.push(`${tombstone ? '-' : ''}${main}${sub === 0 ? '' : `.${sub}`}`);
  const older = history.older ?? [];
  for (let at = 0; at < older.length; at += 2) {
    const packed = older[at + 1] as number;
    word(older[at] as number, packed >> 1, (packed & 1) === 1);
  }
  word(history.main, history.sub, history.version === 0);
  return words.join(' ');
}

function at(history: History, revision: number): string {
  const out: Found = { main: 0, sub: 0, tombstone: false };
  return findAt(history, revision, out) ? `${out.tombstone ? '-' : ''}${out.main}.${out.sub}` : 'none';
}

describe('the newest change at or below a revision', () => {
  const history = historyOf('2 4.1 -6 8 9.3');
  test.each([
    [1, 'none'],
    [2, '2.0'],
    [3, '2.0'],
    [4, '4.1'],
    [5, '4.1'],
    [6, '-6.0'],
    [7, '-6.0'],
    [8, '8.0'],
    [9, '9.3'],
    [100, '9.3'],
  ])('at %d: %s', (revision, expected) => {
    expect(at(history, revision)).toBe(expected);
  });

  test('of a key written once', () => {
    expect(at(5, 4)).toBe('none');
    expect(at(5, 5)).toBe('5.0');
  });
});

test('all changes stay, however many there are', () => {
  const words = Array.from({ length: 100 }, (_, index) => `${2 * index + 2}${index % 3 === 0 ? '.1' : ''}`);
  for (let count = 1; count <= words.length; count++) {
    const text = words.slice(0, count).join(' ');
    expect(textOf(historyOf(text))).toBe(text);
    // A copy without room goes on as well.
    const left = compacted(historyOf(text), count) as KeyHistory;
    if (typeof left === 'object') left.push(1000, 0, 2, count + 1);
    if (typeof left === 'object') expect(textOf(left).endsWith(`${words[count - 1]} 1000`)).toBe(true);
  }
});

test('a key that was written a few times takes little memory', () => {
  const KEYS = 50_000;
  const bytesOf = (changes: number): number => {
    processMemory.collectGarbage();
    const before = processMemory.heapUsedBytes();
    const all = Array.from({ length: KEYS }, () => new KeyHistory(1, 0, 1, 1));
    for (let change = 2; change <= changes; change++) for (const each of all) each.push(change, 0, 1, change);
    processMemory.collectGarbage();
    return (processMemory.heapUsedBytes() - before) / all.length;
  };
  const [once, twice, fiveTimes] = [1, 2, 5].map(bytesOf) as [number, number, number];
  // An array and two numbers; one with room for eight. V8 alone would make room for 17.
  expect(twice - once).toBeLessThan(100);
  expect(fiveTimes - once).toBeLessThan(140);
});

describe('compaction of a history', () => {
  test.each([
    ['2 4 6', 1, '2 4 6'],
    ['2 4 6', 2, '2 4 6'],
    ['2 4 6', 5, '4 6'],
    ['2 4 6', 6, '6'],
    ['2 4 6', 9, '6'],
    // A tombstone below the revision is of no use to anyone …
    ['2 -4 6', 5, '6'],
    ['2 -4', 5, 'gone'],
    // … at the revision it stays, so that a watch from there sees the deletion.
    ['2 -4 6', 4, '-4 6'],
    ['2 -4', 4, '-4'],
    ['-4', 5, 'gone'],
    ['2 -4 6 -8', 5, '6 -8'],
    ['2 -4 6 -8', 7, '6 -8'],
    ['2 -4 6 -8', 8, '-8'],
    ['2 -4 6 -8', 9, 'gone'],
  ])('%s at %d leaves %s', (history, revision, expected) => {
    const left = textOf(compacted(historyOf(history), revision));
    expect(left.replace('plain ', '')).toBe(expected);
  });

  test('a key left with its first put takes no more than a number again', () => {
    expect(compacted(historyOf('2 -4 6'), 6)).toBe(6);
    expect(textOf(compacted(historyOf('2 -4 6.1'), 6))).toBe('6.1');
    expect(textOf(compacted(historyOf('2 4'), 4))).toBe('4');
    expect(typeof compacted(historyOf('2 4'), 4)).toBe('object');
    expect(compacted(7, 9)).toBe(7);
  });
});

test('a deletion at a revision is found behind what came after it, and no other change is', () => {
  const deletedAt = (text: string, main: number): boolean => hasOlderTombstoneAt(historyOf(text), main);
  expect(deletedAt('2 -4 4.1', 4)).toBe(true);
  expect(deletedAt('2 -4 6 8', 4)).toBe(true);
  expect(deletedAt('2 4 6 8', 4)).toBe(false);
  expect(deletedAt('2 -4 6 8', 6)).toBe(false);
  expect(deletedAt('2 -4 6 8', 3)).toBe(false);
  // The newest change is asked for elsewhere.
  expect(deletedAt('2 -4', 4)).toBe(false);
  expect(hasOlderTombstoneAt(4, 4)).toBe(false);
});

describe('what a compaction keeps', () => {
  const kept = (history: string, revision: number, main: number) =>
    isKept(historyOf(history), revision, { main, sub: 0 });

  test('the newest change at or below it, if the key is alive then', () => {
    expect(kept('2 4 6', 5, 4)).toBe(true);
    expect(kept('2 4 6', 5, 2)).toBe(false);
    expect(kept('2 -4 6', 5, 4)).toBe(false);
  });

  test('#18089: the tombstone exactly at it', () => {
    expect(kept('2 -4', 4, 4)).toBe(true);
    expect(kept('2 -4', 5, 4)).toBe(false);
  });
});
