/**
 * A result that may be there at once. On hot paths what need not wait does not: a promise and its turn of the microtask
 * queue cost about as much as reading a request's head.
 */
export type Soon<T> = T | Promise<T>;
