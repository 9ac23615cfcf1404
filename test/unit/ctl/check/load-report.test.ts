/** What `check perf` says of a load. */
import { describe, expect, it } from 'vitest';
import { judgeLoad, LoadRecorder, type LoadReport } from '../../../../src/ctl/check/load-report.js';

const WANTED = { writesPerSecond: 100 };
const good: LoadReport = { writesPerSecond: 99.5, slowestSeconds: 0.5, deviationSeconds: 0.1, errors: new Map() };
const judged = (report: Partial<LoadReport>) => judgeLoad({ ...good, ...report }, WANTED);

describe('a load', () => {
  it('is told by its rate, its slowest write, how far they lie apart, and how often what failed', () => {
    const recorder = new LoadRecorder();
    for (const seconds of [0.1, 0.5, 0.3]) recorder.wrote(seconds);
    for (const message of ['timed out', 'no space', 'timed out']) recorder.failed(message);
    const report = recorder.report(2);
    expect(report).toMatchObject({ writesPerSecond: 1.5, slowestSeconds: 0.5 });
    expect(report.deviationSeconds).toBeCloseTo(Math.sqrt(0.08 / 3), 12);
    expect([...report.errors]).toEqual([
      ['timed out', 2],
      ['no space', 1],
    ]);
    expect(new LoadRecorder().report(2)).toEqual({
      writesPerSecond: 0,
      slowestSeconds: 0,
      deviationSeconds: 0,
      errors: new Map(),
    });
  });

  it('passes up to the bounds', () => {
    expect(judged({})).toEqual({
      isGood: true,
      lines: [
        'PASS: Throughput is 100 writes/s',
        'PASS: Slowest request took 0.500000s',
        'PASS: Stddev is 0.100000s',
        'PASS',
      ],
    });
    expect(judged({ writesPerSecond: 90.5 }).lines[0]).toBe('PASS: Throughput is 91 writes/s');
  });

  it.each<[Partial<LoadReport>, string]>([
    [{ writesPerSecond: 90 }, 'FAIL: Throughput too low: 91 writes/s'],
    [{ slowestSeconds: 0.5001 }, 'Slowest request took too long: 0.500100s'],
    [{ deviationSeconds: 0.1001 }, 'Stddev too high: 0.100100s'],
    [{ errors: new Map([['timed out', 2]]) }, 'FAIL: ERROR(timed out) -> 2'],
  ])('fails beyond any one of them, %j', (report, line) => {
    const { isGood, lines } = judged(report);
    expect(isGood).toBe(false);
    expect(lines).toContain(line);
    expect(lines.at(-1)).toBe('FAIL');
    expect(lines.filter((each) => each.startsWith('PASS'))).toHaveLength(report.errors === undefined ? 2 : 3);
    expect(lines.includes('FAIL: too many errors')).toBe(report.errors !== undefined);
  });
});
