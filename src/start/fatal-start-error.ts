/** Ends a start with one fatal line of the log, in etcd's words, and exit code 1. */
import type { LogFields } from '../lib/logger.js';

export class FatalStartError extends Error {
  override readonly name = 'FatalStartError';
  constructor(
    message: string,
    readonly fields: LogFields,
  ) {
    super(message);
  }
}
