/** What the system says of this process and of the network it is in. 0 where it does not say. */
import { readFileSync } from 'node:fs';

/** The largest amount that 64 bits tell: no limit. */
const UNLIMITED_BYTES = 2 ** 64;

/**
 * Bytes that came and went through all sockets of the network namespace: more than one process is in it, as
 * client_golang's metrics have it.
 */
export function networkBytes(): { readonly received: number; readonly sent: number } {
  const lines = read('/proc/self/net/netstat').split('\n');
  const at = lines.findIndex((line) => line.startsWith('IpExt:'));
  const names = lines[at]?.split(' ') ?? [];
  const values = lines[at + 1]?.split(' ') ?? [];
  const of = (name: string): number => Number(values[names.indexOf(name)] ?? 0);
  return { received: of('InOctets'), sent: of('OutOctets') };
}

export function addressSpaceLimitBytes(): number {
  const [, limit] = /^Max address space +(\S+)/m.exec(read('/proc/self/limits')) ?? [];
  return limit === 'unlimited' ? UNLIMITED_BYTES : Number(limit ?? 0);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
