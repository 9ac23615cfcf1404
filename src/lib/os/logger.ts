/**
 * The log: one record a line, as zap writes it for etcd. JSON:
 *
 *   {"level":"info","ts":"2026-11-22T07:03:28.123000Z","logger":"raft","caller":"…","msg":"…", fields in the order
 *   given}
 *
 * or console: time, level, caller, message and fields, parted by tabs. Keys, values, passwords and tokens never belong
 * into a field.
 *
 * Like zap in etcd's set-up, of records with the same level and message the first 100 of a second are written, and of
 * those after them each 100th.
 *
 * Writes are synchronous: a record is out before the next step is taken, so the last words of a dying process are there
 * to read.
 */
import { closeSync, openSync } from 'node:fs';
import { goQuote } from '../go/quote.js';
import { pathErrorText } from '../go/system-error.js';
import type { Level, LogFields } from '../logger.js';
import { textOrBytes } from '../raw-text.js';
import { openJournal } from './journal.js';
import { LogOutputError } from './log-output-error.js';
import { writeAll } from './log-writes.js';
import { LevelLogger, type OsLogger } from './os-logger.js';
import { RotatingFile, type RotationOptions } from './rotating-file.js';

export type { Level } from '../logger.js';

export interface LoggerOptions {
  readonly level: Level;
  readonly format: 'json' | 'console';
  /** `stderr`, `stdout`, `systemd/journal`, or the path of a file to append to. */
  readonly outputs: readonly string[];
  /** Of the file among the outputs. */
  readonly rotation?: RotationOptions | undefined;
  /** Digits of a second in `ts`; etcd 3.4 has 3, later ones 6. */
  readonly timestampDigits: number;
  readonly wallMs: () => number;
  /** Where systemd's journal listens. */
  readonly journalSocket?: string;
}

const order: readonly Level[] = ['debug', 'info', 'warn', 'error', 'panic', 'fatal'];

interface Output {
  write(line: string, level: Level): void;
  close(): void;
}

/** Throws LogOutputError. */
export function createLogger(options: LoggerOptions): OsLogger {
  const outputs = options.outputs.map((output) => openOutput(output, options));
  const write = (line: string, level: Level): void => {
    for (const output of outputs) output.write(line, level);
  };
  const close = (): void => {
    for (const output of outputs.splice(0)) output.close();
  };
  return new ZapLogger({ ...options, minimum: order.indexOf(options.level), write, close, sampler: new Sampler() }, {});
}

function openOutput(output: string, { journalSocket, rotation, wallMs }: LoggerOptions): Output {
  if (output === 'stderr') return descriptor(2);
  if (output === 'stdout') return descriptor(1);
  if (output === 'systemd/journal') {
    const journal = openJournal(journalSocket);
    // What the journal does not take is not lost.
    return { write: (line, level) => journal(line, level) || writeAll(2, line), close: () => {} };
  }
  let fd: number;
  try {
    if (rotation !== undefined) return new RotatingFile(output, rotation, wallMs);
    fd = openSync(textOrBytes(pathOf(output)), 'a', 0o644);
  } catch (cause) {
    if (cause instanceof LogOutputError) throw cause;
    const text = `open sink ${goQuote(output)}: ${pathErrorText('open', pathOf(output), cause)}`;
    throw new LogOutputError(text, { cause });
  }
  return { ...descriptor(fd), close: () => closeSync(fd) };
}

/** As zap: a path that is not absolute may be a URL, of a file alone. Throws LogOutputError. */
function pathOf(output: string): string {
  const scheme = output.startsWith('/') ? undefined : /^([a-z][a-z\d+.-]*):/i.exec(output)?.[1]?.toLowerCase();
  if (scheme === undefined) return output;
  const refused = (why: string): LogOutputError => new LogOutputError(`open sink ${goQuote(output)}: ${why}`);
  if (scheme !== 'file') throw refused(`no sink found for scheme ${goQuote(scheme)}`);
  const url = URL.canParse(output) ? new URL(output) : undefined;
  if (url === undefined) throw refused(`can't parse ${goQuote(output)} as a URL`);
  if (url.host !== '') throw refused(`file URLs must leave host empty or use localhost: got ${output}`);
  return decodeURIComponent(url.pathname);
}

const descriptor = (fd: number): Output => ({ write: (line) => writeAll(fd, line), close: () => {} });

interface Sink extends LoggerOptions {
  minimum: number;
  readonly sampler: Sampler;
  readonly write: (line: string, level: Level) => void;
  readonly close: () => void;
}

class ZapLogger extends LevelLogger {
  readonly #sink: Sink;
  readonly #bound: LogFields;

  constructor(sink: Sink, bound: LogFields) {
    super();
    this.#sink = sink;
    this.#bound = bound;
  }

  isLogged(level: Level): boolean {
    return order.indexOf(level) >= this.#sink.minimum;
  }
  with(fields: LogFields): OsLogger {
    return new ZapLogger(this.#sink, { ...this.#bound, ...fields });
  }
  setLevel(level: Level | 'notice'): void {
    this.#sink.minimum = order.indexOf(level === 'notice' ? 'info' : level);
  }
  close(): void {
    this.#sink.close();
  }

  protected log(level: Level, message: string, fields: LogFields = {}): void {
    if (!this.isLogged(level)) return;
    const { sampler, wallMs, timestampDigits, format, write } = this.#sink;
    const nowMs = wallMs();
    if (!sampler.admits(level, message, nowMs)) return;
    const ts = timestamp(nowMs, timestampDigits);
    const { logger, caller = 'etcd/start.ts', ...rest } = { ...this.#bound, ...fields };
    if (format === 'console') {
      const name = typeof logger === 'string' ? `${logger}\t` : '';
      const shown = members(rest);
      write(`${ts}\t${level}\t${name}${String(caller)}\t${message}${shown === '' ? '' : `\t{${shown}}`}\n`, level);
      return;
    }
    const head = members({ level, ts, logger, caller, msg: message });
    const tail = members(rest);
    write(`{${head}${tail === '' ? '' : `,${tail}`}}\n`, level);
  }
}

/** RFC 3339 in UTC with so many digits of a second. */
function timestamp(wallMs: number, digits: number): string {
  return `${new Date(wallMs)
    .toISOString()
    .slice(0, -1)
    .padEnd(20 + digits, '0')}Z`;
}

/** The members of a JSON object, without its braces; undefined ones are left out. */
function members(fields: LogFields): string {
  let text = '';
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${encode(value, 0)}`;
  }
  return text;
}

/** Deeper than any record of ours; it ends a circle. */
const MAX_DEPTH = 8;

/** As zap encodes: 64-bit ids are bare numbers, errors their text, bytes base64. */
function encode(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'bigint':
      return value.toString();
    case 'number':
      return Number.isFinite(value) ? String(value) : JSON.stringify(String(value));
    case 'string':
    case 'boolean':
      return JSON.stringify(typeof value === 'string' ? value.toWellFormed() : value);
    case 'object':
      break;
    default:
      return 'null';
  }
  if (value === null) return 'null';
  if (value instanceof Error) return JSON.stringify(value.message);
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('base64'));
  if (depth >= MAX_DEPTH) return '"…"';
  if (Array.isArray(value)) return `[${value.map((item) => encode(item, depth + 1)).join(',')}]`;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return `{${entries.map(([name, item]) => `${JSON.stringify(name)}:${encode(item, depth + 1)}`).join(',')}}`;
}

/** Counts of a second, by level and message; forgotten with the second, and bounded since messages are constants. */
class Sampler {
  static readonly first = 100;
  static readonly thereafter = 100;
  #second = -1;
  readonly #counts = new Map<string, number>();

  admits(level: Level, message: string, nowMs: number): boolean {
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#counts.clear();
    }
    const key = level + message;
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count <= Sampler.first || (count - Sampler.first) % Sampler.thereafter === 0;
  }
}
