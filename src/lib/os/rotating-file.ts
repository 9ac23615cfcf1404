/**
 * A log file that is put aside when it gets too large, as lumberjack does it for etcd: `etcd.log` becomes
 * `etcd-2026-11-22T07-03-28.123.log`, with `compress` a `.gz` of it; of those put aside the newest `maxBackups` stay,
 * and none that is older than `maxAgeDays`. 0 = no bound. The new file is for those whom the old one was for.
 *
 * A large one takes seconds to be compressed, so that is done beside everything else; what was not finished is done
 * when the file is opened again.
 */
import {
  closeSync,
  createReadStream,
  createWriteStream,
  fchmodSync,
  fchownSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

export interface RotationOptions {
  readonly maxSizeMegabytes: number;
  readonly maxAgeDays: number;
  readonly maxBackups: number;
  /** Names by local time, not UTC. */
  readonly localTime: boolean;
  readonly compress: boolean;
}

const MEGABYTE = 1024 * 1024;
const DEFAULT_MEGABYTES = 100;
const DAY_MS = 24 * 60 * 60 * 1000;

export class RotatingFile {
  #fd: number;
  #size: number;
  #compressing: Promise<void> | undefined;

  /** Throws the system's error. Folders that are missing are made. */
  constructor(
    readonly path: string,
    readonly options: RotationOptions,
    readonly wallMs: () => number,
  ) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    this.#fd = openSync(path, 'a', 0o600);
    this.#size = fstatSync(this.#fd).size;
    this.#tidy();
  }

  /**
   * Whole lines alone, so that none is torn apart by a change of files. What cannot be written is lost: the member goes
   * on.
   */
  write(line: string): void {
    const bytes = Buffer.from(line);
    const limit = (this.options.maxSizeMegabytes || DEFAULT_MEGABYTES) * MEGABYTE;
    try {
      if (this.#size > 0 && this.#size + bytes.length > limit) this.#rotate();
      this.#size += writeSync(this.#fd, bytes);
    } catch {
      // A full disk: the next line may fit.
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Resolves when nothing is being compressed. */
  async compressed(): Promise<void> {
    await this.#compressing;
  }

  #rotate(): void {
    const aside = join(dirname(this.path), `${this.#prefix}${this.#timestamp()}${extname(this.path)}`);
    const before = fstatSync(this.#fd);
    renameSync(this.path, aside);
    const next = openSync(this.path, 'a', 0o600);
    closeSync(this.#fd);
    this.#fd = next;
    this.#size = 0;
    giveTo(next, before);
    this.#tidy();
  }

  get #prefix(): string {
    return `${basename(this.path, extname(this.path))}-`;
  }

  #timestamp(): string {
    const now = new Date(this.wallMs());
    const shown = this.options.localTime ? new Date(now.getTime() - now.getTimezoneOffset() * 60_000) : now;
    return shown.toISOString().slice(0, -1).replaceAll(':', '-');
  }

  #tidy(): void {
    const { maxAgeDays, maxBackups } = this.options;
    const folder = dirname(this.path);
    const stamp = /^(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d\.\d{3})$/;
    const old = readdirSync(folder).flatMap((name) => {
      const bare = name.replace(/\.gz$/, '');
      if (!bare.startsWith(this.#prefix) || !bare.endsWith(extname(this.path))) return [];
      const match = stamp.exec(bare.slice(this.#prefix.length, bare.length - extname(this.path).length));
      if (match === null) return [];
      const zone = this.options.localTime ? '' : 'Z';
      return [{ name, atMs: Date.parse(`${match[1]}${match[2]}:${match[3]}:${match[4]}${zone}`) }];
    });
    old.sort((a, b) => b.atMs - a.atMs);
    const oldestMs = maxAgeDays > 0 ? this.wallMs() - maxAgeDays * DAY_MS : Number.NEGATIVE_INFINITY;
    // One that was being compressed when the process ended is there twice.
    const times = [...new Set(old.map(({ atMs }) => atMs))];
    const kept = old.filter(({ name, atMs }) => {
      const isKept = (maxBackups === 0 || times.indexOf(atMs) < maxBackups) && atMs >= oldestMs;
      if (!isKept) rmSync(join(folder, name), { force: true });
      return isKept;
    });
    if (!this.options.compress) return;
    const plain = kept.filter(({ name }) => !name.endsWith('.gz')).map(({ name }) => join(folder, name));
    // One after the other; each is looked for again when its turn comes.
    if (plain.length > 0)
      this.#compressing = (this.#compressing ?? Promise.resolve()).then(async () => {
        for (const path of plain) await compress(path);
      });
  }
}

/** What cannot be compressed stays as it is. */
async function compress(path: string): Promise<void> {
  const to = `${path}.gz`;
  try {
    const stats = statSync(path);
    const output = createWriteStream(to, { mode: 0o600 });
    output.on('open', (fd) => giveTo(fd, stats));
    await pipeline(createReadStream(path), createGzip(), output);
    await rm(path);
  } catch (cause) {
    // It has been removed as one too many, or was compressed by the turn before.
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return;
    await rm(to, { force: true }).catch(() => {});
  }
}

/** To the owner of another file, in its mode; whoever may not give it away keeps it. */
function giveTo(fd: number, { mode, uid, gid }: Stats): void {
  try {
    fchmodSync(fd, mode & 0o777);
    fchownSync(fd, uid, gid);
  } catch {
    // Not root, or a file system that knows neither.
  }
}
