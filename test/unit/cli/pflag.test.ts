import { describe, expect, it } from 'vitest';
import { flag } from '../../../src/cli/flags.js';
import { FlagError, missingRequired, parseWords } from '../../../src/cli/pflag.js';

const table = {
  prefix: flag.bool('p'),
  limit: flag.int64(0, 'l'),
  order: flag.string('', 'o'),
  listen: flag.bool('l', { char: 'l' }),
  'write-out': flag.string('simple', 'w', { char: 'w' }),
  endpoints: flag.strings(['127.0.0.1:2379'], 'e'),
  timeout: flag.duration(5_000, 't'),
  rev: flag.uint64(0, 'r'),
  secure: flag.bool('s', { default: true }),
};
const parse = (...words: string[]) => parseWords(words, table);

describe('words behind a command', () => {
  it('mix flags and arguments, and fill in defaults', () => {
    const { args, values, changed } = parse('a', '--prefix', 'b', '--limit', '3', '-w', 'json');
    expect(args).toEqual(['a', 'b']);
    expect(values).toMatchObject({ prefix: true, limit: 3, 'write-out': 'json', order: '', secure: true });
    expect([...changed].sort()).toEqual(['limit', 'prefix', 'write-out']);
  });

  it.each([
    [['--limit=0x10'], { limit: 16 }],
    [['--limit=-5'], { limit: -5 }],
    [['--limit=1_000'], { limit: 1000 }],
    [['--order='], { order: '' }],
    [['--order', '--prefix'], { order: '--prefix', prefix: false }],
    [['-wjson'], { 'write-out': 'json' }],
    [['-w=json'], { 'write-out': 'json' }],
    [['-lw', 'json'], { listen: true, 'write-out': 'json' }],
    [['-lwjson'], { listen: true, 'write-out': 'json' }],
    [['--secure=false'], { secure: false }],
    [['--prefix=T'], { prefix: true }],
    [['--timeout=1m30s'], { timeout: 90_000 }],
    [['--limit', '1', '--limit', '2'], { limit: 2 }],
    [['--endpoints', 'a,b', '--endpoints=c'], { endpoints: ['a', 'b', 'c'] }],
    [['--endpoints='], { endpoints: [] }],
    [['--endpoints', '"a,b",'], { endpoints: ['a,b', ''] }],
  ])('%j are read', (words, expected) => {
    expect(parse(...words).values).toMatchObject(expected);
  });

  it('end flags at --, and remember where', () => {
    expect(parse('lock', '--', 'sh', '-c', '--prefix')).toMatchObject({
      args: ['lock', 'sh', '-c', '--prefix'],
      argsBeforeDash: 1,
      values: { prefix: false },
    });
    expect(parse('a').argsBeforeDash).toBeUndefined();
    expect(parse('-').args).toEqual(['-']);
  });

  it('take a boolean word for an argument, not for the value', () => {
    expect(parse('--prefix', 'false')).toMatchObject({ args: ['false'], values: { prefix: true } });
  });

  it.each([
    [['--bogus'], 'unknown flag: --bogus'],
    [['--bogus=1'], 'unknown flag: --bogus'],
    [['--constructor'], 'unknown flag: --constructor'],
    [['-x'], "unknown shorthand flag: 'x' in -x"],
    [['-lx'], "unknown shorthand flag: 'x' in -x"],
    [['-xw'], "unknown shorthand flag: 'x' in -xw"],
    [['--='], 'bad flag syntax: --='],
    [['---x'], 'bad flag syntax: ---x'],
    [['--limit'], 'flag needs an argument: --limit'],
    [['-w'], "flag needs an argument: 'w' in -w"],
    [['--limit=x'], 'invalid argument "x" for "--limit" flag: strconv.ParseInt: parsing "x": invalid syntax'],
    [
      ['--limit=99999999999999999999'],
      'invalid argument "99999999999999999999" for "--limit" flag: strconv.ParseInt: parsing ' +
        '"99999999999999999999": value out of range',
    ],
    [['--rev=-1'], 'invalid argument "-1" for "--rev" flag: strconv.ParseUint: parsing "-1": invalid syntax'],
    [
      ['--prefix=maybe'],
      'invalid argument "maybe" for "--prefix" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    [['--listen=x'], 'invalid argument "x" for "-l, --listen" flag: strconv.ParseBool: parsing "x": invalid syntax'],
    [['--timeout=5'], 'invalid argument "5" for "--timeout" flag: time: missing unit in duration "5"'],
    [['--timeout=bogus'], 'invalid argument "bogus" for "--timeout" flag: time: invalid duration "bogus"'],
    [
      ['--endpoints=a"b'],
      'invalid argument "a\\"b" for "--endpoints" flag: parse error on line 1, column 2: bare " in non-quoted-field',
    ],
    [
      ['--endpoints="a'],
      'invalid argument "\\"a" for "--endpoints" flag: parse error on line 1, column 3: extraneous or missing " ' +
        'in quoted-field',
    ],
    [
      ['--endpoints="a"b'],
      'invalid argument "\\"a\\"b" for "--endpoints" flag: parse error on line 1, column 3: extraneous or ' +
        'missing " in quoted-field',
    ],
  ])('%j are refused in pflag’s words', (words, message) => {
    expect(() => parse(...words)).toThrow(new FlagError(message));
  });

  it('tell which required flags are missing, in alphabetical order', () => {
    const required = { 'z-dir': flag.string('', 'z', { required: true }), a: flag.string('', 'a', { required: true }) };
    expect(missingRequired(required, new Set())).toEqual(['a', 'z-dir']);
    expect(missingRequired(required, new Set(['a', 'z-dir']))).toEqual([]);
  });
});
