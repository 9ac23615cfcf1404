/** The moment at which etcd tells systemd that it is up. Without a socket to tell there is nothing to do, and etcd says the same. */
import type { Logger } from '../lib/logger.js';

/** `socket` is the value of NOTIFY_SOCKET, '' or undefined when there is none. */
export function tellInit(log: Logger, socket: string | undefined): void {
  log.info('notifying init daemon');
  if (socket === undefined || socket === '') log.info('successfully notified init daemon');
  else
    log.error('failed to notify systemd for readiness', {
      error: 'etcd-ts has no way to write to a datagram socket',
    });
}
