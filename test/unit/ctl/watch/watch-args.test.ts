import { describe, expect, it } from 'vitest';
import { interactiveLine, watchTarget } from '../../../../src/ctl/watch/watch-args.js';
import { cutWords } from '../../../../src/ctl/words.js';

const noEnv = { key: '', rangeEnd: '' };
const plain = { prefix: false };

describe('what a watch is to watch', () => {
  const target = (args: string[], beforeDash?: number, env = noEnv, flags = plain) =>
    watchTarget({ args, beforeDash }, flags, env);

  it('is a key or a range', () => {
    expect(target(['a'])).toEqual({ key: 'a', rangeEnd: undefined, exec: [] });
    expect(target(['a', 'c'])).toEqual({ key: 'a', rangeEnd: 'c', exec: [] });
  });

  it('is the first of three words', () => {
    expect(target(['a', 'b', 'c'])).toEqual({ key: 'a', rangeEnd: undefined, exec: [] });
  });

  it('may come with a command', () => {
    expect(target(['a', 'echo', 'a'], 1)).toEqual({ key: 'a', rangeEnd: undefined, exec: ['echo', 'a'] });
  });

  it('may come from variables', () => {
    const env = { key: 'a', rangeEnd: 'c' };
    expect(target([], undefined, env)).toEqual({ key: 'a', rangeEnd: 'c', exec: [] });
    expect(target(['echo'], 0, { key: 'a', rangeEnd: '' })).toEqual({ key: 'a', rangeEnd: undefined, exec: ['echo'] });
  });

  it.each([
    [[], undefined, noEnv, plain, 'bad number of arguments'],
    [['a'], 1, noEnv, plain, 'bad number of arguments (found separator --, but no commands)'],
    [
      ['a'],
      undefined,
      { key: 'b', rangeEnd: '' },
      plain,
      'bad number of arguments (found conflicting environment key)',
    ],
    [['a', 'x'], 1, { key: 'b', rangeEnd: '' }, plain, 'bad number of arguments (found conflicting environment key)'],
    [['a', 'b'], undefined, noEnv, { prefix: true }, '`range_end` and `--prefix` are mutually exclusive'],
    [['x'], 0, noEnv, plain, 'bad number of arguments'],
  ])('%j with %j words before the dash is refused', (args, beforeDash, env, flags, message) => {
    expect(() => target(args, beforeDash, env, flags)).toThrow(message);
  });
});

describe('a line of an interactive watch', () => {
  const read = (line: string, env = noEnv) => interactiveLine(line, cutWords(line), env);

  it('adds a watch with flags of its own', () => {
    expect(read('watch --rev 2 "key with spaces" --prev-kv')).toMatchObject({
      t: 'watch',
      target: { key: 'key with spaces', exec: [] },
      flags: { rev: 2, 'prev-kv': true, prefix: false },
    });
    expect(read('watch foo -- echo -n ran')).toMatchObject({ target: { key: 'foo', exec: ['echo', '-n', 'ran'] } });
    expect(read('watch', { key: 'foo', rangeEnd: '' })).toMatchObject({ target: { key: 'foo' } });
  });

  it('asks for progress', () => {
    expect(read('progress')).toEqual({ t: 'progress' });
  });

  it.each([
    ['', 'Invalid command:  (watch and progress supported)'],
    ['bogus foo', 'Invalid command bogus foo (only support watch)'],
    ['watch', 'Invalid command watch (command type or key is not provided)'],
    ['watch a b --prefix', 'Invalid command watch a b --prefix (`range_end` and `--prefix` are mutually exclusive)'],
  ])('%j is passed over', (line, message) => {
    expect(read(line)).toEqual({ t: 'invalid', message });
  });

  it.each([
    ['watch foo --bogus', 'unknown flag: --bogus'],
    ['watch --prefix', 'bad number of arguments'],
    ['watch foo --', 'bad number of arguments (found separator --, but no commands)'],
  ])('%j ends the command', (line, message) => {
    expect(() => read(line)).toThrow(message);
  });
});
