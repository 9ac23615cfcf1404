/**
 * Work of one part of a member that a failpoint can hold up while the other parts go on, as it holds up one of etcd's
 * goroutines. Work is a generator that yields what it waits for; what comes behind it waits as well.
 */
export type Steps = Generator<Promise<unknown>, void>;

export class HeldSteps {
  readonly #waiting: Steps[] = [];
  #held: Promise<unknown> | undefined;

  /** `resume` is called when a wait is over, and calls what it is given, unless nothing is to be done any more. */
  constructor(readonly resume: (goOn: () => void) => void) {}

  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  /** Done on return unless `isHeld`. Throws what the work throws. */
  run(steps: Steps): void {
    this.#waiting.push(steps);
    if (!this.isHeld) this.#goOn();
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    while (this.#held !== undefined) await this.#held;
  }

  #goOn(): void {
    for (let steps = this.#waiting[0]; steps !== undefined; steps = this.#waiting[0]) {
      const { done, value } = steps.next();
      if (done !== true) {
        this.#held = value.then(() => {
          this.#held = undefined;
          this.resume(() => this.#goOn());
        });
        return;
      }
      this.#waiting.shift();
    }
  }
}
