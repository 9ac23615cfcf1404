/** What `etcd-ts/server` exports: a member inside the caller's own process, with real files and sockets. */
import { readOptions } from '../config/read-options.js';
import { type Logger, silentLogger } from '../lib/logger.js';
import { findDefaultHost } from '../lib/os/default-host.js';
import { processors } from '../lib/os/processors.js';
import { startMember } from './start-member.js';

export type { Logger } from '../lib/logger.js';

export interface MemberSettings {
  /** Made where it is missing; kept after the end. */
  readonly dataDir: string;
  /**
   * What `etcd` takes on its command line, dashes and all: `['--quota-backend-bytes=1073741824']`. Neither variables
   * nor files count.
   */
  readonly flags?: readonly string[] | undefined;
  /** Default: silence. */
  readonly logger?: Logger | undefined;
}

/** Options that a member does not start with; the text is etcd's. */
export class MemberOptionsError extends Error {
  override readonly name = 'MemberOptionsError';
  readonly code = 'ERR_MEMBER_OPTIONS';
}

/**
 * One member on 127.0.0.1, on free ports unless `flags` say otherwise. It tells others the addresses that
 * `--advertise-client-urls` names: name fixed ports where somebody will ask the cluster for them.
 */
export class Member implements AsyncDisposable {
  /** Where clients are served, as `127.0.0.1:2379` or `unix://path`: what a client takes for `endpoints`. */
  readonly endpoints: readonly string[];
  /** Resolves after `close`; rejects when the member had to stop by itself (a disk failed, an invariant broke). */
  readonly ended: Promise<void>;
  readonly #close: () => Promise<void>;
  #closing: Promise<void> | undefined;

  private constructor(endpoints: readonly string[], ended: Promise<void>, close: () => Promise<void>) {
    this.endpoints = endpoints;
    this.ended = ended;
    this.#close = close;
    // Told to whoever asks; no reason to end the process otherwise.
    ended.catch(() => {});
  }

  /**
   * Resolves when clients are served. Throws MemberOptionsError, or what keeps the member from starting; then nothing
   * is left open.
   */
  static async start({ dataDir, flags = [], logger = silentLogger }: MemberSettings): Promise<Member> {
    const any = 'http://127.0.0.1:0';
    const words = [
      ...['--data-dir', dataDir],
      ...['--listen-client-urls', any, '--advertise-client-urls', any],
      ...['--listen-peer-urls', any],
      ...flags,
    ];
    const read = readOptions(['etcd', ...words], {
      env: {},
      readFile: (path) => new Error(`open ${path}: not read from within a program`),
      parseFile: () => ({ t: 'ok', given: new Map() }),
      defaultHost: findDefaultHost,
      nodeVersion: process.version,
      platform: 'node',
      processors: processors(),
    });
    if (read.t === 'exit') throw new MemberOptionsError((read.stderr + read.stdout).trim());
    if (read.t === 'refused') {
      const why = read.lines.findLast(({ level }) => level === 'fatal') ?? read.lines.at(-1);
      throw new MemberOptionsError(`${why?.message ?? 'refused'}: ${String(why?.fields.error ?? '')}`);
    }
    for (const { level, message, fields } of read.lines) if (level !== 'fatal') logger[level](message, fields);
    const running = await startMember(read.options, logger);
    const endpoints = running.clientAddresses.map((address) =>
      address.t === 'unix' ? `unix://${address.path}` : `${address.host}:${address.port}`,
    );
    return new Member(endpoints, running.ended, running.close);
  }

  /** In order: no new requests, running ones end, the log and the database are closed. Twice is harmless. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
