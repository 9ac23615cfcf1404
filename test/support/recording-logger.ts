/** A logger that keeps what it is told. */
import type { LogFields, Logger } from '../../src/lib/logger.js';

export interface LogRecord {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: LogFields;
}

export class RecordingLogger implements Logger {
  constructor(
    readonly records: LogRecord[] = [],
    readonly bound: LogFields = {},
  ) {}

  debug = this.#at('debug');
  info = this.#at('info');
  warn = this.#at('warn');
  error = this.#at('error');

  /** Which file a record comes from is no matter of what it says. */
  with({ caller: _, ...fields }: LogFields): RecordingLogger {
    return new RecordingLogger(this.records, { ...this.bound, ...fields });
  }

  #at(level: LogRecord['level']) {
    return (message: string, fields: LogFields = {}): void => {
      this.records.push({ level, message, fields: { ...this.bound, ...fields } });
    };
  }
}
