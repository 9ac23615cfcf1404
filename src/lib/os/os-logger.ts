/** What the loggers of this folder are to whoever uses them, whatever their records look like. */
import type { Level, LogFields, Logger } from '../logger.js';

export interface OsLogger extends Logger {
  /** Both only write; to end the process is the caller's business. */
  fatal(message: string, fields?: LogFields): void;
  panic(message: string, fields?: LogFields): void;
  with(fields: LogFields): OsLogger;
  /** The least severe level that is written from now on, by all loggers made of this one. Notices are zap's infos. */
  setLevel(level: Level | 'notice'): void;
  /** Closes the files among the outputs; later records are lost. */
  close(): void;
}

/** A record of each level is one of `log`. */
export abstract class LevelLogger implements OsLogger {
  debug(message: string, fields?: LogFields): void {
    this.log('debug', message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.log('info', message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    this.log('warn', message, fields);
  }
  error(message: string, fields?: LogFields): void {
    this.log('error', message, fields);
  }
  fatal(message: string, fields?: LogFields): void {
    this.log('fatal', message, fields);
  }
  panic(message: string, fields?: LogFields): void {
    this.log('panic', message, fields);
  }
  abstract isLogged(level: Level): boolean;
  abstract with(fields: LogFields): OsLogger;
  abstract setLevel(level: Level | 'notice'): void;
  abstract close(): void;
  protected abstract log(level: Level, message: string, fields?: LogFields): void;
}
