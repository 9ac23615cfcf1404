/**
 * What calls take up, in bytes, by connection and in all: requests that are not whole yet, and those being served. A
 * peer may open as many streams as it likes and put a message that never ends into each; flow control bounds each of
 * them, this bounds them together.
 */
import { innerText, wireErrors } from '../proto/errors.js';
import { Code, GrpcError, type HeldLimits } from './types.js';

const defaultLimits: HeldLimits = {
  connectionBytes: 64 * 1024 * 1024,
  serverBytes: 256 * 1024 * 1024,
  refusal: () => new GrpcError(Code.ResourceExhausted, innerText(wireErrors.tooManyRequests)),
};

export class Held {
  #total = 0;
  readonly #byConnection = new Map<object, number>();

  readonly #limits: HeldLimits;

  constructor(limits: Partial<HeldLimits> = {}) {
    this.#limits = { ...defaultLimits, ...limits };
  }

  /** In all. */
  get bytes(): number {
    return this.#total;
  }

  /** False when there is no room for so many. */
  take(connection: object, bytes: number): boolean {
    const before = this.#byConnection.get(connection) ?? 0;
    if (before + bytes > this.#limits.connectionBytes || this.#total + bytes > this.#limits.serverBytes) return false;
    this.#byConnection.set(connection, before + bytes);
    this.#total += bytes;
    return true;
  }

  giveBack(connection: object, bytes: number): void {
    this.#total -= bytes;
    const left = (this.#byConnection.get(connection) ?? 0) - bytes;
    if (left > 0) this.#byConnection.set(connection, left);
    else this.#byConnection.delete(connection);
  }

  refusal(): GrpcError {
    return this.#limits.refusal();
  }
}
