import { describe, expect, it } from 'vitest';
import { parseCompare } from '../../../../src/ctl/txn/compare.js';
import { type Line, readTransaction } from '../../../../src/ctl/txn/read-transaction.js';
import { parseRequest } from '../../../../src/ctl/txn/request.js';
import { cutWords } from '../../../../src/ctl/words.js';
import { Compare_CompareResult, Compare_CompareTarget } from '../../../../src/proto/gen/etcdserverpb.js';

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

describe('a condition', () => {
  const { EQUAL, GREATER, LESS, NOT_EQUAL } = Compare_CompareResult;
  const { CREATE, LEASE, MOD, VALUE, VERSION } = Compare_CompareTarget;

  it.each([
    ['ver("k") = "3"', VERSION, EQUAL, { case: 'version', value: 3 }],
    ['version("k") != "-1"', VERSION, NOT_EQUAL, { case: 'version', value: -1 }],
    ['c("k") > "0"', CREATE, GREATER, { case: 'createRevision', value: 0 }],
    ['create("k") < "9"', CREATE, LESS, { case: 'createRevision', value: 9 }],
    ['m("k") = "1"', MOD, EQUAL, { case: 'modRevision', value: 1 }],
    ['mod("k")   =   "1"', MOD, EQUAL, { case: 'modRevision', value: 1 }],
    ['mod("k") > "9223372036854775807"', MOD, GREATER, { case: 'modRevision', value: Number.MAX_SAFE_INTEGER }],
    ['lease("k") = "1f"', LEASE, EQUAL, { case: 'lease', value: 0x1fn }],
    ['mod(`k`) = `1` and more', MOD, EQUAL, { case: 'modRevision', value: 1 }],
  ])('%s', (line, target, result, targetUnion) => {
    const parsed = parseCompare(line);
    expect(parsed).toMatchObject({ target, result, targetUnion });
    expect(text(parsed.key)).toBe('k');
  });

  it('compares values as bytes, Go’s escapes read', () => {
    const { key, target, targetUnion } = parseCompare(String.raw`val("a\tb") = "\x00\377\u00e9\"\\"`);
    expect(text(key)).toBe('a\tb');
    expect(target).toBe(VALUE);
    expect(targetUnion.case === 'value' && text(targetUnion.value)).toBe('\0\xff\xc3\xa9"\\');
  });

  it.each([
    ['bogus', 'malformed comparison: bogus'],
    ['val(key) = "x"', 'malformed comparison: val(key) = "x"; got val("")  ""'],
    ['val("key" = "x"', 'malformed comparison: val("key" = "x"; got val("key")  ""'],
    ['val("key")= "x"', 'malformed comparison: val("key")= "x"; got val("key")  ""'],
    ['val("key") =', 'malformed comparison: val("key") =; got val("key") = ""'],
    ['mod("key") = abc', 'malformed comparison: mod("key") = abc; got mod("key") = ""'],
    ['val("\\q") = "x"', 'malformed comparison: val("\\q") = "x"; got val("")  ""'],
    ['color("key") = "x"', 'malformed comparison: color("key") = "x" (unknown target color)'],
    ['mod("key") = "abc"', 'invalid txn compare request: mod("key") = "abc"'],
    ['mod("key") ~ "1"', 'invalid txn compare request: mod("key") ~ "1"'],
    ['mod("key") = "9223372036854775808"', 'invalid txn compare request: mod("key") = "9223372036854775808"'],
  ])('%s is refused', (line, message) => {
    expect(() => parseCompare(line)).toThrow(expect.objectContaining({ exitCode: 3, message }));
  });
});

describe('words of a line', () => {
  it.each([
    ['put a b', ['put', 'a', 'b']],
    ['  put\ta   b ', ['put', 'a', 'b']],
    [`put "key with spaces" 'it has "double" inside'`, ['put', 'key with spaces', 'it has "double" inside']],
    [String.raw`put esc "tab\tquote\""`, ['put', 'esc', 'tab\tquote"']],
    ['put a "unclosed', ['put', 'a', 'unclosed']],
    ['put a ""', ['put', 'a', '']],
    ['put a\xa0b \xe2\x80\x83', ['put', 'a\xa0b', '\xe2\x80\x83']],
    ['', []],
  ])('%j', (line, words) => {
    expect(cutWords(line)).toEqual(words);
  });

  it('are refused with an escape that Go does not know', () => {
    expect(() => cutWords('put a "\\q"')).toThrow(expect.objectContaining({ exitCode: 3, message: 'invalid syntax' }));
  });
});

describe('an operation', () => {
  it('is a put with its flags', () => {
    const { op } = parseRequest('put --prev-kv --lease=1f "a b" c');
    expect(op.request).toMatchObject({ case: 'requestPut', value: { lease: 0x1fn, prevKv: true } });
    expect(op.request.case === 'requestPut' && [text(op.request.value.key), text(op.request.value.value)]).toEqual([
      'a b',
      'c',
    ]);
  });

  it('is a get with its flags', () => {
    const { op } = parseRequest('get a c --limit 3 --order=descend --consistency s');
    expect(op.request).toMatchObject({ case: 'requestRange', value: { limit: 3, sortOrder: 2, serializable: true } });
  });

  it('is a deletion, and a doubtful one when two keys were given', () => {
    expect(parseRequest('del a --prefix').doubtful).toBeUndefined();
    expect(parseRequest('del a c').doubtful).toEqual({ key: 'a', end: 'c' });
    expect(parseRequest('del a c --range').doubtful).toBeUndefined();
  });

  it('may be shortened like any command', () => {
    expect(parseRequest('pu a b').op.request.case).toBe('requestPut');
  });

  it.each([
    ['put', 3, 'invalid txn compare request: put'],
    ['bogus a b', 3, 'invalid txn request: bogus a b'],
    ['get a --bogus', 3, 'invalid txn request: get a --bogus'],
    ['put a', 128, 'put command needs 1 argument and input from stdin or 2 arguments'],
    ['put a b --lease=zz', 128, 'bad lease ID (strconv.ParseInt: parsing "zz": invalid syntax), expecting ID in Hex'],
    ['get a --order=UP', 4, 'bad sort order UP'],
    ['get a --sort-by=UP', 4, 'bad sort target UP'],
    ['get a --consistency=x', 4, 'unknown consistency flag "x"'],
    ['del a b c', 128, 'del command needs one argument as key and an optional argument as range_end'],
  ])('%s is refused', (line, exitCode, message) => {
    expect(() => parseRequest(line)).toThrow(expect.objectContaining({ exitCode, message }));
  });
});

describe('a transaction', () => {
  async function* lines(whole: string): AsyncGenerator<Line> {
    const parts = whole.split('\n');
    for (const [at, part] of parts.entries()) {
      if (at < parts.length - 1) yield { text: part, complete: true };
      else if (part !== '') yield { text: part, complete: false };
      await Promise.resolve();
    }
  }
  const read = (whole: string, prompts: string[] = []) =>
    readTransaction(lines(whole), { prompt: (prompt) => prompts.push(prompt), onDoubt: () => Promise.resolve() });

  it('has three parts, each ended by an empty line', async () => {
    const prompts: string[] = [];
    const { compare, success, failure } = await read(
      'ver("k") = "0"\n\nput a 1\nget a\n \t\ndel a\n\nignored',
      prompts,
    );
    expect([compare.length, success.length, failure.length]).toEqual([1, 2, 1]);
    expect(prompts).toEqual(['compares:', 'success requests (get, put, del):', 'failure requests (get, put, del):']);
  });

  it.each(['', 'val("a") = "1"', '\nput a b', '\nput a b\n\n'])('must not end early: %j', async (whole) => {
    await expect(read(whole)).rejects.toMatchObject({ exitCode: 3, message: 'EOF' });
  });
});
