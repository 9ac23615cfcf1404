/** Pings of ours that wait for their answers, by number (RFC 9113, section 6.7). */
export class Pings {
  #next = 1;
  readonly #waiting = new Map<number, (answered: boolean) => void>();

  /** The number to send. `answer` is called once: with false when the connection ends before. */
  add(answer: (answered: boolean) => void): number {
    const number = this.#next++;
    this.#waiting.set(number, answer);
    return number;
  }

  answered(number: number): void {
    const answer = this.#waiting.get(number);
    this.#waiting.delete(number);
    answer?.(true);
  }

  /** None of them will be answered. */
  end(): void {
    for (const answer of this.#waiting.values()) answer(false);
    this.#waiting.clear();
  }
}
