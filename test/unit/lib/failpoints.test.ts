import { describe, expect, it } from 'vitest';
import { type FailpointEffects, FailpointSet, parseFailpoints } from '../../../src/lib/failpoints/failpoints.js';
import type { Random } from '../../../src/lib/random.js';

/** Draws the numbers it is given, in millionths. */
const drawing = (...draws: number[]): Random => ({ below: () => draws.shift() ?? 0, uint64: () => 0n });

function recorded() {
  const done: string[] = [];
  const effects: FailpointEffects = {
    panic(message): never {
      done.push(`panic ${message}`);
      throw new Error(message);
    },
    sleepNow: (ms) => done.push(`hold ${ms}`),
    sleep: async (ms) => {
      done.push(`wait ${ms}`);
    },
    print: (line) => done.push(line),
    break: () => done.push('break'),
  };
  return { done, effects };
}

describe('failpoints', () => {
  const make = (random = drawing()) => {
    const { done, effects } = recorded();
    return { done, points: new FailpointSet(effects, random) };
  };

  it('do nothing until they are set, and nothing after they are cleared', () => {
    const { done, points } = make();
    expect(points.hit('beforeCommit')).toBeUndefined();
    points.set('beforeCommit', 'return("x")');
    expect(points.hit('beforeCommit')).toBe('x');
    expect(points.hit('afterCommit')).toBeUndefined();
    expect(points.clear('beforeCommit')).toBeUndefined();
    expect(points.hit('beforeCommit')).toBeUndefined();
    expect(done).toEqual([]);
  });

  it.each([
    ['return', ''],
    ['return()', ''],
    ['return(7)', '7'],
    ['return(-7)', '-7'],
    ['return(true)', 'true'],
    [String.raw`return("a \"b\"")`, 'a "b"'],
    ['return(`a\\b`)', 'a\\b'],
    ['return(1)->', '1'],
    ['off', undefined],
    ['off()', undefined],
  ])('%s answers %j', (terms, value) => {
    const { points } = make();
    expect(points.set('defragdbFail', terms)).toBeUndefined();
    expect(points.hit('defragdbFail')).toBe(value);
  });

  it.each([
    ['panic', 'panic failpoint panic: {}'],
    ['panic("why")', 'panic failpoint panic: why'],
    ['panic(3)', 'panic failpoint panic: 3'],
  ])('%s ends the process with gofail’s words', (terms, told) => {
    const { done, points } = make();
    points.set('walBeforeSync', terms);
    expect(() => points.hit('walBeforeSync')).toThrow();
    expect(done).toEqual([told]);
  });

  it('sleeps in milliseconds or in Go’s durations, holding up all or the caller alone', async () => {
    const { done, points } = make();
    points.set('walBeforeSync', 'sleep(20)');
    points.hit('walBeforeSync');
    points.set('walBeforeSync', 'sleep("1.5s")');
    await points.wait('walBeforeSync');
    points.set('walBeforeSync', 'sleep');
    points.hit('walBeforeSync');
    points.set('walBeforeSync', 'sleep("soon")');
    points.hit('walBeforeSync');
    expect(done).toEqual([
      'hold 20',
      'wait 1500',
      'failpoint: ignoring sleep({}) on walBeforeSync',
      'failpoint: could not parse sleep(soon) on walBeforeSync',
    ]);
  });

  it('waits for a debugger', () => {
    const { done, points } = make();
    points.set('raftAfterSave', '1*break->off');
    expect([points.hit('raftAfterSave'), points.hit('raftAfterSave')]).toEqual([undefined, undefined]);
    expect(done).toEqual(['break']);
  });

  it('prints its name', () => {
    const { done, points } = make();
    points.set('raftAfterSave', 'print');
    points.hit('raftAfterSave');
    expect(done).toEqual(['failpoint print: raftAfterSave']);
  });

  it('goes along a chain as its counts run out, and counts what was carried out', () => {
    const { points } = make();
    points.set('beforeCommit', '2*return(1)->1*off->1*return(2)');
    expect(Array.from({ length: 6 }, () => points.hit('beforeCommit'))).toEqual([
      '1',
      '1',
      undefined,
      '2',
      undefined,
      undefined,
    ]);
    expect(points.status('beforeCommit')).toEqual({ terms: '2*return(1)->1*off->1*return(2)', count: 4 });
  });

  it('draws chances, whole and with a fraction, before or after a count', () => {
    const { points } = make(drawing(499_999, 500_000, 124_999, 125_000));
    points.set('beforeCommit', '50%return(1)');
    expect([points.hit('beforeCommit'), points.hit('beforeCommit')]).toEqual(['1', undefined]);
    points.set('beforeCommit', '12.5%1*return(1)');
    expect([points.hit('beforeCommit'), points.hit('beforeCommit')]).toEqual(['1', undefined]);
  });

  it.each(['', 'bogus', 'return(', 'return("x', 'return(x)', '3*', '50%', '3panic', 'break(', 'panic -> off', 'off;'])(
    'refuses %j and stays as it was',
    (terms) => {
      const { done, points } = make();
      points.set('beforeCommit', 'return(1)');
      expect(points.set('beforeCommit', terms)).toBe('failpoint: could not parse terms');
      expect(points.hit('beforeCommit')).toBe('1');
      expect(done).toEqual([`failed to enable "beforeCommit=${terms}" (failpoint: could not parse terms)`]);
    },
  );

  it('names what is not there or not set', () => {
    const { points } = make();
    expect(points.set('nowhere', 'off')).toBe('failpoint: failpoint does not exist');
    expect(points.clear('nowhere')).toBe('failpoint: failpoint does not exist');
    expect(points.clear('beforeCommit')).toBe('failpoint: failpoint is disabled');
    expect(points.status('beforeCommit')).toBe('failpoint: failpoint is disabled');
  });

  it('reads the list of a variable', () => {
    expect(parseFailpoints('a=panic;;b=2*off->panic;')).toEqual(
      new Map([
        ['a', 'panic'],
        ['b', '2*off->panic'],
      ]),
    );
    expect(parseFailpoints('a')).toEqual(new Error('bad failpoint "a"'));
    expect(parseFailpoints('a=b=c')).toEqual(new Error('bad failpoint "a=b=c"'));
  });
});
