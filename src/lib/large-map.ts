/**
 * A map of as many entries as there is memory for: V8's own throws at 2^24, which a store of small keys comes to. Up to
 * half of that it is one of them, beyond several, each of which is asked.
 */
const MAP_ENTRIES = 2 ** 23;

export class LargeMap<K, V> {
  #maps: Map<K, V>[] = [new Map()];
  readonly #mapEntries: number;

  constructor(mapEntries = MAP_ENTRIES) {
    this.#mapEntries = mapEntries;
  }

  get size(): number {
    let size = 0;
    for (const map of this.#maps) size += map.size;
    return size;
  }

  get(key: K): V | undefined {
    return this.#holderOf(key)?.get(key);
  }

  set(key: K, value: V): void {
    const [first] = this.#maps;
    const isOnly = this.#maps.length === 1 && first !== undefined && first.size < this.#mapEntries;
    (isOnly ? first : (this.#maps.find((map) => map.has(key)) ?? this.#withRoom())).set(key, value);
  }

  delete(key: K): boolean {
    return this.#holderOf(key)?.delete(key) ?? false;
  }

  clear(): void {
    this.#maps = [new Map()];
  }

  /** In no order. */
  *keys(): Generator<K> {
    for (const map of this.#maps) yield* map.keys();
  }

  *[Symbol.iterator](): Generator<[K, V]> {
    for (const map of this.#maps) yield* map;
  }

  /** Where it is, if it is anywhere. */
  #holderOf(key: K): Map<K, V> | undefined {
    return this.#maps.length === 1 ? this.#maps[0] : this.#maps.find((map) => map.has(key));
  }

  #withRoom(): Map<K, V> {
    let map = this.#maps.find(({ size }) => size < this.#mapEntries);
    if (map === undefined) {
      map = new Map();
      this.#maps.push(map);
    }
    return map;
  }
}
