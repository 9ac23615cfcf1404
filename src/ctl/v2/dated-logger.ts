/**
 * Lines of etcd's old log, which commands of the v2 client write on stderr: `2016-03-01 10:00:00.000000 I | message`.
 */

import type { Terminal } from '../../cli/terminal.js';
import type { Logger } from '../../lib/logger.js';

export function datedLogger(io: Terminal): Logger {
  const write =
    (letter: string) =>
    (message: string): void => {
      const when = new Date(io.wallMs()).toISOString().replace('T', ' ').replace('Z', '000');
      io.stderr.write(`${when} ${letter} | ${message}\n`);
    };
  const logger: Logger = {
    debug() {},
    info: write('I'),
    warn: write('W'),
    error: write('E'),
    with: () => logger,
  };
  return logger;
}
