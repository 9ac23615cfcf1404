/** The client library's records as etcdctl shows them: one line of zap's JSON each, on stderr, warnings and worse. */
import type { LogFields, Logger } from '../lib/logger.js';
import type { Terminal } from './terminal.js';

/** Where in clientv3 a record comes from; scripts that read the logs may look for it. */
const callers: Readonly<Record<string, string>> = {
  'retrying of unary invoker failed': 'v3@v3.5.30/retry_interceptor.go:65',
};

export function clientLogger(io: Terminal, name = 'etcd-client'): Logger {
  const write = (level: string, msg: string, fields: LogFields = {}): void => {
    const ts = new Date(io.wallMs()).toISOString().replace('Z', '000Z');
    io.stderr.write(
      `${JSON.stringify({ level, ts, logger: name, caller: callers[msg] ?? 'v3/client.go', msg, ...fields })}\n`,
    );
  };
  const logger: Logger = {
    debug() {},
    info() {},
    warn: (msg, fields) => write('warn', msg, fields),
    error: (msg, fields) => write('error', msg, fields),
    with: () => logger,
  };
  return logger;
}
