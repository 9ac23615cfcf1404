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

/** What metrics call the writes. */
const writeNames = {
  setsSuccess: 'set',
  setsFail: 'set',
  deleteSuccess: 'delete',
  deleteFail: 'delete',
  updateSuccess: 'update',
  updateFail: 'update',
  createSuccess: 'create',
  createFail: 'create',
  compareAndSwapSuccess: 'compareAndSwap',
  compareAndSwapFail: 'compareAndSwap',
  compareAndDeleteSuccess: 'compareAndDelete',
  compareAndDeleteFail: 'compareAndDelete',
} as const;

type Counts = Record<StatName, number>;

const noCounts = (): Counts => Object.fromEntries(names.map((name) => [name, 0])) as Counts;

/** Several are counted for each request: in plain fields, put together when they are asked for. */
export class Stats {
  readonly #counts = noCounts();
  /** Since this process began, failed ones too: what a snapshot brings does not count. For metrics. */
  readonly #own = noCounts();
  #reads = 0;
  #recursiveReads = 0;
  watchRequests = 0;

  add(name: StatName): void {
    this.#counts[name]++;
    this.#own[name]++;
  }

  read(options: { readonly recursive: boolean }): void {
    if (options.recursive) this.#recursiveReads++;
    else this.#reads++;
  }

  get expired(): number {
    return this.#own.expireCount;
  }

  get reads(): ReadonlyMap<string, number> {
    return counted([
      ['get', this.#reads],
      ['getRecursive', this.#recursiveReads],
    ]);
  }

  get writes(): ReadonlyMap<string, number> {
    return counted(Object.entries(writeNames).map(([stat, name]) => [name, this.#own[stat as StatName]]));
  }

  get(name: StatName): number {
    return this.#counts[name];
  }

  toJson(watchers: number): string {
    return `{${names.map((name) => `"${name}":${this.get(name)},`).join('')}"watchers":${watchers}}`;
  }

  restore(saved: Readonly<Record<string, unknown>>): void {
    for (const name of names) {
      const count = saved[name];
      this.#counts[name] = typeof count === 'number' ? count : 0;
    }
  }
}

/** Those that there are, of one name together. */
function counted(counts: readonly (readonly [string, number])[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [name, count] of counts) if (count > 0) sums.set(name, (sums.get(name) ?? 0) + count);
  return sums;
}
