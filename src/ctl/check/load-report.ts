/** What came of a load: how long its writes took, what failed, and whether that is good enough. */

export interface LoadReport {
  readonly writesPerSecond: number;
  readonly slowestSeconds: number;
  readonly deviationSeconds: number;
  /** How often each error's message came. */
  readonly errors: ReadonlyMap<string, number>;
}

export class LoadRecorder {
  readonly #seconds: number[] = [];
  readonly #errors = new Map<string, number>();

  wrote(seconds: number): void {
    this.#seconds.push(seconds);
  }

  failed(message: string): void {
    this.#errors.set(message, (this.#errors.get(message) ?? 0) + 1);
  }

  report(totalSeconds: number): LoadReport {
    const count = this.#seconds.length;
    const mean = count === 0 ? 0 : this.#seconds.reduce((sum, value) => sum + value, 0) / count;
    const squares = this.#seconds.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return {
      writesPerSecond: count / totalSeconds,
      slowestSeconds: this.#seconds.reduce((most, value) => Math.max(most, value), 0),
      deviationSeconds: count === 0 ? 0 : Math.sqrt(squares / count),
      errors: this.#errors,
    };
  }
}

const LEAST_SHARE = 0.9;
const MOST_SLOWEST_SECONDS = 0.5;
const MOST_DEVIATION_SECONDS = 0.1;

/** The lines to print, and whether all is well. */
export function judgeLoad(
  report: LoadReport,
  load: { readonly writesPerSecond: number },
): { readonly lines: readonly string[]; readonly isGood: boolean } {
  const lines = errorLines(report.errors);
  const rate = Math.floor(report.writesPerSecond) + 1;
  const isFast = report.writesPerSecond / load.writesPerSecond > LEAST_SHARE;
  lines.push(isFast ? `PASS: Throughput is ${rate} writes/s` : `FAIL: Throughput too low: ${rate} writes/s`);
  const slowest = `${report.slowestSeconds.toFixed(6)}s`;
  const isPrompt = report.slowestSeconds <= MOST_SLOWEST_SECONDS;
  lines.push(isPrompt ? `PASS: Slowest request took ${slowest}` : `Slowest request took too long: ${slowest}`);
  const deviation = `${report.deviationSeconds.toFixed(6)}s`;
  const isSteady = report.deviationSeconds <= MOST_DEVIATION_SECONDS;
  lines.push(isSteady ? `PASS: Stddev is ${deviation}` : `Stddev too high: ${deviation}`);
  const isGood = report.errors.size === 0 && isFast && isPrompt && isSteady;
  lines.push(isGood ? 'PASS' : 'FAIL');
  return { lines, isGood };
}

export function errorLines(errors: ReadonlyMap<string, number>): string[] {
  if (errors.size === 0) return [];
  return ['FAIL: too many errors', ...[...errors].map(([message, count]) => `FAIL: ERROR(${message}) -> ${count}`)];
}
