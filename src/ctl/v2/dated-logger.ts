/** Lines of etcd's old log, which commands of the v2 client write on stderr. */

import type { Terminal } from '../../cli/terminal.js';
import { capnslogLine, letterOf } from '../../lib/go/capnslog.js';
import type { Level, Logger } from '../../lib/logger.js';

export function datedLogger(io: Terminal): Logger {
  const write =
    (level: Level) =>
    (message: string): void => {
      io.stderr.write(`${capnslogLine({ wallMs: io.wallMs(), letter: letterOf[level], part: '' }, message)}\n`);
    };
  const logger: Logger = {
    debug() {},
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    with: () => logger,
  };
  return logger;
}
