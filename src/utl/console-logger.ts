/**
 * How the offline tools get on, as etcdutl's logger (zap's console encoder) shows it: time, level, message and fields,
 * with tabs between, on stderr.
 */

import type { Terminal } from '../cli/terminal.js';
import type { LogFields, Logger } from '../lib/logger.js';

export function consoleLogger(io: Pick<Terminal, 'stderr' | 'wallMs'>): Logger {
  const write =
    (level: 'info' | 'warn' | 'error') =>
    (message: string, fields: LogFields = {}): void => {
      const time = new Date(io.wallMs()).toISOString().replace(/\.\d+Z$/, 'Z');
      const shown = Object.entries(fields).map(([name, value]) => `${JSON.stringify(name)}: ${show(value)}`);
      io.stderr.write([time, level, message, ...(shown.length > 0 ? [`{${shown.join(', ')}}`] : [])].join('\t') + '\n');
    };
  const logger: Logger = {
    debug() {},
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    with: (bound) => bindFields(logger, bound),
  };
  return logger;
}

function bindFields(to: Logger, bound: LogFields): Logger {
  return {
    debug() {},
    info: (message, fields) => to.info(message, { ...bound, ...fields }),
    warn: (message, fields) => to.warn(message, { ...bound, ...fields }),
    error: (message, fields) => to.error(message, { ...bound, ...fields }),
    with: (more) => bindFields(to, { ...bound, ...more }),
  };
}

function show(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(value.message);
  return typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? 'null');
}
