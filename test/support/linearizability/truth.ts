/**
 * What a store holds at each of its revisions, as told by its own history: the one order of all writes that a history
 * of clients is checked against. Which create revision and version a change must have follows from those before it, so
 * a history that contradicts itself is refused.
 */

export interface Version {
  readonly key: string;
  /** undefined = deleted. */
  readonly value: string | undefined;
  readonly lease: bigint;
  /** 0 in a deletion, as is `version`. */
  readonly create: number;
  readonly version: number;
  readonly mod: number;
}

/** One change as a transaction makes it. */
export interface Change {
  readonly key: string;
  /** undefined = deleted. */
  readonly value: string | undefined;
  readonly lease: bigint;
}

export class HistoryError extends Error {
  override readonly name = 'HistoryError';
  constructor(
    readonly rule: string,
    readonly detail: string,
  ) {
    super(`${rule}: ${detail}`);
  }
}

export class Truth {
  /** Of an empty store; the first write makes 2. */
  revision = 1;
  readonly #events = new Map<number, readonly Version[]>();
  readonly #keys = new Map<string, Version[]>();

  /** What changed at `revision`, in order; empty for one that is not known. */
  at(revision: number): readonly Version[] {
    return this.#events.get(revision) ?? [];
  }

  get keys(): IterableIterator<string> {
    return this.#keys.keys();
  }

  /** The next revision. Throws where it can't be what is said. */
  add(revision: number, events: readonly Version[]): void {
    if (revision !== this.revision + 1)
      throw new HistoryError('revisions rise by one', `${revision} comes after ${this.revision}`);
    const changes = events.map(({ key, value, lease }) => ({ key, value, lease }));
    const expected = this.versionsOf(changes, this.revision);
    if (!alike(expected, events))
      throw new HistoryError('versions follow from history', `at ${revision} ${text(events)}, not ${text(expected)}`);
    this.revision = revision;
    this.#events.set(revision, events);
    for (const event of events) {
      const versions = this.#keys.get(event.key);
      if (versions === undefined) this.#keys.set(event.key, [event]);
      else versions.push(event);
    }
  }

  /** The key as of `revision`; undefined where it does not exist then. */
  get(key: string, revision: number): Version | undefined {
    const versions = this.#keys.get(key);
    if (versions === undefined) return undefined;
    let low = 0;
    let high = versions.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((versions[middle]?.mod ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    const found = versions[low - 1];
    return found?.value === undefined ? undefined : found;
  }

  /** In the order of keys. */
  range(key: string, end: string | undefined, revision: number): Version[] {
    const names = end === undefined ? [key] : [...this.#keys.keys()].filter((name) => name >= key && name < end).sort();
    return names.map((name) => this.get(name, revision)).filter((found) => found !== undefined);
  }

  /** What changes after `revision` look like in history. */
  versionsOf(changes: readonly Change[], revision: number): Version[] {
    const made = new Map<string, Version>();
    return changes.map(({ key, value, lease }) => {
      const before = made.get(key) ?? this.get(key, revision);
      const mod = revision + 1;
      const lives = before?.value !== undefined;
      const version: Version =
        value === undefined
          ? { key, value, lease: 0n, create: 0, version: 0, mod }
          : { key, value, lease, create: lives ? before.create : mod, version: lives ? before.version + 1 : 1, mod };
      made.set(key, version);
      return version;
    });
  }
}

/** The same for the same content. */
export const text = (value: unknown): string =>
  JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? `${part}n` : part));

/** Whether `text` of both is the same, for what is made in the same order of keys; much faster. */
export function alike(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  for (const key of keys) if (!alike(left[key], right[key])) return false;
  return true;
}
