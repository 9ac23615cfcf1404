/** A log record that is written once the log is set up: reading the options comes before. */
import type { LogFields } from '../lib/logger.js';

export interface LogLine {
  readonly level: 'info' | 'warn' | 'fatal';
  readonly message: string;
  readonly fields: LogFields;
  /** The message stands alone on standard error, whatever the log is. */
  readonly isBare?: boolean;
}
