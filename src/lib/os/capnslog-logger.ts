/**
 * The log of etcd 3.4 where zap's is not asked for: capnslog's lines, and on standard error those of raft, which 3.4
 * gives no logger. What a record says there is in `capnslog-words.ts`; one without an entry is told as it is, by the
 * package that its caller stands for.
 */
import { type CapnslogLetter, capnslogLetters, capnslogLine, letterOf, raftLine } from '../go/capnslog.js';
import { capnslogWords, shown } from '../go/capnslog-words.js';
import type { Level, LogFields } from '../logger.js';
import { writeAll } from './log-writes.js';
import { LevelLogger, type OsLogger } from './os-logger.js';

export interface CapnslogOptions {
  readonly level: Level;
  /** Letters of single packages, `*` for all others. */
  readonly packageLetters: ReadonlyMap<string, CapnslogLetter>;
  readonly output: 'stderr' | 'stdout';
  /** Whether lines tell where they come from. */
  readonly showsPlaces: boolean;
  readonly wallMs: () => number;
}

interface Sink {
  letter: CapnslogLetter;
  packageLetters: ReadonlyMap<string, CapnslogLetter>;
  readonly options: CapnslogOptions;
  readonly write: (fd: number, line: string) => void;
}

export function createCapnslogLogger(options: CapnslogOptions, write: Sink['write'] = writeAll): OsLogger {
  const { level, packageLetters } = options;
  return new CapnslogLogger({ letter: letterOf[level], packageLetters, options, write }, {});
}

class CapnslogLogger extends LevelLogger {
  readonly #sink: Sink;
  readonly #bound: LogFields;

  constructor(sink: Sink, bound: LogFields) {
    super();
    this.#sink = sink;
    this.#bound = bound;
  }

  isLogged(level: Level): boolean {
    const { letter, packageLetters } = this.#sink;
    return [letter, ...packageLetters.values()].some((least) => isWithin(MOST_SEVERE[level], least));
  }
  with(fields: LogFields): OsLogger {
    return new CapnslogLogger(this.#sink, { ...this.#bound, ...fields });
  }
  /** Of all packages. */
  setLevel(level: Level | 'notice'): void {
    const letter = level === 'notice' ? 'N' : letterOf[level];
    this.#write(`N | etcdserver/api/etcdhttp: globalLogLevel set to "${WORDS[letter]}"`);
    this.#sink.letter = letter;
    this.#sink.packageLetters = new Map();
  }
  close(): void {}

  protected log(level: Level, message: string, given: LogFields = {}): void {
    const { options, write } = this.#sink;
    const { logger, caller = 'etcd/start.ts', ...fields } = { ...this.#bound, ...given };
    if (logger === 'raft') {
      // It has no levels but for debug, which nothing turns on.
      if (level !== 'debug') write(2, `${raftLine(options.wallMs(), level, message)}\n`);
      return;
    }
    for (const line of capnslogWords(message, fields) ?? [plainLine(level, String(caller), message, fields)])
      this.#write(line);
  }

  /** `N | embed: …` */
  #write(line: string): void {
    const { options, letter: least, packageLetters, write } = this.#sink;
    const letter = line.charAt(0) as CapnslogLetter;
    const part = line.slice(4, line.indexOf(': '));
    if (!isWithin(letter, packageLetters.get(part) ?? packageLetters.get('*') ?? least)) return;
    const place = options.showsPlaces ? PLACES[letter] : undefined;
    const text = capnslogLine({ wallMs: options.wallMs(), letter, part, place }, line.slice(4 + part.length + 2));
    write(options.output === 'stdout' ? 1 : 2, `${text}\n`);
  }
}

const isWithin = (letter: CapnslogLetter, least: CapnslogLetter): boolean =>
  capnslogLetters.indexOf(letter) <= capnslogLetters.indexOf(least);

/** What a record of a level may become: some that zap tells of are notices, or worse. */
const MOST_SEVERE: Readonly<Record<Level, CapnslogLetter>> = { ...letterOf, info: 'N', warn: 'E' };

const WORDS: Readonly<Record<CapnslogLetter, string>> = {
  C: 'CRITICAL',
  E: 'ERROR',
  W: 'WARNING',
  N: 'NOTICE',
  I: 'INFO',
  D: 'DEBUG',
};

/** What capnslog takes for the place is within itself. */
const PLACES: Readonly<Record<CapnslogLetter, string>> = {
  C: 'pkg_logger.go:93',
  E: 'pkg_logger.go:118',
  W: 'pkg_logger.go:128',
  N: 'pkg_logger.go:138',
  I: 'pkg_logger.go:148',
  D: 'pkg_logger.go:161',
};

function plainLine(level: Level, caller: string, message: string, fields: LogFields): string {
  const told = Object.entries(fields).filter(([, value]) => value !== undefined);
  const text = told.map(([name, value]) => `${name}: ${shown(value)}`).join(', ');
  return `${letterOf[level]} | ${partOf(caller)}: ${message}${text === '' ? '' : ` (${text})`}`;
}

/** By the beginning of a caller's path: the package of etcd 3.4 that does its work. */
const parts: readonly (readonly [string, string])[] = [
  ['member/membership/cluster', 'etcdserver/membership'],
  ['member/', 'etcdserver'],
  ['peer/', 'rafthttp'],
  ['wal/snapshot-files', 'snap'],
  ['wal/', 'wal'],
  ['backend/', 'mvcc/backend'],
  ['mvcc/', 'mvcc'],
  ['lease/', 'lease'],
  ['auth/', 'auth'],
  ['api/http/', 'etcdserver/api/etcdhttp'],
  ['api/v2/', 'etcdserver/api/v2http'],
  ['api/', 'etcdserver/api/v3rpc'],
  ['discovery/', 'discovery'],
  ['proxy/v2/', 'proxy/httpproxy'],
  ['start/', 'embed'],
];

const partOf = (caller: string): string => parts.find(([beginning]) => caller.startsWith(beginning))?.[1] ?? 'etcdmain';
