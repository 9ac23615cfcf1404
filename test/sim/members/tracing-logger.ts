/** What members log, with the simulated time. */
import type { LogFields, Logger } from '../../../src/lib/logger.js';
import { text } from '../../support/linearizability/truth.js';

export function tracingLogger(name: string, nowMs: () => number, bound: LogFields = {}): Logger {
  const log =
    (level: string) =>
    (message: string, fields: LogFields = {}): void =>
      console.log(`${nowMs().toFixed(1).padStart(9)}  ${name} ${level} ${message} ${text({ ...bound, ...fields })}`);
  return {
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    with: (fields) => tracingLogger(name, nowMs, { ...bound, ...fields }),
  };
}
