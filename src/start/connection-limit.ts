/**
 * Descriptors are shared by clients' connections and by the member's own files: clients get what is left when so many
 * are kept for the log, the database, snapshots and peers. Source: etcd's embed/etcd.go, `reservedInternalFDNum`.
 * `etcd-diff:` etcd counts by listener and lets those beyond wait in the system's queue; here all client listeners
 * share one count, and those beyond are closed.
 */
import type { Admission } from '../lib/network.js';
import { FatalStartError } from './fatal-start-error.js';

const RESERVED_DESCRIPTORS = 150;

export class ConnectionLimit implements Admission {
  readonly #most: number;
  #open = 0;

  /** Throws FatalStartError when nothing would be left for clients. */
  constructor(descriptorLimit: number) {
    if (descriptorLimit <= RESERVED_DESCRIPTORS) {
      throw new FatalStartError('file descriptor limit of etcd process is too low; please set higher', {
        limit: descriptorLimit,
        'recommended-limit': RESERVED_DESCRIPTORS,
      });
    }
    this.#most = descriptorLimit - RESERVED_DESCRIPTORS;
  }

  enter(): boolean {
    if (this.#open >= this.#most) return false;
    this.#open++;
    return true;
  }

  leave(): void {
    this.#open--;
  }
}
