/** That the checker accepts what can have happened, and rejects histories that were made wrong on purpose. */
import { describe, expect, it } from 'vitest';
import { HistoryChecker, type Operation } from '../../support/linearizability/checker.js';
import { type Answer, evaluate, only, type Request } from '../../support/linearizability/request.js';
import { type Change, Truth, type Version } from '../../support/linearizability/truth.js';

const put = (key: string, value: string, lease = 0n): Request => only({ t: 'put', key, value, lease });
const get = (key: string, serializable = false): Request => only({ t: 'get', key }, serializable);
const remove = (key: string): Request => only({ t: 'delete', key });
const swap = (key: string, from: string, to: string): Request => ({
  compare: [{ key, target: 'value', equals: from }],
  success: [{ t: 'put', key, value: to }],
  failure: [{ t: 'get', key }],
});

/** A store that works as it should, and its clients. */
class World {
  readonly truth = new Truth();
  readonly checker = new HistoryChecker(this.truth);

  begin(request: Request): Operation {
    return this.checker.begin('c', request);
  }

  /** What the store makes of it now. */
  happen(request: Request): Answer {
    const { changes, steps, succeeded } = evaluate(this.truth, this.truth.revision, request);
    this.change(changes);
    return { revision: this.truth.revision, succeeded, steps };
  }

  change(changes: readonly Change[]): void {
    const { truth } = this;
    if (changes.length > 0) truth.add(truth.revision + 1, truth.versionsOf(changes, truth.revision));
  }

  do(request: Request): Answer {
    const operation = this.begin(request);
    const answer = this.happen(request);
    this.checker.answered(operation, answer);
    return answer;
  }
}

const a1: Version = { key: 'a', value: '1', lease: 0n, create: 2, version: 1, mod: 2 };

describe('the checker accepts', () => {
  it('registers, comparisons, transactions and deletions, one after the other', () => {
    const world = new World();
    world.do(put('a', '1'));
    expect(world.do(get('a')).steps).toEqual([{ t: 'get', kvs: [a1] }]);
    expect(world.do(swap('a', '1', '2')).succeeded).toBe(true);
    expect(world.do(swap('a', '1', '3')).succeeded).toBe(false);
    world.do({
      compare: [],
      success: [
        { t: 'put', key: 'b', value: '4' },
        { t: 'delete', key: 'a' },
        { t: 'get', key: 'a', end: 'z' },
      ],
      failure: [],
    });
    world.do(remove('b'));
    world.do(remove('b'));
    world.checker.finish();
    expect(world.checker.counts).toMatchObject({ answered: 7, writes: 4 });
  });

  it('operations that overlap in either order', () => {
    const world = new World();
    const write = world.begin(put('a', '1'));
    const read = world.begin(get('a'));
    const before = world.happen(get('a'));
    const answer = world.happen(put('a', '1'));
    world.checker.answered(write, answer);
    world.checker.answered(read, before);
    world.checker.finish();
  });

  it('what nobody answered, whether it happened, happened late, or did not', () => {
    const world = new World();
    for (const request of [put('a', '1'), put('a', 'never'), remove('b')]) world.checker.unknown(world.begin(request));
    world.do(put('b', '2'));
    world.happen(put('a', '1'));
    world.happen(remove('b'));
    world.checker.finish();
  });

  it('serializable reads of the past', () => {
    const world = new World();
    const old = world.happen(get('a'));
    world.do(put('a', '1'));
    world.checker.answered(world.begin(get('a', true)), old);
    world.checker.finish();
  });

  it('the end of a lease', () => {
    const world = new World();
    world.do(put('a', '1', 7n));
    world.do(put('b', '1', 7n));
    world.change(['a', 'b'].map((key) => ({ key, value: undefined, lease: 0n })));
    world.checker.finish();
  });
});

describe('the checker rejects', () => {
  const wrong: Readonly<Record<string, readonly [rule: string, story: (world: World) => void]>> = {
    'a stale read': [
      'a read is no older than what ended before it began',
      (world) => {
        const old = world.happen(get('a'));
        world.do(put('a', '1'));
        world.checker.answered(world.begin(get('a')), old);
      },
    ],
    'a value that was never there': [
      'an answer is what the store holds at its revision',
      (world) => {
        world.do(put('a', '1'));
        const answer = { revision: 2, succeeded: true, steps: [{ t: 'get' as const, kvs: [{ ...a1, value: '2' }] }] };
        world.checker.answered(world.begin(get('a')), answer);
      },
    ],
    'a write that was lost': [
      'a revision is known before it is answered',
      (world) =>
        world.checker.answered(world.begin(put('a', '1')), { revision: 2, succeeded: true, steps: [{ t: 'put' }] }),
    ],
    'a write that was overwritten by one at the same revision': [
      'a write makes its revision',
      (world) => {
        const first = world.begin(put('a', '1'));
        const second = world.begin(put('a', '2'));
        const answer = world.happen(put('a', '1'));
        world.checker.answered(first, answer);
        world.checker.answered(second, answer);
      },
    ],
    'two writes that were one': [
      'each revision is one write',
      (world) => {
        const operations = [world.begin(put('a', '1')), world.begin(put('a', '1'))];
        const answer = world.happen(put('a', '1'));
        for (const operation of operations) world.checker.answered(operation, answer);
      },
    ],
    'a write that happened twice': [
      'each revision was asked for',
      (world) => {
        world.do(put('a', '1'));
        world.happen(put('a', '1'));
        world.checker.finish();
      },
    ],
    'a write of unknown outcome that happened twice': [
      'each revision was asked for',
      (world) => {
        world.checker.unknown(world.begin(put('a', '1')));
        world.happen(put('a', '1'));
        world.happen(put('a', '1'));
        world.checker.finish();
      },
    ],
    'a write that happened before it was asked for': [
      'each revision was asked for',
      (world) => {
        world.happen(put('a', '1'));
        world.do(get('a'));
        world.checker.unknown(world.begin(put('a', '1')));
        world.checker.finish();
      },
    ],
    'a comparison that took the wrong branch': [
      'an answer is what the store holds at its revision',
      (world) => {
        world.do(put('a', '1'));
        const operation = world.begin(swap('a', 'x', '2'));
        const answer = world.happen(put('a', '2'));
        world.checker.answered(operation, answer);
      },
    ],
    'a refused write that happened': [
      'each revision was asked for',
      (world) => {
        world.begin(put('a', '1'));
        world.checker.refused();
        world.happen(put('a', '1'));
        world.checker.finish();
      },
    ],
    'half a transaction': [
      'a write makes its revision',
      (world) => {
        const request: Request = {
          compare: [],
          success: [
            { t: 'put', key: 'a', value: '1' },
            { t: 'put', key: 'b', value: '1' },
          ],
          failure: [],
        };
        const operation = world.begin(request);
        world.happen(put('a', '1'));
        world.checker.answered(operation, { revision: 2, succeeded: true, steps: [{ t: 'put' }, { t: 'put' }] });
      },
    ],
    'a lease that leaves a key behind': [
      'each revision was asked for',
      (world) => {
        world.do(put('a', '1', 7n));
        world.do(put('b', '1', 7n));
        world.change([{ key: 'a', value: undefined, lease: 0n }]);
        world.checker.finish();
      },
    ],
    'a version that does not follow': [
      'versions follow from history',
      (world) => world.truth.add(2, [{ ...a1, version: 2 }]),
    ],
  };

  it.each(Object.entries(wrong))('%s', (_name, [rule, story]) => {
    expect(() => story(new World())).toThrow(rule);
  });
});
