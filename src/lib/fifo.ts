/** A queue whose first item is taken without moving the others, as `shift` of an array does. */

/** Where so much of the array is taken already, what is left moves to its beginning. */
const TAKEN_AT_MOST = 256;

export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #taken = 0;

  get length(): number {
    return this.#items.length - this.#taken;
  }

  /** What is taken next. */
  get first(): T | undefined {
    return this.#items[this.#taken];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the first; undefined when there is none. */
  shift(): T | undefined {
    const item = this.#items[this.#taken];
    if (this.#taken === this.#items.length) return undefined;
    this.#items[this.#taken++] = undefined;
    if (this.#taken === this.#items.length) this.clear();
    else if (this.#taken >= TAKEN_AT_MOST && this.#taken * 2 >= this.#items.length) {
      this.#items.splice(0, this.#taken);
      this.#taken = 0;
    }
    return item;
  }

  /** Puts it before all others. */
  unshift(item: T): void {
    if (this.#taken > 0) this.#items[--this.#taken] = item;
    else this.#items.unshift(item);
  }

  clear(): void {
    this.#items.length = 0;
    this.#taken = 0;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let at = this.#taken; at < this.#items.length; at++) yield this.#items[at] as T;
  }
}
