/**
 * A log record is a constant sentence plus fields, both spelled as etcd spells them. The logger is passed in, already
 * bound to its member and part; there is no global one.
 */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Whether records of `level` get anywhere, for whoever puts dear ones together; all do where it is absent. */
  isLogged?(level: Level): boolean;
  /** A logger whose records all carry `fields`. */
  with(fields: LogFields): Logger;
}

/** For tests and tools that want silence. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  isLogged: () => false,
  with: () => silentLogger,
};

export type Level = 'debug' | 'info' | 'warn' | 'error' | 'panic' | 'fatal';
