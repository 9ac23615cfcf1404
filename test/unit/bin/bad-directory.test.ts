/**
 * What `etcd` ends with where its data directory cannot be used: code 1, the reason on stderr, the directory as it was.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { osDisk } from '../../../src/lib/os/disk.js';
import { prepareCluster } from '../../support/cluster.js';
import { buildPrograms, ourProgram } from '../../support/member-process.js';
import { unpack } from '../../support/tar.js';

beforeAll(buildPrograms, 120_000);

const recorded = new URL('../../fixtures/datadir/datadir-3.5.30.tar.gz', import.meta.url);

const walName = '0000000000000000-0000000000000000.wal';

function contents(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    names.map(({ parentPath, name }) => {
      const bytes = readFileSync(join(parentPath, name));
      return [join(parentPath, name), bytes.toString('base64').replace(/A+=*$/, '')];
    }),
  );
}

describe('etcd, given a data directory it cannot use, ends with code 1 and says', () => {
  test.each([
    [
      'which file of the log is damaged, where, and what to do',
      (path: (...parts: string[]) => string) => {
        const file = path('wal', walName);
        const bytes = readFileSync(file);
        bytes[5000] = (bytes[5000] ?? 0) ^ 1;
        writeFileSync(file, bytes);
      },
      /crc mismatch \(.*\.wal, offset \d+\); nothing was changed; restore/,
    ],
    [
      'that the database is none',
      (path: (...parts: string[]) => string) => writeFileSync(path('snap', 'db'), 'not a database '.repeat(4000)),
      /snap\/db: not a bbolt database.*restore/,
    ],
    [
      'that the log is missing',
      (path: (...parts: string[]) => string) => rmSync(path('wal'), { recursive: true }),
      /snap\/db\) has applied entries.*--wal-dir/,
    ],
  ])('%s', { timeout: 60_000 }, async (_what, damage, reason) => {
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    unpack(recorded, osDisk, home.folder);
    damage((...parts: string[]) => join(home.dataDir, 'member', ...parts));
    const before = contents(home.folder);
    await using started = home.spawn(ourProgram('etcd'));
    expect(await started.ended()).toBe(1);
    expect(started.output).toMatch(reason);
    const last = JSON.parse(started.output.trimEnd().split('\n').at(-1) ?? '');
    expect(last).toMatchObject({ level: 'fatal', error: expect.stringMatching(reason) });
    expect(contents(home.folder)).toEqual(before);
  });

  test('that no log can be begun where a file stands above it, with code 2 as etcd', { timeout: 60_000 }, async () => {
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    const file = join(home.folder, 'a-file');
    writeFileSync(file, '');
    await using started = home.spawn(ourProgram('etcd'), [`--wal-dir=${file}/wal`]);
    expect(await started.ended()).toBe(2);
    const last = JSON.parse(started.output.trimEnd().split('\n').at(-1) ?? '');
    expect(last).toMatchObject({
      level: 'panic',
      msg: 'failed to create WAL',
      error: `mkdir ${file}: not a directory`,
    });
  });

  test('that a file stands where the directory should be', { timeout: 60_000 }, async () => {
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    writeFileSync(home.dataDir, 'a file');
    await using started = home.spawn(ourProgram('etcd'));
    expect(await started.ended()).toBe(1);
    expect(started.output).toContain(home.dataDir);
    expect(readFileSync(home.dataDir, 'utf8')).toBe('a file');
  });
});
