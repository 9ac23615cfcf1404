import { describe, expect, it } from 'vitest';
import { flag } from '../../../../src/cli/flags.js';
import { GoFlagError, parseGoWords, reordered } from '../../../../src/ctl/v2/words.js';

const table = {
  ttl: flag.int(0, 'seconds'),
  'in-order': flag.bool('in order'),
  recursive: flag.bool('all below', { char: 'r' }),
  readwrite: flag.bool('both', { alias: 'rw' }),
  p: flag.bool('mark'),
  timeout: flag.duration(2000, 'time'),
  roles: flag.list('roles'),
};
const read = (...words: string[]) => parseGoWords(reordered(words, table), table);

describe('words behind a command of the v2 client', () => {
  // Seen with etcdctl 3.4.23, which tells with --debug what it made of them.
  it.each([
    [['/k', 'v', '--ttl', '5'], { ttl: 5 }, ['/k', 'v']],
    [['--ttl', '5', '/k', 'v'], { ttl: 5 }, ['/k', 'v']],
    [['/k', '--ttl', '-5', 'v'], { ttl: -5 }, ['/k', 'v']],
    [['/k', '-v'], {}, ['/k', '-v']],
    [['/k', '--', '-v'], {}, ['/k', '-v']],
    [['--', '--ttl', '5'], {}, ['--ttl', '5']],
    [['/k', '--', '--', 'v'], {}, ['/k', '--', 'v']],
    [['/k', 'v', '--ttl', '5', '--', 'w'], { ttl: 5 }, ['/k', 'v', 'w']],
    [['--in-order', '/q', 'v', '--ttl', '5'], { 'in-order': true, ttl: 0 }, ['/q', '--ttl', '5', 'v']],
    [['--in-order', '/q', '--', 'v'], { 'in-order': true }, ['/q', '--', 'v']],
    [['--in-order', '--', '/q', 'v'], { 'in-order': true }, ['/q', 'v']],
    [['-p', '-r', '/', '--ttl=3'], { p: true, recursive: true, ttl: 0 }, ['/', '--ttl=3']],
    [['-r=true', '/k', '-ttl=0x10'], { recursive: true, ttl: 16 }, ['/k']],
    [['-', '--ttl', '5', 'v'], { ttl: 5 }, ['-', 'v']],
    [['role', '--rw'], { readwrite: true }, ['role']],
    [['u', '--roles', 'a,b', '--roles', 'c'], { roles: ['a,b', 'c'] }, ['u']],
    [['--timeout', '1m', 'x'], { timeout: 60_000 }, ['x']],
  ])('%j', (words, values, args) => {
    const got = read(...words);
    expect(got.args).toEqual(args);
    expect(got.values).toMatchObject(values);
  });

  it.each([
    [['--bogus', '/k'], 'flag provided but not defined: -bogus'],
    [['--ttl', 'abc', '/k'], 'invalid value "abc" for flag -ttl: parse error'],
    [['--ttl', '99999999999999999999'], 'invalid value "99999999999999999999" for flag -ttl: value out of range'],
    [['--ttl'], 'flag needs an argument: -ttl'],
    [['/k', 'v', '--ttl', '--', '5'], 'invalid value "--" for flag -ttl: parse error'],
    [['/k', '---ttl=5'], 'bad flag syntax: ---ttl=5'],
    [['-p=maybe'], 'invalid boolean value "maybe" for -p: parse error'],
    [['--timeout', '5'], 'invalid value "5" for flag -timeout: parse error'],
  ])('refuses %j', (words, message) => {
    expect(() => read(...words)).toThrow(new GoFlagError(message));
  });
});
