import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RotatingFile, type RotationOptions } from '../../../../src/lib/os/rotating-file.js';

const MEGABYTE = 1024 * 1024;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rotating-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const bounds = { maxSizeMegabytes: 1, maxAgeDays: 0, maxBackups: 0, localTime: false, compress: false };
let nowMs = Date.parse('2026-11-22T07:03:28.123Z');

function open(options: Partial<RotationOptions> = {}, path = join(folder, 'etcd.log')): RotatingFile {
  return new RotatingFile(path, { ...bounds, ...options }, () => nowMs);
}

/** Just so long that no second one fits beside it. */
const line = (text: string): string => `${text.padEnd(MEGABYTE / 2 + 1, '.')}\n`;

describe('a log file that is rotated', () => {
  it('is put aside whole before it gets too large, under the time', () => {
    const file = open();
    file.write(line('a'));
    nowMs += 1000;
    file.write(line('b'));
    file.close();
    expect(readdirSync(folder).sort()).toEqual(['etcd-2026-11-22T07-03-29.123.log', 'etcd.log']);
    expect(readFileSync(join(folder, 'etcd-2026-11-22T07-03-29.123.log'), 'utf8')).toBe(line('a'));
    expect(readFileSync(join(folder, 'etcd.log'), 'utf8')).toBe(line('b'));
  });

  it('goes on with what is there, makes folders, and is for its owner alone', () => {
    const path = join(folder, 'deep', 'er', 'log');
    const file = open({}, path);
    file.write('a\n');
    file.close();
    const again = open({}, path);
    again.write('b\n');
    again.close();
    expect(readFileSync(path, 'utf8')).toBe('a\nb\n');
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('keeps the newest, compressed, and leaves other files alone', async () => {
    writeFileSync(join(folder, 'etcd-notes.log'), 'mine');
    const file = open({ maxBackups: 2, compress: true });
    for (const text of ['a', 'b', 'c', 'd']) {
      nowMs += 1000;
      file.write(line(text));
    }
    file.close();
    await file.compressed();
    const kept = readdirSync(folder).filter((name) => name.endsWith('.gz'));
    expect(kept.map((name) => gunzipSync(readFileSync(join(folder, name))).toString()[0]).sort()).toEqual(['b', 'c']);
    expect(readFileSync(join(folder, 'etcd-notes.log'), 'utf8')).toBe('mine');
    expect(readdirSync(folder)).toHaveLength(4);
  });

  it('is compressed beside what else there is to do: a line is written at once', async () => {
    const file = open({ compress: true });
    file.write(line('a'));
    file.write(line('b'));
    expect(readFileSync(join(folder, 'etcd.log'), 'utf8')).toBe(line('b'));
    expect(readdirSync(folder).filter((name) => name.endsWith('.gz'))).toEqual([]);
    await file.compressed();
    file.close();
    expect(readdirSync(folder).sort()).toEqual([expect.stringMatching(/^etcd-.*\.log\.gz$/), 'etcd.log']);
  });

  it('compresses what was left over, and counts what is there twice once', async () => {
    for (const day of ['20', '21']) writeFileSync(join(folder, `etcd-2026-11-${day}T00-00-00.000.log`), day);
    writeFileSync(join(folder, 'etcd-2026-11-21T00-00-00.000.log.gz'), 'half of it');
    const file = open({ maxBackups: 2, compress: true });
    await file.compressed();
    file.close();
    expect(readdirSync(folder).sort()).toEqual([
      'etcd-2026-11-20T00-00-00.000.log.gz',
      'etcd-2026-11-21T00-00-00.000.log.gz',
      'etcd.log',
    ]);
    expect(gunzipSync(readFileSync(join(folder, 'etcd-2026-11-21T00-00-00.000.log.gz'))).toString()).toBe('21');
  });

  it('stays for those whom the first one was for', async () => {
    writeFileSync(join(folder, 'etcd.log'), '');
    chmodSync(join(folder, 'etcd.log'), 0o664);
    const file = open({ compress: true });
    file.write(line('a'));
    file.write(line('b'));
    await file.compressed();
    file.close();
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o664);
  });

  it('throws away what is too old when it is opened', () => {
    writeFileSync(join(folder, 'etcd-2026-11-01T00-00-00.000.log'), 'old');
    writeFileSync(join(folder, 'etcd-2026-11-21T00-00-00.000.log.gz'), 'new');
    open({ maxAgeDays: 7 }).close();
    expect(readdirSync(folder).sort()).toEqual(['etcd-2026-11-21T00-00-00.000.log.gz', 'etcd.log']);
  });
});
