/**
 * etcdutl beside etcd's: the same command lines by both, each in a folder of its own with the same files; outputs, exit
 * codes and the files that were made have to be equal. Runs for 3.5 where REAL_ETCD names a folder with real programs,
 * for 3.6 and 3.7 where REAL_ETCD_36 and REAL_ETCD_37 do. Left out are help texts and completion scripts, which are our
 * own, databases that the real one panics on or waits for without end, and what ours removes after a failure.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/free-port.js';
import {
  buildPrograms,
  MemberProcess,
  ourProgram,
  realEtcd,
  realEtcd34,
  realEtcd36,
  realEtcd37,
} from '../support/member-process.js';
import { outputOf, type ProgramEnd, runProgram } from '../support/program.js';

const MODES = ['simple', 'json', 'fields', 'table', 'protobuf', 'nothing', ''];
const DAMAGED = ['no-sum.db', 'bad-sum.db', 'bad-version.db', 'bad-checksum.db', 'empty', 'text', 'folder', 'nowhere'];
const DIRECTORIES = ['member', 'no-wal', 'empty-wal', 'text', 'old'];
const restore = (words: string): string => `snapshot restore snap.db --data-dir=out ${words}`.trim();

const lines: readonly string[] = [
  ...MODES.flatMap((mode) => [`snapshot status snap.db --write-out=${mode}`, `snapshot status nowhere -w=${mode}`]),
  ...DAMAGED.map((file) => `snapshot status ${file}`),
  'snapshot status member/member/snap/db',
  'snapshot status text/below',
  'snapshot status',
  'snapshot status a b',
  'snapshot status snap.db --write-out',
  'sn st snap.db',
  ...DAMAGED.filter((file) => file !== 'bad-sum.db').map((file) => `snapshot restore ${file} --data-dir=out`),
  'snapshot restore bad-sum.db --data-dir=out --skip-hash-check',
  'snapshot restore no-sum.db --data-dir=out --skip-hash-check',
  'snapshot restore snap.db',
  'snapshot restore',
  'snapshot restore --data-dir=out',
  'snapshot restore a b --data-dir=out',
  'snapshot restore snap.db --data-dir=',
  'snapshot restore snap.db --data-dir=member',
  'snapshot restore snap.db --data-dir=text',
  'snapshot restore snap.db --data-dir=text/below',
  'snapshot restore snap.db --data-dir=folder',
  restore(''),
  restore('-w json'),
  restore('--wal-dir=wal'),
  restore('--wal-dir=folder'),
  restore('--wal-dir=text/below'),
  restore('--bump-revision=10'),
  restore('--mark-compacted'),
  restore('--bump-revision=10 --mark-compacted'),
  restore('--bump-revision=0x10 --mark-compacted'),
  restore('--bump-revision=x'),
  restore('--bump-revision=-1'),
  restore('--bump-revision=18446744073709551616 --mark-compacted'),
  restore('--name=other'),
  restore('--name='),
  restore('--initial-cluster=x'),
  restore('--initial-cluster='),
  restore('--initial-cluster=default=nothing'),
  restore('--initial-cluster=default=http://localhost:2380,b=http://localhost:2381'),
  restore('--initial-cluster=default=http://localhost:2380,b=http://localhost:2380'),
  restore('--initial-advertise-peer-urls=http://localhost:1'),
  restore('--initial-advertise-peer-urls='),
  restore('--initial-advertise-peer-urls=http://localhost:2380/a'),
  restore('--initial-cluster-token='),
  restore('--initial-memory-map-size=0'),
  restore('--initial-memory-map-size=x'),
  restore('--skip-hash-check=x'),
  ...DIRECTORIES.filter((dir) => dir !== 'text').map((dir) => `defrag --data-dir=${dir}`),
  'defrag',
  'defrag extra --data-dir=member',
  'defrag --data-dir=member -w nothing',
  'snapshot',
  'snapshot nothing',
  'snapshot -x',
  'snapshot status -h',
  'nothing',
  'versio --nothing',
  'version extra',
  'version -w nothing',
  'd',
  's',
  '-w',
  '-w json',
  '',
  '--nothing',
  '-h',
  '--version',
  'help',
  'help version',
  'help nothing',
  'help snapshot nothing',
  'help -x',
  'help -h',
  'completion',
  'completion nothing',
  'completion -w',
  'completion bash extra',
  'completion bash --nothing',
];

const linesOf35: readonly string[] = [
  ...[...DIRECTORIES, 'nowhere'].map((dir) => `backup --data-dir=${dir} --backup-dir=out`),
  'backup --data-dir=member --backup-dir=out --with-v3=false',
  'backup --data-dir=member --backup-dir=out --backup-wal-dir=wal',
  'backup --data-dir=member --backup-dir=out --wal-dir=folder',
  'backup --data-dir=member --backup-dir=out --wal-dir=nowhere',
  'backup --data-dir=member --backup-dir=member',
  'backup --data-dir=member --backup-dir=text',
  'backup --data-dir=member --backup-dir=out --with-v3=x',
  'backup --data-dir=member',
  'backup --backup-dir=out',
  'backup',
  ...['member', 'no-wal', 'empty-wal', 'text'].map((dir) => `check v2store --data-dir=${dir}`),
  'check v2store --data-dir=member -w nothing',
  'check v2store --data-dir=member --wal-dir=folder',
  'check v2store',
  'check nothing',
  'check',
];

const linesSince36: readonly string[] = [
  ...MODES.flatMap((mode) => [`hashkv snap.db --write-out=${mode}`, `hashkv nowhere -w=${mode}`]),
  ...['-1', '1', '3', '4', '9999', 'x'].map((revision) => `hashkv snap.db --rev=${revision}`),
  'hashkv member/member/snap/db',
  'hashkv no-sum.db',
  'hashkv text/below',
  'hashkv',
  'hashkv snap.db snap.db',
  'hash snap.db',
  ...['3.5', '3.6', '3.8', '4.0'].flatMap((version) =>
    [...DIRECTORIES, 'bad-wal'].flatMap((dir) => [
      `migrate --data-dir=${dir} --target-version=${version}`,
      `migrate --data-dir=${dir} --target-version=${version} --force`,
    ]),
  ),
  ...['3.4', '3', '3.6.0', '', '3.', '-3.6', 'v3.6', '3.06', '3.6-rc', '3.6+a', 'x.y', '99999999999999999999.1'].map(
    (version) => `migrate --data-dir=member --target-version=${version}`,
  ),
  'migrate --data-dir=member --target-version=3.5 extra',
  'migrate --data-dir=member --target-version=3.5 -w nothing',
  'migrate --data-dir=member',
  'migrate --target-version=3.6',
  'defrag --data-dir=text',
  'defrag --data-dir=nowhere',
];

const linesSince37: readonly string[] = [
  'snapshot status snap.db --timeout=1s',
  'snapshot status snap.db --timeout=x',
  'hashkv snap.db --timeout=0',
  'defrag --data-dir=member --timeout=0',
];

const versions = [
  { version: '3.5', real: realEtcd, lines: [...lines, ...linesOf35] },
  { version: '3.6', real: realEtcd36, lines: [...lines, ...linesSince36] },
  { version: '3.7', real: realEtcd37, lines: [...lines, ...linesSince36, ...linesSince37] },
].filter(({ real }) => real !== undefined);

describe.skipIf(versions.length === 0).each(versions)(
  'etcdutl beside that of etcd $version',
  ({ version, real = '', lines: wanted }) => {
    const folder = mkdtempSync(join(tmpdir(), 'etcdutl-'));
    const files = join(folder, 'files');

    beforeAll(async () => {
      buildPrograms();
      mkdirSync(files);
      await memberDirectory(real, join(files, 'member'), join(files, 'snap.db'));
      if (realEtcd34 !== undefined) await memberDirectory(realEtcd34, join(files, 'old'));
      makeDamaged(files);
    }, 60_000);
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    const outcome = async (side: 'theirs' | 'ours', line: string): Promise<unknown> => {
      const cwd = join(folder, side);
      cpSync(files, cwd, { recursive: true });
      const end = await runProgram(
        side === 'theirs' ? join(real, 'etcdutl') : ourProgram('etcdutl'),
        line.split(' ').filter((word) => word !== ''),
        { cwd, timeoutMs: 60_000, env: side === 'ours' ? { ETCDCTL_EMULATE_VERSION: version } : {} },
      );
      const made = end.code === 0 ? ['out', 'default.etcd', 'wal'].flatMap((name) => filesIn(cwd, name)) : [];
      rmSync(cwd, { recursive: true });
      return { line, code: end.code, ...masked(end), made };
    };

    it('says and makes the same', async () => {
      const differing: unknown[] = [];
      for (const line of wanted) {
        if (realEtcd34 === undefined && line.includes('=old')) continue;
        const [theirs, ours] = await Promise.all([outcome('theirs', line), outcome('ours', line)]);
        if (!isDeepStrictEqual(theirs, ours)) differing.push({ theirs, ours });
      }
      expect(differing).toEqual([]);
    }, 600_000);
  },
);

/** A stopped member's, with keys, a lease, an account, a compaction; a snapshot of it where one is wanted. */
async function memberDirectory(real: string, dataDir: string, snapshot?: string): Promise<void> {
  const [port, peerPort] = [await freePort(), await freePort()];
  await using member = new MemberProcess(join(real, 'etcd'), [
    `--data-dir=${dataDir}`,
    `--listen-client-urls=http://127.0.0.1:${port}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    '--advertise-client-urls=http://127.0.0.1:1',
    '--initial-advertise-peer-urls=http://127.0.0.1:1',
    '--initial-cluster=default=http://127.0.0.1:1',
  ]);
  await member.untilHealthy(`http://127.0.0.1:${port}/health`);
  const put = ['put a 1', 'put b 2', 'put a 3', 'compaction 3', 'del b', 'put c 4', 'lease grant 600', 'user add u:p'];
  for (const words of [...put, ...(snapshot === undefined ? [] : [`snapshot save ${snapshot}`])]) {
    await outputOf(join(real, 'etcdctl'), [`--endpoints=127.0.0.1:${port}`, ...words.split(' ')], {
      env: { ETCDCTL_API: '3' },
    });
  }
  await member.stop();
  // What is set aside for later records would only be copied around.
  const wal = join(dataDir, 'member/wal');
  for (const name of readdirSync(wal)) {
    if (name.endsWith('.wal')) truncateSync(join(wal, name), 1 << 20);
    else rmSync(join(wal, name));
  }
}

/** What goes wrong with files, made of those that are right. */
function makeDamaged(files: string): void {
  const snapshot = readFileSync(join(files, 'snap.db'));
  const write = (name: string, content: Uint8Array | string): void => writeFileSync(join(files, name), content);
  const flipped = (...places: readonly number[]): Buffer => {
    const copy = Buffer.from(snapshot);
    for (const place of places) copy[place] = (copy[place] ?? 0) ^ 255;
    return copy;
  };
  write('no-sum.db', snapshot.subarray(0, -32));
  write('bad-sum.db', flipped(snapshot.length - 1));
  write('bad-version.db', flipped(20, 4096 + 20));
  write('bad-checksum.db', flipped(72, 4096 + 72));
  write('empty', '');
  write('text', 'hello\n');
  mkdirSync(join(files, 'folder'));
  for (const name of ['no-wal', 'empty-wal', 'bad-wal'])
    cpSync(join(files, 'member'), join(files, name), { recursive: true });
  rmSync(join(files, 'no-wal/member/wal'), { recursive: true });
  rmSync(join(files, 'empty-wal/member/wal'), { recursive: true });
  mkdirSync(join(files, 'empty-wal/member/wal'));
  const wal = join(files, 'bad-wal/member/wal', readdirSync(join(files, 'bad-wal/member/wal'))[0] ?? '');
  const records = readFileSync(wal);
  records[200] = (records[200] ?? 0) ^ 255;
  writeFileSync(wal, records);
}

function filesIn(cwd: string, name: string): readonly string[] {
  if (!existsSync(join(cwd, name))) return [];
  const found = readdirSync(join(cwd, name), { recursive: true, encoding: 'utf8' });
  return found
    .filter((each) => !each.endsWith('.tmp'))
    .map((each) => join(name, each))
    .sort();
}

/**
 * Times and sizes, the place in the sources, Go's stacks, what bbolt logs, what 3.7 does again before it gives up, the
 * entry that etcd shows as protobuf's text and ours by its number, and what is said of a damaged log.
 */
function masked({ stdout, stderr }: ProgramEnd): { readonly stdout: string; readonly stderr: string } {
  const mask = (text: string): string =>
    text
      .replace(/(?:Available Commands|Usage):[\s\S]*?(?=\n\nError: |\n?$)/, 'HELP')
      .replace(/^\S+\t\w+\t(?:bbolt\t.*|.*\tretrying WAL snapshot scan .*)\n/gm, '')
      .replace(/^(?:go\.|github\.com|runtime\.|main\.).*\n\t.*\n/gm, '')
      .replace(/^\d{4}-\d\d-\d\dT\S+\t(\w+)\t[\w./@-]+(?::\d+)?\t/gm, 'TIME\t$1\tPLACE\t')
      .replace(/"current-db-size[a-z-]*": (?:"[^"]*"|-?\d+)/g, 'SIZE')
      .replace(/"took": "[^"]*"/g, 'TOOK')
      .replace(/\t\{"index": \d+\}|"index": \d+, |"entry": ".*?" ", /g, '')
      .replace(/(?:walpb: |wal: crc|wal: malformed|proto: )[^"\n]*/g, 'DAMAGED');
  return { stdout: mask(stdout), stderr: mask(stderr) };
}
