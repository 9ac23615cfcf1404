/**
 * The words of etcdctl: which it refuses before it asks a server, with which exit code and why, and what each flag
 * changes. All of it as etcdctl 3.5.30 with a member of 3.5.30 has it.
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProgramImage } from '../../../src/cli/run-program.js';
import { etcdctl } from '../../../src/ctl/program.js';
import { type ClusterPlace, type LocalCluster, startCluster } from '../../support/cluster.js';
import {
  type CommandOutcome,
  type CommandRow,
  programImage,
  runCommand,
  startCommand,
  wrongRows,
} from '../../support/run-command.js';

let image: ProgramImage;
beforeAll(async () => {
  image = await programImage(etcdctl, 'ctl');
}, 30_000);

/** The last line that is said on stderr, where it is an error. */
const errorOf = ({ stderr }: CommandOutcome): string => /(?:^|\n)Error: (.*)\n$/.exec(stderr)?.[1] ?? '';

/** A row of words that are refused: exit code and error. */
type RefusedRow = readonly [words: string, exitCode: number, error: string];

async function wronglyRefused(
  rows: readonly RefusedRow[],
  run: (words: string) => Promise<CommandOutcome>,
): Promise<unknown[]> {
  const wrong: unknown[] = [];
  for (const [words, exitCode, error] of rows) {
    const outcome = await run(words);
    const isAsSaid = outcome.exitCode === exitCode && outcome.stdout === '' && errorOf(outcome) === error;
    if (!isAsSaid) wrong.push({ words, ...outcome });
  }
  return wrong;
}

describe('etcdctl refuses', () => {
  /** Nobody listens there: a command that goes on to ask a server fails otherwise. */
  const nowhere = (words: string): Promise<CommandOutcome> =>
    runCommand(image, [
      '--endpoints=127.0.0.1:1',
      '--command-timeout=100ms',
      '--dial-timeout=100ms',
      ...words.split(' '),
    ]);

  const rows: readonly RefusedRow[] = [
    ['put', 128, 'put command needs 1 argument and input from stdin or 2 arguments'],
    ['put a b --ignore-value', 128, "put command needs only 1 argument when 'ignore-value' is set"],
    ['put k 1 --lease=xyz', 128, 'bad lease ID (strconv.ParseInt: parsing "xyz": invalid syntax), expecting ID in Hex'],
    ['get', 128, 'get command needs one argument as key and an optional argument as range_end'],
    ['get a b --prefix', 128, 'too many arguments, only accept one argument when `--prefix` or `--from-key` is set'],
    ['get a b --from-key', 128, 'too many arguments, only accept one argument when `--prefix` or `--from-key` is set'],
    ['get a --prefix --from-key', 128, '`--prefix` and `--from-key` cannot be set at the same time, choose one'],
    [
      'get a --keys-only --count-only',
      128,
      '`--keys-only` and `--count-only` cannot be set at the same time, choose one',
    ],
    ['get a --consistency=x', 4, 'unknown consistency flag "x"'],
    ['get a --order=UP', 4, 'bad sort order UP'],
    ['get a --sort-by=SIZE', 4, 'bad sort target SIZE'],
    ['get fl -w nonsense', 4, 'unsupported output format'],
    ['del', 128, 'del command needs one argument as key and an optional argument as range_end'],
    ['del a b c', 128, 'del command needs one argument as key and an optional argument as range_end'],
    ['del a b --prefix', 128, 'too many arguments, only accept one argument when `--prefix` or `--from-key` is set'],
    ['del a b --from-key', 128, 'too many arguments, only accept one argument when `--prefix` or `--from-key` is set'],
    ['del a --prefix --from-key', 128, '`--prefix` and `--from-key` cannot be set at the same time, choose one'],
    ['del --prefix', 128, 'del command needs one argument as key and an optional argument as range_end'],
    ['compaction', 128, 'compaction command needs 1 argument'],
    ['compaction abc', 1, 'strconv.ParseInt: parsing "abc": invalid syntax'],
    ['compaction 1 2', 128, 'compaction command needs 1 argument'],
    ['watch', 128, 'bad number of arguments'],
    ['watch a b --prefix', 128, '`range_end` and `--prefix` are mutually exclusive'],
    ['lease grant', 128, 'lease grant command needs TTL argument'],
    ['lease grant x', 128, 'bad TTL (strconv.ParseInt: parsing "x": invalid syntax)'],
    ['lease grant 1 2', 128, 'lease grant command needs TTL argument'],
    ['lease revoke', 128, 'lease revoke command needs 1 argument'],
    [
      'lease revoke xyz',
      128,
      'bad lease ID arg (strconv.ParseInt: parsing "xyz": invalid syntax), expecting ID in Hex',
    ],
    ['lease revoke 1 2', 128, 'lease revoke command needs 1 argument'],
    ['lease timetolive', 128, 'lease timetolive command needs lease ID as argument'],
    [
      'lease timetolive xyz',
      128,
      'bad lease ID arg (strconv.ParseInt: parsing "xyz": invalid syntax), expecting ID in Hex',
    ],
    ['lease keep-alive', 128, 'lease keep-alive command needs lease ID as argument'],
    [
      'lease keep-alive xyz --once',
      128,
      'bad lease ID arg (strconv.ParseInt: parsing "xyz": invalid syntax), expecting ID in Hex',
    ],
    ['member add', 128, 'member name not provided'],
    ['member add a b --peer-urls=http://x:1', 128, 'too many arguments'],
    ['member add a http://x:1', 128, 'too many arguments, did you mean --peer-urls=http://x:1'],
    ['member add a', 128, 'member peer urls not provided'],
    ['member update', 128, 'member ID is not provided'],
    [
      'member update zz --peer-urls=http://x:1',
      128,
      'bad member ID arg (strconv.ParseUint: parsing "zz": invalid syntax), expecting ID in Hex',
    ],
    ['member update 1', 128, 'member peer urls not provided'],
    ['member update 1 2 --peer-urls=http://127.0.0.1:9', 128, 'member ID is not provided'],
    ['member remove', 128, 'member ID is not provided'],
    [
      'member remove zz',
      128,
      'bad member ID arg (strconv.ParseUint: parsing "zz": invalid syntax), expecting ID in Hex',
    ],
    ['member remove 1 2', 128, 'member ID is not provided'],
    ['member promote', 128, 'member ID is not provided'],
    [
      'member promote zz',
      128,
      'bad member ID arg (strconv.ParseUint: parsing "zz": invalid syntax), expecting ID in Hex',
    ],
    ['move-leader', 128, 'move-leader command needs 1 argument'],
    ['move-leader zz', 128, 'strconv.ParseUint: parsing "zz": invalid syntax'],
    ['move-leader 1 2', 128, 'move-leader command needs 1 argument'],
    ['alarm list x', 128, 'alarm list command accepts no arguments'],
    ['alarm disarm x', 128, 'alarm disarm command accepts no arguments'],
    ['auth enable x', 128, 'auth enable command does not accept any arguments'],
    ['auth disable x', 128, 'auth disable command does not accept any arguments'],
    ['auth status x', 128, 'auth status command does not accept any arguments'],
    ['user add', 128, 'user add command requires user name as its argument'],
    ['user add a b', 128, 'user add command requires user name as its argument'],
    ['user add :pw', 128, 'empty user name is not allowed'],
    ['user get', 128, 'user get command requires user name as its argument'],
    ['user delete', 128, 'user delete command requires user name as its argument'],
    ['user delete two x', 128, 'user delete command requires user name as its argument'],
    ['user list x', 128, 'user list command requires no arguments'],
    ['user passwd', 128, 'user passwd command requires user name as its argument'],
    ['user grant-role', 128, 'user grant command requires user name and role name as its argument'],
    ['user grant-role nopw', 128, 'user grant command requires user name and role name as its argument'],
    ['role add', 128, 'role add command requires role name as its argument'],
    ['role add r x', 128, 'role add command requires role name as its argument'],
    ['role get', 128, 'role get command requires role name as its argument'],
    ['role list x', 128, 'role list command requires no arguments'],
    [
      'role grant-permission',
      128,
      'role grant command requires role name, permission type, and key [endkey] as its argument',
    ],
    [
      'role grant-permission r',
      128,
      'role grant command requires role name, permission type, and key [endkey] as its argument',
    ],
    [
      'role grant-permission r read',
      128,
      'role grant command requires role name, permission type, and key [endkey] as its argument',
    ],
    ['role grant-permission r frob k', 128, 'invalid permission type: frob'],
    ['role grant-permission r read k z --prefix', 128, 'unexpected endkey argument with --prefix flag'],
    ['role grant-permission r read k z --from-key', 128, 'unexpected endkey argument with --from-key flag'],
    ['role grant-permission r read k --from-key --prefix', 128, '--from-key and --prefix flags are mutually exclusive'],
    [
      'role revoke-permission',
      128,
      'role revoke-permission command requires role name and key [endkey] as its argument',
    ],
    [
      'role revoke-permission r',
      128,
      'role revoke-permission command requires role name and key [endkey] as its argument',
    ],
    ['role revoke-permission r k z --prefix', 128, 'unexpected endkey argument with --prefix flag'],
    ['user revoke-role', 128, 'user revoke-role requires user name and role name as its argument'],
    ['user revoke-role nopw', 128, 'user revoke-role requires user name and role name as its argument'],
    ['role delete', 128, 'role delete command requires role name as its argument'],
    ['role delete r x', 128, 'role delete command requires role name as its argument'],
    ['txn x', 128, 'txn command does not accept argument'],
    ['elect', 128, 'elect takes one election name argument and an optional proposal argument'],
    ['elect n p q', 128, 'elect takes one election name argument and an optional proposal argument'],
    ['elect n', 128, 'no proposal argument but -l not set'],
    ['elect n p -l', 128, 'proposal given but -l is set'],
    ['lock', 128, 'lock takes a lock name argument and an optional command to execute'],
    ['snapshot save', 128, 'snapshot save expects one argument'],
    ['snapshot save a b', 128, 'snapshot save expects one argument'],
    ['snapshot status', 128, 'snapshot status requires exactly one argument'],
    ['snapshot status /nonexistent', 1, 'stat /nonexistent: no such file or directory'],
    ['snapshot restore', 128, 'snapshot restore requires exactly one argument'],
    ['make-mirror', 128, 'make-mirror takes one destination argument'],
    ['get k --cert=', 128, 'empty string is passed to --cert option'],
    ['get k --cacert=', 128, 'empty string is passed to --cacert option'],
    ['get k --key=', 128, 'empty string is passed to --key option'],
    ['get k --cert=/nonexistent', 128, 'KeyFile and CertFile must both be present[key: , cert: /nonexistent]'],
    ['get k --cacert=/nonexistent', 128, 'open /nonexistent: no such file or directory'],
    // Flags and commands of newer versions.
    ['get a --min-create-rev=5 --max-create-rev=4', 4, 'getMinCreateRev(=5) > getMaxCreateRev(=4)'],
    ['get a --min-mod-rev=5 --max-mod-rev=4', 4, 'getMinModRev(=5) > getMaxModRev(=4)'],
    ['member list --consistency=x', 4, 'unknown consistency flag "x"'],
    ['downgrade validate', 128, 'TARGET_VERSION not provided'],
    ['downgrade enable 1 2', 128, 'too many arguments'],
    ['check perf --load=huge', 4, 'unknown load option huge'],
    ['check datascale --load=huge', 4, 'unknown load option huge'],
    ['nonsense', 1, 'unknown command "nonsense" for "etcdctl"'],
  ];

  it('words that it cannot take, before it asks a server', async () => {
    expect(await wronglyRefused(rows, nowhere)).toEqual([]);
  }, 60_000);
});

describe('with a member', () => {
  let cluster: LocalCluster;
  let served: ClusterPlace;
  beforeAll(async () => {
    cluster = await startCluster({ members: 1 });
    served = cluster.only;
  }, 30_000);
  afterAll(() => cluster?.[Symbol.asyncDispose]());
  const ctl = (words: string, input?: string): Promise<CommandOutcome> =>
    runCommand(image, ['--endpoints', served.endpoint, ...words.split(' ')], input);

  it('flags of reads and writes do what they say', async () => {
    const rows: readonly CommandRow[] = [
      ['put fl one', 0, 'OK\n'],
      ['put fl two --prev-kv', 0, 'OK\nfl\none\n'],
      ['put fl', 0, 'OK\n', 'three'],
      ['put fl --ignore-value --prev-kv', 0, 'OK\nfl\nthree\n'],
      ['get fl --consistency=s', 0, 'fl\nthree\n'],
      ['get fl --hex', 0, '\\x66\\x6c\n\\x74\\x68\\x72\\x65\\x65\n'],
      ['put x1 c', 0, 'OK\n'],
      ['put x2 b', 0, 'OK\n'],
      ['put x3 a', 0, 'OK\n'],
      ['put x1 d', 0, 'OK\n'],
      ['get x --prefix', 0, 'x1\nd\nx2\nb\nx3\na\n'],
      ['get x --prefix --keys-only', 0, 'x1\n\nx2\n\nx3\n\n'],
      ['get x --prefix --print-value-only', 0, 'd\nb\na\n'],
      [
        'get x --prefix --count-only -w fields',
        0,
        /^"ClusterID" : \d+\n"MemberID" : \d+\n"Revision" : 9\n.*\n"More" : false\n"Count" : 3\n$/,
      ],
      ['get x --prefix --limit=2', 0, 'x1\nd\nx2\nb\n'],
      ['get x --prefix --limit=2 -w fields', 0, /"More" : true\n"Count" : 3\n$/],
      ['get x2 --from-key --limit=1', 0, 'x2\nb\n'],
      ['get x1 x3', 0, 'x1\nd\nx2\nb\n'],
      ['get x --prefix --order=DESCEND', 0, 'x3\na\nx2\nb\nx1\nd\n'],
      ['get x --prefix --order=descend --keys-only', 0, 'x3\n\nx2\n\nx1\n\n'],
      ['get x --prefix --sort-by=VALUE --print-value-only', 0, 'a\nb\nd\n'],
      ['get x --prefix --sort-by=create --order=DESCEND --keys-only', 0, 'x3\n\nx2\n\nx1\n\n'],
      ['get x --prefix --sort-by=MODIFY --keys-only', 0, 'x2\n\nx3\n\nx1\n\n'],
      ['get x --prefix --sort-by=VERSION --order=DESCEND --keys-only', 0, 'x1\n\nx2\n\nx3\n\n'],
      ['get x1 --rev=6', 0, 'x1\nc\n'],
      ['get x1 --rev=5', 0, ''],
      ['get x --prefix --min-create-rev=7 --keys-only', 0, 'x2\n\nx3\n\n'],
      ['get x --prefix --max-create-rev=7 --keys-only', 0, 'x1\n\nx2\n\n'],
      ['get x --prefix --min-mod-rev=8 --keys-only', 0, 'x1\n\nx3\n\n'],
      ['get x --prefix --max-mod-rev=8 --keys-only', 0, 'x2\n\nx3\n\n'],
      ['txn', 0, 'FAILURE\n\nx1\nd\n', 'mod("x1") = "6"\n\nput x1 e\n\nget x1\n\n'],
      [
        'txn -i',
        0,
        'compares:\nsuccess requests (get, put, del):\nfailure requests (get, put, del):\nSUCCESS\n\nOK\n',
        'mod("x1") = "9"\n\nput x1 e\n\n\n',
      ],
      ['del x1 --prev-kv', 0, '1\nx1\ne\n'],
      ['del x2 x4 --range', 0, '2\n'],
      ['del nothere --prev-kv', 0, '0\n'],
      ['del fl --from-key', 0, '1\n'],
      ['put p1 x', 0, 'OK\n'],
      ['put p2 x', 0, 'OK\n'],
      ['put q x', 0, 'OK\n'],
      ['del p --prefix', 0, '2\n'],
      ['compaction 5', 0, 'compacted revision 5\n'],
      ['compaction 9 --physical', 0, 'compacted revision 9\n'],
    ];
    expect(await wrongRows(rows, ctl)).toEqual([]);
    const refused: readonly RefusedRow[] = [
      ['put nothere --ignore-value', 1, 'etcdserver: key not found'],
      ['put nothere x --ignore-lease', 1, 'etcdserver: key not found'],
      ['put k 1 --lease=123', 1, 'etcdserver: requested lease not found'],
      ['get x --prefix --print-value-only -w json', 128, 'print-value-only is only for `--write-out=simple`'],
      ['get x --prefix --count-only', 128, '--count-only is only for `--write-out=fields`'],
      ['get fl -w table', 4, 'table not supported as output format'],
      ['get x1 --rev=1000', 1, 'etcdserver: mvcc: required revision is a future revision'],
      ['get k --rev=2', 1, 'etcdserver: mvcc: required revision has been compacted'],
      ['compaction 1000', 1, 'etcdserver: mvcc: required revision is a future revision'],
      ['compaction 5', 1, 'etcdserver: mvcc: required revision has been compacted'],
      ['watch k --rev=2', 5, 'watch is canceled by the server'],
      ['endpoint hashkv --rev=1000', 1, 'etcdserver: mvcc: required revision is a future revision'],
      ['endpoint hashkv --rev=1', 1, 'etcdserver: mvcc: required revision has been compacted'],
    ];
    expect(await wronglyRefused(refused, ctl)).toEqual([]);
  }, 60_000);

  it('a lease holds its keys, with the flags that name and keep it', async () => {
    const granted = await ctl('lease grant 1000');
    const [, id = ''] = /^lease (\w+) granted with TTL\(1000s\)\n$/.exec(granted.stdout) ?? [];
    const left = String.raw`lease ${id} granted with TTL\(1000s\), remaining\((?:999|1000)s\)`;
    const rows: readonly CommandRow[] = [
      ['lease timetolive 123', 0, 'lease 0000000000000123 already expired\n'],
      [`put l1 a --lease=${id}`, 0, 'OK\n'],
      [`put l2 a --lease=${id}`, 0, 'OK\n'],
      ['put l3 a', 0, 'OK\n'],
      ['put l1 b --ignore-lease', 0, 'OK\n'],
      ['put l2 b', 0, 'OK\n'],
      [`lease timetolive ${id}`, 0, new RegExp(`^${left}\\n$`)],
      [`lease timetolive ${id} --keys`, 0, new RegExp(String.raw`^${left}, attached keys\(\[l1\]\)\n$`)],
      ['lease list', 0, `found 1 leases\n${id}\n`],
      [`lease keep-alive --once ${id}`, 0, `lease ${id} keepalived with TTL(1000)\n`],
      [`lease revoke ${id}`, 0, `lease ${id} revoked\n`],
      ['get l --prefix --keys-only', 0, 'l2\n\nl3\n\n'],
      ['lease list', 0, 'found 0 leases\n'],
      [`lease timetolive ${id} --keys`, 0, `lease ${id} already expired\n`],
    ];
    expect(await wrongRows(rows, ctl)).toEqual([]);
    const refused: readonly RefusedRow[] = [
      [`lease keep-alive ${id} --once`, 2, 'etcdserver: requested lease not found'],
      [`lease revoke ${id}`, 1, 'failed to revoke lease (etcdserver: requested lease not found)'],
    ];
    expect(await wronglyRefused(refused, ctl)).toEqual([]);
  });

  it('members that there are not are told from those that there are', async () => {
    const refused: readonly RefusedRow[] = [
      ['member add a --peer-urls=nonsense', 1, 'URL scheme must be http, https, unix, or unixs: nonsense'],
      ['member update 1 --peer-urls=http://127.0.0.1:9', 1, 'etcdserver: member not found'],
      ['member remove 1', 1, 'etcdserver: member not found'],
      ['member promote 1', 1, 'etcdserver: member not found'],
      ['move-leader 123', 1, 'etcdserver: bad leader transferee'],
    ];
    expect(await wronglyRefused(refused, ctl)).toEqual([]);
    const added = await ctl('member add learner --learner --peer-urls=http://127.0.0.1:9');
    const [, id = ''] = /^Member +(\w+) added to cluster +\w+\n/.exec(added.stdout) ?? [];
    const told = added.stdout.split('\n').slice(2);
    expect([told[0], told[2], told[3]]).toEqual([
      'ETCD_NAME="learner"',
      'ETCD_INITIAL_ADVERTISE_PEER_URLS="http://127.0.0.1:9"',
      'ETCD_INITIAL_CLUSTER_STATE="existing"',
    ]);
    const [, names = ''] = /^ETCD_INITIAL_CLUSTER="(.*)"$/.exec(told[1] ?? '') ?? [];
    expect(names.split(',').sort()).toEqual(['learner=http://127.0.0.1:9', expect.stringMatching(/^m=http:/)]);
    expect((await ctl('member list')).stdout).toContain(`${id}, unstarted, , http://127.0.0.1:9, , true\n`);
    expect(await ctl(`member promote ${id}`)).toMatchObject({ exitCode: 1, stdout: '' });
    expect((await ctl(`member remove ${id}`)).stdout).toMatch(
      new RegExp(`^Member +${id} removed from cluster +\\w+\\n$`),
    );
    expect((await ctl('member list')).stdout).not.toContain(id);
  });

  it('permissions are of one key, a range, a prefix, or all from a key on', async () => {
    const all = '\t[f, <open ended>\n\tk\n\t[p, q) (prefix p)\n';
    const rows: readonly CommandRow[] = [
      ['role add r', 0, 'Role r created\n'],
      ['role grant-permission r READ k', 0, 'Role r updated\n'],
      ['role grant-permission r write k z', 0, 'Role r updated\n'],
      ['role grant-permission r readwrite p --prefix', 0, 'Role r updated\n'],
      ['role grant-permission r readwrite f --from-key', 0, 'Role r updated\n'],
      ['role get r', 0, `Role r\nKV Read:\n${all}KV Write:\n${all.replace('k\n', '[k, z)\n')}`],
      ['role revoke-permission r k', 0, 'Permission of key k is revoked from role r\n'],
      ['role revoke-permission r k z', 0, 'Permission of range [k, z) is revoked from role r\n'],
      ['role revoke-permission r p --prefix', 0, 'Permission of range [p, q) is revoked from role r\n'],
      ['role revoke-permission r f --from-key', 0, 'Permission of range [f, <open ended> is revoked from role r\n'],
      ['role get r', 0, 'Role r\nKV Read:\nKV Write:\n'],
      ['user add nopw --no-password', 0, 'User nopw created\n'],
      ['user get nopw', 0, 'User: nopw\nRoles:\n'],
      ['user grant-role nopw r', 0, 'Role r is granted to user nopw\n'],
      ['user get nopw --detail', 0, 'User: nopw\n\nRole r\nKV Read:\nKV Write:\n'],
    ];
    expect(await wrongRows(rows, ctl)).toEqual([]);
    const refused: readonly RefusedRow[] = [
      ['auth enable', 1, 'etcdserver: root user does not exist'],
      ['user add nopw:pw', 1, 'etcdserver: user name already exists'],
      ['user get none', 1, 'etcdserver: user name not found'],
      ['user delete none', 1, 'etcdserver: user name not found'],
      ['user passwd none --interactive=false', 1, 'etcdserver: user name not found'],
      ['user grant-role nopw none', 1, 'etcdserver: role name not found'],
      ['user grant-role none r', 1, 'etcdserver: user name not found'],
      ['user revoke-role nopw none', 1, 'etcdserver: role is not granted to the user'],
      ['role add r', 1, 'etcdserver: role name already exists'],
      ['role get none', 1, 'etcdserver: role name not found'],
      ['role grant-permission none read k', 1, 'etcdserver: role name not found'],
      ['role revoke-permission r none', 1, 'etcdserver: permission is not granted to the role'],
      ['role delete none', 1, 'etcdserver: role name not found'],
    ];
    expect(await wronglyRefused(refused, ctl)).toEqual([]);
  }, 60_000);

  it('a password is what was given, by whichever way', async () => {
    const rows: readonly CommandRow[] = [
      ['user add root --new-user-password=top', 0, 'User root created\n'],
      ['user add typed --interactive=false', 0, 'User typed created\n', 'one two\nthree\n'],
      ['user add colon:a:b', 0, 'User colon created\n'],
      ['user add changed:old', 0, 'User changed created\n'],
      ['user passwd changed --interactive=false', 0, 'Password updated\n', 'new'],
      // The role root is made where only that is missing.
      ['auth enable', 0, 'Authentication Enabled\n'],
      ['--user root:top role list', 0, /^(?:r\n)?root\n$/],
      ['--user root --password top user get root', 0, 'User: root\nRoles: root\n'],
      ['--user typed:one user get typed', 0, 'User: typed\nRoles:\n'],
      ['--user colon:a:b user get colon', 0, 'User: colon\nRoles:\n'],
      ['--user changed:new user get changed', 0, 'User: changed\nRoles:\n'],
    ];
    expect(await wrongRows(rows, ctl)).toEqual([]);
    const wrong = 'etcdserver: authentication failed, invalid user ID or password';
    const refused: readonly RefusedRow[] = [
      ['--user changed:old user get changed', 2, wrong],
      ['--user typed:two user get typed', 2, wrong],
      ['--user typed:one get k', 1, 'etcdserver: permission denied'],
      ['get k', 1, 'etcdserver: user name is empty'],
    ];
    expect(await wronglyRefused(refused, ctl)).toEqual([]);
    expect((await ctl('--user root:top auth disable')).stdout).toBe('Authentication Disabled\n');
  }, 60_000);

  it('a snapshot is of one member, and whole or not at all', async () => {
    const saved = `${served.folder}/saved.db`;
    mkdirSync(`${served.folder}/taken`);
    expect((await ctl(`snapshot save ${saved}`)).exitCode).toBe(0);
    const gone = `${served.folder}/gone/x.part`;
    const taken = `${served.folder}/taken`;
    const refused: readonly RefusedRow[] = [
      [`snapshot save ${served.folder}/gone/x`, 5, `could not open ${gone} (open ${gone}: no such file or directory)`],
      [
        `snapshot save ${taken}`,
        5,
        `could not rename ${taken}.part to ${taken} (rename ${taken}.part ${taken}: file exists)`,
      ],
    ];
    expect(await wronglyRefused(refused, ctl)).toEqual([]);
    const two = `${served.endpoint},${served.endpoint}`;
    const ofTwo = await runCommand(image, ['--endpoints', two, 'snapshot', 'save', `${served.folder}/two`]);
    expect([ofTwo.exitCode, errorOf(ofTwo)]).toEqual([
      5,
      `snapshot must be requested to one selected node, not multiple [${two.replace(',', ' ')}]`,
    ]);
    expect(readdirSync(served.folder).filter((name) => /part|two/.test(name))).toEqual([]);
  });

  it('variables stand for flags; beside them they are fatal, unknown ones are told', async () => {
    const run = async (words: string, env: Readonly<Record<string, string>>) => {
      const { stdin, said, exitCode } = startCommand(image, words.split(' '), { env });
      stdin.end();
      return { exitCode: await exitCode, ...said };
    };
    await ctl('put env x');
    const named = { ETCDCTL_ENDPOINTS: served.endpoint, ETCDCTL_API: '3' };
    expect(await run('get env', named)).toEqual({ exitCode: 0, stdout: 'env\nx\n', stderr: '' });
    const inHex = await run('get env', { ...named, ETCDCTL_HEX: 'true', ETCDCTL_FOO: '1' });
    expect(inHex.stdout).toBe('\\x65\\x6e\\x76\n\\x78\n');
    expect(JSON.parse(inHex.stderr)).toMatchObject({
      level: 'warn',
      msg: 'unrecognized environment variable',
      'environment-variable': 'ETCDCTL_FOO=1',
    });
    const shadowed = await run(`--endpoints=${served.endpoint} get env`, named);
    expect([shadowed.exitCode, shadowed.stdout]).toEqual([1, '']);
    expect(JSON.parse(shadowed.stderr)).toMatchObject({
      level: 'fatal',
      'environment-variable': 'ETCDCTL_ENDPOINTS',
    });
  });
});

it('a member with an alarm is unhealthy, whatever else it answers', async () => {
  await using cluster = await startCluster({ members: 1, flags: ['--quota-backend-bytes=100000'] });
  const { endpoint, running } = cluster.only;
  const ctl = (words: string) => runCommand(image, ['--endpoints', endpoint, ...words.split(' ')]);
  // What is written counts once it is committed, every tenth of a second.
  await expect.poll(async () => (await ctl(`put big ${'x'.repeat(40_000)}`)).exitCode).toBe(1);
  const alarm = `memberID:${running.member.id} alarm:NOSPACE \n`;
  // It is raised behind the answer to the put that there is no space for.
  await expect.poll(async () => (await ctl('alarm list')).stdout).toBe(alarm);
  const health = await ctl('endpoint health');
  expect([health.exitCode, health.stdout, health.stderr]).toEqual([
    1,
    '',
    `${endpoint} is unhealthy: failed to commit proposal: Active Alarm(s): NOSPACE \nError: unhealthy cluster\n`,
  ]);
  expect((await ctl('endpoint health -w json')).stdout).toMatch(
    /^\[\{"endpoint":".*","health":false,"took":".*","error":"Active Alarm\(s\): NOSPACE "\}\]\n$/,
  );
  expect((await ctl('endpoint status')).stdout).toContain(alarm);
  expect(await ctl('alarm disarm')).toMatchObject({ exitCode: 0, stdout: alarm });
  expect((await ctl('alarm list')).stdout).toBe('');
});
