/** Sequences follow each other on the same members: of each kind of pair there are as many as are needed at once. */
import { Pair } from './pair.js';

type Flags = readonly string[];

export class Pairs {
  readonly #idle = new Map<Flags, Pair[]>();
  readonly #flagsOf = new Map<Pair, Flags>();
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(
    readonly binaries: string,
    atOnce: number,
  ) {
    this.#free = atOnce;
  }

  /** `flags` by identity. Waits while as many as there may be are at work. */
  async take(flags: Flags): Promise<Pair> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free--;
    try {
      const pair = this.#idle.get(flags)?.pop() ?? (await Pair.start(this.binaries, flags));
      this.#flagsOf.set(pair, flags);
      return pair;
    } catch (cause) {
      this.#next();
      throw cause;
    }
  }

  /** One whose sides may have parted is ended. */
  async giveBack(pair: Pair): Promise<void> {
    const flags = this.#flagsOf.get(pair);
    try {
      if (flags === undefined || pair.isSpoiled) {
        this.#flagsOf.delete(pair);
        await pair[Symbol.asyncDispose]();
      } else this.#idle.set(flags, [...(this.#idle.get(flags) ?? []), pair]);
    } finally {
      this.#next();
    }
  }

  async end(): Promise<void> {
    for (const pair of this.#flagsOf.keys()) await pair[Symbol.asyncDispose]();
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
