/** The client library's records as etcdctl shows them: one line of zap's JSON each, on stderr. */

import type { Terminal } from '../cli/terminal.js';
import { addressText, parseEndpoint } from '../client/endpoint.js';
import { differenceOf, type EmulatedVersion } from '../lib/emulate.js';
import type { LogFields, Logger } from '../lib/logger.js';

/** Where in etcd's sources a record comes from; scripts that read the logs may look for it. */
const callers: Readonly<Record<string, string>> = {
  'retrying of unary invoker failed': 'v3/retry_interceptor.go:66',
  'opened snapshot stream; downloading': 'v3/maintenance.go:212',
  'failed to receive from snapshot stream; closing': 'v3/maintenance.go:222',
  'completed snapshot read; closing': 'v3/maintenance.go:220',
  'created temporary db file': 'snapshot/v3_snapshot.go:65',
  'fetching snapshot': 'snapshot/v3_snapshot.go:73',
  'fetched snapshot': 'snapshot/v3_snapshot.go:88',
  saved: 'snapshot/v3_snapshot.go:97',
};

const callersOf34: Readonly<Record<string, string>> = {
  'retrying of unary invoker failed': 'clientv3/retry_interceptor.go:62',
  'opened snapshot stream; downloading': 'clientv3/maintenance.go:200',
  'completed snapshot read; closing': 'clientv3/maintenance.go:208',
  'created temporary db file': 'snapshot/v3_snapshot.go:119',
  'fetching snapshot': 'snapshot/v3_snapshot.go:127',
  'fetched snapshot': 'snapshot/v3_snapshot.go:142',
  saved: 'snapshot/v3_snapshot.go:152',
  'restoring snapshot': 'snapshot/v3_snapshot.go:296',
  'restored last compact revision': 'mvcc/kvstore.go:388',
  'added member': 'membership/cluster.go:392',
  'restored snapshot': 'snapshot/v3_snapshot.go:309',
};

/**
 * Whom a call went to is told by its address alone; clients are known by longer names. Of endpoints that cannot be
 * reached the balancer says no more than that, but where one was asked for.
 */
function fieldsOf34(record: LogFields): LogFields {
  const { endpoint, target } = record;
  if (typeof target !== 'string' || typeof record.error !== 'string') return record;
  const error = record.error.replace('Error while dialing: ', 'Error while dialing ');
  const fields = { ...record, endpoint: undefined, peer: undefined, error };
  if (endpoint !== undefined) return { ...fields, target: `passthrough:///${endpoint}` };
  const [, id = '', address = ''] = /^etcd-endpoints:\/\/0x([0-9a-f]+)\/(.*)$/.exec(target) ?? [];
  const digits = id.repeat(4);
  const name = [8, 12, 16, 20, 32].map((end, at, ends) => digits.slice(ends[at - 1] ?? 0, end)).join('-');
  return {
    ...fields,
    target: `endpoint://client-${name}/${address}`,
    error: error.replace(/(?<=latest balancer error: ).*/s, 'all SubConns are in TransientFailure'),
  };
}

/** Up to 3.5, calls to one endpoint are told as the client's other calls are: by its first, without their method. */
function fieldsOf35(fields: LogFields, first: string | undefined): LogFields {
  const { target } = fields;
  if (typeof target !== 'string' || first === undefined) return { ...fields, method: undefined };
  const address = addressText(parseEndpoint(first));
  return {
    ...fields,
    target: target.replace(/^(etcd-endpoints:\/\/[^/]*\/).*$/s, (_, id) => id + address),
    method: undefined,
  };
}

/** Which endpoint a failed call was for, its record's target tells. */
const withoutEndpoint = (fields: LogFields): LogFields =>
  fields.target === undefined ? fields : { ...fields, endpoint: undefined };

type Level = 'info' | 'warn' | 'error';

/** What goes wrong, under the client library's name; `first` is the first of its endpoints. */
export const clientLogger = (io: Terminal, emulate: EmulatedVersion, first?: string): Logger =>
  lineLogger(io, emulate, { name: 'etcd-client', first, levels: ['warn', 'error'] });

/** The same in `endpoint health`, whose clients have another name. */
export const healthLogger = (io: Terminal, emulate: EmulatedVersion): Logger =>
  lineLogger(io, emulate, { name: 'client', levels: ['warn', 'error'] });

/** How a long command gets on. */
export const progressLogger = (io: Terminal, emulate: EmulatedVersion): Logger =>
  lineLogger(io, emulate, {
    levels: ['info', 'warn', 'error'],
    inSeconds: differenceOf('snapshotsAreLoggedInSeconds', emulate),
  });

/** The same as the client library tells it. */
export const clientProgressLogger = (io: Terminal, emulate: EmulatedVersion): Logger =>
  lineLogger(io, emulate, { name: 'client', levels: ['info', 'warn', 'error'] });

function lineLogger(
  io: Terminal,
  emulate: EmulatedVersion,
  {
    name,
    first,
    levels,
    inSeconds = false,
  }: {
    readonly name?: string;
    readonly first?: string | undefined;
    readonly levels: readonly Level[];
    readonly inSeconds?: boolean;
  },
): Logger {
  const logger = differenceOf('clientNamesItself', emulate) ? name : undefined;
  const digits = differenceOf('logTimestampDigits', emulate);
  const oldCallers = differenceOf('clientTellsPeer', emulate) ? {} : callersOf34;
  const write =
    (level: Level) =>
    (msg: string, fields: LogFields = {}): void => {
      if (!levels.includes(level)) return;
      const wallMs = io.wallMs();
      const ts = inSeconds ? wallMs / 1000 : new Date(wallMs).toISOString().replace('Z', `${'0'.repeat(digits - 3)}Z`);
      const caller = oldCallers[msg] ?? callers[msg] ?? 'v3/client.go';
      const known = differenceOf('clientTellsMethod', emulate) ? fields : fieldsOf35(fields, first);
      const told = differenceOf('clientTellsPeer', emulate) ? withoutEndpoint(known) : fieldsOf34(known);
      io.stderr.write(`${JSON.stringify({ level, ts, logger, caller, msg, ...told })}\n`);
    };
  const made: Logger = {
    debug() {},
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    with: () => made,
  };
  return made;
}
