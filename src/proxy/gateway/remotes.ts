/**
 * The endpoints behind a TCP gateway and whose turn it is: those that could be reached take turns, one that could not
 * is left out until it can be again. Pure; `gateway.ts` dials. As etcd's server/proxy/tcpproxy.
 */

export interface RemoteAddress {
  readonly host: string;
  readonly port: number;
  /** As in its SRV record: while one of a smaller number is active, those of larger ones wait. Default 0. */
  readonly priority?: number;
  /** Its share among those of one priority. Those of 0 share a hundredth; all, where no others are (RFC 2782). */
  readonly weight?: number;
}

export interface Remote extends RemoteAddress {
  /** `host:port`, as in logs. */
  readonly text: string;
  readonly isActive: boolean;
}

interface Slot extends Required<Remote> {
  isActive: boolean;
  /** Grows by the weight with each turn of another; who has most is next. */
  credit: number;
}

export class Remotes {
  readonly #slots: readonly Slot[];

  constructor(addresses: readonly RemoteAddress[]) {
    this.#slots = addresses.map(({ host, port, priority = 0, weight = 1 }) => ({
      host,
      port,
      priority,
      weight,
      credit: 0,
      text: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
      isActive: true,
    }));
  }

  get all(): readonly Remote[] {
    return this.#slots;
  }

  /** Whose turn it is; undefined = none is active. */
  pick(): Remote | undefined {
    let best: number | undefined;
    for (const { isActive, priority } of this.#slots) {
      if (isActive && (best === undefined || priority < best)) best = priority;
    }
    const candidates = this.#slots.filter((slot) => slot.isActive && slot.priority === best);
    const weightless = weightlessShare(candidates);
    let picked: Slot | undefined;
    let total = 0;
    for (const slot of candidates) {
      const share = slot.weight === 0 ? weightless : slot.weight;
      slot.credit += share;
      total += share;
      if (picked === undefined || slot.credit > picked.credit) picked = slot;
    }
    if (picked !== undefined) picked.credit -= total;
    return picked;
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

/** What each of them that has no weight counts as. */
function weightlessShare(slots: readonly Slot[]): number {
  const sum = slots.reduce((total, { weight }) => total + weight, 0);
  return sum === 0 ? 1 : sum / (99 * slots.filter(({ weight }) => weight === 0).length);
}
