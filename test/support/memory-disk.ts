/** A Disk in memory, for tests that need no real one. Everything counts as synced; folders are just prefixes. */
import type { Disk, DiskFile } from '../../src/lib/disk.js';

interface Inode {
  data: Buffer;
  size: number;
  mode: number;
  exclusive: boolean;
  shared: number;
}

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code, path });
}

export class MemoryDisk implements Disk {
  readonly files = new Map<string, Inode>();
  readonly folders = new Set<string>(['/']);
  /** Called before every change; throw from it to make the change fail. */
  beforeChange: (what: 'write' | 'sync' | 'truncate' | 'rename' | 'remove' | 'create', path: string) => void = () => {};

  /** The content of a file, copied. */
  content(path: string): Buffer {
    const inode = this.#inode(path);
    return Buffer.from(inode.data.subarray(0, inode.size));
  }

  setContent(path: string, content: Uint8Array): void {
    const inode = newInode(0o600);
    inode.data = Buffer.from(content);
    inode.size = content.length;
    this.files.set(path, inode);
  }

  open(path: string, options: 'read' | 'write' | 'create' | 'open-or-create', mode = 0o666): DiskFile {
    let inode = this.files.get(path);
    if (options === 'create' && inode !== undefined) throw systemError('EEXIST', path);
    if (inode === undefined) {
      if (options === 'read' || options === 'write') throw systemError('ENOENT', path);
      this.beforeChange('create', path);
      inode = newInode(mode);
      this.files.set(path, inode);
    }
    return new MemoryFile(this, path, inode);
  }

  rename(from: string, to: string): void {
    this.beforeChange('rename', to);
    if (this.folders.delete(from)) {
      this.folders.add(to);
      for (const [name, inode] of [...this.files]) {
        if (!name.startsWith(`${from}/`)) continue;
        this.files.delete(name);
        this.files.set(to + name.slice(from.length), inode);
      }
      return;
    }
    this.files.set(to, this.#inode(from));
    this.files.delete(from);
  }

  remove(path: string, options?: { recursive?: boolean }): void {
    this.beforeChange('remove', path);
    if (options?.recursive === true) {
      for (const name of this.files.keys()) if (name.startsWith(`${path}/`)) this.files.delete(name);
      for (const name of this.folders) if (name.startsWith(`${path}/`)) this.folders.delete(name);
      this.folders.delete(path);
    } else if (!this.files.has(path)) {
      throw systemError('ENOENT', path);
    }
    this.files.delete(path);
  }

  makeDir(path: string): void {
    this.folders.add(path);
  }

  list(path: string): string[] {
    const prefix = path === '/' ? '/' : `${path}/`;
    const names = new Set<string>();
    for (const name of [...this.files.keys(), ...this.folders]) {
      const [first] = name.startsWith(prefix) ? name.slice(prefix.length).split('/') : [];
      if (first !== undefined && first !== '') names.add(first);
    }
    return [...names].sort();
  }

  stat(path: string): { isDirectory: boolean; size: number; mode: number } | undefined {
    const inode = this.files.get(path);
    if (inode !== undefined) return { isDirectory: false, size: inode.size, mode: inode.mode };
    return this.folders.has(path) ? { isDirectory: true, size: 0, mode: 0o700 } : undefined;
  }

  syncDir(path: string): void {
    this.beforeChange('sync', path);
  }

  #inode(path: string): Inode {
    const inode = this.files.get(path);
    if (inode === undefined) throw systemError('ENOENT', path);
    return inode;
  }
}

const newInode = (mode: number): Inode => ({ data: Buffer.alloc(0), size: 0, mode, exclusive: false, shared: 0 });

class MemoryFile implements DiskFile {
  readonly path: string;
  readonly #disk: MemoryDisk;
  readonly #inode: Inode;
  #lock: 'none' | 'shared' | 'exclusive' = 'none';

  constructor(disk: MemoryDisk, path: string, inode: Inode) {
    this.#disk = disk;
    this.path = path;
    this.#inode = inode;
  }

  size(): number {
    return this.#inode.size;
  }

  read(into: Uint8Array, position: number): number {
    const { data, size } = this.#inode;
    const end = Math.min(position + into.length, size);
    if (end <= position) return 0;
    into.set(data.subarray(position, end));
    return end - position;
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    this.#disk.beforeChange('write', this.path);
    let at = position;
    for (const chunk of chunks) {
      this.#resize(Math.max(this.#inode.size, at + chunk.length));
      this.#inode.data.set(chunk, at);
      at += chunk.length;
    }
  }

  sync(): void {
    this.#disk.beforeChange('sync', this.path);
  }

  syncData(): void {
    this.#disk.beforeChange('sync', this.path);
  }

  async syncDataAsync(): Promise<void> {
    await Promise.resolve();
    this.#disk.beforeChange('sync', this.path);
  }

  truncate(size: number): void {
    this.#disk.beforeChange('truncate', this.path);
    this.#resize(size);
  }

  allocate(size: number): void {
    if (size > this.#inode.size) this.truncate(size);
  }

  tryLock(_kind: 'wal' | 'db', options?: { shared?: boolean }): boolean {
    const inode = this.#inode;
    if (inode.exclusive || (options?.shared !== true && inode.shared > 0)) return false;
    if (options?.shared === true) inode.shared++;
    else inode.exclusive = true;
    this.#lock = options?.shared === true ? 'shared' : 'exclusive';
    return true;
  }

  close(): void {
    if (this.#lock === 'shared') this.#inode.shared--;
    if (this.#lock === 'exclusive') this.#inode.exclusive = false;
    this.#lock = 'none';
  }

  /** What a file is extended by reads as zero. */
  #resize(size: number): void {
    const inode = this.#inode;
    if (size > inode.data.length) {
      const larger = Buffer.alloc(Math.max(size, inode.data.length * 2));
      inode.data.copy(larger, 0, 0, inode.size);
      inode.data = larger;
    } else if (size < inode.size) {
      inode.data.fill(0, size, inode.size);
    }
    inode.size = size;
  }
}
