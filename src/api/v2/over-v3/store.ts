/**
 * The v2 store over v3 keys: the same answers and refusals as etcd 3.4's emulation, as far as it has any. Each change
 * reads what it depends on and is written in a transaction that holds only if that still stands; else it is tried
 * again. There are no TTLs.
 *
 * `etcd-diff:` in etcd a POST makes a key that is named after the clock and answers with the directory; here its key is
 * named after the index, as v2's are, and is answered. A directory that is deleted has its node in the answer. The rest
 * of etcd's oddities stay: a delete of what is not there may raise the index, hidden names are listed, and a refused
 * comparison shows v3's revision.
 */
import { V2Error, type V2ErrorName } from '../../../v2/error.js';
import type { Action, Event } from '../../../v2/event.js';
import { cleanPath } from '../../../v2/path.js';
import type { V2Request } from '../../../v2/request.js';
import { CLUSTER_PREFIX, KEYS_PREFIX } from '../../../v2/tree.js';
import type { KeyRange, Stored, V3Calls, Write } from './calls.js';
import { answer, treeOf, viewOf } from './nodes.js';
import { endOf, indexOf, MAX_DEPTH, parentOf, type V3Paths } from './paths.js';

/** Digits in the name of an in-order key. */
const IN_ORDER_DIGITS = 20;

const roots: ReadonlySet<string> = new Set(['/', CLUSTER_PREFIX, KEYS_PREFIX]);

/** What a change reads: keys by name, undefined where there is none. */
interface View {
  readonly revision: number;
  readonly stored: ReadonlyMap<string, Stored | undefined>;
}

/** What to do about what was read; `event` is asked for once it is done. */
interface Change {
  readonly writes: readonly Write[];
  readonly event: (revision: number) => Event;
}

const put = (key: string, value: string): Write => ({ t: 'put', key, value });

export class StoreOverV3 {
  constructor(
    readonly calls: V3Calls,
    readonly paths: V3Paths,
  ) {}

  async get(request: Pick<V2Request, 'path' | 'recursive' | 'sorted'>): Promise<Event> {
    const { paths } = this;
    const path = cleanPath(request.path);
    const [asDirectory, asFile] = [paths.directory(path), paths.file(path)];
    const depths = Array.from({ length: request.recursive ? MAX_DEPTH : 1 }, (_, at) => at + 1);
    const levels = depths.map((depth): KeyRange => {
      const key = paths.level(path, depth);
      return { key, end: endOf(key) };
    });
    const { revision, found } = await this.calls.read([{ key: asDirectory }, { key: asFile }, ...levels]);
    const [[directory] = [], [file] = [], ...below] = found;
    if (directory === undefined && !roots.has(path)) {
      if (file === undefined) throw refusal('keyNotFound', path, revision);
      return answer({ action: 'get', node: viewOf(path, file, { isDirectory: false }) }, revision);
    }
    const nodes = treeOf(paths, path, below, request);
    const view =
      directory === undefined
        ? { key: path, dir: true, modifiedIndex: 0, createdIndex: 0 }
        : viewOf(path, directory, { isDirectory: true });
    return answer({ action: 'get', node: { ...view, nodes } }, revision);
  }

  async set(request: V2Request): Promise<Event> {
    // Here alone it is refused before the path is looked at.
    if (hasTtl(request)) throw noTtls();
    const path = writable(request);
    const { dir } = request;
    return this.#change('set', path, [], (view) => {
      const parents = this.#missingParents(view, path);
      if (parents === undefined) throw refusal('notDir', path, view.revision);
      const [file, directory] = this.#both(view, path);
      if (dir && file !== undefined) throw refusal('notDir', path, view.revision);
      if (!dir && directory !== undefined) throw refusal('notFile', path, view.revision);
      return this.#putting('set', path, request, parents, dir ? directory : file);
    });
  }

  async create(request: V2Request): Promise<Event> {
    const path = writable(request);
    return this.#change('create', path, [], (view) => {
      const [file, directory] = this.#both(view, path);
      if (file !== undefined || directory !== undefined) throw refusal('nodeExist', path, view.revision);
      const parents = this.#missingParents(view, path);
      if (parents === undefined) throw refusal('notDir', path, view.revision);
      return this.#putting('create', path, request, parents, undefined);
    });
  }

  /** In the directory that is named, made if it is not there. */
  async createInOrder(request: V2Request): Promise<Event> {
    if (hasTtl(request)) throw noTtls();
    const folder = cleanPath(request.path);
    // With the last change's action unchanged nobody made anything meanwhile: names are in the order of indexes.
    return this.#change('create', `${folder}/x`, [this.paths.action], (view) => {
      const name = String(indexOf(view.revision + 1)).padStart(IN_ORDER_DIGITS, '0');
      const path = `${folder}/${name}`;
      const parents = this.#missingParents(view, path);
      if (parents === undefined) throw refusal('notDir', path, view.revision);
      return this.#putting('create', path, request, parents, undefined);
    });
  }

  async update(request: V2Request): Promise<Event> {
    const path = writable(request);
    return this.#change('update', path, [], (view) => {
      const [file, directory] = this.#both(view, path);
      if (file === undefined || directory !== undefined) throw refusal('notFile', path, view.revision);
      return this.#putting('update', path, { ...request, dir: false }, [], file);
    });
  }

  async compareAndSwap(request: V2Request): Promise<Event> {
    const path = writable(request);
    return this.#change('compareAndSwap', path, [], (view) => {
      const file = this.#compared(view, path, request);
      return this.#putting('compareAndSwap', path, { ...request, dir: false }, [], file);
    });
  }

  async compareAndDelete(request: V2Request): Promise<Event> {
    const path = writable(request);
    return this.#change('compareAndDelete', path, [], (view) => {
      const file = this.#compared(view, path, request);
      return this.#deleting('compareAndDelete', path, file, { isDirectory: false });
    });
  }

  async delete(request: V2Request): Promise<Event> {
    const path = writable(request);
    if (request.recursive) return this.#deleteTree(path);
    return request.dir ? this.#deleteEmpty(path) : this.#deleteFile(path);
  }

  async #deleteFile(path: string): Promise<Event> {
    return this.#change('delete', path, [], (view) => {
      const [file, directory] = this.#both(view, path);
      if (directory !== undefined) throw refusal('notFile', path, view.revision);
      if (file === undefined) return this.#nothing('keyNotFound', path);
      return this.#deleting('delete', path, file, { isDirectory: false });
    });
  }

  async #deleteEmpty(path: string): Promise<Event> {
    for (;;) {
      const start = this.paths.level(path, 1);
      const below = await this.calls.read([{ key: start, end: endOf(start), limit: 1 }]);
      if (below.found[0]?.length !== 0) throw refusal('dirNotEmpty', path, below.revision);
      // Whatever is made here meanwhile comes with an action.
      const event = await this.#attempt('delete', path, [this.paths.action], (view) => {
        if (view.revision !== below.revision) return undefined;
        const [, directory] = this.#both(view, path);
        if (directory === undefined) return this.#nothing('nodeExist', path);
        return this.#deleting('delete', path, directory, { isDirectory: true });
      });
      if (event !== undefined) return event;
    }
  }

  async #deleteTree(path: string): Promise<Event> {
    return this.#change('delete', path, [], (view) => {
      const [, directory] = this.#both(view, path);
      if (directory === undefined) throw refusal('nodeExist', path, view.revision);
      const change = this.#deleting('delete', path, directory, { isDirectory: true });
      const below = Array.from({ length: MAX_DEPTH }, (_, at): Write => {
        const key = this.paths.level(path, at + 1);
        return { t: 'delete', key, end: endOf(key) };
      });
      return { ...change, writes: [...change.writes, ...below] };
    });
  }

  /** The file, which is as the request wants it. */
  #compared(view: View, path: string, { prevValue, prevIndex }: V2Request): Stored {
    const [file, directory] = this.#both(view, path);
    if (directory !== undefined) throw refusal('notFile', path, view.revision);
    if (file === undefined) throw refusal('keyNotFound', path, view.revision);
    const values = prevValue === '' || prevValue === file.value;
    const indexes = prevIndex === 0n || prevIndex + 1n === BigInt(file.modRevision);
    if (values && indexes) return file;
    const value = `[${prevValue} != ${file.value}]`;
    const index = `[${prevIndex} != ${file.modRevision}]`;
    // Whether an index is past is decided against the revision itself, so that a given one always counts.
    const toldIndex = prevIndex !== 0n && prevIndex !== BigInt(file.modRevision);
    const parts = [...(values ? [] : [value]), ...(toldIndex ? [index] : [])];
    throw refusal('testFailed', parts.length === 0 ? `${value} ${index}` : parts.join(' '), view.revision);
  }

  #putting(
    action: Action,
    path: string,
    { dir, value }: Pick<V2Request, 'dir' | 'value'>,
    parents: readonly string[],
    previous: Stored | undefined,
  ): Change {
    const key = dir ? this.paths.directory(path) : this.paths.file(path);
    return {
      // A directory that is asked for with a value keeps it, unseen, as etcd's does.
      writes: [...parents.map((parent) => put(parent, '')), put(key, value)],
      event: (revision) => {
        const createRevision = previous?.createRevision ?? revision;
        const stored: Stored = { key, value, createRevision, modRevision: revision };
        const node = viewOf(path, stored, { isDirectory: dir });
        if (previous === undefined) return answer({ action, node }, revision);
        return answer({ action, node, prevNode: viewOf(path, previous, { isDirectory: dir }) }, revision);
      },
    };
  }

  #deleting(action: Action, path: string, stored: Stored, options: { readonly isDirectory: boolean }): Change {
    return {
      writes: [{ t: 'delete', key: stored.key }],
      event: (revision) => {
        const prevNode = viewOf(path, stored, options);
        const { value, ...node } = { ...prevNode, modifiedIndex: indexOf(revision) };
        return answer({ action, node, prevNode }, revision);
      },
    };
  }

  /** Only the action is written, and then it is refused. */
  #nothing(row: V2ErrorName, path: string): Change {
    return {
      writes: [],
      event: (revision) => {
        throw refusal(row, path, revision);
      },
    };
  }

  #both({ stored }: View, path: string): readonly [file: Stored | undefined, directory: Stored | undefined] {
    return [stored.get(this.paths.file(path)), stored.get(this.paths.directory(path))];
  }

  /** Keys of the directories on the way that are not there yet; undefined when one of them is a file. */
  #missingParents(view: View, path: string): string[] | undefined {
    const missing: string[] = [];
    for (let parent = parentOf(path); !roots.has(parent); parent = parentOf(parent)) {
      const [file, directory] = this.#both(view, parent);
      if (file !== undefined) return undefined;
      if (directory === undefined) missing.push(this.paths.directory(parent));
    }
    return missing;
  }

  async #change(
    action: Action,
    path: string,
    alsoUnchanged: readonly string[],
    decide: (view: View) => Change,
  ): Promise<Event> {
    for (;;) {
      const event = await this.#attempt(action, path, alsoUnchanged, decide);
      if (event !== undefined) return event;
    }
  }

  /** undefined when what was read changed before it was written, or nothing was decided. */
  async #attempt(
    action: Action,
    path: string,
    alsoUnchanged: readonly string[],
    decide: (view: View) => Change | undefined,
  ): Promise<Event | undefined> {
    const keys = new Set(alsoUnchanged);
    for (let at = path; !roots.has(at); at = parentOf(at)) {
      keys.add(this.paths.file(at));
      keys.add(this.paths.directory(at));
    }
    const names = [...keys];
    const { revision, found } = await this.calls.read(names.map((key) => ({ key })));
    const stored = new Map(names.map((key, at) => [key, found[at]?.[0]]));
    const change = decide({ revision, stored });
    if (change === undefined) return undefined;
    const unchanged = new Map(names.map((key) => [key, stored.get(key)?.modRevision ?? 0]));
    const writtenAt = await this.calls.write(unchanged, [...change.writes, put(this.paths.action, action)]);
    return writtenAt === undefined ? undefined : change.event(writtenAt);
  }
}

/** The path, cleaned, of a request that may write there. */
function writable(request: V2Request): string {
  const path = cleanPath(request.path);
  if (roots.has(path)) throw new V2Error('rootReadOnly', path === KEYS_PREFIX ? '' : path, 0);
  // Nobody looks at it where something goes.
  if (request.method !== 'DELETE' && hasTtl(request)) throw noTtls();
  return path;
}

const hasTtl = ({ expiration, refresh }: V2Request): boolean => expiration !== 0n || refresh === true;
const noTtls = (): Error => new Error('TTLs are unsupported');

const refusal = (row: V2ErrorName, cause: string, revision: number): V2Error =>
  new V2Error(row, cause, indexOf(revision));
