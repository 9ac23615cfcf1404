/**
 * The last few streams of a kind that are gone, so that frames still under way for them are told from frames that break
 * a rule.
 */
const kept = 256;

export class RecentIds {
  #ids: Uint32Array | undefined;
  #next = 0;

  add(id: number): void {
    this.#ids ??= new Uint32Array(kept);
    this.#ids[this.#next] = id;
    this.#next = (this.#next + 1) % kept;
  }

  has(id: number): boolean {
    return this.#ids?.includes(id) ?? false;
  }
}
