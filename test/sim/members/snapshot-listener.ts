/** A member's log, of which a cluster hears one thing: that a leader's snapshot has taken the place of what it had. */
import type { Logger } from '../../../src/lib/logger.js';

export function hearingOfSnapshots(logger: Logger, onInstalled: () => void): Logger {
  return {
    debug: (message, fields) => logger.debug(message, fields),
    info(message, fields) {
      logger.info(message, fields);
      if (message === 'applied snapshot') onInstalled();
    },
    warn: (message, fields) => logger.warn(message, fields),
    error: (message, fields) => logger.error(message, fields),
    isLogged: (level) => logger.isLogged?.(level) ?? true,
    with: (fields) => hearingOfSnapshots(logger.with(fields), onInstalled),
  };
}
