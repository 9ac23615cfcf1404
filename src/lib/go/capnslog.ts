/**
 * Lines of capnslog, which etcd logged with up to 3.4: `2016-03-01 10:00:00.000000 I | etcdserver: message`, in local
 * time. (github.com/coreos/pkg/capnslog, PrettyFormatter)
 */
import type { Level } from '../logger.js';

/** Critical, error, warning, notice, info, debug: the less severe, the further on. */
export const capnslogLetters = ['C', 'E', 'W', 'N', 'I', 'D'] as const;
export type CapnslogLetter = (typeof capnslogLetters)[number];

export const letterOf: Readonly<Record<Level, CapnslogLetter>> = {
  debug: 'D',
  info: 'I',
  warn: 'W',
  error: 'E',
  panic: 'C',
  fatal: 'C',
};

const letterOfWord: Readonly<Record<string, CapnslogLetter>> = {
  ...{ CRITICAL: 'C', C: 'C' },
  ...{ ERROR: 'E', '0': 'E', E: 'E' },
  ...{ WARNING: 'W', '1': 'W', W: 'W' },
  ...{ NOTICE: 'N', '2': 'N', N: 'N' },
  ...{ INFO: 'I', '3': 'I', I: 'I' },
  ...{ DEBUG: 'D', '4': 'D', D: 'D', TRACE: 'D', '5': 'D', T: 'D' },
};

/** capnslog's levels by word, digit and letter. */
export const parseCapnslogLevel = (word: string): CapnslogLetter | undefined =>
  Object.hasOwn(letterOfWord, word) ? letterOfWord[word] : undefined;

interface Said {
  readonly wallMs: number;
  readonly letter: CapnslogLetter;
  /** The package that says it; '' = none. */
  readonly part: string;
  /** The file and line that says it, where those are shown. */
  readonly place?: string | undefined;
}

export function capnslogLine({ wallMs, letter, part, place }: Said, message: string): string {
  const { date, time } = localTime(wallMs);
  const micros = String(Math.floor((wallMs % 1000) * 1000)).padStart(6, '0');
  const from = place === undefined ? '' : ` [${place}]`;
  const name = part === '' ? '' : `${part}: `;
  return `${date.join('-')} ${time}.${micros}${from} ${letter} | ${name}${message}`;
}

const headers: Readonly<Record<Level, string>> = {
  debug: 'DEBUG: ',
  info: 'INFO: ',
  warn: 'WARN: ',
  error: 'ERROR: ',
  panic: '',
  fatal: 'FATAL: ',
};

/** What raft says beside capnslog, by Go's own log: `raft2016/03/01 10:00:00 INFO: message`. (raft/logger.go) */
export function raftLine(wallMs: number, level: Level, message: string): string {
  const { date, time } = localTime(wallMs);
  return `raft${date.join('/')} ${time} ${headers[level]}${message}`;
}

function localTime(wallMs: number): { readonly date: readonly string[]; readonly time: string } {
  const at = new Date(wallMs);
  return {
    date: [at.getFullYear(), at.getMonth() + 1, at.getDate()].map(twoDigits),
    time: [at.getHours(), at.getMinutes(), at.getSeconds()].map(twoDigits).join(':'),
  };
}

const twoDigits = (value: number): string => String(value).padStart(2, '0');
