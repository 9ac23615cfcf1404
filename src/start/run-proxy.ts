/** The life of a proxy as a program, once its words are read. */
import { exitSilently } from '../cli/exit.js';
import type { Terminal } from '../cli/terminal.js';
import type { Logger } from '../lib/logger.js';
import { InitDaemon } from '../lib/os/init-daemon.js';
import { createLogger } from '../lib/os/logger.js';
import { StartRefusal } from './start-refusal.js';

/** `start` resolves when it is up; it may throw StartRefusal, which ends the program in its words. */
export async function runProxy(
  io: Terminal,
  level: 'debug' | 'info',
  start: (log: Logger) => Promise<{ readonly ready?: () => void }>,
): Promise<never> {
  const log = createLogger({ level, format: 'json', outputs: ['stderr'], timestampDigits: 6, wallMs: io.wallMs });
  try {
    const { ready } = await start(log);
    new InitDaemon(log, io.env.NOTIFY_SOCKET).ready();
    ready?.();
  } catch (error) {
    if (!(error instanceof StartRefusal)) throw error;
    io[error.to].write(error.text);
    exitSilently(1);
  }
  // Signals have their default effect here; nothing else ends a proxy.
  return await new Promise<never>(() => {});
}
