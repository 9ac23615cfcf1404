/**
 * Options of etcd that have no effect here. They are recognized, so that nobody has to guess: a warning says that they
 * do nothing. A value equal to the default is always fine.
 */

import type { Option, OptionTable } from './option.js';
import { kinds } from './option.js';

/** Of 3.4 alone, for a log that is not zap's. */
const packageLevels: Option<string> = { kind: kinds.string, initial: '', section: 'etcd-ts', help: '', isHidden: true };

export const missingOptions = { 'log-package-levels': packageLevels } satisfies OptionTable;

/** Whether `value` of the option `name` asks for something that is not done. */
export function isNeglected(name: string, value: unknown): boolean {
  return name === 'log-package-levels' && value !== packageLevels.initial;
}
