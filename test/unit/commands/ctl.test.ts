/**
 * The commands of etcdctl, each once on a member that serves it: what it prints, and its exit code. Those that last
 * until they are interrupted are ended by the member (`elect`: a permission that is missing; `watch`: a revision that
 * is compacted); load tests and `make-mirror`, which take long or for ever, are refused.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProgramImage } from '../../../src/cli/run-program.js';
import { etcdctl } from '../../../src/ctl/program.js';
import { type ClusterPlace, type LocalCluster, startCluster } from '../../support/cluster.js';
import {
  type CommandRow,
  notRun,
  programImage,
  runCommand,
  withoutHelp,
  wrongRows,
} from '../../support/run-command.js';

let cluster: LocalCluster;
let served: ClusterPlace;
let image: ProgramImage;

beforeAll(async () => {
  cluster = await startCluster({ members: 1, flags: ['--enable-v2'] });
  served = cluster.only;
  image = await programImage(etcdctl, 'ctl');
}, 30_000);
afterAll(() => cluster?.[Symbol.asyncDispose]());

/** `~` in a word stands for the test's folder, `@` for the member's id. */
const ctl = (words: string, input?: string) => {
  const id = served.running.member.id.toString(16);
  const argv = words.split(' ').map((word) => word.replaceAll('~', served.folder).replaceAll('@', id));
  return runCommand(image, ['--endpoints', served.endpoint, ...argv], input);
};

const LEASE = '694d7a1b2c3d4e5f';

const rows: readonly CommandRow[] = [
  ['options', 0, /^Every command takes these flags:\n\n +--auth-jwt-token string .*\n[\s\S]* -w, --write-out string /],
  ['version', 0, /^etcdctl version: \S+\nAPI version: 3\.\d\n$/],
  ['completion bash', 0, /__complete/],
  ['completion fish', 0, /__complete/],
  ['completion powershell', 0, /__complete/],
  ['completion zsh', 0, /__complete/],

  ['put a 1', 0, 'OK\n'],
  ['get a', 0, 'a\n1\n'],
  ['get a --stream', 0, 'a\n1\n'],
  ['get a --stream --print-value-only', 0, '1\n'],
  ['get a --stream -w json', 0, /^{"header":{[^}]+},"kvs":\[{"key":"YQ==",[^}]+}\],"count":1}\n$/],
  ['get a --stream --print-value-only -w json', 128, ''],
  ['get a --stream --order=DESCEND', 1, ''],
  ['get a --stream --sort-by=VALUE --order=ASCEND', 1, ''],
  ['get a --stream --sort-by=VALUE', 0, 'a\n1\n'],
  ['txn', 0, 'SUCCESS\n\na\n1\n', 'value("a") = "1"\n\nget a\n\n\n'],
  ['del a', 0, '1\n'],
  ['lock l true', 0, ''],
  ['compaction 2', 0, 'compacted revision 2\n'],
  ['watch a --rev=1', 5, ''],
  ['watch -i', 3, '', 'frobnicate\n'],

  ['lease grant 100', 0, /^lease [0-9a-f]{16} granted with TTL\(100s\)\n$/],
  ['lease list', 0, /^found 2 leases\n[0-9a-f]{16}\n[0-9a-f]{16}\n$/],
  [`lease timetolive ${LEASE}`, 0, `lease ${LEASE} already expired\n`],
  [`lease keep-alive --once ${LEASE}`, 2, ''],
  [`lease revoke ${LEASE}`, 1, ''],
  ['lock l -- node -e process.exit(7)', 7, ''],
  ['lock l --emulate-version 3.4 -- node -e process.exit(7)', 1, ''],

  ['member list', 0, /^[0-9a-f]+, started, m, http:\S+, http:\S+, false\n$/],
  ['member update @ --peer-urls=http://127.0.0.1:1', 0, /^Member [0-9a-f ]+ updated in cluster [0-9a-f ]+\n$/],
  ['member promote @', 1, ''],
  ['member remove 1', 1, ''],
  ['member add x --peer-urls=nonsense', 1, ''],
  ['move-leader @', 0, /^Leadership transferred from (\w+) to \1\n$/],

  ['endpoint health', 0, /^127\.0\.0\.1:\d+ is healthy: successfully committed proposal: took = \S+\n$/],
  ['endpoint status', 0, /^127\.0\.0\.1:\d+, [0-9a-f]+, 3\.\d\.\d+, /],
  ['endpoint hashkv', 0, /^127\.0\.0\.1:\d+, \d+\n$/],
  ['alarm list', 0, ''],
  ['alarm disarm', 0, ''],
  ['defrag', 0, /^Finished defragmenting etcd member\[127\.0\.0\.1:\d+\]/],
  ['downgrade validate 3.4', 0, /^Downgrade validate success, cluster version 3\.5\.0\n$/],
  ['downgrade cancel', 1, ''],
  ['downgrade enable 3.0', 1, ''],

  ['snapshot save ~/s.db', 0, /^Snapshot saved at ~?\S+s\.db\n/],
  ['snapshot status ~/s.db', 0, /^[0-9a-f]{6,8}, \d+, \d+, \d+ kB\n$/],
  ['snapshot restore ~/s.db --data-dir ~/restored', 0, ''],
  ['migrate --data-dir ~/restored --dry-run', 0, 'using default transformer\nwould make 0 keys and 0 leases\n'],
  ['v2 copy --dry-run', 0, 'would copy 0 keys\n'],
  ['make-mirror here there', 128, ''],
  ['check perf --load=huge', 4, ''],
  ['check datascale --load=huge', 4, ''],

  ['role add r', 0, 'Role r created\n'],
  ['role grant-permission r read k', 0, 'Role r updated\n'],
  ['role get r', 0, 'Role r\nKV Read:\n\tk\nKV Write:\n'],
  ['role list', 0, 'r\n'],
  ['role revoke-permission r k', 0, 'Permission of key k is revoked from role r\n'],
  ['user add root:secret', 0, 'User root created\n'],
  ['user add ann:pw', 0, 'User ann created\n'],
  ['user passwd ann --interactive=false', 0, 'Password updated\n', 'new\n'],
  ['user grant-role ann r', 0, 'Role r is granted to user ann\n'],
  ['user get ann', 0, 'User: ann\nRoles: r\n'],
  ['user list', 0, 'ann\nroot\n'],
  ['user revoke-role ann r', 0, 'Role r is revoked from user ann\n'],
  ['user grant-role root root', 0, 'Role root is granted to user root\n'],
  ['auth status', 0, /^Authentication Status: false\nAuthRevision: \d+\n$/],
  ['auth enable', 0, 'Authentication Enabled\n'],
  ['--user ann:new elect e p', 1, ''],
  ['--user root:secret auth disable', 0, 'Authentication Disabled\n'],
  ['user delete ann', 0, 'User ann deleted\n'],
  ['role delete r', 0, 'Role r deleted\n'],
];

/** Its own flags, without those of all commands. */
const flagsOf35: Readonly<Record<string, string>> = {
  'check datascale': 'auto-compact auto-defrag load prefix',
  'check perf': 'auto-compact auto-defrag load prefix',
  compaction: 'physical',
  'completion bash': 'no-descriptions',
  'completion fish': 'no-descriptions',
  'completion powershell': 'no-descriptions',
  'completion zsh': 'no-descriptions',
  defrag: 'cluster data-dir',
  del: 'from-key prefix prev-kv range',
  elect: 'listen',
  'endpoint hashkv': 'rev',
  get: 'consistency count-only from-key keys-only limit order prefix print-value-only rev sort-by',
  'lease keep-alive': 'once',
  'lease timetolive': 'keys',
  lock: 'ttl',
  'make-mirror':
    'dest-cacert dest-cert dest-insecure-transport dest-key dest-password dest-prefix dest-user ' +
    'no-dest-prefix prefix',
  'member add': 'learner peer-urls',
  'member update': 'peer-urls',
  put: 'ignore-lease ignore-value lease prev-kv',
  'role grant-permission': 'from-key prefix',
  'role revoke-permission': 'from-key prefix',
  'snapshot restore':
    'bump-revision data-dir initial-advertise-peer-urls initial-cluster initial-cluster-token ' +
    'initial-memory-map-size mark-compacted name skip-hash-check wal-dir',
  txn: 'interactive',
  'user add': 'interactive new-user-password no-password',
  'user get': 'detail',
  'user passwd': 'interactive',
  watch: 'interactive prefix prev-kv progress-notify rev',
};

describe('etcdctl', () => {
  it('has each of its commands do what it says', async () => {
    expect(await wrongRows(rows, ctl)).toEqual([]);
    expect(notRun(image, rows)).toEqual([]);
  }, 60_000);

  it('lists for each command the flags that etcdctl 3.5.30 has for it', async () => {
    const missing: string[] = [];
    for (const [command, wanted] of Object.entries(flagsOf35)) {
      const { stdout } = await ctl(`${command} --help`);
      const flags = [...stdout.matchAll(/^ +(?:-\w, )?--([a-z-]+)/gm)].map(([, name]) => name);
      for (const flag of wanted.split(' ')) if (!flags.includes(flag)) missing.push(`${command} --${flag}`);
    }
    expect(missing).toEqual([]);
  });

  it('takes a size of the memory map for a restore', async () => {
    await ctl('snapshot save ~/again.db');
    const { exitCode } = await ctl('snapshot restore ~/again.db --data-dir ~/mapped --initial-memory-map-size=1048576');
    expect(exitCode).toBe(0);
  });

  it('refers to etcdutl for what works on files, but for 3.4, which has none', async () => {
    await ctl('snapshot save ~/files.db');
    for (const [version, isReferred] of [
      ['3.4', false],
      ['3.5', true],
    ] as const) {
      const words = `snapshot restore ~/files.db --data-dir ~/files-${version} --emulate-version ${version}`;
      const { exitCode, stderr } = await ctl(words);
      expect(exitCode).toBe(0);
      expect(stderr.includes('etcdutl')).toBe(isReferred);
      expect(stderr.includes('initial-memory-map-size": 0')).toBe(isReferred);
      const { stderr: defragmented } = await ctl(`defrag --data-dir ~/files-${version} --emulate-version ${version}`);
      expect(defragmented.includes('etcdutl')).toBe(isReferred);
    }
  });

  it('is in its words with 3.4, with 3.6 asks for TLS where certificates are not to be verified', async () => {
    const saved = await ctl('snapshot save ~/of34.db --emulate-version 3.4');
    const records = saved.stderr
      .trim()
      .split('\n')
      .map((line): Record<string, unknown> => JSON.parse(line));
    expect(records.find(({ msg }) => msg === 'fetched snapshot')).toMatchObject({
      ...{ ts: expect.any(Number), took: expect.any(Number), caller: 'snapshot/v3_snapshot.go:142' },
    });
    const restored = await ctl('snapshot restore ~/of34.db --data-dir ~/of34 --emulate-version 3.4');
    expect(restored.stderr.split('\n').map((line) => line && JSON.parse(line).msg)).toEqual([
      ...['restoring snapshot', 'restored last compact revision', 'added member', 'restored snapshot', ''],
    ]);
    const refused = await ctl('endpoint status --endpoints=127.0.0.1:1 --command-timeout=100ms --emulate-version 3.4');
    expect(refused.stderr).toContain('"target":"passthrough:///127.0.0.1:1"');
    const nowhere = 'get k --endpoints=127.0.0.1:1 --command-timeout=300ms --emulate-version 3.4';
    const unreachable = await runCommand(image, nowhere.split(' '));
    expect(unreachable.stderr).toContain('latest balancer error: all SubConns are in TransientFailure"');
    const watch = await ctl('watch -i --emulate-version 3.4');
    expect(watch.stderr).toBe('Error: Error reading watch request line: EOF\n');
    const unverified = 'get k --insecure-skip-tls-verify --command-timeout=300ms';
    expect((await ctl(unverified)).exitCode).toBe(0);
    expect((await ctl(`${unverified} --emulate-version 3.6`)).exitCode).toBe(1);
    const lock = 'lock t --ttl=0 --emulate-version';
    expect((await ctl(`${lock} 3.5 true`)).stderr).toBe('');
    expect(JSON.parse((await ctl(`${lock} 3.6 true`)).stderr)).toMatchObject({
      msg: 'WithTTL(): TTL should be > 0, preserving current TTL',
      'current-session-ttl': 60,
    });
  });

  it('tells of each what it is for', async () => {
    expect(await withoutHelp(image)).toEqual([]);
  });
});
