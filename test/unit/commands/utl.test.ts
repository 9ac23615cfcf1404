import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { osDisk } from '../../../src/lib/os/disk.js';
import { etcdutl } from '../../../src/utl/program.js';
import { type CommandOutcome, programImage, runCommand, withoutHelp } from '../../support/run-command.js';
import { unpack } from '../../support/tar.js';

const fixture = (name: string): URL => new URL(`../../fixtures/datadir/${name}`, import.meta.url);
const image = await programImage(etcdutl, 'utl');
/** Commands that some test has run. */
const ran = new Set<string>();

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'etcd-ts-utl-'));
  unpack(fixture('datadir-3.5.30.tar.gz'), osDisk, dir);
  writeFileSync(join(dir, 'file'), '');
  writeFileSync(join(dir, 's.db'), gunzipSync(readFileSync(fixture('snapshot-3.5.30.db.gz'))));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** `~` in a word stands for the test's folder. */
async function utl(words: string): Promise<CommandOutcome> {
  for (const path of Object.keys(image.manifest)) if (`${words} `.startsWith(`${path} `)) ran.add(path);
  const argv = words.split(' ').map((word) => word.replaceAll('~', dir));
  const outcome = await runCommand(image, argv, '', undefined, () => 0);
  const shown = (text: string): string => text.replaceAll(dir, '~');
  return { ...outcome, stdout: shown(outcome.stdout), stderr: shown(outcome.stderr) };
}

/** What `etcdutl CMD --help` of 3.5.30 lists, without what all commands take. */
const flagsOf35: Readonly<Record<string, string>> = {
  backup: 'backup-dir backup-wal-dir data-dir wal-dir with-v3 write-out',
  'check v2store': 'data-dir wal-dir write-out',
  'completion bash': 'no-descriptions write-out',
  'completion fish': 'no-descriptions write-out',
  'completion powershell': 'no-descriptions write-out',
  'completion zsh': 'no-descriptions write-out',
  defrag: 'data-dir write-out',
  'snapshot restore':
    'bump-revision data-dir initial-advertise-peer-urls initial-cluster initial-cluster-token ' +
    'initial-memory-map-size mark-compacted name skip-hash-check wal-dir write-out',
  'snapshot status': 'write-out',
  version: 'write-out',
};

describe('etcdutl', () => {
  test.each(Object.entries(flagsOf35))('%s lists the flags that etcdutl 3.5.30 has for it', async (command, wanted) => {
    const { stdout, exitCode } = await utl(`${command} --help`);
    const flags = [...stdout.matchAll(/^ +(?:-\w, )?--([a-z0-9-]+)/gm)].map(([, name]) => name);
    expect(wanted.split(' ').filter((name) => !flags.includes(name))).toEqual([]);
    expect(exitCode).toBe(0);
  });

  test.each([
    ['snapshot status', 'snapshot status requires exactly one argument', 128],
    ['snapshot status ~/s.db -w protobuf', 'protobuf not supported as output format', 4],
    ['snapshot status ~/s.db -w xml', 'unsupported output format', 4],
    ['snapshot restore --data-dir ~/r', 'snapshot restore requires exactly one argument', 128],
    [
      'snapshot restore ~/s.db --data-dir ~/r --bump-revision 1',
      '--mark-compacted required if --revision-bump > 0',
      128,
    ],
    [
      'snapshot restore ~/s.db --data-dir ~/r --mark-compacted',
      '--mark-compacted required if --revision-bump > 0',
      128,
    ],
    ['snapshot restore ~/s.db --data-dir ~/data', 'data-dir "~/data" not empty or could not be read', 1],
    [
      'snapshot restore ~/s.db --data-dir ~/r --initial-cluster x',
      'URL scheme must be http, https, unix, or unixs: ',
      1,
    ],
    ['hashkv', 'accepts 1 arg(s), received 0', 1],
    ['hashkv ~/nothing', 'stat ~/nothing: no such file or directory', 1],
    ['hashkv ~/s.db --rev 4', 'mvcc: required revision has been compacted', 1],
    ['snapshot restore ~/s.db --data-dir ~/file/below', 'mkdir ~/file: not a directory', 1],
    ['snapshot status ~/file/below', 'stat ~/file/below: not a directory', 1],
    ['snapshot status ~/nothing -w xml', 'unsupported output format', 4],
    ['snapshot status ~/nothing -w xml --emulate-version 3.6', 'stat ~/nothing: no such file or directory', 1],
    [
      'snapshot restore ~/s.db --data-dir ~/r --bump-revision 9007199254740991 --mark-compacted',
      'no revision can be as high as 61 + 9007199254740991',
      1,
    ],
    [
      'snapshot restore ~/s.db --data-dir ~/r --initial-advertise-peer-urls=',
      'URL scheme must be http, https, unix, or unixs: ',
      1,
    ],
    ['help -x', "unknown shorthand flag: 'x' in -x", 1],
    ['completion bash more', 'unknown command "more" for "etcdutl completion bash"', 1],
    ['completion bash more --emulate-version 3.6', 'accepts 1 arg(s), received 2', 1],
    [
      'migrate --data-dir ~/data --target-version 3.6.0',
      'wrong target version format, expected "X.Y", got "3.6.0"',
      128,
    ],
    [
      'migrate --data-dir ~/data --target-version 3.7 --emulate-version 3.6',
      'cannot create migration plan: version "3.7.0" is not supported',
      1,
    ],
    [
      'defrag --data-dir ~/nothing --emulate-version 3.6',
      'Failed to defragment etcd data[~/nothing] (stat ~/nothing/member/snap/db: no such file or directory)',
      1,
    ],
    ['migrate --data-dir ~/data --target-version 3.4', 'target version "3.4" not supported. Minimal "3.5"', 128],
    ['dump', 'dump requires exactly one argument', 128],
    ['dump ~/data -w fields', 'fields not supported as output format', 4],
    ['dump ~/nothing', 'open ~/nothing: no such file or directory', 1],
    ['check v2store --data-dir ~/nothing', 'open ~/nothing/member/wal: no such file or directory', 1],
    ['check data-dir --data-dir ~/data -w table', 'table not supported as output format', 4],
  ])('%s is refused', async (words, message, exitCode) => {
    const result = await utl(words);
    expect(result).toMatchObject({ exitCode, stdout: '' });
    expect(result.stderr.split('\n').at(-2)).toBe(`Error: ${message}`);
  });

  test.each([
    ['snapshot status ~/s.db', '47d770d8, 61, 60, 41 kB\n'],
    ['snapshot status ~/s.db -w json', '{"hash":1205301464,"revision":61,"totalKey":60,"totalSize":40960}\n'],
    [
      'snapshot status ~/s.db -w json --emulate-version 3.7',
      '{"hash":1205301464,"revision":61,"totalKey":29,"totalSize":40960,"version":""}\n',
    ],
    ['hashkv ~/s.db', '3321997150, 61, 46\n'],
    ['hashkv ~/s.db -w json', '{"hash":3321997150,"hashRevision":61,"compactRevision":46}\n'],
    ['hashkv ~/s.db -w fields', '"Hash" : 3321997150\n"Hash revision" : 61\n"Compact revision" : 46\n'],
    ['check v2store --data-dir ~/data', 'No custom content found in v2store.\n'],
    ['dump ~/data/member/snap/db --bucket auth', 'auth\tauthEnabled\t1\nauth\tauthRevision\t11\n'],
    [
      'dump ~/data --part db --bucket auth -w json',
      '{"part":"db","bucket":"auth","key":"authEnabled","value":"1"}\n{"part":"db","bucket":"auth",' +
        '"key":"authRevision","value":"11"}\n',
    ],
  ])('%s answers', async (words, stdout) => {
    expect(await utl(words)).toEqual({ exitCode: 0, stdout, stderr: '' });
  });

  test('snapshot status shows the storage version as etcdutl does', async () => {
    const table = await utl('snapshot status ~/s.db -w table --emulate-version 3.6');
    expect(table.stdout.split('\n')[1]).toBe('|   HASH   | REVISION | TOTAL KEYS | TOTAL SIZE | VERSION |');
    const fields = await utl('snapshot status ~/s.db -w fields --emulate-version 3.6');
    expect(fields.stdout.split('\n').at(-2)).toBe('"Version" : ');
  });

  test('dump draws one table a part', async () => {
    const { stdout } = await utl('dump ~/data -w table --emulate-version 3.6');
    expect(
      stdout
        .split('\n')
        .filter((line) => line.includes('OFFSET') || line.includes('VOTERS') || line.includes('BUCKET')),
    ).toHaveLength(3);
  });

  test('snapshot restore makes a directory that check finds sound, and tells of its progress on stderr', async () => {
    const { exitCode, stdout, stderr } = await utl(
      'snapshot restore ~/s.db --data-dir ~/r --bump-revision 10 --mark-compacted',
    );
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
    expect(
      stderr
        .split('\n')
        .map((line) => line.split('\t')[3])
        .filter(Boolean),
    ).toEqual([
      'restoring snapshot',
      'Trimming membership information from the backend...',
      'bumping latest revision',
      'marking revision compacted',
      'added member',
      'restored snapshot',
    ]);
    expect(stderr).toContain(
      '1970-01-01T00:00:00Z\tinfo\tdatadir/restore.ts\trestoring snapshot\t{"path": "~/s.db", ' +
        '"wal-dir": "~/r/member/wal", ',
    );
    expect(stderr).toContain('"snap-dir": "~/r/member/snap", "initial-memory-map-size": 10737418240}\n');
    expect(stderr).toContain('"added-peer-peer-urls": ["http://localhost:2380"], "added-peer-is-learner": false}\n');
    const check = await utl('check data-dir --data-dir ~/r');
    expect(check).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/The member can start from this data directory\.\n$/),
    });
  });

  test('check data-dir ends with 1 when there is something wrong, and says what to do', async () => {
    rmSync(join(dir, 'data/member/snap/db'));
    const { exitCode, stdout } = await utl('check data-dir --data-dir ~/data');
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/error: the database ~\/data\/member\/snap\/db is missing\n {2}what to do: .+\n$/);
    const json = await utl('check data-dir --data-dir ~/data -w json');
    const findings = json.stdout
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(findings.at(-1)).toMatchObject({ level: 'error', remedy: expect.any(String) });
  });

  test('backup makes a copy, and logs why it could not', async () => {
    expect(await utl('backup --data-dir ~/data --backup-dir ~/copy')).toMatchObject({ exitCode: 0, stdout: '' });
    expect(existsSync(join(dir, 'copy/member/snap/db'))).toBe(true);
    const { exitCode, stderr } = await utl('backup --data-dir ~/nothing --backup-dir ~/copy2');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      new RegExp(
        '^1970-01-01T00:00:00Z\tfatal\tdatadir/backup\\.ts\tsaveSnap\\(Snapshoter\\.Load\\) failed\t' +
          '\\{"error": "open ~/nothing/member/snap: no such file or directory"\\}\n$',
      ),
    );
  });

  test('migrate sets the storage version, which snapshot status then shows', async () => {
    expect((await utl('migrate --data-dir ~/data --target-version 3.6')).exitCode).toBe(0);
    const { stdout } = await utl('snapshot status ~/data/member/snap/db -w json --emulate-version 3.6');
    expect(stdout).toContain('"version":"3.6.0"');
  });

  test('defrag makes the file small, waits for its lock as long as told, and says when it fails', async () => {
    const db = join(dir, 'data/member/snap/db');
    const before = osDisk.stat(db)?.size ?? 0;
    const defragmented = await utl('defrag --data-dir ~/data');
    expect(defragmented).toMatchObject({ exitCode: 0, stdout: '' });
    expect(defragmented.stderr).toMatch(
      new RegExp(
        'defragmenting\\t{"path": "[^"]+", "current-db-size-bytes": \\d+, "current-db-size": "\\d+ kB", ' +
          '"current-db-size-in-use-bytes": \\d+, "current-db-size-in-use": "\\d+ kB"}\\n.*' +
          'finished defragmenting directory\\t{"path": "[^"]+", "current-db-size-bytes-diff": -\\d+, ' +
          '"current-db-size-bytes": \\d+, "current-db-size": "\\d+ kB", "current-db-size-in-use-bytes-diff": -?\\d+, ' +
          '"current-db-size-in-use-bytes": \\d+, "current-db-size-in-use": "\\d+ kB", "took": "[^"]+s"}',
      ),
    );
    expect(osDisk.stat(db)?.size).toBeLessThan(before);
    const running = osDisk.open(db, 'write');
    running.tryLock('db');
    const { exitCode, stderr } = await utl('defrag --data-dir ~/data --timeout 150ms');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^Failed to defragment etcd data\[~\/data\] \(.*another process uses the database\)\n$/);
    const waiting = utl('defrag --data-dir ~/data');
    running.close();
    expect((await waiting).exitCode).toBe(0);
  });

  test('version says which it is', async () => {
    expect((await utl('version')).stdout).toMatch(/^etcdutl version: \S+\nAPI version: 3\.\d\n$/);
  });

  test.each(['completion bash', 'completion fish', 'completion powershell', 'completion zsh'])(
    '%s asks the program itself',
    async (words) => {
      expect((await utl(words)).stdout).toContain('__complete');
    },
  );

  test('each command was run, and tells what it is for', async () => {
    expect(Object.keys(image.manifest).filter((path) => !ran.has(path))).toEqual([]);
    expect(await withoutHelp(image)).toEqual([]);
  });
});
