/**
 * The endpoints behind a TCP gateway and whose turn it is: those that could be reached take turns, one that could not is left out until it can be again.
 * Pure; `gateway.ts` dials. As etcd's server/proxy/tcpproxy.
 */

export interface RemoteAddress {
  readonly host: string;
  readonly port: number;
}

export interface Remote extends RemoteAddress {
  /** `host:port`, as in logs. */
  readonly text: string;
  readonly isActive: boolean;
}

interface Slot extends Remote {
  isActive: boolean;
}

export class Remotes {
  readonly #slots: readonly Slot[];
  /** Where the search for the next one begins. */
  #next = 0;

  constructor(addresses: readonly RemoteAddress[]) {
    this.#slots = addresses.map(({ host, port }) => ({
      host,
      port,
      text: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
      isActive: true,
    }));
  }

  get all(): readonly Remote[] {
    return this.#slots;
  }

  /** Whose turn it is; undefined = none is active. */
  pick(): Remote | undefined {
    const count = this.#slots.length;
    for (let i = 0; i < count; i++) {
      const at = (this.#next + i) % count;
      const slot = this.#slots[at];
      if (slot?.isActive !== true) continue;
      this.#next = (at + 1) % count;
      return slot;
    }
    return undefined;
  }

  /** It could not be reached. */
  deactivate(remote: Remote): void {
    this.#set(remote, false);
  }

  /** It can be reached again. */
  activate(remote: Remote): void {
    this.#set(remote, true);
  }

  #set(remote: Remote, isActive: boolean): void {
    for (const slot of this.#slots) if (slot === remote) slot.isActive = isActive;
  }
}
