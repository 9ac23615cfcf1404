/**
 * Time for all members of a run. Each life of a member has a clock of its own: it runs a little fast or slow, its wall
 * clock jumps, it stands still while the process is paused, and nothing of it happens any more once the process is
 * gone.
 */
import type { Clock } from '../../../src/lib/clock.js';
import { EventQueue } from '../raft/event-queue.js';
import { must } from '../raft/violation.js';

/** Chains of promises longer than this go on with the next event; that is the same in each run. */
const PROMISE_TURNS = 16;
/** Work that goes on for so many turns without any time passing goes on for ever. */
const MAX_TURNS = 20_000;

/** The next time is set before `run`. */
function repeated(clock: Pick<Clock, 'after'>, periodMs: number, run: () => void): () => void {
  let cancel = (): void => {};
  const again = (): void => {
    cancel = clock.after(periodMs, () => {
      again();
      run();
    });
  };
  again();
  return () => cancel();
}

export class World implements Clock {
  /** Events that did something. */
  steps = 0;
  readonly #queue = new EventQueue();
  readonly #soon: (() => void)[] = [];

  monotonicMs(): number {
    return this.#queue.now;
  }

  wallMs(): number {
    return 1_700_000_000_000 + Math.floor(this.#queue.now);
  }

  after(delayMs: number, run: () => void): () => void {
    let isWanted = true;
    this.#queue.after(Math.max(0, delayMs), () => {
      if (!isWanted) return;
      isWanted = false;
      this.steps++;
      run();
    });
    return () => {
      isWanted = false;
    };
  }

  every(periodMs: number, run: () => void): () => void {
    return repeated(this, periodMs, run);
  }

  soon(run: () => void): void {
    this.#soon.push(run);
  }

  atTurnsEnd(run: () => void): void {
    queueMicrotask(run);
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  /** The next event, and all that comes of it at once. */
  async step(): Promise<void> {
    const before = this.steps;
    while (this.steps === before && this.#queue.step());
    await this.drain();
  }

  async drain(): Promise<void> {
    for (let turns = 0; ; turns++) {
      must(turns < MAX_TURNS, 'everything takes its time', () => `at ${this.#queue.now}: ${this.#soon.map(String)}`);
      for (let i = 0; i < PROMISE_TURNS; i++) await undefined;
      const turn = this.#soon.splice(0);
      if (turn.length === 0) return;
      for (const run of turn) run();
    }
  }
}

export class LifeClock implements Clock {
  isPaused = false;
  isOver = false;
  wallOffsetMs = 0;
  /** When the process is gone. */
  readonly ended: Promise<void>;
  #end: () => void = () => {};
  #held: (() => void)[] = [];

  /** `rate`: 1.01 is one percent fast. */
  constructor(
    readonly world: World,
    readonly rate: number,
  ) {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  monotonicMs(): number {
    return 5_000 + this.world.monotonicMs() * this.rate;
  }

  wallMs(): number {
    return this.world.wallMs() + this.wallOffsetMs;
  }

  after(delayMs: number, run: () => void): () => void {
    let isWanted = true;
    this.world.after(delayMs / this.rate, () =>
      this.run(() => {
        if (isWanted) run();
      }),
    );
    return () => {
      isWanted = false;
    };
  }

  /** One that fell due several times while the process stood still comes once. */
  every(periodMs: number, run: () => void): () => void {
    return repeated(this, periodMs, run);
  }

  soon(run: () => void): void {
    this.world.soon(() => this.run(run));
  }

  atTurnsEnd(run: () => void): void {
    this.world.atTurnsEnd(() => this.run(run));
  }

  /** Now, or when the process goes on. */
  run(what: () => void): void {
    if (this.isOver) return;
    if (this.isPaused) this.#held.push(what);
    else what();
  }

  /** Never settles for a process that is gone. */
  whenRunning(): Promise<void> {
    return new Promise((resolve) => this.run(resolve));
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    const held = this.#held;
    this.#held = [];
    for (const run of held) this.world.soon(() => this.run(run));
  }

  end(): void {
    this.isOver = true;
    this.#held = [];
    this.#end();
  }
}
