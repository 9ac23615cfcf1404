import { expect, it } from 'vitest';
import { jsonString } from '../../../src/v2/json.js';
import { formatTime, parseTime, remainingSeconds } from '../../../src/v2/time.js';

it.each([
  ['plain /', '"plain /"'],
  ['<a & b>', '"\\u003ca \\u0026 b\\u003e"'],
  ['\b\f\n\r\t"\\\x00', '"\\u0008\\u000c\\n\\r\\t\\"\\\\\\u0000"'],
  ['\xc3\xa9', '"\xc3\xa9"'],
  ['\xff\xc3', '"\\ufffd\\ufffd"'],
  ['\xe2\x80\xa8\xe2\x80\xa9', '"\\u2028\\u2029"'],
  ['\xed\xa0\x80', '"\\ufffd\\ufffd\\ufffd"'],
  // The first and the last sequence of each length, and what is just beside them.
  ['\xc2\x80\xdf\xbf', '"\xc2\x80\xdf\xbf"'],
  ['\xc1\xbf', '"\\ufffd\\ufffd"'],
  ['\xe0\xa0\x80\xef\xbf\xbf', '"\xe0\xa0\x80\xef\xbf\xbf"'],
  ['\xe0\x9f\xbf', '"\\ufffd\\ufffd\\ufffd"'],
  ['\xed\x9f\xbf\xee\x80\x80', '"\xed\x9f\xbf\xee\x80\x80"'],
  ['\xf0\x90\x80\x80\xf4\x8f\xbf\xbf', '"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"'],
  ['\xf0\x8f\xbf\xbf', '"\\ufffd\\ufffd\\ufffd\\ufffd"'],
  ['\xf4\x90\x80\x80', '"\\ufffd\\ufffd\\ufffd\\ufffd"'],
  ['\xf5\x80\x80\x80', '"\\ufffd\\ufffd\\ufffd\\ufffd"'],
  ['\xf0\x90\x80', '"\\ufffd\\ufffd\\ufffd"'],
  // One that is cut short by something else, at each place.
  ['\xc2A', '"\\ufffdA"'],
  ['\xe2A\x80', '"\\ufffdA\\ufffd"'],
  ['\xe2\x80A', '"\\ufffd\\ufffdA"'],
  ['\xf0\x90A\x80', '"\\ufffd\\ufffdA\\ufffd"'],
  ['\xf0\x90\x80A', '"\\ufffd\\ufffd\\ufffdA"'],
  ['\xf0\x90\x80\xc0', '"\\ufffd\\ufffd\\ufffd\\ufffd"'],
])('writes %j as Go does', (bytes, json) => expect(jsonString(bytes)).toBe(json));

it('writes and reads times to the nanosecond', () => {
  const times = [0n, 1n, 1_700_000_000_123_456_780n, -1n, 8_800_000_000_000_000_001n];
  for (const time of times) expect(parseTime(formatTime(time))).toBe(time);
  expect(formatTime(1_700_000_000_120_000_000n)).toBe('2023-11-14T22:13:20.12Z');
  expect(parseTime('2023-11-14T23:13:20.12+01:00')).toBe(1_700_000_000_120_000_000n);
  expect(parseTime('0001-01-01T00:00:00Z')).toBeUndefined();
});

it('rounds what is left up to whole seconds', () => {
  expect([1n, 1_000_000_000n, 1_000_000_001n, 0n].map((left) => remainingSeconds(left, 0n))).toEqual([1, 1, 2, 0]);
});
