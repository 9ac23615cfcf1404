/**
 * How much all connections together bring in within one turn of the event loop. A read of a socket can hold thousands
 * of requests, and forty sockets can be readable at once: taken in whole, the work of all would stand before the next
 * word of anybody else. So a turn takes in for some milliseconds; the connections that have more are not read
 * meanwhile, and go on in the next turns: in rotation, some frames each, so that one more with a single request is
 * served within a round.
 */
import type { Clock } from './clock.js';
import { Fifo } from './fifo.js';

/** What has begun in a turn costs more later in it (it is appended, synced, applied, answered): about as much again. */
const TURN_MS = 6;
/** The clock is read once in so many frames, where one costs little. */
const FRAMES_PER_LOOK = 32;
/** What one connection takes of its turn in the rotation. */
const FRAMES_PER_VISIT = 64;

/** A connection with frames that it has read and not taken. */
export interface Waiting {
  /** Takes what it has until `Intake.takes` says no. */
  goOn(): void;
}

export class Intake {
  #framesTaken = 0;
  #framesLeft = Number.POSITIVE_INFINITY;
  #beganMs = 0;
  #turnKnown = false;
  #exhausted = false;
  #waiting: Waiting[] = [];
  readonly #ended = new Fifo<Waiting>();

  constructor(
    readonly clock: Clock,
    readonly turnMs: number = TURN_MS,
    readonly framesPerLook: number = FRAMES_PER_LOOK,
  ) {}

  /** Counts a frame just taken; false when the connection is to stop and to `wait`. */
  takes(): boolean {
    if (!this.#turnKnown) this.#beginTurn();
    if (--this.#framesLeft <= 0) return false;
    if (++this.#framesTaken % this.framesPerLook === 0 && this.clock.monotonicMs() - this.#beganMs > this.turnMs)
      this.#exhausted = true;
    return !this.#exhausted;
  }

  /** Whether others wait, so that what has just been read has to queue behind them. */
  get isBusy(): boolean {
    return this.#waiting.length > 0;
  }

  wait(connection: Waiting): void {
    this.#waiting.push(connection);
    if (!this.#turnKnown) this.#beginTurn();
  }

  /**
   * For connections that have ended, whose streams are work that nobody waits for: goes on at once where nothing waits,
   * else when those that live have had the turn; one in each, and more while there is time.
   */
  waitEnded(connection: Waiting): void {
    if (!this.isBusy && this.#ended.length === 0 && this.takes()) {
      connection.goOn();
      return;
    }
    this.#ended.push(connection);
    if (!this.#turnKnown) this.#beginTurn();
  }

  /** For whoever takes one by one and can wait: undefined when the next may be taken at once, else until then. */
  admits(): Promise<void> | undefined {
    return this.takes() ? undefined : this.#admitsLater();
  }

  async #admitsLater(): Promise<void> {
    do {
      await new Promise<void>((resolve) => this.wait({ goOn: resolve }));
      // Those before may have used the turn up.
    } while (!this.takes());
  }

  #beginTurn(): void {
    this.#turnKnown = true;
    this.#exhausted = false;
    this.#beganMs = this.clock.monotonicMs();
    this.clock.soon(() => this.#nextTurn());
  }

  /** A connection that is not done waits again, at the end of the line. */
  #nextTurn(): void {
    this.#turnKnown = false;
    if (this.#waiting.length === 0 && this.#ended.length === 0) return;
    this.#beginTurn();
    while (!this.#exhausted && this.#waiting.length > 0) {
      const round = this.#waiting;
      this.#waiting = [];
      for (let at = 0; at < round.length; at++) {
        if (this.#exhausted) {
          // Those not visited come before those that were.
          this.#waiting = round.slice(at).concat(this.#waiting);
          break;
        }
        this.#framesLeft = FRAMES_PER_VISIT;
        round[at]?.goOn();
      }
    }
    this.#framesLeft = Number.POSITIVE_INFINITY;
    do this.#ended.shift()?.goOn();
    while (!this.#exhausted && this.#ended.length > 0);
  }
}
