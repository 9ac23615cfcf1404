import { describe, expect, it } from 'vitest';
import { humanBytes } from '../../../../src/lib/go/bytes.js';
import { formatDuration, formatMs, parseDuration } from '../../../../src/lib/go/duration.js';
import { parseBool, parseInteger, parseUnsigned } from '../../../../src/lib/go/number.js';
import { goQuote, goQuoteBytes } from '../../../../src/lib/go/quote.js';
import { pathErrorText } from '../../../../src/lib/go/system-error.js';
import { alertText } from '../../../../src/lib/go/tls-alerts.js';
import { parseGoUrl, splitHostPort } from '../../../../src/lib/go/url.js';

describe('durations', () => {
  it.each([
    ['0', 0n],
    ['5s', 5_000_000_000n],
    ['1h30m', 5_400_000_000_000n],
    ['-1.5ms', -1_500_000n],
    ['+.5s', 500_000_000n],
    ['1.s', 1_000_000_000n],
    ['2us3ns', 2_003n],
    ['1µs', 1_000n],
    ['1μs', 1_000n],
    ['9223372036854775807ns', 9_223_372_036_854_775_807n],
    ['-9223372036854775808ns', -9_223_372_036_854_775_808n],
  ])('%s is read', (text, nanoseconds) => {
    expect(parseDuration(text)).toBe(nanoseconds);
  });

  it.each([
    ['', 'time: invalid duration ""'],
    ['-', 'time: invalid duration "-"'],
    ['x', 'time: invalid duration "x"'],
    ['5', 'time: missing unit in duration "5"'],
    ['-1', 'time: missing unit in duration "-1"'],
    ['5 s', 'time: unknown unit " s" in duration "5 s"'],
    ['5d', 'time: unknown unit "d" in duration "5d"'],
    ['.s', 'time: invalid duration ".s"'],
    ['9223372036854775808ns', 'time: invalid duration "9223372036854775808ns"'],
    ['3000000h', 'time: invalid duration "3000000h"'],
  ])('%j is refused', (text, message) => {
    expect(() => parseDuration(text)).toThrow(message);
  });

  it.each([
    [0n, '0s'],
    [1n, '1ns'],
    [1_100n, '1.1µs'],
    [2_200_000n, '2.2ms'],
    [3_300_000_000n, '3.3s'],
    [245_000_000_000n, '4m5s'],
    [3_600_000_000_000n, '1h0m0s'],
    [18_367_001_000_000n, '5h6m7.001s'],
    [-1_000_000n, '-1ms'],
  ])('%s ns is written %s and read back', (nanoseconds, text) => {
    expect(formatDuration(nanoseconds)).toBe(text);
    expect(parseDuration(text)).toBe(nanoseconds);
  });

  it('in milliseconds keep their fraction', () => {
    expect(formatMs(1.5)).toBe('1.5ms');
    expect(formatMs(300)).toBe('300ms');
  });
});

describe('numbers', () => {
  it.each([
    ['0', 0n],
    ['-12', -12n],
    ['+7', 7n],
    ['0x1F', 31n],
    ['0b101', 5n],
    ['0o17', 15n],
    ['017', 15n],
    ['1_000', 1000n],
    ['0x_ff', 255n],
    ['9223372036854775807', 9_223_372_036_854_775_807n],
    ['-9223372036854775808', -9_223_372_036_854_775_808n],
  ])('%s is an integer', (text, value) => {
    expect(parseInteger(text, { base: 0, bits: 64 })).toBe(value);
  });

  it.each(['', '-', 'x', '1.5', '1e9', '0x', '08', '1__0', '_1', '1_', ' 1', '0b2'])('%j is none', (text) => {
    expect(() => parseInteger(text, { base: 0, bits: 64 })).toThrow(
      `strconv.ParseInt: parsing "${text}": invalid syntax`,
    );
  });

  it('stay in range', () => {
    expect(() => parseInteger('9223372036854775808', { base: 10, bits: 64 })).toThrow('value out of range');
    expect(() => parseUnsigned('4294967296', { base: 10, bits: 32 })).toThrow('value out of range');
    expect(() => parseUnsigned('-1', { base: 10, bits: 64 })).toThrow(
      'strconv.ParseUint: parsing "-1": invalid syntax',
    );
    expect(parseUnsigned('ffffffffffffffff', { base: 16, bits: 64 })).toBe(2n ** 64n - 1n);
    expect(() => parseUnsigned('1_0', { base: 16, bits: 64 })).toThrow('invalid syntax');
  });

  it('know Go’s words for true and false', () => {
    expect(['1', 't', 'T', 'true', 'TRUE', 'True'].map(parseBool)).toEqual(Array(6).fill(true));
    expect(['0', 'f', 'F', 'false', 'FALSE', 'False'].map(parseBool)).toEqual(Array(6).fill(false));
    expect(() => parseBool('yes')).toThrow('strconv.ParseBool: parsing "yes": invalid syntax');
  });
});

describe('quotes', () => {
  it.each([
    ['a"b\\', '"a\\"b\\\\"'],
    ['\n\t\r\x07\x00\x7f', '"\\n\\t\\r\\a\\x00\\x7f"'],
    ['grüße 中 😀', '"grüße 中 😀"'],
    ['\u00a0\u200b\u2028', '"\\u00a0\\u200b\\u2028"'],
    ['\ud800', '"\ufffd"'],
  ])('of %j', (text, quoted) => {
    expect(goQuote(text)).toBe(quoted);
  });

  it('show bytes that are not UTF-8 one by one', () => {
    expect(goQuoteBytes(Buffer.from([0x61, 0xff, 0xc3, 0xbc, 0xc3, 0xe2, 0x82]))).toBe('"a\\xffü\\xc3\\xe2\\x82"');
    expect(goQuoteBytes(Buffer.from([0xed, 0xa0, 0x80, 0xc0, 0x80]))).toBe('"\\xed\\xa0\\x80\\xc0\\x80"');
  });
});

describe('URLs', () => {
  it.each([
    ['http://127.0.0.1:2379', { scheme: 'http', host: '127.0.0.1:2379', path: '' }],
    ['HTTPS://[::1]:2379/a%20b?x#y', { scheme: 'https', host: '[::1]:2379', path: '/a b' }],
    ['unix://sock:1/a', { scheme: 'unix', host: 'sock:1', path: '/a' }],
    ['http://user:pw@a:1', { scheme: 'http', host: 'a:1', path: '' }],
    ['mailto:a', { scheme: 'mailto', host: '', path: '' }],
    ['foo', { scheme: '', host: '', path: 'foo' }],
  ])('%s is read', (text, url) => {
    expect(parseGoUrl(text)).toEqual(url);
  });

  it.each([
    ['127.0.0.1:2379', 'first path segment in URL cannot contain colon'],
    [':foo', 'missing protocol scheme'],
    ['http://127.0.0.1:abc', 'invalid port ":abc" after host'],
    ['http://[::1', "missing ']' in host"],
    ['http://a b', 'invalid character " " in host name'],
    ['http://a%zz:1', 'invalid URL escape "%zz"'],
    ['http://a\nb', 'net/url: invalid control character in URL'],
  ])('%j is refused', (text, why) => {
    expect(() => parseGoUrl(text)).toThrow(`parse ${goQuote(text)}: ${why}`);
  });

  it('give host and port', () => {
    expect(splitHostPort('a:1')).toEqual({ host: 'a', port: '1' });
    expect(splitHostPort('[::1]:1')).toEqual({ host: '::1', port: '1' });
    expect(splitHostPort(':1')).toEqual({ host: '', port: '1' });
    expect([splitHostPort('a'), splitHostPort('::1'), splitHostPort('[::1]')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('sizes', () => {
  it.each([
    [9, '9 B'],
    [4096, '4.1 kB'],
    [20_480, '20 kB'],
    [21_500, '22 kB'],
    [2_147_483_648, '2.1 GB'],
  ])('%d is %s, a half to the even side', (count, text) => {
    expect(humanBytes(count)).toBe(text);
  });
});

describe('what the system refuses', () => {
  it.each([
    ['EFBIG', 'file too large'],
    ['EIO', 'input/output error'],
    ['EDQUOT', 'disk quota exceeded'],
    ['EBUSY', 'device or resource busy'],
    ['ESTALE', 'stale file handle'],
    ['ENFILE', 'too many open files in system'],
    ['ENOSPC', 'no space left on device'],
  ])('is worded as by Go: %s', (code, text) => {
    const refusal = Object.assign(new Error(`${code}: said otherwise`), { code });
    expect(pathErrorText('write', '/f', refusal)).toBe(`write /f: ${text}`);
  });
});

describe('alerts of TLS', () => {
  it.each([
    ['0A000412:SSL routines:ssl3_read_bytes:sslv3 alert bad certificate:SSL alert number 42', 'bad certificate'],
    ['0A000412:SSL routines:ssl3_read_bytes:ssl/tls alert bad certificate:SSL alert number 42', 'bad certificate'],
    [
      '0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:SSL alert number 116\n',
      'certificate required',
    ],
    ['SSL alert number 99', 'alert(99)'],
  ])('%s', (message, words) => {
    expect(alertText(new Error(message))).toBe(`remote error: tls: ${words}`);
  });

  it('are told from other errors', () => {
    expect(alertText(new Error('read ECONNRESET'))).toBeUndefined();
  });
});
