/** Sizes as Go's humanize library prints them in etcd's log lines: `25 kB`, `1.3 MB`. */

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];

/** Decimal units; one digit after the point below ten. */
export function humanBytes(count: number): string {
  if (count < 10) return `${count} B`;
  const power = Math.min(Math.floor(Math.log10(count) / 3 + 1e-12), units.length - 1);
  const value = Math.floor((count / 1000 ** power) * 10 + 0.5) / 10;
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ${units[power] ?? ''}`;
}
