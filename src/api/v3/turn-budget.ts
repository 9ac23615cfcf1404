/**
 * How much big answers may take of one turn of the event loop. One read of a socket can bring hundreds of requests; were each answered with a
 * megabyte at once, no other client would be heard for seconds. Beyond the budget an answer is made in a later turn: the connections in rotation,
 * those of one connection in the order in which they were asked for.
 *
 * Invariant: each turn serves at least one, however big. What waits is bounded by the calls in flight.
 */
import type { Clock } from '../../lib/clock.js';

/** Some 50 ms of copying. Not less: at 4 MiB a turn a range of one megabyte took 3.0 ms of CPU, at 32 MiB 1.6 ms, as without a budget. */
const BYTES_PER_TURN = 32 * 1024 * 1024;

export class TurnBudget {
  #spentBytes = 0;
  #turnAsked = false;
  /** By connection, the one whose turn is next first. No queue in it is empty. */
  readonly #waiting = new Map<object, (() => void)[]>();

  constructor(
    readonly clock: Pick<Clock, 'soon'>,
    readonly bytesPerTurn: number = BYTES_PER_TURN,
  ) {}

  /**
   * Makes the answer: at once while there is budget, else in a later turn. `make` tells by `spend` how big it became, before it returns.
   * `connection` is whatever object stands for the caller's connection.
   */
  run<T>(connection: object, make: () => T | Promise<T>): T | Promise<T> {
    if (this.#waiting.size === 0 && this.#spentBytes < this.bytesPerTurn) return make();
    return new Promise((resolve, reject) => {
      const answer = (): void => {
        try {
          resolve(make());
        } catch (cause) {
          reject(cause);
        }
      };
      const queue = this.#waiting.get(connection);
      if (queue === undefined) this.#waiting.set(connection, [answer]);
      else queue.push(answer);
      this.#askTurn();
    });
  }

  spend(bytes: number): void {
    this.#spentBytes += bytes;
    this.#askTurn();
  }

  #askTurn(): void {
    if (this.#turnAsked) return;
    this.#turnAsked = true;
    this.clock.soon(() => this.#turn());
  }

  #turn(): void {
    this.#turnAsked = false;
    this.#spentBytes = 0;
    while (this.#spentBytes < this.bytesPerTurn) {
      const [entry] = this.#waiting;
      if (entry === undefined) return;
      const [connection, queue] = entry;
      this.#waiting.delete(connection);
      const answer = queue.shift();
      if (queue.length > 0) this.#waiting.set(connection, queue);
      answer?.();
    }
    if (this.#waiting.size > 0) this.#askTurn();
  }
}
