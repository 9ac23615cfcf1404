/**
 * Lines of capnslog, which etcd logged with up to 3.4: `2016-03-01 10:00:00.000000 I | etcdserver: message`, in local
 * time. (github.com/coreos/pkg/capnslog, PrettyFormatter)
 */
import type { Level } from '../logger.js';

const letters: Readonly<Record<Level, string>> = {
  debug: 'D',
  info: 'I',
  warn: 'W',
  error: 'E',
  panic: 'C',
  fatal: 'C',
};

/** `part`: the package that says it; '' = none. */
export function capnslogLine(wallMs: number, level: Level, part: string, message: string): string {
  const at = new Date(wallMs);
  const date = [at.getFullYear(), at.getMonth() + 1, at.getDate()].map(twoDigits).join('-');
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(twoDigits).join(':');
  const micros = Math.floor((wallMs % 1000) * 1000);
  const name = part === '' ? '' : `${part}: `;
  return `${date} ${time}.${String(micros).padStart(6, '0')} ${letters[level]} | ${name}${message}`;
}

const twoDigits = (value: number): string => String(value).padStart(2, '0');
