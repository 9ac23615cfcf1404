/**
 * A result that may be there at once. On hot paths what need not wait does not: a promise and its turn of the microtask
 * queue cost about as much as reading a request's head.
 */
export type Soon<T> = T | Promise<T>;

/**
 * What is made of a promise's result, in the very step in which whoever waits takes it. Of a chain of promises each
 * link is a round of the microtask queue: where hundreds are settled at once, what one round has made for all of them
 * has left the processor's cache when the next one comes to it.
 */
export class Later<T> implements PromiseLike<T> {
  readonly #source: PromiseLike<unknown>;
  readonly #make: (value: unknown) => T;
  readonly #recover: (cause: unknown) => T;

  private constructor(source: PromiseLike<unknown>, make: (value: unknown) => T, recover: (cause: unknown) => T) {
    this.#source = source;
    this.#make = make;
    this.#recover = recover;
  }

  /** `recover` gets what `source` rejects with, and may throw. To be waited for once. */
  static of<S, T>(source: PromiseLike<S>, make: (value: S) => T, recover: (cause: unknown) => T): Later<T> {
    return new Later(source, make as (value: unknown) => T, recover);
  }

  // biome-ignore lint/suspicious/noThenProperty: it stands in for a promise.
  then<A = T, B = never>(
    done?: ((value: T) => A | PromiseLike<A>) | null,
    failed?: ((cause: unknown) => B | PromiseLike<B>) | null,
  ): PromiseLike<A | B> {
    const given = (run: () => T): A | B | PromiseLike<A | B> => {
      let value: T;
      try {
        value = run();
      } catch (cause) {
        if (failed == null) throw cause;
        return failed(cause);
      }
      return done == null ? (value as unknown as A) : done(value);
    };
    return this.#source.then(
      (value) => given(() => this.#make(value)),
      (cause: unknown) => given(() => this.#recover(cause)),
    );
  }
}
