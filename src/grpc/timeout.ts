/** `grpc-timeout`: at most eight digits and a unit (PROTOCOL-HTTP2.md, "Timeout"). */
const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };
const MOST_DIGITS = 99_999_999;

/** Milliseconds, or the reason in grpc-go's words. */
export function parseTimeout(text: string): number | string {
  if (text.length < 2) return `transport: timeout string is too short: ${JSON.stringify(text)}`;
  if (text.length > 9) return `transport: timeout string is too long: ${JSON.stringify(text)}`;
  const unit = unitMs[text.charAt(text.length - 1)];
  if (unit === undefined) return `transport: timeout unit is not recognized: ${JSON.stringify(text)}`;
  const digits = text.slice(0, -1);
  if (!/^\d+$/.test(digits)) return `strconv.ParseUint: parsing ${JSON.stringify(digits)}: invalid syntax`;
  return Number(digits) * unit;
}

/** The finest unit that eight digits can hold, rounded up so that the server never gives up first. */
export function formatTimeout(ms: number): string {
  if (ms <= 0) return '0n';
  if (ms * 1000 <= MOST_DIGITS) return `${Math.ceil(ms * 1000)}u`;
  if (ms <= MOST_DIGITS) return `${Math.ceil(ms)}m`;
  if (ms / 1000 <= MOST_DIGITS) return `${Math.ceil(ms / 1000)}S`;
  return `${Math.min(MOST_DIGITS, Math.ceil(ms / 3_600_000))}H`;
}
