/** The client library's records as etcdctl shows them: one line of zap's JSON each, on stderr. */

import type { Terminal } from '../cli/terminal.js';
import { differenceOf, type EmulatedVersion } from '../lib/emulate.js';
import type { LogFields, Logger } from '../lib/logger.js';

/** Where in etcd's sources a record comes from; scripts that read the logs may look for it. */
const callers: Readonly<Record<string, string>> = {
  'retrying of unary invoker failed': 'v3/retry_interceptor.go:66',
  'opened snapshot stream; downloading': 'v3/maintenance.go:212',
  'completed snapshot read; closing': 'v3/maintenance.go:220',
  'created temporary db file': 'snapshot/v3_snapshot.go:65',
  'fetching snapshot': 'snapshot/v3_snapshot.go:73',
  'fetched snapshot': 'snapshot/v3_snapshot.go:88',
  saved: 'snapshot/v3_snapshot.go:97',
};

type Level = 'info' | 'warn' | 'error';

/** What goes wrong, under the client library's name. */
export const clientLogger = (io: Terminal, emulate: EmulatedVersion): Logger =>
  lineLogger(io, differenceOf('clientNamesItself', emulate) ? 'etcd-client' : undefined, ['warn', 'error']);

/** The same in `endpoint health`, whose clients have another name. */
export const healthLogger = (io: Terminal, emulate: EmulatedVersion): Logger =>
  lineLogger(io, differenceOf('clientNamesItself', emulate) ? 'client' : undefined, ['warn', 'error']);

/** How a long command gets on. */
export const progressLogger = (io: Terminal): Logger => lineLogger(io, undefined, ['info', 'warn', 'error']);

/** The same as the client library tells it. */
export const clientProgressLogger = (io: Terminal, emulate: EmulatedVersion): Logger =>
  lineLogger(io, differenceOf('clientNamesItself', emulate) ? 'client' : undefined, ['info', 'warn', 'error']);

function lineLogger(io: Terminal, name: string | undefined, levels: readonly Level[]): Logger {
  const write =
    (level: Level) =>
    (msg: string, fields: LogFields = {}): void => {
      if (!levels.includes(level)) return;
      const ts = new Date(io.wallMs()).toISOString().replace('Z', '000Z');
      const caller = callers[msg] ?? 'v3/client.go';
      io.stderr.write(`${JSON.stringify({ level, ts, logger: name, caller, msg, ...fields })}\n`);
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
