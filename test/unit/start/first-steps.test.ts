/** What a start does and says before the member is there: directories, the log's outputs, the record of all options. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogFields, Logger } from '../../../src/lib/logger.js';
import { osDisk } from '../../../src/lib/os/disk.js';
import { createLogger } from '../../../src/lib/os/logger.js';
import { Space } from '../../../src/member/services/space.js';
import { maybeDefragment } from '../../../src/start/bootstrap-defrag.js';
import { dataDirKind } from '../../../src/start/data-dir-kind.js';
import { databaseIsFree } from '../../../src/start/database-is-free.js';
import { prepareDirectories } from '../../../src/start/prepare-directories.js';
import { withSnapshotCounts } from '../../../src/start/snapshot-counts.js';
import { startingFields } from '../../../src/start/starting-record.js';
import { DatagramSocket } from '../../support/datagram-socket.js';
import { ManualClock } from '../../support/manual-clock.js';
import { memberOptions } from '../../support/member-options.js';
import { MemoryDisk } from '../../support/memory-disk.js';

let dir: string;
let records: { level: string; message: string; fields: LogFields | undefined }[];
const logger: Logger = {
  debug: (message, fields) => void records.push({ level: 'debug', message, fields }),
  info: (message, fields) => void records.push({ level: 'info', message, fields }),
  warn: (message, fields) => void records.push({ level: 'warn', message, fields }),
  error: (message, fields) => void records.push({ level: 'error', message, fields }),
  with: () => logger,
};

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'etcd-first-steps-'));
  records = [];
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('the kind of a data directory', () => {
  it('tells of files that are none of ours', () => {
    mkdirSync(join(dir, 'member'));
    writeFileSync(join(dir, 'member.bak'), '');
    expect(dataDirKind({ dataDir: dir, emulate: '3.5' }, osDisk, logger)).toBe('member');
    expect(records).toMatchObject([
      { level: 'warn', message: 'found invalid file under data directory', fields: { filename: 'member.bak' } },
      { level: 'info', message: 'server has been already initialized', fields: { 'dir-type': 'member' } },
    ]);
  });

  it('is fatal for a member and a proxy in one', () => {
    for (const name of ['member', 'proxy']) mkdirSync(join(dir, name));
    expect(() => dataDirKind({ dataDir: dir, emulate: '3.5' }, osDisk, logger)).toThrow(
      'invalid datadir; both member and proxy directories exist',
    );
  });

  it('is fatal for what cannot be listed, and empty for what is not there', () => {
    const file = join(dir, 'file');
    writeFileSync(file, '');
    expect(() => dataDirKind({ dataDir: file, emulate: '3.5' }, osDisk, logger)).toThrow(
      expect.objectContaining({
        message: 'failed to list data directory',
        fields: { dir: file, error: `readdirent ${file}: not a directory` },
      }),
    );
    expect(() => dataDirKind({ dataDir: join(file, 'below'), emulate: '3.5' }, osDisk, logger)).toThrow(
      expect.objectContaining({ fields: { dir: `${file}/below`, error: `open ${file}/below: not a directory` } }),
    );
    expect(dataDirKind({ dataDir: join(dir, 'nothing'), emulate: '3.5' }, osDisk, logger)).toBe('empty');
  });
});

describe('the directories of a member', () => {
  const config = (dataDir: string) => ({ dataDir, walDir: '' });

  it('are made for their owner alone', () => {
    const dataDir = join(dir, 'a/b');
    prepareDirectories(osDisk, config(dataDir), logger);
    expect(statSync(join(dataDir, 'member/snap')).mode & 0o777).toBe(0o700);
    expect(osDisk.list(dataDir)).toEqual(['member']);
    expect(records).toEqual([]);
  });

  it.each([
    [0o755, 'drwxr-xr-x'],
    [0o1777, 'dtrwxrwxrwx'],
    [0o2750, 'dgrwxr-x---'],
  ])('are warned of when others may look into them: %o', (mode, text) => {
    chmodSync(dir, mode);
    prepareDirectories(osDisk, config(dir), logger);
    expect(records).toEqual([
      {
        level: 'warn',
        message: 'check file permission',
        fields: {
          error:
            `directory "${dir}" exist, but the permission is "${text}". ` +
            'The recommended permission is "-rwx------" to prevent possible unprivileged access to the data',
        },
      },
    ]);
  });

  it('say in etcd’s words what the system refuses', () => {
    expect(() => prepareDirectories(osDisk, config('/proc/nothing'), logger)).toThrow(
      'cannot access data directory: mkdir /proc/nothing: no such file or directory',
    );
    chmodSync(dir, 0o700);
    writeFileSync(join(dir, 'member'), '');
    expect(() => prepareDirectories(osDisk, config(dir), logger)).toThrow(
      expect.objectContaining({
        message: 'failed to create snapshot directory',
        fields: { path: `${dir}/member/snap`, error: `mkdir ${dir}/member: not a directory` },
      }),
    );
  });
});

describe('files that the system refuses', () => {
  const loop = (): string => {
    symlinkSync('loop', join(dir, 'loop'));
    return join(dir, 'loop');
  };
  const file = (): string => {
    writeFileSync(join(dir, 'file'), '');
    return join(dir, 'file');
  };
  it.each([
    ['open', () => osDisk.open(`${dir}/no/file`, 'read'), () => `open ${dir}/no/file: no such file or directory`],
    ['open', () => osDisk.open(dir, 'write'), () => `open ${dir}: is a directory`],
    ['open', () => osDisk.open(`${loop()}/x`, 'read'), () => `open ${dir}/loop/x: too many levels of symbolic links`],
    ['open', () => osDisk.open(`${file()}/x`, 'read'), () => `open ${dir}/file/x: not a directory`],
    ['make', () => osDisk.makeDir(`${file()}/x`), () => `mkdir ${dir}/file: not a directory`],
    [
      'open',
      () => osDisk.open(`${dir}/${'x'.repeat(300)}`, 'create'),
      () => `open ${dir}/${'x'.repeat(300)}: file name too long`,
    ],
    ['remove', () => osDisk.remove(`${dir}/no`), () => `remove ${dir}/no: no such file or directory`],
    [
      'rename',
      () => osDisk.rename(`${dir}/a`, `${dir}/b`),
      () => `rename ${dir}/a ${dir}/b: no such file or directory`,
    ],
    ['list', () => osDisk.list(`${dir}/no`), () => `open ${dir}/no: no such file or directory`],
    ['sync', () => osDisk.syncDir(`${dir}/no`), () => `open ${dir}/no: no such file or directory`],
    [
      'write',
      () => osDisk.open('/dev/full', 'write').write([Buffer.from('x')], 0),
      () => 'write /dev/full: no space left on device',
    ],
  ])('are named with the reason: %s', (_what, call, text) => {
    expect(call).toThrow(text());
  });
});

describe('outputs of the log', () => {
  const open = (outputs: string[]) =>
    createLogger({ level: 'info', format: 'json', outputs, timestampDigits: 6, wallMs: () => 0 });

  it('say which one cannot be opened, and why', () => {
    const path = `${dir}/none/etcd.log`;
    expect(() => open([path])).toThrow(`open sink "${path}": open ${path}: no such file or directory`);
    expect(() => open([dir])).toThrow(`open sink "${dir}": open ${dir}: is a directory`);
  });

  it('may be URLs of files, and of nothing else', () => {
    open([`file://${dir}/by%20url.log`]).info('said');
    expect(readFileSync(`${dir}/by url.log`, 'utf8')).toContain('"msg":"said"');
    const path = `${dir}/none/etcd.log`;
    expect(() => open([`file://${path}`])).toThrow(
      `open sink "file://${path}": open ${path}: no such file or directory`,
    );
    expect(() => open(['http://a/x'])).toThrow('open sink "http://a/x": no sink found for scheme "http"');
    expect(() => open(['file://a/x'])).toThrow('file URLs must leave host empty or use localhost: got file://a/x');
  });

  it('may be systemd’s journal', () => {
    const options = { level: 'info', format: 'json', timestampDigits: 6, wallMs: () => 0 } as const;
    const journalSocket = `${dir}/journal`;
    expect(() => createLogger({ ...options, outputs: ['systemd/journal'], journalSocket })).toThrow(
      `can't find journal (dial unixgram ${journalSocket}: connect: no such file or directory)`,
    );
  });

  it('reach the journal with the level as its priority, a record a message', () => {
    const journalSocket = `${dir}/journal-here`;
    using journal = new DatagramSocket(journalSocket);
    const options = { level: 'info', format: 'json', timestampDigits: 6, wallMs: () => 0, journalSocket } as const;
    const written = createLogger({ ...options, outputs: ['systemd/journal'] });
    written.warn('slow fdatasync', { took: '2s' });
    written.debug('not at this level');
    written.with({ caller: 'api/http/health.ts' }).error('two\nlines');
    const [first, second, ...more] = journal.take();
    expect(first).toMatch(/^PRIORITY=4\n(.*\n)*MESSAGE=\{"level":"warn",.*"msg":"slow fdatasync","took":"2s"\}\n$/);
    expect(first).toContain('SYSLOG_IDENTIFIER=etcd\n');
    expect(first).toContain('PACKAGE=etcd\n');
    expect(second).toContain('PACKAGE=api/http\n');
    expect(second).toMatch(/^PRIORITY=3\n(.*\n)*MESSAGE=\{"level":"error",.*"msg":"two\\nlines".*\}\n$/);
    expect(more).toEqual([]);
  });
});

describe('the quota', () => {
  const said = (quotaOption: number) => {
    records = [];
    const nothing: never[] = [];
    new Space({
      ...{ memberId: 1n, logger, quotaOption },
      backend: { sizeBytes: 0 },
      alarms: nothing as never,
      propose: () => Promise.reject(new Error('nothing is proposed')),
    });
    return records.map(({ level, message, fields }) => [level, message, fields?.['quota-size']]);
  };

  it('is told, and warned of beyond what etcd was tried with', () => {
    expect(said(0)).toEqual([['info', 'enabled backend quota with default value', '2.1 GB']]);
    expect(said(-1)).toEqual([['info', 'disabled backend quota', undefined]]);
    expect(said(8 * 1024 ** 3)).toEqual([['info', 'enabled backend quota', '8.6 GB']]);
    expect(said(99_999_999_999)).toEqual([
      ['warn', 'quota exceeds the maximum value', '100 GB'],
      ['info', 'enabled backend quota', '100 GB'],
    ]);
  });
});

describe('counts of entries between snapshots', () => {
  it('are etcd’s own for 0, which the log says', () => {
    const given = { ...memberOptions([]), snapshotCount: 0, snapshotCatchupEntries: 0 };
    expect(withSnapshotCounts(given, logger)).toMatchObject({ snapshotCount: 100_000, snapshotCatchupEntries: 5000 });
    expect(records).toEqual([
      {
        level: 'info',
        message: 'updating snapshot-count to default',
        fields: { 'given-snapshot-count': 0, 'updated-snapshot-count': 100_000 },
      },
      {
        level: 'info',
        message: 'updating snapshot catch-up entries to default',
        fields: { 'given-snapshot-catchup-entries': 0, 'updated-snapshot-catchup-entries': 5000 },
      },
    ]);
  });

  it('are left alone otherwise', () => {
    const given = { ...memberOptions([]), snapshotCount: 1, snapshotCatchupEntries: 2 };
    expect(withSnapshotCounts(given, logger)).toEqual(given);
    expect(records).toEqual([]);
  });
});

describe('a database that is mostly empty', () => {
  const backend = (sizeBytes: number, sizeInUseBytes: number) => {
    const done = { defrags: 0 };
    const defrag = async () => void done.defrags++;
    return { done, sizeBytes, sizeInUseBytes, defrag };
  };

  it('is defragmented before the member serves where that frees enough', async () => {
    const empty = backend(64 << 20, 1 << 20);
    await maybeDefragment(empty, 63, logger);
    expect(empty.done.defrags).toBe(1);
    await maybeDefragment(empty, 0, logger);
    expect(empty.done.defrags).toBe(1);
  });

  it('is left alone below the threshold', async () => {
    const full = backend(64 << 20, 2 << 20);
    await maybeDefragment(full, 63, logger);
    expect(full.done.defrags).toBe(0);
    expect(records).toMatchObject([
      {
        message: 'Skipping defragmentation',
        fields: { 'current-db-size': '67 MB', 'experimental-bootstrap-defrag-threshold-bytes': 63 << 20 },
      },
    ]);
  });
});

describe('a database that another process has', () => {
  it('is waited for, which is logged every ten seconds', async () => {
    const disk = new MemoryDisk();
    const held = disk.open('db', 'create');
    expect(held.tryLock('db')).toBe(true);
    const clock = new ManualClock();
    let isFree = false;
    const free = databaseIsFree('db', { disk, clock, logger }).then(() => {
      isFree = true;
    });
    for (let step = 0; step < 21; step++) {
      await clock.advance(1000);
    }
    expect(isFree).toBe(false);
    const message = 'db file is flocked by another process, or taking too long';
    const told = ['10s', '20s'].map((took) => ({ level: 'info', message, fields: { path: 'db', took } }));
    expect(records).toEqual(told);
    held.close();
    await clock.advance(1000);
    await free;
  });

  it('is nobody’s where there is none', async () => {
    await databaseIsFree('db', { disk: new MemoryDisk(), clock: new ManualClock(), logger });
  });
});

describe('the record of a start', () => {
  it('has the fields of etcd 3.5 in their order', () => {
    const fields = startingFields(memberOptions(['--data-dir=d', '--quota-backend-bytes=0']), { isInitialized: false });
    expect(Object.keys(fields).join(' ')).toBe(
      'etcd-version git-sha go-version go-os go-arch max-cpu-set max-cpu-available member-initialized name ' +
        'data-dir wal-dir ' +
        'wal-dir-dedicated member-dir force-new-cluster heartbeat-interval election-timeout ' +
        'initial-election-tick-advance ' +
        'snapshot-count max-wals max-snapshots snapshot-catchup-entries initial-advertise-peer-urls listen-peer-urls ' +
        'advertise-client-urls listen-client-urls listen-metrics-urls cors host-whitelist initial-cluster ' +
        'initial-cluster-state ' +
        'initial-cluster-token quota-backend-bytes max-request-bytes max-concurrent-streams pre-vote ' +
        'initial-corrupt-check ' +
        'corrupt-check-time-interval compact-check-time-enabled compact-check-time-interval auto-compaction-mode ' +
        'auto-compaction-retention auto-compaction-interval discovery-url discovery-proxy downgrade-check-interval',
    );
    expect(fields).toMatchObject({
      'member-initialized': false,
      'member-dir': 'd/member',
      'heartbeat-interval': '100ms',
      'election-timeout': '1s',
      'snapshot-count': 100_000,
      'snapshot-catchup-entries': 5000,
      cors: ['*'],
      'host-whitelist': ['*'],
      'initial-cluster': 'default=http://localhost:2380',
      'quota-backend-bytes': 2_147_483_648,
      'max-concurrent-streams': 4_294_967_295,
      'corrupt-check-time-interval': '0s',
      'compact-check-time-interval': '1m0s',
      'auto-compaction-mode': 'periodic',
      'downgrade-check-interval': '5s',
    });
  });

  it('names no cluster where the log does', () => {
    const fields = startingFields(memberOptions(['--data-dir=d']), { isInitialized: true });
    expect(fields['initial-cluster']).toBe('');
  });

  it('has those of 3.6 and 3.4 when one of them is emulated', () => {
    const of = (version: string) =>
      startingFields(memberOptions([`--emulate-version=${version}`, '--data-dir=d']), { isInitialized: false });
    expect(of('3.6')).toMatchObject({ 'v2-deprecation': 'write-only', 'max-learners': 1, 'discovery-token': '' });
    expect(of('3.6')).toMatchObject({ 'discovery-url': '', 'experimental-local-address': '' });
    expect(of('3.7')).toMatchObject({ 'discovery-token': '', 'local-address': '' });
    expect(of('3.7')).not.toHaveProperty('discovery-url');
    expect(of('3.4')).not.toHaveProperty('compact-check-time-interval');
  });
});
