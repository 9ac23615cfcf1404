/**
 * Options that real etcd knows and this program does not honour yet. They are recognized, so that nobody has to guess: one whose neglect would change
 * what a user relies on is refused, the others are taken and a warning says that they do nothing. A value equal to the default is always fine.
 * An option moves to `options.ts` when the part that it drives is there.
 */

import type { Kind, Option, OptionTable } from './option.js';
import { kinds } from './option.js';

type Neglect = 'refuse' | 'warn';

interface MissingOption<T> extends Option<T> {
  readonly neglect: Neglect;
}

const missing =
  (neglect: Neglect) =>
  <T>(kind: Kind<T>, initial: T, fileKey?: string | null): MissingOption<T> => ({
    kind,
    initial,
    neglect,
    section: 'etcd-ts',
    help: '',
    isHidden: true,
    ...(fileKey === undefined ? {} : { fileKey }),
  });

const refused = missing('refuse');
const idle = missing('warn');
const { bool, durationMs, int, string } = kinds;

const stages = ['not-yet', 'write-only', 'write-only-skip-check', 'write-only-drop-data', 'gone'] as const;
const v2Stage: Kind<string> = {
  ...string,
  parse: (text) => {
    if (!stages.some((stage) => stage === text)) throw new Error(`invalid value "${text}"`);
    return text;
  },
};

export const missingOptions = {
  // Clusters
  'next-cluster-version-compatible': refused(bool, false),

  // The v2 API
  'experimental-enable-v2v3': refused(string, ''),
  'v2-deprecation': idle(v2Stage, 'not-yet'),

  // Logs, metrics, traces
  'enable-log-rotation': refused(bool, false),
  'log-rotation-config-json': idle(
    string,
    '{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}',
  ),
  'log-package-levels': idle(string, ''),
  debug: idle(bool, false),
  'enable-distributed-tracing': refused(bool, false),
  'distributed-tracing-address': idle(string, 'localhost:4317'),
  'distributed-tracing-service-name': idle(string, 'etcd'),
  'distributed-tracing-instance-id': idle(string, ''),
  'distributed-tracing-sampling-rate': idle(int, 0),
  'experimental-enable-distributed-tracing': refused(bool, false),
  'experimental-distributed-tracing-address': idle(string, 'localhost:4317'),
  'experimental-distributed-tracing-service-name': idle(string, 'etcd'),
  'experimental-distributed-tracing-instance-id': idle(string, ''),
  'experimental-distributed-tracing-sampling-rate': idle(int, 0),

  // Checks and tuning
  'memory-mlock': idle(bool, false),
  'experimental-memory-mlock': idle(bool, false),
  'backend-bbolt-freelist-type': idle(string, 'map'),
  'experimental-backend-bbolt-freelist-type': idle(string, 'map'),
  'raft-read-timeout': idle(durationMs, 5_000, null),
  'raft-write-timeout': idle(durationMs, 5_000, null),
  'socket-reuse-port': idle(bool, false, 'socket-options.reuse-port'),
  'socket-reuse-address': idle(bool, false, 'socket-options.reuse-address'),
} satisfies OptionTable;

/** What to do about a missing option that was given `value`: nothing, when that is its default. */
export function neglectOf(name: string, value: unknown): Neglect | undefined {
  const option: MissingOption<unknown> | undefined = Object.hasOwn(missingOptions, name)
    ? missingOptions[name as keyof typeof missingOptions]
    : undefined;
  if (option === undefined || option.kind.show(value) === option.kind.show(option.initial)) return undefined;
  return option.neglect;
}
