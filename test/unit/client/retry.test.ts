import { describe, expect, it } from 'vitest';
import { reconnectDelayMs, retryDelayMs } from '../../../src/client/backoff.js';
import { judge } from '../../../src/client/retry.js';
import { Code, GrpcError } from '../../../src/grpc/types.js';
import { seededRandom } from '../../support/seeded-random.js';

const call = {
  policy: 'repeatable',
  endpointCount: 1,
  hasLogin: false,
  hasFixedToken: false,
  isOwnDeadline: false,
} as const;
const mutating = { ...call, policy: 'non-repeatable' } as const;

describe('a failed call', () => {
  it('is repeated when it may be and the server was not available', () => {
    const unavailable = new GrpcError(Code.Unavailable, 'error reading from server: EOF');
    expect(judge(unavailable, call)).toBe('again');
    expect(judge(unavailable, mutating)).toBe('fail');
  });

  it('is not repeated for what the server will say again', () => {
    expect(judge(new GrpcError(Code.OutOfRange, 'etcdserver: mvcc: required revision has been compacted'), call)).toBe(
      'fail',
    );
    expect(judge(new GrpcError(Code.Unknown, 'etcdserver: too many requests'), call)).toBe('fail');
  });

  it('is repeated when it was ended by somebody else’s deadline, not by its own', () => {
    const late = new GrpcError(Code.DeadlineExceeded, 'context deadline exceeded');
    expect(judge(late, mutating)).toBe('again');
    expect(judge(late, { ...mutating, isOwnDeadline: true })).toBe('fail');
  });

  it('is repeated with a new token when the server does not know the old one', () => {
    expect(judge(new GrpcError(Code.Unauthenticated, 'etcdserver: invalid auth token'), mutating)).toBe('renew-token');
    const old = new GrpcError(Code.InvalidArgument, 'etcdserver: revision of auth store is old');
    expect(judge(old, mutating)).toBe('renew-token');
    const noUser = new GrpcError(Code.InvalidArgument, 'etcdserver: user name is empty');
    expect(judge(noUser, { ...mutating, hasLogin: true })).toBe('renew-token');
    const inStore = new GrpcError(Code.Unknown, 'auth: user name is empty');
    expect(judge(inStore, { ...mutating, hasLogin: true })).toBe('renew-token');
    expect(judge(inStore, mutating)).toBe('fail');
    expect(judge(noUser, mutating)).toBe('fail');
    // Of a token that the client was given there is no other.
    expect(judge(old, { ...mutating, hasFixedToken: true })).toBe('fail');
  });

  it('is repeated when a learner refused it and there are other endpoints', () => {
    const learner = new GrpcError(Code.Unavailable, 'etcdserver: rpc not supported for learner');
    expect(judge(learner, mutating)).toBe('fail');
    expect(judge(learner, { ...mutating, endpointCount: 2 })).toBe('again');
  });
});

describe('waiting times', () => {
  const random = seededRandom(1);

  it('let a round over a quorum of the endpoints pass before a pause', () => {
    const pauses = (endpoints: number) =>
      [1, 2, 3, 4, 5, 6].map((attempt) => retryDelayMs(attempt, endpoints, random) > 0);
    expect(pauses(1)).toEqual([true, true, true, true, true, true]);
    expect(pauses(3)).toEqual([false, true, false, true, false, true]);
    expect(pauses(5)).toEqual([false, false, true, false, false, true]);
  });

  it('are 25 ms, give or take a tenth', () => {
    for (let i = 0; i < 100; i++) {
      const delay = retryDelayMs(1, 1, random);
      expect(delay).toBeGreaterThanOrEqual(22.5);
      expect(delay).toBeLessThanOrEqual(27.5);
    }
  });

  it('between attempts to connect grow up to two minutes', () => {
    const mean = (failures: number) => {
      let sum = 0;
      for (let i = 0; i < 400; i++) sum += reconnectDelayMs(failures, random);
      return sum / 400;
    };
    expect(mean(1) / 1000).toBeCloseTo(1, 1);
    expect(mean(2) / 1600).toBeCloseTo(1, 1);
    expect(mean(30) / 120_000).toBeCloseTo(1, 1);
  });
});
