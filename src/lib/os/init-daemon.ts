/**
 * What systemd learns of a service of `Type=notify`: that a long start goes on, that it is up, that it stops.
 * https://www.freedesktop.org/software/systemd/man/sd_notify.html Without a socket to tell there is nothing to do, and
 * etcd says the same.
 */
import { pathErrorText } from '../go/system-error.js';
import type { Logger } from '../logger.js';
import { osClock } from './clock.js';
import { nativeCalls } from './native.js';

/** A start or a stop may go on for so long beyond systemd's own limit before the next word of it. */
const EXTENSION_SECONDS = 60;
const EXTEND_PERIOD_MS = 15_000;

export class InitDaemon {
  readonly #socket: string;

  /** `socket` is the value of NOTIFY_SOCKET, '' or undefined when there is none. */
  constructor(
    readonly log: Logger,
    socket: string | undefined,
  ) {
    this.#socket = socket ?? '';
  }

  /** Until `dispose`: what goes on may take longer than the unit's limit. */
  extending(): Disposable {
    if (this.#socket === '') return { [Symbol.dispose]: () => {} };
    const extend = (): void => {
      this.#try(`EXTEND_TIMEOUT_USEC=${EXTENSION_SECONDS * 1_000_000}`);
    };
    extend();
    return { [Symbol.dispose]: osClock.every(EXTEND_PERIOD_MS, extend) };
  }

  ready(): void {
    this.log.info('notifying init daemon');
    const failure = this.#try('READY=1');
    if (failure === undefined) this.log.info('successfully notified init daemon');
    else this.log.error('failed to notify systemd for readiness', { error: failure });
  }

  stopping(): void {
    this.#try('STOPPING=1');
  }

  /** What went wrong. */
  #try(message: string): string | undefined {
    if (this.#socket === '') return undefined;
    try {
      nativeCalls().sendDatagram(this.#socket, message);
      return undefined;
    } catch (error) {
      return pathErrorText('dial unixgram', `${this.#socket}: connect`, error);
    }
  }
}
