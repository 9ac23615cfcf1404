/** `--memory-mlock`: what the system says is locked of this process follows the databases that are open. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBackend } from '../../../../src/backend/backend.js';
import { silentLogger } from '../../../../src/lib/logger.js';
import { osClock } from '../../../../src/lib/os/clock.js';
import { osDisk } from '../../../../src/lib/os/disk.js';
import { lockedDisk } from '../../../../src/lib/os/locked-disk.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'etcd-ts-locked-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Kilobytes. */
const locked = (): number =>
  Number(/^VmLck:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? Number.NaN);

describe.runIf(process.platform === 'linux')('a disk that keeps databases in memory', () => {
  it('locks a file with the lock of a database as far as it reaches, until it is closed', () => {
    const before = locked();
    const file = lockedDisk(osDisk).open(join(dir, 'f'), 'create');
    file.truncate(1 << 20);
    expect(file.tryLock('wal')).toBe(true);
    expect(locked() - before).toBe(0);
    expect(file.tryLock('db')).toBe(true);
    expect(locked() - before).toBe(1024);
    file.truncate((1 << 20) + 65_536 * 3);
    file.write([Buffer.from('x')], 1 << 20);
    expect(locked() - before).toBe(1024 + 192);
    file.allocate(2 << 20);
    expect(locked() - before).toBe(2048);
    file.close();
    expect(locked() - before).toBe(0);
  });

  it('says in etcd’s words what the system refuses, and lets go of all', () => {
    const before = locked();
    const stuck = { ...osDisk };
    stuck.open = (path, options) => Object.assign(osDisk.open(path, options), { truncate() {} });
    const path = join(dir, 'f');
    const file = lockedDisk(stuck).open(path, 'create');
    expect(file.tryLock('db')).toBe(true);
    // Pages behind the end of a file cannot be had.
    expect(() => file.truncate(1 << 20)).toThrowError(
      expect.objectContaining({ code: 'ENOMEM', message: 'mlock error: cannot allocate memory' }),
    );
    file.close();
    expect(locked() - before).toBe(0);
  });

  it('locks what grows, and what a defragmentation leaves', async () => {
    const before = locked();
    const backend = openBackend({
      disk: lockedDisk(osDisk),
      clock: osClock,
      path: join(dir, 'db'),
      logger: silentLogger,
    });
    const value = Buffer.alloc(100_000);
    backend.createBucket('key');
    for (let i = 0; i < 20; i++) backend.put('key', Buffer.from(`${i}`), value);
    await backend.commit();
    const grown = locked() - before;
    expect(grown).toBeGreaterThanOrEqual(2000);
    for (let i = 0; i < 20; i++) backend.delete('key', Buffer.from(`${i}`));
    await backend.commit();
    await backend.defrag();
    expect(locked() - before).toBeLessThan(grown);
    expect(locked() - before).toBeGreaterThan(0);
    await backend.close();
    expect(locked() - before).toBe(0);
  });
});
