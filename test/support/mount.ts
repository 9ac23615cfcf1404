/** Programs that ask another DNS server than the machine's: another /etc/resolv.conf is laid over it for them alone. */
import { writeFileSync } from 'node:fs';
import { outputOfSync } from './program.js';

/** Whether that can be done here; says so where not. */
export function mayMount(): boolean {
  try {
    outputOfSync('unshare', ['-m', 'mount', '--bind', '/etc/hostname', '/etc/resolv.conf']);
    return process.getuid?.() === 0;
  } catch {
    console.warn('SKIPPED: SRV records by a DNS server need root and mount namespaces');
    return false;
  }
}

/** The words to put before a program and its words. `file` is written, and must stay as long as programs run. */
export function askingDnsAt(address: string, file: string): string[] {
  writeFileSync(file, `nameserver ${address}\noptions timeout:1 attempts:2\n`);
  return ['unshare', '-m', 'sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"', file];
}
