/** Files of this machine, through node:fs; what fails has Go's words. */
import fs from 'node:fs';
import { dirname } from 'node:path';
import type { Disk, DiskFile } from '../disk.js';
import { inGoWords } from '../go/system-error.js';
import { rawText, textOrBytes } from '../raw-text.js';
import { nativeCalls } from './native.js';

export const osDisk: Disk = {
  open(path, options, mode = 0o666) {
    return new OsFile(
      path,
      wording('open', path, () => fs.openSync(textOrBytes(path), openFlags[options], mode)),
    );
  },
  rename(from, to) {
    wording('rename', `${from} ${to}`, () => {
      try {
        fs.renameSync(textOrBytes(from), textOrBytes(to));
      } catch (error) {
        // Go looks for a folder in the way itself, and calls it that.
        if (codeOf(error) === 'EISDIR' && error instanceof Error) throw Object.assign(error, { code: 'EEXIST' });
        throw error;
      }
    });
  },
  remove(path, options) {
    const name = textOrBytes(path);
    wording('remove', path, () => {
      if (options?.recursive === true) removeAll(name);
      else fs.unlinkSync(name);
    });
  },
  makeDir,
  list(path) {
    try {
      return fs.readdirSync(textOrBytes(path), 'buffer').sort(Buffer.compare).map(rawText);
    } catch (error) {
      // Go opens a file that stands there, and only then finds nothing to list.
      throw inGoWords(error, codeOf(error) === 'ENOTDIR' && statOf(path) !== undefined ? 'readdirent' : 'open', path);
    }
  },
  stat(path) {
    const stat = wording('stat', path, () => statOf(path));
    return stat && { isDirectory: stat.isDirectory(), size: stat.size, mode: stat.mode };
  },
  syncDir(path) {
    const fd = wording('open', path, () => fs.openSync(textOrBytes(path), 'r'));
    try {
      wording('sync', path, () => fs.fsyncSync(fd));
    } finally {
      fs.closeSync(fd);
    }
  },
};

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

function wording<T>(action: string, path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw inGoWords(error, action, path);
  }
}

function removeAll(name: ReturnType<typeof textOrBytes>): void {
  try {
    fs.rmSync(name, { recursive: true, force: true });
  } catch (error) {
    // What is below a file is not there.
    if (codeOf(error) !== 'ENOTDIR') throw error;
  }
}

/** What is below a file is not there. */
function statOf(path: string): fs.Stats | undefined {
  try {
    return fs.statSync(textOrBytes(path), { throwIfNoEntry: false });
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** With the folders above it, as Go's MkdirAll. Node's own never ends where a folder takes none, as in /proc. */
function makeDir(path: string, mode = 0o777): void {
  const found = statOf(path);
  if (found?.isDirectory() === true) return;
  if (found !== undefined) throw inGoWords(Object.assign(new Error(), { code: 'ENOTDIR' }), 'mkdir', path);
  const parent = dirname(path);
  if (parent !== path) makeDir(parent, mode);
  wording('mkdir', path, () => {
    try {
      fs.mkdirSync(textOrBytes(path), mode);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST' || statOf(path)?.isDirectory() !== true) throw error;
    }
  });
}

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL } = fs.constants;
const openFlags = {
  read: O_RDONLY,
  write: O_RDWR,
  create: O_RDWR | O_CREAT | O_EXCL,
  'open-or-create': O_RDWR | O_CREAT,
} as const;

/** writev takes at most IOV_MAX (1024 on Linux) pieces. */
const MOST_CHUNKS_AT_ONCE = 1000;

class OsFile implements DiskFile {
  #fd: number | undefined;

  constructor(
    readonly path: string,
    fd: number,
  ) {
    this.#fd = fd;
  }

  size(): number {
    return fs.fstatSync(this.#openFd()).size;
  }

  read(into: Uint8Array, position: number): number {
    const fd = this.#openFd();
    let done = 0;
    try {
      while (done < into.length) {
        const count = fs.readSync(fd, into, done, into.length - done, position + done);
        if (count === 0) break;
        done += count;
      }
    } catch (error) {
      throw this.#named(error, 'read');
    }
    return done;
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    const [only] = chunks;
    try {
      if (only !== undefined && chunks.length === 1) {
        // The log's every save comes this way.
        const written = fs.writeSync(this.#openFd(), only, 0, only.length, position);
        if (written === only.length) return;
        this.#writeSome([only.subarray(written)], position + written);
        return;
      }
      for (let from = 0; from < chunks.length; from += MOST_CHUNKS_AT_ONCE) {
        position = this.#writeSome(chunks.slice(from, from + MOST_CHUNKS_AT_ONCE), position);
      }
    } catch (error) {
      throw this.#named(error, 'write');
    }
  }

  /**
   * The system may take less than it was given (a nearly full disk, a signal): goes on until all is written or an error
   * says why not.
   */
  #writeSome(chunks: readonly Uint8Array[], position: number): number {
    const fd = this.#openFd();
    let rest = chunks;
    for (;;) {
      const only = rest[0];
      if (only === undefined) return position;
      let written =
        rest.length === 1 ? fs.writeSync(fd, only, 0, only.length, position) : fs.writevSync(fd, rest, position);
      position += written;
      let whole = 0;
      for (; whole < rest.length; whole++) {
        const length = rest[whole]?.length ?? 0;
        if (written < length) break;
        written -= length;
      }
      const cut = rest[whole];
      rest = cut === undefined ? [] : [cut.subarray(written), ...rest.slice(whole + 1)];
    }
  }

  sync(): void {
    this.#attempt('sync', fs.fsyncSync);
  }

  syncData(): void {
    this.#attempt('fdatasync', fs.fdatasyncSync);
  }

  syncDataAsync(): Promise<void> {
    const fd = this.#openFd();
    return new Promise((resolve, reject) => {
      fs.fdatasync(fd, (error) => (error ? reject(this.#named(error, 'fdatasync')) : resolve()));
    });
  }

  truncate(size: number): void {
    this.#attempt('truncate', (fd) => fs.ftruncateSync(fd, size));
  }

  allocate(size: number): void {
    this.#attempt('fallocate', (fd) => {
      if (!nativeCalls().fallocate(fd, size) && fs.fstatSync(fd).size < size) fs.ftruncateSync(fd, size);
    });
  }

  tryLock(kind: 'wal' | 'db', options?: { shared?: boolean }): boolean {
    const shared = options?.shared === true;
    return this.#attempt('flock', (fd) =>
      kind === 'wal' ? nativeCalls().lockByDescription(fd, { shared }) : nativeCalls().flock(fd, { shared }),
    );
  }

  close(): void {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    fs.closeSync(fd);
  }

  #attempt<T>(action: string, call: (fd: number) => T): T {
    try {
      return call(this.#openFd());
    } catch (error) {
      throw this.#named(error, action);
    }
  }

  /** Calls on a descriptor fail without saying on which file. */
  #named(error: unknown, action: string): unknown {
    if (error instanceof Error && !('path' in error)) Object.assign(error, { path: this.path });
    return inGoWords(error, action, this.path);
  }

  #openFd(): number {
    if (this.#fd === undefined) throw new Error(`${this.path} is closed`);
    return this.#fd;
  }
}
