import { expect, it } from 'vitest';
import { type Waiter, Waiters } from '../../../../src/member/writes/waiters.js';

function waiter(name: string, deadlineMs: number, got: string[], isAbandoned = false): Waiter<string> {
  return { deadlineMs, isAbandoned, settle: (result) => got.push(`${name} ${result}`), expired: () => 'late' };
}

it('a result goes to the one who waits for it, once', () => {
  const waiters = new Waiters<string>();
  const got: string[] = [];
  waiters.register(1n, waiter('1', 10, got));
  waiters.settle(2n, 'other');
  waiters.settle(1n, 'mine');
  waiters.settle(1n, 'again');
  expect(got).toEqual(['1 mine']);
});

it('waiters expire in order of registration', () => {
  const waiters = new Waiters<string>();
  const got: string[] = [];
  waiters.register(1n, waiter('1', 10, got));
  waiters.register(2n, waiter('2', 20, got));
  expect(waiters.expire(9)).toBe(0);
  expect(waiters.expire(10)).toBe(1);
  waiters.settleAll('stopped');
  expect(got).toEqual(['1 late', '2 stopped']);
  expect(waiters.size).toBe(0);
});

it('a result is awaited while somebody is there for it', () => {
  const waiters = new Waiters<string>();
  const got: string[] = [];
  waiters.register(1n, waiter('1', 10, got));
  waiters.register(2n, waiter('2', 10, got, true));
  expect([1n, 2n, 3n].map((id) => waiters.isAwaited(id))).toEqual([true, false, false]);
  waiters.settle(1n, 'mine');
  expect(waiters.isAwaited(1n)).toBe(false);
});
