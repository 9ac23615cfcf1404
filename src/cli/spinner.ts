/** A sign of life on a terminal while nothing else is to be seen. */
import type { Terminal } from './terminal.js';

/** On standard error, and only where somebody looks at it; elsewhere the work is done in silence. */
export async function whileSpinning<T>(io: Terminal, text: string, work: () => Promise<T>): Promise<T> {
  if (io.stderr.isTTY !== true) return work();
  const { default: ora } = await import('ora');
  const spinner = ora({ text, discardStdin: false }).start();
  try {
    return await work();
  } finally {
    spinner.stop();
  }
}
