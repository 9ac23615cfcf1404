/** A sign of life on a terminal while nothing else is to be seen. */
import type { Terminal } from './terminal.js';

/** On standard error, and only where somebody looks at it; elsewhere the work is done in silence. */
export async function whileSpinning<T>(
  { stderr, env }: Pick<Terminal, 'stderr' | 'env'>,
  text: string,
  work: () => Promise<T>,
): Promise<T> {
  if (stderr.isTTY !== true || env.TERM === 'dumb') return work();
  const { default: ora } = await import('ora');
  const spinner = ora({ text, stream: stderr, isEnabled: true, discardStdin: false }).start();
  try {
    return await work();
  } finally {
    spinner.stop();
  }
}
