/** What the store has done since it was made; kept in snapshots. Names and order as `/v2/stats/store` shows them. */
const names = [
  'getsSuccess',
  'getsFail',
  'setsSuccess',
  'setsFail',
  'deleteSuccess',
  'deleteFail',
  'updateSuccess',
  'updateFail',
  'createSuccess',
  'createFail',
  'compareAndSwapSuccess',
  'compareAndSwapFail',
  'compareAndDeleteSuccess',
  'compareAndDeleteFail',
  'expireCount',
] as const;

export type StatName = (typeof names)[number];

export class Stats {
  readonly #counts = new Map<StatName, number>(names.map((name) => [name, 0]));

  add(name: StatName): void {
    this.#counts.set(name, this.get(name) + 1);
  }

  get(name: StatName): number {
    return this.#counts.get(name) ?? 0;
  }

  toJson(watchers: number): string {
    return `{${names.map((name) => `"${name}":${this.get(name)},`).join('')}"watchers":${watchers}}`;
  }

  restore(saved: Readonly<Record<string, unknown>>): void {
    for (const name of names) {
      const count = saved[name];
      this.#counts.set(name, typeof count === 'number' ? count : 0);
    }
  }
}
