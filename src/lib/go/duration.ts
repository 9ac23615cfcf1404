/**
 * Durations as Go reads and writes them: `300ms`, `1h30m`, `-1.5s`. Nanoseconds are exact (`bigint`), since Go's are;
 * most callers want milliseconds, see `durationToMs`. https://pkg.go.dev/time#ParseDuration
 */
import { goQuote } from './quote.js';

const nanosecondsIn: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n, // U+00B5
  μs: 1_000n, // U+03BC
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const maximum = (1n << 63n) - 1n;

/** Go's words for a text that is no duration, e.g. `time: missing unit in duration "5"`. */
export class DurationError extends Error {
  override readonly name = 'DurationError';
}

/** Nanoseconds of `text`; throws DurationError. */
export function parseDuration(text: string): bigint {
  const invalid = (): DurationError => new DurationError(`time: invalid duration ${goQuote(text)}`);
  let rest = text;
  const negative = rest.startsWith('-');
  if (negative || rest.startsWith('+')) rest = rest.slice(1);
  if (rest === '0') return 0n;
  if (rest === '') throw invalid();
  let total = 0n;
  while (rest !== '') {
    const [number, whole = '', , fraction = ''] = /^(\d*)(\.(\d*))?/.exec(rest) ?? [];
    if (number === undefined || (whole === '' && fraction === '')) throw invalid();
    rest = rest.slice(number.length);
    const unit = /^[^.\d]*/.exec(rest)?.[0] ?? '';
    if (unit === '') throw new DurationError(`time: missing unit in duration ${goQuote(text)}`);
    rest = rest.slice(unit.length);
    const scale = nanosecondsIn[unit];
    if (scale === undefined)
      throw new DurationError(`time: unknown unit ${goQuote(unit)} in duration ${goQuote(text)}`);
    const digits = fraction.slice(0, 18);
    total += BigInt(whole === '' ? '0' : whole) * scale;
    if (digits !== '') total += (BigInt(digits) * scale) / 10n ** BigInt(digits.length);
    if (total > maximum + (negative ? 1n : 0n)) throw invalid();
  }
  return negative ? -total : total;
}

/** Milliseconds, with a fraction where the duration has one. */
export function durationToMs(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1e6;
}

/** As Go prints it: `1h30m0s`, `5s`, `1.5ms`, `0s`. */
export function formatDuration(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return '0s';
  const negative = nanoseconds < 0n;
  const size = negative ? -nanoseconds : nanoseconds;
  const sign = negative ? '-' : '';
  if (size < 1_000n) return `${sign}${size}ns`;
  if (size < 1_000_000n) return `${sign}${decimal(size, 3)}µs`;
  if (size < 1_000_000_000n) return `${sign}${decimal(size, 6)}ms`;
  const wholeSeconds = size / 1_000_000_000n;
  const hours = wholeSeconds / 3_600n;
  const minutes = (wholeSeconds / 60n) % 60n;
  const seconds = `${decimal(size - (hours * 3_600n + minutes * 60n) * 1_000_000_000n, 9)}s`;
  if (hours > 0n) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0n ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}

/** The Go spelling of so many milliseconds, rounded to the nanosecond. */
export function formatMs(milliseconds: number): string {
  return formatDuration(BigInt(Math.round(milliseconds * 1e6)));
}

/** `value / 10^places`, without trailing zeros. */
function decimal(value: bigint, places: number): string {
  const digits = value.toString().padStart(places + 1, '0');
  const fraction = digits.slice(-places).replace(/0+$/, '');
  const whole = digits.slice(0, -places);
  return fraction === '' ? whole : `${whole}.${fraction}`;
}
