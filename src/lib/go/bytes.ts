/** Sizes as Go's humanize library prints them in etcd's log lines: `25 kB`, `1.3 MB`. */

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];

/** Decimal units; one digit after the point below ten. */
export function humanBytes(count: number): string {
  if (count < 10) return `${count} B`;
  const power = Math.min(Math.floor(Math.log10(count) / 3 + 1e-12), units.length - 1);
  const value = Math.floor((count / 1000 ** power) * 10 + 0.5) / 10;
  return `${value < 10 ? value.toFixed(1) : halfToEven(value)} ${units[power] ?? ''}`;
}

/** As Go rounds what it prints. */
function halfToEven(value: number): number {
  const rounded = Math.round(value);
  return value % 1 === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}
