/**
 * Our locks keep a real etcd out of a data directory, and its locks keep us out. Runs where REAL_ETCD names the folder
 * with its binaries.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openBolt } from '../../src/bolt/bolt.js';
import { silentLogger } from '../../src/lib/logger.js';
import { osClock } from '../../src/lib/os/clock.js';
import { osDisk } from '../../src/lib/os/disk.js';
import { openWal, WalLockedError } from '../../src/wal/index.js';
import { unpack } from '../support/tar.js';

const binaries = process.env.REAL_ETCD;
const options = { clock: osClock, logger: silentLogger };

/** A real etcd on the data directory; ended by the end of the test. */
class RealEtcd implements AsyncDisposable {
  output = '';
  readonly exited: Promise<unknown>;
  readonly #process: ChildProcess;
  #wake: () => void = () => {};

  constructor(dataDir: string) {
    const urls = ['--listen-client-urls', '--advertise-client-urls', '--listen-peer-urls'].flatMap((flag) => [
      flag,
      'http://127.0.0.1:0',
    ]);
    const path = join(binaries ?? '', 'etcd');
    this.#process = spawn(path, ['--name', 'vec', '--data-dir', dataDir, ...urls], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.exited = once(this.#process, 'exit');
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
        this.#wake();
      });
    }
  }

  /** Until it has said so, or has ended. */
  async says(text: string): Promise<void> {
    let ended = false;
    void this.exited.then(() => {
      ended = true;
      this.#wake();
    });
    while (!this.output.includes(text) && !ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    expect(this.output).toContain(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.exited;
  }
}

describe.runIf(binaries !== undefined)('a data directory', () => {
  let dir: string;
  let dataDir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'etcd-ts-locks-'));
    unpack(new URL('../fixtures/datadir/datadir-3.4.23.tar.gz', import.meta.url), osDisk, dir);
    dataDir = join(dir, 'data');
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  test('whose log we hold is refused by etcd', { timeout: 30_000 }, async () => {
    const { wal } = openWal(osDisk, join(dataDir, 'member/wal'), { index: 0, term: 0 }, options);
    await using etcd = new RealEtcd(dataDir);
    await etcd.says('locked');
    wal.close();
  });

  test('whose database we hold is waited for by etcd', { timeout: 30_000 }, async () => {
    const db = openBolt(osDisk, join(dataDir, 'member/snap/db'));
    await using etcd = new RealEtcd(dataDir);
    // 3.4: "… or loading its backend file is taking >10 seconds"; 3.5: "… or taking too long".
    await etcd.says('taking');
    db.close();
  });

  test('that etcd holds is refused by us', { timeout: 30_000 }, async () => {
    await using etcd = new RealEtcd(dataDir);
    await etcd.says('ready to serve client requests');
    expect(() => openWal(osDisk, join(dataDir, 'member/wal'), { index: 0, term: 0 }, options)).toThrow(WalLockedError);
    expect(() => openBolt(osDisk, join(dataDir, 'member/snap/db'))).toThrow(
      expect.objectContaining({ code: 'ERR_BOLT_LOCKED' }),
    );
  });
});
