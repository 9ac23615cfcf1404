import { expect, it } from 'vitest';
import { RequestIds } from '../../../../src/member/writes/request-ids.js';

it('a request id is member, time and counter, and the first has counter 1', () => {
  const ids = new RequestIds(0x1234_5678_9abc_def0n, 0x11_2233_4455);
  expect(ids.next().toString(16)).toBe('def0112233445501');
  expect(ids.next().toString(16)).toBe('def0112233445502');
});

it('the counter overflows into the time', () => {
  const ids = new RequestIds(1n, 0);
  for (let count = 0; count < 255; count++) ids.next();
  expect(ids.next().toString(16)).toBe('1000000000100');
});

it('only 40 bits of the time are kept', () => {
  expect(new RequestIds(0n, 2 ** 40 + 1).next()).toBe(0x101n);
});
