/** The version that a downgrade is to lead to: the only argument of the `downgrade` commands. */
import { ExitCode, fail } from '../cli/exit.js';

export function downgradeTarget(args: readonly string[]): string {
  const [target] = args;
  if (target === undefined) fail(ExitCode.badArgs, 'TARGET_VERSION not provided');
  if (args.length > 1) fail(ExitCode.badArgs, 'too many arguments');
  if (target === '') fail(ExitCode.badArgs, 'target version not provided');
  return target;
}
