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
const writeNames: Partial<Record<StatName, string>> = {
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
};

const addTo = (counts: Map<string, number>, name: string): void => {
  counts.set(name, (counts.get(name) ?? 0) + 1);
};

export class Stats {
  readonly #counts = new Map<StatName, number>(names.map((name) => [name, 0]));
  /** Since this process began, failed ones too: what a snapshot brings does not count. For metrics. */
  readonly reads = new Map<string, number>();
  readonly writes = new Map<string, number>();
  expired = 0;
  watchRequests = 0;

  add(name: StatName): void {
    this.#counts.set(name, this.get(name) + 1);
    if (name === 'expireCount') this.expired++;
    const write = writeNames[name];
    if (write !== undefined) addTo(this.writes, write);
  }

  read(options: { readonly recursive: boolean }): void {
    addTo(this.reads, options.recursive ? 'getRecursive' : 'get');
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
