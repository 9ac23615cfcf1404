/** The window of messages in flight against a plain list, and a follower's progress under any order of events. */

import { expect, test } from 'vitest';
import { Inflights } from '../../src/raft/tracker/inflights.js';
import { Progress } from '../../src/raft/tracker/progress.js';
import fc from '../support/drawn.js';

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('add' as const), gap: fc.nat(3), bytes: fc.nat(50) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('free' as const), back: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reset' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clone' as const) }) },
);

test('the window behaves as a list of index and size', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.nat(200),
      fc.array(step, { maxLength: 80 }),
      (capacity, maxBytes, steps) => {
        let window = new Inflights(capacity, maxBytes);
        let list: { index: number; bytes: number }[] = [];
        let last = 0;
        const full = (): boolean =>
          list.length === capacity || (maxBytes !== 0 && list.reduce((sum, { bytes }) => sum + bytes, 0) >= maxBytes);
        for (const each of steps) {
          switch (each.do) {
            case 'add':
              last += each.gap;
              if (full()) {
                expect(() => window.add(last, each.bytes)).toThrow('cannot add into a Full inflights');
              } else {
                window.add(last, each.bytes);
                list.push({ index: last, bytes: each.bytes });
              }
              break;
            case 'free':
              window.freeUpTo(last - each.back);
              list = list.filter(({ index }) => index > last - each.back);
              break;
            case 'reset':
              window.reset();
              list = [];
              break;
            case 'clone': {
              const before = window;
              window = window.clone();
              before.reset();
              break;
            }
          }
          expect(window.count).toBe(list.length);
          expect(window.full).toBe(full());
        }
      },
    ),
    { numRuns: 300 },
  );
});

const event = fc.oneof(
  fc.record({ do: fc.constant('sent' as const), count: fc.nat(3), bytes: fc.nat(10) }),
  fc.record({ do: fc.constant('acknowledged' as const), ahead: fc.integer({ min: -3, max: 6 }) }),
  fc.record({ do: fc.constant('rejected' as const), at: fc.integer({ min: -3, max: 3 }), hint: fc.nat(30) }),
  fc.record({ do: fc.constant('probe' as const) }),
  fc.record({ do: fc.constant('replicate' as const) }),
  fc.record({ do: fc.constant('snapshot' as const), ahead: fc.nat(5) }),
);

test('whatever happens, match stays below next, and match never falls', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const progress = new Progress({
        match: 0,
        next: 5,
        inflights: new Inflights(4, 0),
        isLearner: false,
        recentActive: true,
      });
      for (const each of events) {
        const { match, state } = progress;
        switch (each.do) {
          case 'sent':
            if (!progress.paused) progress.sentEntries(each.count, each.bytes);
            break;
          case 'acknowledged': {
            const index = progress.match + each.ahead;
            expect(progress.maybeUpdate(index)).toBe(each.ahead > 0);
            expect(progress.match).toBe(Math.max(match, index));
            break;
          }
          case 'rejected': {
            const rejected = progress.next - 1 + each.at;
            const { next } = progress;
            if (progress.maybeDecreaseTo(rejected, each.hint)) expect(progress.next).toBeLessThanOrEqual(next);
            else expect(progress.next).toBe(next);
            break;
          }
          case 'probe':
            progress.becomeProbe();
            break;
          case 'replicate':
            progress.becomeReplicate();
            break;
          case 'snapshot':
            progress.becomeSnapshot(progress.next - 1 + each.ahead);
            expect(progress.next).toBe(progress.pendingSnapshot + 1);
            break;
        }
        expect(progress.match).toBeGreaterThanOrEqual(match);
        expect(progress.match).toBeLessThan(progress.next);
        if (progress.state === 'StateSnapshot') expect(progress.paused).toBe(true);
        if (progress.state !== 'StateReplicate') expect(progress.inflights.count).toBe(0);
        if (progress.state === state && state !== 'StateSnapshot') expect(progress.pendingSnapshot).toBe(0);
      }
    }),
    { numRuns: 300 },
  );
});

test('a copy shares nothing with the original', () => {
  const progress = new Progress({
    match: 3,
    next: 4,
    inflights: new Inflights(2, 0),
    isLearner: true,
    recentActive: false,
  });
  progress.becomeReplicate();
  progress.sentEntries(1, 10);
  const copy = progress.clone();
  expect(String(copy)).toBe('StateReplicate match=3 next=5 learner inactive inflight=1');
  progress.sentEntries(1, 10);
  expect(String(progress)).toBe('StateReplicate match=3 next=6 learner paused inactive inflight=2[full]');
  expect(copy.inflights.count).toBe(1);
});
