/**
 * Programs that see another machine than this one: a file or a disk is laid over what is there, for them alone. Another
 * DNS server is another /etc/resolv.conf.
 */
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

/** Whether a program may have a small disk of its own here; says so where not. */
export function mayHaveDisk(): boolean {
  try {
    outputOfSync('unshare', ['-mp', '--fork', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']);
    return true;
  } catch {
    console.warn('SKIPPED: a full disk needs root and mount namespaces');
    return false;
  }
}

/**
 * The words to put before a program and its words: it runs on a disk of so many bytes at `folder`, `usedBytes` of which
 * are in use, and says "ended CODE" at its end; then again, with those bytes free. All ends with the first process.
 */
export function onSmallDisk(folder: string, options: { sizeBytes: number; usedBytes: number }): string[] {
  const script = [
    `mount -t tmpfs -o size=${options.sizeBytes} tmpfs "$0"`,
    `head -c ${options.usedBytes} /dev/zero > "$0/used"`,
    '"$@"',
    'echo "ended $?" && rm "$0/used" && "$@"',
  ];
  const [mount, fill, ...run] = script;
  return ['unshare', '-mp', '--fork', '--kill-child', 'sh', '-c', `${mount} && ${fill}; ${run.join('; ')}`, folder];
}

/**
 * The words to put before a program and its words. `file` is written, and another beside it, and both must stay as long
 * as programs run. Go asks as /etc/nsswitch.conf tells it, which some packages change: here it is as systems have it
 * that are new.
 */
export function askingDnsAt(address: string, file: string): string[] {
  writeFileSync(file, `nameserver ${address}\noptions timeout:1 attempts:2\n`);
  writeFileSync(`${file}.nsswitch`, 'hosts: files dns\n');
  const script = [
    'mount --bind "$0" /etc/resolv.conf',
    '{ [ ! -e /etc/nsswitch.conf ] || mount --bind "$0.nsswitch" /etc/nsswitch.conf; }',
    'exec "$@"',
  ];
  return ['unshare', '-m', 'sh', '-c', script.join(' && '), file];
}
