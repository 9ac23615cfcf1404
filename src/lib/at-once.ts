/**
 * Work that takes up something while it runs, a slice of every turn or a view that keeps pages: so many pieces of it at
 * once, the next one is refused.
 */
export class AtOnce {
  #running = 0;

  constructor(
    readonly most: number,
    readonly refusal: () => Error,
  ) {}

  get running(): number {
    return this.#running;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.most) throw this.refusal();
    this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
    }
  }
}
