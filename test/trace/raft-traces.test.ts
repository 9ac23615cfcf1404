/** The reference's recorded traces, byte for byte. More of them can be run with `npm run raft-traces -- DIR…`. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseTrace } from './datadriven.js';
import { runTrace } from './run.js';

const root = join(import.meta.dirname, '../fixtures/raft-traces');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.txt'))
  .sort();

test.each(files)('the core reproduces %s', (name) => {
  expect(runTrace(readFileSync(join(root, name), 'utf8'))).toBeUndefined();
});

test('there are traces of all three kinds', () => {
  const folders = new Set(files.map((name) => name.split('/')[0]));
  expect([...folders].sort()).toEqual(['confchange', 'interaction', 'quorum']);
  expect(files.length).toBe(28);
});

test('compact prints the rest of the log, as raft-log does', () => {
  const begin = 'add-nodes 1 voters=(1) index=3\n----\nok\n\ncampaign 1\n----\nok\n\nstabilize\n----\nok\n';
  const three = ['a', 'b', 'c'].map((text) => `propose 1 ${text}\n----\nok\n\nstabilize\n----\nok\n`).join('\n');
  const quiet = (text: string): string => `log-level none\n----\nok\n\n${text}`;
  const rest = ['1/6 EntryNormal "b"', '1/7 EntryNormal "c"'].join('\n');
  const level = 'log-level error\n----\nok\n';
  const compacting = 'compact 1 5\n----\n';
  expect(runTrace(quiet([begin, three, level, `${compacting}${rest}\n`].join('\n')))).toBeUndefined();
  expect(runTrace(quiet([begin, three, level, `${compacting}ok\n`].join('\n')))?.actual).toBe('1/6 EntryNormal "b"');
  const empty = 'compact 1 7\n----\nlog is empty: first index=8, last index=7\n';
  expect(runTrace(quiet([begin, three, level, empty].join('\n')))).toBeUndefined();
  expect(runTrace(quiet([begin, three, `${compacting}ok\n`].join('\n')))).toBeUndefined();
  const twice = `${compacting}${rest}\n\ncompact 1 4\n----\nrequested index is unavailable due to compaction\n`;
  expect(runTrace(quiet([begin, three, level, twice].join('\n')))).toBeUndefined();
});

test('a differing line is told with its place', () => {
  const text = 'log-level info\n----\nok\n\nadd-nodes 1 voters=(1) index=3\n----\nINFO something else\n';
  expect(runTrace(text)).toEqual({
    line: 7,
    expected: 'INFO something else',
    actual: 'INFO 1 switched to configuration voters=(1)',
  });
});

test('missing and surplus lines differ', () => {
  expect(runTrace('log-level info\n----\n')).toEqual({ line: 3, expected: undefined, actual: 'ok' });
  expect(runTrace('log-level info\n----\nok\nmore\n')).toEqual({ line: 4, expected: 'more', actual: undefined });
});

test('an unknown command is a difference', () => {
  expect(runTrace('no-such-command\n----\nok\n')?.actual).toBe('unknown command');
});

test('a broken invariant is a difference, not a crash', () => {
  expect(runTrace('add-nodes 1 voters=(1) index=3\n----\nok\n\ncompact 1 9\n----\nok\n')?.line).toBe(3);
  expect(
    runTrace('log-level none\n----\nok\n\nadd-nodes 1 voters=(1) index=3\n----\nok\n\ncompact 1 9\n----\nok\n')?.actual,
  ).toMatch(/^panic: /);
});

test('the format knows comments, continued lines, input, lists and doubled separators', () => {
  const [first, second] = parseTrace(
    '# a comment\n\none a=(1, 2) \\\nb c=\nin put\n----\nout\n\ntwo\n----\n----\nx\n\ny\n----\n----\n',
  );
  expect(first).toEqual({
    command: 'one',
    args: [
      { key: 'a', values: ['1', '2'] },
      { key: 'b', values: [] },
      { key: 'c', values: [''] },
    ],
    input: 'in put',
    expected: ['out'],
    expectedLine: 7,
  });
  expect(second?.expected).toEqual(['x', '', 'y']);
});
