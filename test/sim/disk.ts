/**
 * A disk that forgets as real ones do. What was not synced when it crashes is kept or lost by chance:
 *
 *   content     every 512-byte sector by itself: it holds what it held when last synced, or any of what was written to
 *               it since. So a write
 *               can be torn at any sector edge, and a later one can survive an earlier one.
 *   size        the last synced one, or any of those since.
 *   folders     the entries as of the last `syncDir`, and any number of the changes since, in their order (as journals
 *               keep them). Syncing a
 *               file does not make its name durable.
 *
 * Every change (create, write, truncate, allocate, sync, rename, remove, make folder, sync folder) is a step; `plan`
 * makes one of them crash or fail. All draws come from the Random handed in, so a seed replays a run.
 */
import type { Disk, DiskFile } from '../../src/lib/disk.js';
import type { Random } from '../../src/lib/random.js';

/** Thrown by the step that crashes and by all after it, until `restart`. */
export class SimCrash extends Error {
  override readonly name = 'SimCrash';
}

export interface SimPlan {
  /**
   * The step (counted from 1) at which the power fails: a change that was being made has been made, but is not durable.
   */
  readonly crashAt?: number;
  /**
   * The step that fails, e.g. with ENOSPC or EIO. A failing write may have written some sectors, a failing sync has
   * made nothing durable. `lasting`: so does every one after it.
   */
  readonly failAt?: { readonly step: number; readonly code: string; readonly lasting?: boolean };
}

const sectorSize = 512;

/** Bytes that were written where; a sector may hold what it held after any of the writes since the last sync. */
interface Written {
  readonly from: number;
  readonly to: number;
  /** undefined = zeros. */
  readonly bytes: Uint8Array | undefined;
}

class Content {
  bytes = Buffer.alloc(0);
  size = 0;
  /** Per sector changed since the last sync: what is synced. */
  readonly #synced = new Map<number, Buffer>();
  #writes: Written[] = [];
  #sizes: number[] = [0];
  mode: number;
  exclusive: SimFile | undefined;
  readonly shared = new Set<SimFile>();

  constructor(mode: number) {
    this.mode = mode;
  }

  #sector(number: number): Buffer {
    const copy = Buffer.allocUnsafe(sectorSize);
    const copied = this.bytes.copy(copy, 0, number * sectorSize, (number + 1) * sectorSize);
    return copied === sectorSize ? copy : copy.fill(0, copied);
  }

  /** Notes what may be lost of it. */
  #change(written: Written): void {
    const { bytes, from, to } = written;
    for (let n = Math.floor(from / sectorSize); n * sectorSize < to; n++)
      if (!this.#synced.has(n)) this.#synced.set(n, this.#sector(n));
    if (bytes === undefined) this.bytes.fill(0, from, to);
    else this.bytes.set(bytes, from);
    this.#writes.push(written);
  }

  resize(size: number): void {
    if (size === this.size) return;
    if (size < this.size) {
      this.#change({ from: size, to: this.size, bytes: undefined });
    } else if (size > this.bytes.length) {
      const grown = Buffer.alloc(Math.max(size, this.bytes.length * 2));
      this.bytes.copy(grown);
      this.bytes = grown;
    }
    this.size = size;
    this.#sizes.push(size);
  }

  /** `chunk` is kept. */
  write(chunk: Uint8Array, position: number): void {
    if (position + chunk.length > this.size) this.resize(position + chunk.length);
    this.#change({ from: position, to: position + chunk.length, bytes: chunk });
  }

  sync(): void {
    this.#synced.clear();
    this.#writes = [];
    this.#sizes = [this.size];
  }

  crash(random: Random): void {
    const size = pick(random, this.#sizes);
    if (size > this.bytes.length) throw new Error('a size that never was');
    for (const [n, synced] of this.#synced) {
      const kept = pick(random, this.#versions(n, synced));
      kept.copy(this.bytes, n * sectorSize, 0, Math.max(0, Math.min(sectorSize, this.bytes.length - n * sectorSize)));
    }
    this.bytes.fill(0, size);
    this.size = size;
    this.unlock();
    this.sync();
  }

  /** What sector `n` has held since it was synced, oldest first. */
  #versions(n: number, synced: Buffer): Buffer[] {
    const versions = [synced];
    const start = n * sectorSize;
    let last = synced;
    for (const { bytes, from, to } of this.#writes) {
      const [low, high] = [Math.max(from, start), Math.min(to, start + sectorSize)];
      if (low >= high) continue;
      last = Buffer.from(last);
      if (bytes === undefined) last.fill(0, low - start, high - start);
      else last.set(bytes.subarray(low - from, high - from), low - start);
      versions.push(last);
    }
    return versions;
  }

  unlock(): void {
    this.exclusive = undefined;
    this.shared.clear();
  }
}

type Node = { readonly content: Content } | { readonly folder: Folder };

class Folder {
  entries = new Map<string, Node>();
  durable = new Map<string, Node>();
  readonly pending: ((entries: Map<string, Node>) => void)[] = [];

  change(change: (entries: Map<string, Node>) => void): void {
    change(this.entries);
    this.pending.push(change);
  }

  sync(): void {
    this.durable = new Map(this.entries);
    this.pending.length = 0;
  }

  unlock(): void {
    for (const node of this.entries.values()) {
      if ('folder' in node) node.folder.unlock();
      else node.content.unlock();
    }
  }

  crash(random: Random): void {
    const kept = random.below(this.pending.length + 1);
    for (const change of this.pending.slice(0, kept)) change(this.durable);
    this.entries = new Map(this.durable);
    this.pending.length = 0;
    for (const node of this.entries.values()) {
      if ('folder' in node) node.folder.crash(random);
      else node.content.crash(random);
    }
  }
}

export class SimDisk implements Disk {
  readonly #root = new Folder();
  #plan: SimPlan = {};
  #crashed = false;
  #boot = 0;
  /** Steps since the last `restart` or `plan`. */
  steps = 0;
  /** How long an asynchronous sync takes. */
  beforeAsyncSync: (() => Promise<void>) | undefined;

  constructor(private readonly random: Random) {}

  /** What goes wrong from now on; steps are counted anew. */
  plan(plan: SimPlan): void {
    this.#plan = plan;
    this.steps = 0;
  }

  /**
   * The machine comes up again after losing power: draws what was kept, and forgets all open files, locks and plans.
   */
  restart(): void {
    this.#root.crash(this.random);
    this.reopen();
  }

  /**
   * The process that used it is gone and another one comes, while the power stays on: open files and locks are
   * forgotten, nothing else.
   */
  reopen(): void {
    this.#root.unlock();
    this.#crashed = false;
    this.#boot++;
    this.plan({});
  }

  open(path: string, options: 'read' | 'write' | 'create' | 'open-or-create', mode = 0o666): DiskFile {
    this.#alive();
    const { folder, name } = this.#parent(path);
    const there = folder.entries.get(name);
    if (there && 'folder' in there) throw systemError('EISDIR', 'open', path);
    if (there && options === 'create') throw systemError('EEXIST', 'open', path);
    if (there) return new SimFile(this, there.content, path, options !== 'read', this.#boot);
    if (options === 'read' || options === 'write') throw systemError('ENOENT', 'open', path);
    const content = new Content(mode);
    this.step('open', path, () => folder.change((entries) => entries.set(name, { content })));
    return new SimFile(this, content, path, true, this.#boot);
  }

  rename(from: string, to: string): void {
    this.#alive();
    const source = this.#parent(from);
    const target = this.#parent(to);
    const node = source.folder.entries.get(source.name);
    const there = target.folder.entries.get(target.name);
    if (node === undefined) throw systemError('ENOENT', 'rename', from);
    if (there && 'folder' in there && there.folder.entries.size > 0) throw systemError('ENOTEMPTY', 'rename', to);
    if (source.folder !== target.folder) throw new Error('renaming across folders is not simulated');
    this.step('rename', from, () =>
      source.folder.change((entries) => {
        entries.delete(source.name);
        entries.set(target.name, node);
      }),
    );
  }

  remove(path: string, options?: { recursive?: boolean }): void {
    this.#alive();
    const { folder, name } = this.#parent(path);
    const node = folder.entries.get(name);
    if (node === undefined) {
      if (options?.recursive === true) return;
      throw systemError('ENOENT', 'unlink', path);
    }
    if ('folder' in node && options?.recursive !== true) throw systemError('EISDIR', 'unlink', path);
    this.step('unlink', path, () => folder.change((entries) => entries.delete(name)));
  }

  makeDir(path: string): void {
    this.#alive();
    let folder = this.#root;
    for (const name of parts(path)) {
      const there = folder.entries.get(name);
      if (there && !('folder' in there)) throw systemError('ENOTDIR', 'mkdir', path);
      if (there) {
        folder = there.folder;
        continue;
      }
      const made = new Folder();
      const into = folder;
      this.step('mkdir', path, () => into.change((entries) => entries.set(name, { folder: made })));
      folder = made;
    }
  }

  list(path: string): string[] {
    this.#alive();
    return [...this.#folder(path).entries.keys()].sort();
  }

  stat(path: string): { isDirectory: boolean; size: number; mode: number } | undefined {
    this.#alive();
    const node = this.#find(path);
    if (node === undefined) return undefined;
    if ('folder' in node) return { isDirectory: true, size: 0, mode: 0o700 };
    return { isDirectory: false, size: node.content.size, mode: node.content.mode };
  }

  syncDir(path: string): void {
    this.#alive();
    const folder = this.#folder(path);
    this.step('fsync', path, undefined, () => folder.sync());
  }

  /** A file's content as programs see it, copied. */
  content(path: string): Buffer {
    const node = this.#find(path);
    if (node === undefined || !('content' in node)) throw systemError('ENOENT', 'open', path);
    return Buffer.from(node.content.bytes.subarray(0, node.content.size));
  }

  /** Makes a durable file of these bytes. */
  setContent(path: string, bytes: Uint8Array): void {
    const { folder, name } = this.#parent(path);
    const content = new Content(0o600);
    content.write(Uint8Array.from(bytes), 0);
    content.sync();
    folder.change((entries) => entries.set(name, { content }));
    folder.sync();
  }

  /** `before` has happened even if the power fails at this step; `after` only when it goes well. */
  step(syscall: string, path: string, before?: () => void, after?: () => void): void {
    this.steps++;
    const { crashAt, failAt } = this.#plan;
    if (failAt !== undefined && this.#fails(failAt, this.steps)) throw systemError(failAt.code, syscall, path);
    before?.();
    if (crashAt === this.steps) {
      this.#crashed = true;
      throw new SimCrash(`power failed at step ${this.steps}: ${syscall} ${path}`);
    }
    after?.();
  }

  /** The part of a chunk that a failing write gets done. */
  willFail(): boolean {
    const { failAt } = this.#plan;
    return failAt !== undefined && this.#fails(failAt, this.steps + 1);
  }

  #fails({ step, lasting = false }: NonNullable<SimPlan['failAt']>, at: number): boolean {
    return lasting ? at >= step : at === step;
  }

  draw(bound: number): number {
    return this.random.below(bound);
  }

  #alive(): void {
    if (this.#crashed) throw new SimCrash('the power is off');
  }

  check(boot: number, path: string): void {
    this.#alive();
    if (boot !== this.#boot) throw new SimCrash(`${path} was opened before the restart`);
  }

  #find(path: string): Node | undefined {
    let node: Node = { folder: this.#root };
    for (const name of parts(path)) {
      if (!('folder' in node)) return undefined;
      const next: Node | undefined = node.folder.entries.get(name);
      if (next === undefined) return undefined;
      node = next;
    }
    return node;
  }

  #folder(path: string): Folder {
    const node = this.#find(path);
    if (node === undefined) throw systemError('ENOENT', 'scandir', path);
    if (!('folder' in node)) throw systemError('ENOTDIR', 'scandir', path);
    return node.folder;
  }

  #parent(path: string): { folder: Folder; name: string } {
    const all = parts(path);
    const name = all.pop();
    if (name === undefined) throw systemError('EINVAL', 'open', path);
    return { folder: this.#folder(all.join('/')), name };
  }
}

class SimFile implements DiskFile {
  #closed = false;

  constructor(
    private readonly disk: SimDisk,
    private readonly content: Content,
    readonly path: string,
    private readonly writable: boolean,
    private readonly boot: number,
  ) {}

  size(): number {
    this.#check();
    return this.content.size;
  }

  read(into: Uint8Array, position: number): number {
    this.#check();
    const count = Math.max(0, Math.min(into.length, this.content.size - position));
    into.set(this.content.bytes.subarray(position, position + count));
    return count;
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    this.#check({ writing: true });
    const bytes = Buffer.concat(chunks);
    if (this.disk.willFail()) {
      // File systems fail between blocks, never inside a sector.
      const end = position + this.disk.draw(bytes.length + 1);
      const done = Math.max(0, end - (end % sectorSize) - position);
      this.content.write(bytes.subarray(0, done), position);
    }
    this.disk.step('write', this.path, () => this.content.write(bytes, position));
  }

  sync(): void {
    this.#check();
    this.disk.step('fsync', this.path, undefined, () => this.content.sync());
  }

  syncData(): void {
    this.#check();
    this.disk.step('fdatasync', this.path, undefined, () => this.content.sync());
  }

  async syncDataAsync(): Promise<void> {
    this.#check();
    await this.disk.beforeAsyncSync?.();
    this.syncData();
  }

  truncate(size: number): void {
    this.#check({ writing: true });
    this.disk.step('ftruncate', this.path, () => this.content.resize(size));
  }

  allocate(size: number): void {
    this.#check({ writing: true });
    this.disk.step('fallocate', this.path, () => {
      if (size > this.content.size) this.content.resize(size);
    });
  }

  tryLock(_kind: 'wal' | 'db', options?: { shared?: boolean }): boolean {
    this.#check();
    const { content } = this;
    if (content.exclusive !== undefined && content.exclusive !== this) return false;
    if (options?.shared === true) {
      content.shared.add(this);
      return true;
    }
    if ([...content.shared].some((holder) => holder !== this)) return false;
    content.exclusive = this;
    return true;
  }

  close(): void {
    this.#closed = true;
    if (this.content.exclusive === this) this.content.exclusive = undefined;
    this.content.shared.delete(this);
  }

  #check(options?: { writing: true }): void {
    this.disk.check(this.boot, this.path);
    if (this.#closed) throw systemError('EBADF', 'fstat', this.path);
    if (options?.writing && !this.writable) throw systemError('EBADF', 'write', this.path);
  }
}

const parts = (path: string): string[] => path.split('/').filter((part) => part !== '');

function pick<T>(random: Random, from: readonly T[]): T {
  const picked = from[random.below(from.length)];
  if (picked === undefined) throw new Error('nothing to pick from');
  return picked;
}

function systemError(code: string, syscall: string, path: string): Error {
  return Object.assign(new Error(`${code}: simulated, ${syscall} '${path}'`), { code, syscall, path });
}
