/**
 * Options that real etcd knows and this program does not honour yet. They are recognized, so that nobody has to guess:
 * one whose neglect would change what a user relies on is refused, the others are taken and a warning says that they do
 * nothing. A value equal to the default is always fine. An option moves to `options.ts` when the part that it drives is
 * there.
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
const { bool, string } = kinds;

export const missingOptions = {
  // Clusters
  'next-cluster-version-compatible': refused(bool, false),

  // Of 3.4 alone, for a log that is not zap's
  'log-package-levels': idle(string, ''),
} satisfies OptionTable;

/** What to do about a missing option that was given `value`: nothing, when that is its default. */
export function neglectOf(name: string, value: unknown): Neglect | undefined {
  const option: MissingOption<unknown> | undefined = Object.hasOwn(missingOptions, name)
    ? missingOptions[name as keyof typeof missingOptions]
    : undefined;
  if (option === undefined || option.kind.show(value) === option.kind.show(option.initial)) return undefined;
  return option.neglect;
}
