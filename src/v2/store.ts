/**
 * The v2 store: a tree of files and directories under one index, which every successful change raises by one.
 * Synchronous and without a clock: what it does follows from the request alone, so all members do the same. `nowNs`
 * only serves the `ttl` that answers show beside the time of expiry. As etcd's v2store.
 */
import { V2Error } from './error.js';
import type { Action, Event } from './event.js';
import { listingOf, Node, viewOf, walk } from './node.js';
import { baseName, cleanPath } from './path.js';
import { type StatName, Stats } from './stats.js';
import { CLUSTER_PREFIX, emptyRoot, KEYS_PREFIX, lookUp, makeFolders } from './tree.js';
import { TtlHeap } from './ttl-heap.js';
import { type Watcher, WatcherHub } from './watcher-hub.js';

const readOnlyPaths: ReadonlySet<string> = new Set(['/', CLUSTER_PREFIX, KEYS_PREFIX]);
/** 2000-01-01: an expiry before it is taken for none at all, as etcd does. */
const MIN_EXPIRE_NS = 946_684_800_000_000_000n;

export interface Expiry {
  readonly expireNs: bigint | undefined;
  /** Only the time changes: the value stays, and no watcher is notified. */
  readonly refresh: boolean;
}

export const permanent: Expiry = { expireNs: undefined, refresh: false };

interface Comparison {
  /** `''` and 0 = not compared. */
  readonly prevValue: string;
  readonly prevIndex: bigint;
}

export class V2Store {
  #root = emptyRoot();
  #index = 0;
  readonly stats = new Stats();
  readonly heap = new TtlHeap();
  #hub = new WatcherHub();

  get index(): number {
    return this.#index;
  }

  get root(): Node {
    return this.#root;
  }

  get hub(): WatcherHub {
    return this.#hub;
  }

  /** When the first key expires; undefined when none has a TTL. */
  get nextExpiryNs(): bigint | undefined {
    return this.heap.top?.expireNs;
  }

  /** Becomes another state altogether; whoever watches is ended. */
  replace(root: Node, index: number): void {
    this.#hub.close();
    this.#hub = new WatcherHub();
    while (this.heap.top !== undefined) this.heap.remove(this.heap.top);
    this.#root = root;
    this.#index = index;
  }

  clear(): void {
    this.replace(emptyRoot(), 0);
  }

  /** Without a trace in the statistics. */
  has(path: string): boolean {
    return lookUp(this.#root, cleanPath(path)) instanceof Node;
  }

  /** Of a file, read as by `get`: undefined where there is none. */
  valueAt(path: string): string | undefined {
    this.stats.read({ recursive: false });
    const found = lookUp(this.#root, cleanPath(path));
    const isThere = found instanceof Node;
    this.stats.add(isThere ? 'getsSuccess' : 'getsFail');
    return isThere ? found.value : undefined;
  }

  get(path: string, options: { recursive: boolean; sorted: boolean; nowNs: bigint }): Event {
    this.stats.read(options);
    return this.#counted('getsSuccess', 'getsFail', () => {
      const key = cleanPath(path);
      return {
        action: 'get',
        node: listingOf(this.#find(key), key, options),
        etcdIndex: this.#index,
        refresh: false,
      };
    });
  }

  /** `unique`: in the directory `path`, under the next index as its name. */
  create(
    path: string,
    content: { dir: boolean; value: string; unique: boolean },
    { expireNs }: Expiry,
    nowNs: bigint,
  ): Event {
    return this.#counted('createSuccess', 'createFail', () => {
      const event = this.#create(path, { ...content, replace: false, expireNs, action: 'create', nowNs });
      this.#hub.notify(event);
      return event;
    });
  }

  set(path: string, content: { dir: boolean; value: string }, { expireNs, refresh }: Expiry, nowNs: bigint): Event {
    return this.#counted('setsSuccess', 'setsFail', () => {
      const key = cleanPath(path);
      const found = lookUp(this.#root, key);
      const mayBeMissing = !refresh && !(found instanceof Node) && found.row === 'keyNotFound';
      const before = mayBeMissing ? undefined : this.#find(key);
      const value = refresh && before !== undefined ? before.value : content.value;
      const { dir } = content;
      if (before?.isDir === false && !dir) return this.#renew(before, key, value, { expireNs, refresh }, nowNs);
      const what: Creation = { dir, value, unique: false, replace: true, expireNs, action: 'set', nowNs };
      const { action, node, etcdIndex } = this.#create(key, what);
      const prevNode = before === undefined ? undefined : viewOf(before, key, nowNs);
      return this.#announce({ action, node, prevNode, etcdIndex, refresh });
    });
  }

  /** Keeps the creation index; of a directory only the TTL may change. */
  update(path: string, value: string, expiry: Expiry, nowNs: bigint): Event {
    const key = this.#writableOr('updateSuccess', path);
    const node = this.#failing('updateFail', () => this.#find(key));
    // As with compareAndDelete, once the key is found even a refusal counts as a success.
    this.stats.add('updateSuccess');
    if (node.isDir && value !== '') throw this.#error('notFile', key);
    return this.#write(node, key, 'update', expiry.refresh ? node.value : value, expiry, nowNs);
  }

  compareAndSwap(path: string, compare: Comparison, value: string, expiry: Expiry, nowNs: bigint): Event {
    const key = this.#writableOr('compareAndSwapSuccess', path);
    return this.#counted('compareAndSwapSuccess', 'compareAndSwapFail', () => {
      const node = this.#find(key);
      if (node.isDir) throw this.#error('notFile', key);
      this.#compare(node, compare);
      return this.#write(node, key, 'compareAndSwap', expiry.refresh ? node.value : value, expiry, nowNs);
    });
  }

  /** `recursive` implies `dir`. */
  delete(path: string, options: { dir: boolean; recursive: boolean }, nowNs: bigint): Event {
    const key = this.#writableOr('deleteSuccess', path);
    return this.#counted('deleteSuccess', 'deleteFail', () => {
      const node = this.#find(key);
      if (node.children !== undefined) {
        if (!options.dir && !options.recursive) throw this.#error('notFile', key);
        if (node.children.size > 0 && !options.recursive) throw this.#error('dirNotEmpty', key);
      }
      return this.#remove(node, key, 'delete', nowNs);
    });
  }

  /** A quirk that shows in the statistics: once the key is found, even a refusal counts as a success. */
  compareAndDelete(path: string, compare: Comparison, nowNs: bigint): Event {
    const key = cleanPath(path);
    const node = this.#failing('compareAndDeleteFail', () => this.#find(key));
    this.stats.add('compareAndDeleteSuccess');
    if (node.isDir) throw this.#error('notFile', key);
    this.#compare(node, compare);
    return this.#remove(node, key, 'compareAndDelete', nowNs);
  }

  /** `sinceIndex` 0 = from the next change on. Throws V2Error when that is no longer known. */
  watch(path: string, options: { recursive: boolean; stream: boolean; sinceIndex: bigint }): Watcher {
    this.stats.watchRequests++;
    const sinceIndex = options.sinceIndex === 0n ? BigInt(this.#index) + 1n : options.sinceIndex;
    return this.#hub.watch(cleanPath(path), { ...options, sinceIndex, storeIndex: this.#index });
  }

  /** What is due at `cutoffNs` goes, earliest first, one index each; a directory with all that is in it. */
  deleteExpired(cutoffNs: bigint, nowNs: bigint): void {
    for (let node = this.heap.top; node?.expireNs !== undefined; node = this.heap.top) {
      if (node.expireNs > cutoffNs) return;
      this.stats.add('expireCount');
      this.#remove(node, node.path, 'expire', nowNs);
    }
  }

  #counted<T>(success: StatName, fail: StatName, run: () => T): T {
    const result = this.#failing(fail, run);
    this.stats.add(success);
    return result;
  }

  #failing<T>(fail: StatName, run: () => T): T {
    try {
      return run();
    } catch (cause) {
      this.stats.add(fail);
      throw cause;
    }
  }

  #error(row: ConstructorParameters<typeof V2Error>[0], cause: string): V2Error {
    return new V2Error(row, cause, this.#index);
  }

  #writable(path: string): string {
    const key = cleanPath(path);
    if (readOnlyPaths.has(key)) throw this.#error('rootReadOnly', '/');
    return key;
  }

  /** A quirk that shows in the statistics: here a refusal counts as a success. */
  #writableOr(counted: StatName, path: string): string {
    return this.#failing(counted, () => this.#writable(path));
  }

  #find(key: string): Node {
    const found = lookUp(this.#root, key);
    if (found instanceof Node) return found;
    throw this.#error(found.row, found.cause);
  }

  #create(path: string, what: Creation): Event {
    const nextIndex = this.#index + 1;
    const key = this.#writable(what.unique ? `${path}/${String(nextIndex).padStart(20, '0')}` : path);
    const name = baseName(key);
    const folder = makeFolders(this.#root, key, key.length - name.length - 1, nextIndex);
    if (!(folder instanceof Node)) {
      // A quirk that shows in the statistics: whatever was asked for also counts as a failed set.
      this.stats.add('setsFail');
      throw this.#error(folder.row, folder.cause);
    }
    const before = folder.children?.get(name);
    if (before !== undefined) {
      if (!what.replace) throw this.#error('nodeExist', key);
      if (before.isDir) throw this.#error('notFile', key);
      this.heap.remove(before);
      folder.children?.delete(name);
    }
    const node = new Node(name, nextIndex, folder, what.dir ? new Map() : undefined);
    if (!what.dir) node.value = what.value;
    folder.children?.set(name, node);
    this.#setExpiry(node, validExpiry(what.expireNs));
    this.#index = nextIndex;
    return {
      action: what.action,
      node: viewOf(node, key, what.nowNs),
      etcdIndex: nextIndex,
      refresh: false,
    };
  }

  #write(node: Node, key: string, action: Action, value: string, expiry: Expiry, nowNs: bigint): Event {
    const index = this.#index + 1;
    const prevNode = viewOf(node, key, nowNs);
    if (!node.isDir) {
      node.value = value;
      node.modifiedIndex = index;
    }
    this.#setExpiry(node, expiry.expireNs);
    this.#index = index;
    return this.#announce({
      action,
      // A directory keeps its own index.
      node: { ...viewOf(node, key, nowNs), modifiedIndex: index },
      prevNode,
      etcdIndex: index,
      refresh: expiry.refresh,
    });
  }

  /** A file that is set again is as one that is made: its directory need not be told. */
  #renew(node: Node, key: string, value: string, { expireNs, refresh }: Expiry, nowNs: bigint): Event {
    const prevNode = viewOf(node, key, nowNs);
    const index = this.#index + 1;
    node.value = value;
    node.createdIndex = index;
    node.modifiedIndex = index;
    this.#setExpiry(node, validExpiry(expireNs));
    this.#index = index;
    return this.#announce({ action: 'set', node: viewOf(node, key, nowNs), prevNode, etcdIndex: index, refresh });
  }

  #setExpiry(node: Node, expireNs: bigint | undefined): void {
    if (node.expireNs !== undefined) this.heap.remove(node);
    node.expireNs = expireNs;
    if (expireNs !== undefined) this.heap.push(node);
  }

  #announce(event: Event): Event {
    if (event.refresh) this.#hub.history.add(event);
    else this.#hub.notify(event);
    return event;
  }

  #compare(node: Node, { prevValue, prevIndex }: Comparison): void {
    const valueFits = prevValue === '' || prevValue === node.value;
    const indexFits = prevIndex === 0n || prevIndex === BigInt(node.modifiedIndex);
    if (valueFits && indexFits) return;
    const causes = [
      ...(valueFits ? [] : [`[${prevValue} != ${node.value}]`]),
      ...(indexFits ? [] : [`[${prevIndex} != ${node.modifiedIndex}]`]),
    ];
    throw this.#error('testFailed', causes.join(' '));
  }

  /**
   * Watchers of all that goes are notified first, then everybody along the path: so a stream of exactly this path gets
   * it twice.
   */
  #remove(node: Node, key: string, action: Action, nowNs: bigint): Event {
    this.#index++;
    const { isDir: dir, createdIndex } = node;
    const event: Event = {
      action,
      node: { key, dir: dir && action !== 'compareAndDelete', modifiedIndex: this.#index, createdIndex },
      prevNode: viewOf(node, key, nowNs),
      etcdIndex: this.#index,
      refresh: false,
    };
    node.parent?.children?.delete(node.name);
    const hasWatchers = this.#hub.count > 0;
    const gone: string[] = [];
    walk(node, key, (each, path) => {
      this.heap.remove(each);
      if (hasWatchers) gone.push(path);
    });
    for (let path = gone.pop(); path !== undefined; path = gone.pop()) this.#hub.notifyRemoved(event, path);
    this.#hub.notify(event);
    return event;
  }
}

const validExpiry = (expireNs: bigint | undefined): bigint | undefined =>
  expireNs !== undefined && expireNs >= MIN_EXPIRE_NS ? expireNs : undefined;

interface Creation {
  readonly dir: boolean;
  readonly value: string;
  readonly unique: boolean;
  readonly replace: boolean;
  readonly expireNs: bigint | undefined;
  readonly action: Action;
  readonly nowNs: bigint;
}
