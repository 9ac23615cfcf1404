/**
 * How the offline tools get on, as etcdutl's logger (zap's console encoder) shows it: time, level, the part of the
 * program, message and fields, with tabs between, on stderr.
 */

import type { Terminal } from '../cli/terminal.js';
import type { Level, LogFields, Logger } from '../lib/logger.js';

export interface ConsoleLogger extends Logger {
  /** What ends the program, which its caller does. */
  fatal(message: string, fields?: LogFields): void;
}

/** `caller`: the file that logs. */
export function consoleLogger(io: Pick<Terminal, 'stderr' | 'wallMs'>, caller: string): ConsoleLogger {
  const write =
    (level: Level, bound: LogFields) =>
    (message: string, fields: LogFields = {}): void => {
      const time = new Date(io.wallMs()).toISOString().replace(/\.\d+Z$/, 'Z');
      const { caller: from = caller, ...others }: LogFields = { ...bound, ...fields };
      const shown = Object.entries(others).map(([name, value]) => `${JSON.stringify(name)}: ${show(value)}`);
      const cells = [time, level, from, message, ...(shown.length > 0 ? [`{${shown.join(', ')}}`] : [])];
      io.stderr.write(`${cells.join('\t')}\n`);
    };
  const logger = (bound: LogFields): ConsoleLogger => ({
    debug() {},
    info: write('info', bound),
    warn: write('warn', bound),
    error: write('error', bound),
    fatal: write('fatal', bound),
    with: (more) => logger({ ...bound, ...more }),
  });
  return logger({});
}

export const restoreLogger = (io: Pick<Terminal, 'stderr' | 'wallMs'>): Logger =>
  consoleLogger(io, 'datadir/restore.ts');

function show(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(value.message);
  return typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? 'null');
}
