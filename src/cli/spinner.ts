/** A sign of life on a terminal while nothing else is to be seen. */
import type { Terminal } from './terminal.js';

/** On standard error, and only where somebody looks at it; elsewhere the work is done in silence. */
export async function whileSpinning<T>(
  { stderr, env }: Pick<Terminal, 'stderr' | 'env'>,
  text: string,
  work: () => Promise<T>,
): Promise<T> {
  // A terminal without a size has nobody in front of it; ora would clear endlessly many lines there.
  const isSeen = stderr.isTTY === true && env.TERM !== 'dumb' && (stderr.columns ?? 0) > 0;
  if (!isSeen) return work();
  const { default: ora } = await import('ora');
  const spinner = ora({ text, stream: stderr, isEnabled: true, discardStdin: false }).start();
  try {
    return await work();
  } finally {
    spinner.stop();
  }
}
