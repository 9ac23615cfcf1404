/**
 * A result that may be there at once. On hot paths what need not wait does not: a promise and its turn of the microtask
 * queue cost about as much as reading a request's head.
 */
export type Soon<T> = T | Promise<T>;

/** `next` with the result: now where it is there, else when it comes. */
export function whenThere<T, U>(result: Soon<T>, next: (result: T) => Soon<U>): Soon<U> {
  return result instanceof Promise ? result.then(next) : next(result);
}

/** What `run` gives; `failed` gives the result where it throws or rejects. */
export function attempt<T>(run: () => Soon<T>, failed: (cause: unknown) => T): Soon<T> {
  try {
    const result = run();
    return result instanceof Promise ? result.catch(failed) : result;
  } catch (cause) {
    return failed(cause);
  }
}
