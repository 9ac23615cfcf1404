/**
 * What calls take up, in bytes, by connection and in all: requests that are not whole yet, and those being served. A
 * peer may open as many streams as it likes and put a large head and a message that never ends into each; header lists
 * and flow control bound each of them, this bounds them together.
 */
import { innerText, wireErrors } from '../proto/errors.js';
import { Code, GrpcError, type HeldLimits } from './types.js';

const defaultLimits: HeldLimits = {
  connectionBytes: 64 * 1024 * 1024,
  serverBytes: 256 * 1024 * 1024,
  refusal: () => new GrpcError(Code.ResourceExhausted, innerText(wireErrors.tooManyRequests)),
};

/**
 * What one call with the largest message may come to hold: it is held as it comes, and again while it is served, with
 * what a call takes besides.
 */
const largestCall = (maxReceiveBytes: number): number => 2 * maxReceiveBytes + 64 * 1024;

/** The usual limits, widened where messages may be so large that one of them would not fit. */
export function heldLimits(maxReceiveBytes: number): Pick<HeldLimits, 'connectionBytes' | 'serverBytes'> {
  const { connectionBytes, serverBytes } = defaultLimits;
  const largest = largestCall(maxReceiveBytes);
  return { connectionBytes: Math.max(connectionBytes, largest), serverBytes: Math.max(serverBytes, largest) };
}

export class Held {
  #total = 0;
  readonly #byConnection = new WeakMap<object, { bytes: number }>();

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
    let own = this.#byConnection.get(connection);
    if (own === undefined) {
      own = { bytes: 0 };
      this.#byConnection.set(connection, own);
    }
    if (own.bytes + bytes > this.#limits.connectionBytes || this.#total + bytes > this.#limits.serverBytes)
      return false;
    own.bytes += bytes;
    this.#total += bytes;
    return true;
  }

  giveBack(connection: object, bytes: number): void {
    this.#total -= bytes;
    const own = this.#byConnection.get(connection);
    if (own !== undefined) own.bytes -= bytes;
  }

  refusal(): GrpcError {
    return this.#limits.refusal();
  }
}
