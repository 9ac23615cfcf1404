/**
 * The last few streams of a kind that are gone, so that frames still under way for them differ from frames that break
 * a rule.
 */
const KEPT = 256;

export class RecentIds {
  #ids: Uint32Array | undefined;
  #next = 0;

  add(id: number): void {
    this.#ids ??= new Uint32Array(KEPT);
    this.#ids[this.#next] = id;
    this.#next = (this.#next + 1) % KEPT;
  }

  has(id: number): boolean {
    return this.#ids?.includes(id) ?? false;
  }
}
