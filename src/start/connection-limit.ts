/**
 * Descriptors are shared by connections and by the member's own files: clients get what is left when so many are kept
 * for the log, the database, snapshots, peers and probes. Source: etcd's embed/etcd.go, `reservedInternalFDNum`.
 * `etcd-diff:` etcd counts by listener, clients' alone, and lets those beyond wait in the system's queue; here all
 * client listeners share one count, those of peers and of metrics have their own, and connections beyond are closed.
 */
import type { Admission } from '../lib/network.js';
import { FatalStartError } from './fatal-start-error.js';

const RESERVED_DESCRIPTORS = 150;
/** Of those that are kept: more than the peers of a cluster of seven ever open. */
const PEERS_AT_LEAST = 64;
/** What peers get of a large limit: clients are left the rest. */
const PEERS_OF = 8;
const METRICS = 32;

export interface ConnectionLimits {
  readonly clients: Admission;
  readonly peers: Admission;
  readonly metrics: Admission;
}

/** Throws FatalStartError when nothing would be left for clients. */
export function connectionLimits(descriptorLimit: number): ConnectionLimits {
  if (descriptorLimit <= RESERVED_DESCRIPTORS) {
    throw new FatalStartError('file descriptor limit of etcd process is too low; please set higher', {
      limit: descriptorLimit,
      'recommended-limit': RESERVED_DESCRIPTORS,
    });
  }
  const left = descriptorLimit - RESERVED_DESCRIPTORS;
  const peers = Math.max(PEERS_AT_LEAST, Math.floor(left / PEERS_OF));
  return {
    clients: new ConnectionCount(left - (peers - PEERS_AT_LEAST)),
    peers: new ConnectionCount(peers),
    metrics: new ConnectionCount(METRICS),
  };
}

class ConnectionCount implements Admission {
  #open = 0;

  constructor(readonly most: number) {}

  enter(): boolean {
    if (this.#open >= this.most) return false;
    this.#open++;
    return true;
  }

  leave(): void {
    this.#open--;
  }
}
