/**
 * The v2 store against a map of paths: ten thousands of nodes that are set, expire and go with their directories, the
 * thousand events that are remembered, watchers that take them late, and all of it saved and read again.
 */
import { expect, test } from 'vitest';
import type { Random } from '../../src/lib/random.js';
import { V2Error } from '../../src/v2/error.js';
import type { Event, NodeView } from '../../src/v2/event.js';
import { recoverStore, saveStore } from '../../src/v2/snapshot.js';
import { permanent, V2Store } from '../../src/v2/store.js';
import type { Watcher } from '../../src/v2/watcher-hub.js';
import { SCALED_TIMEOUT_MS, scaled, seeded, steps } from '../support/scale.js';

const HISTORY = 1000;
const WAITING = 100;
const SECOND = 1_000_000_000n;
const NOW = 1_700_000_000n * SECOND;

interface Node {
  readonly isDir: boolean;
  value: string;
  created: number;
  modified: number;
  expireNs: bigint | undefined;
}

interface Told {
  readonly index: number;
  readonly action: string;
  readonly key: string;
  /** A directory that went, with all that was in it. */
  readonly isDirGone: boolean;
}

interface Watch {
  readonly watcher: Watcher;
  readonly key: string;
  readonly recursive: boolean;
  readonly stream: boolean;
  /** What it is to be given and has not taken yet. */
  readonly waiting: number[];
  isOver: boolean;
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';
const isBelow = (path: string, folder: string): boolean => path.startsWith(folder === '/' ? '/' : `${folder}/`);

class Run {
  readonly nodes = new Map<string, Node>();
  readonly log: Told[] = [];
  readonly watches: Watch[] = [];
  store = new V2Store();
  index = 0;
  nowNs = NOW;
  /** No two are due together: in which order such go is Go's heap's affair. */
  #due = NOW;
  readonly random: Random;

  constructor(random: Random) {
    this.random = random;
    for (const path of ['/', '/0', '/1']) this.nodes.set(path, newNode(true, '', 0, undefined));
  }

  path(): string {
    const { random } = this;
    const names = ['1', `d${random.below(30)}`, `e${random.below(20)}`, `f${random.below(40)}`];
    return `/${names.slice(0, 2 + random.below(3)).join('/')}`;
  }

  expiry(): bigint | undefined {
    if (this.random.below(4) !== 0) return undefined;
    this.#due += 1n;
    return this.#due + BigInt(this.random.below(400)) * SECOND;
  }

  set(): void {
    const path = this.path();
    const isDir = this.random.below(12) === 0;
    const value = isDir ? '' : `v${this.random.below(1_000_000)}`;
    const before = this.nodes.get(path);
    const fileAbove = this.#fileAbove(path);
    const expireNs = this.expiry();
    const run = (): Event => this.store.set(path, { dir: isDir, value }, { expireNs, refresh: false }, this.nowNs);
    if (fileAbove || before?.isDir === true) {
      expect(run).toThrow(V2Error);
      return;
    }
    const event = run();
    this.index++;
    this.#makeFolders(path);
    this.nodes.set(path, newNode(isDir, value, this.index, expireNs));
    this.#assertEvent(event, 'set', path);
    if (event.prevNode?.value !== before?.value) throw new Error(`${path} was not ${event.prevNode?.value}`);
    this.#tell('set', path, []);
  }

  createUnique(): void {
    const folder = this.path();
    const above = this.nodes.get(folder);
    const isRefused = this.#fileAbove(folder) || above?.isDir === false;
    const run = (): Event => this.store.create(folder, { dir: false, value: 'u', unique: true }, permanent, this.nowNs);
    if (isRefused) {
      expect(run).toThrow(V2Error);
      return;
    }
    const event = run();
    this.index++;
    const path = `${folder}/${String(this.index).padStart(20, '0')}`;
    this.#makeFolders(path);
    this.nodes.set(path, newNode(false, 'u', this.index, undefined));
    this.#assertEvent(event, 'create', path);
    this.#tell('create', path, []);
  }

  update(): void {
    const path = this.path();
    const node = this.nodes.get(path);
    const expireNs = this.expiry();
    const value = node?.isDir === true ? '' : `w${this.random.below(1000)}`;
    const run = (): Event => this.store.update(path, value, { expireNs, refresh: false }, this.nowNs);
    if (node === undefined || path === '/1') {
      expect(run).toThrow(V2Error);
      return;
    }
    const event = run();
    this.index++;
    node.expireNs = expireNs;
    if (!node.isDir) {
      node.value = value;
      node.modified = this.index;
    }
    expect(event.node.modifiedIndex).toBe(this.index);
    this.#tell('update', path, []);
  }

  delete(): void {
    const path = this.path();
    const node = this.nodes.get(path);
    const run = (): Event => this.store.delete(path, { dir: true, recursive: true }, this.nowNs);
    if (node === undefined || path === '/1') {
      expect(run).toThrow(V2Error);
      return;
    }
    run();
    this.#remove('delete', path);
  }

  expire(): void {
    this.nowNs += BigInt(this.random.below(40)) * SECOND;
    this.store.deleteExpired(this.nowNs, this.nowNs);
    const due = [...this.nodes].filter(([, { expireNs }]) => expireNs !== undefined && expireNs <= this.nowNs);
    due.sort(([, a], [, b]) => ((a.expireNs as bigint) < (b.expireNs as bigint) ? -1 : 1));
    for (const [path] of due) if (this.nodes.has(path)) this.#remove('expire', path);
    expect(this.store.index).toBe(this.index);
  }

  #remove(action: string, path: string): void {
    this.index++;
    const gone = [...this.nodes.keys()].filter((each) => each === path || isBelow(each, path));
    const isDir = this.nodes.get(path)?.isDir === true;
    for (const each of gone) this.nodes.delete(each);
    this.#tell(action, path, gone, isDir);
  }

  #fileAbove(path: string): boolean {
    for (let above = parentOf(path); above !== '/'; above = parentOf(above))
      if (this.nodes.get(above)?.isDir === false) return true;
    return false;
  }

  #makeFolders(path: string): void {
    for (let above = parentOf(path); !this.nodes.has(above); above = parentOf(above))
      this.nodes.set(above, newNode(true, '', this.index, undefined));
  }

  #assertEvent({ action, node, etcdIndex }: Event, wanted: string, path: string): void {
    if (action !== wanted || node.key !== path || etcdIndex !== this.index || node.modifiedIndex !== this.index)
      throw new Error(`${wanted} of ${path} is told as ${action} of ${node.key} at ${etcdIndex}`);
  }

  #tell(action: string, key: string, gone: readonly string[], isDirGone = false): void {
    this.log.push({ index: this.index, action, key, isDirGone });
    const goneToo = new Set(gone);
    for (const watch of this.watches) {
      if (watch.isOver) continue;
      // Watchers of what goes hear of it once for that, and those along the path once more.
      const times =
        Number(goneToo.has(watch.key)) + Number(watch.key === key || (watch.recursive && isBelow(key, watch.key)));
      for (let count = 0; count < times && !watch.isOver; count++) {
        if (watch.waiting.length === WAITING) watch.isOver = true;
        else watch.waiting.push(this.index);
        if (!watch.stream) watch.isOver = true;
      }
    }
  }

  watch(): void {
    const { random } = this;
    const key = random.below(3) === 0 ? '/1' : this.path();
    const recursive = random.below(2) === 0;
    const stream = random.below(2) === 0;
    const since = random.below(3) === 0 ? 0 : Math.max(1, this.index - random.below(HISTORY + 200));
    const oldest = this.log.at(-HISTORY)?.index ?? this.log[0]?.index ?? 0;
    const ask = (): Watcher => this.store.watch(key, { recursive, stream, sinceIndex: BigInt(since) });
    if (since > 0 && since < oldest) {
      expect(ask).toThrow('outdated');
      return;
    }
    const watcher = ask();
    const known =
      since === 0
        ? undefined
        : this.log
            .slice(-HISTORY)
            .find(
              (told) =>
                told.index >= since &&
                (told.key === key ||
                  (recursive && isBelow(told.key, key)) ||
                  (told.isDirGone && key.startsWith(told.key))),
            );
    const waiting = known === undefined ? [] : [known.index];
    this.watches.push({ watcher, key, recursive, stream, waiting, isOver: known !== undefined });
  }

  take(): void {
    const at = this.random.below(this.watches.length);
    const watch = this.watches[at];
    if (watch === undefined) return;
    for (let count = this.random.below(40); count > 0; count--) {
      const told = watch.watcher.take()?.node.modifiedIndex;
      const wanted = watch.waiting.shift();
      if (told !== wanted) throw new Error(`${watch.key} was told ${told}, not ${wanted}`);
      if (told === undefined) break;
    }
    if (watch.isOver ? watch.waiting.length > 0 : this.random.below(4) !== 0) return;
    watch.watcher.remove();
    this.watches.splice(at, 1);
  }

  saveAndRecover(): void {
    // How many watch is saved too, and ends with the store.
    for (const { watcher } of this.watches.splice(0)) watcher.remove();
    const recovered = new V2Store();
    recoverStore(recovered, saveStore(this.store));
    expect(recovered.index).toBe(this.index);
    expect(recovered.heap.size).toBe(this.store.heap.size);
    expect(Buffer.compare(saveStore(recovered), saveStore(this.store))).toBe(0);
    this.store = recovered;
  }

  assertSame(): void {
    const listing = this.store.get('/1', { recursive: true, sorted: true, nowNs: this.nowNs });
    const found = new Map<string, NodeView>();
    const pending: NodeView[] = [listing.node];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      found.set(next.key, next);
      const keys = (next.nodes ?? []).map(({ key }) => key);
      expect(keys).toEqual([...keys].sort());
      pending.push(...(next.nodes ?? []));
    }
    const expected = [...this.nodes].filter(([path]) => path.startsWith('/1'));
    expect(found.size).toBe(expected.length);
    for (const [path, { isDir, value, created, modified, expireNs }] of expected) {
      const view = found.get(path);
      const same =
        view !== undefined &&
        view.dir === isDir &&
        (isDir || view.value === value) &&
        view.createdIndex === created &&
        view.modifiedIndex === modified &&
        view.expireNs === expireNs;
      if (!same)
        throw new Error(`${path} is ${JSON.stringify({ ...view, nodes: undefined, expireNs: `${expireNs}` })}`);
    }
    const due = expected.filter(([, { expireNs }]) => expireNs !== undefined).length;
    expect(this.store.heap.size).toBe(due);
  }
}

const newNode = (isDir: boolean, value: string, index: number, expireNs: bigint | undefined): Node => ({
  ...{ isDir, value, created: index, modified: index, expireNs },
});

test(
  'the store and what it tells are as the map of paths has them',
  () =>
    seeded(async (random) => {
      const run = new Run(random);
      const total = scaled(8000);
      for await (const _ of steps(total)) {
        const kind = random.below(40);
        if (kind < 30) run.set();
        else if (kind < 33) run.createUnique();
        else if (kind < 36) run.update();
        else if (kind < 37 && random.below(4) === 0) run.delete();
        else if (kind < 38 && random.below(4) === 0) run.expire();
        else if (run.watches.length < 150) run.watch();
        if (random.below(4) === 0) run.take();
        if (random.below(total / 8) === 0) run.assertSame();
        if (random.below(total / 5) === 0) run.saveAndRecover();
      }
      run.assertSame();
      run.saveAndRecover();
      run.nowNs += 1000n * SECOND;
      run.expire();
      run.assertSame();
    }),
  SCALED_TIMEOUT_MS,
);
