/**
 * The log of 3.4 where zap's is not asked for: over the life of a cluster of three, and of members that do not start,
 * each line of a real member's is one of ours, but for those named here. Where a folder with real programs is named.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../../src/client/index.js';
import { lives } from '../support/lives.js';
import { buildPrograms, ourProgram, realEtcd34, startAlone } from '../support/member-process.js';
import { runProgram } from '../support/program.js';

beforeAll(buildPrograms, 120_000);

/** Lines of a real member that ours has no occasion for, or words in its own way. */
const onlyReal: readonly RegExp[] = [
  / pkg\/fileutil: (started to purge|purged) file/,
  / closing old backend| finished closing old backend/,
  / restore compact to /,
  / successfully received and saved database snapshot /,
  /^raft INFO: log \[/,
  / failed to apply request .* required revision has been compacted$/,
  // Who is elected, and who hears of what first, is not the same in two runs.
  /^raft \w+: ID /,
  / failed to (dial|read|write) ID on | health check for peer | (lost|closed) (the|an existing) TCP streaming /,
  / failed to send out heartbeat | server is likely overloaded| took too long | publish error: /,
  / became inactive | setting up the initial cluster version | leadership transfer /,
  / compacted raft log | skip compaction since | the data-dir used by this member| permanently removed /,
  / cannot get the version of member | failed to reach the peerURL| is not up-to-date| server has stopped/,
  / (rejected|reject) | failed to find (member|remote) | established a TCP streaming | request sent was ignored /,
];

/** By package, letter and words; ids, addresses and numbers are masked. */
function linesOf(output: string): readonly string[] {
  const seen: string[] = [];
  for (const line of output.split('\n')) {
    const said = line
      .replace(/^raft\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /, 'raft ')
      .replace(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} /, '');
    if (said === '') continue;
    seen.push(
      said
        .replace(/\/\S*\/(?=data\b)/g, '')
        .replace(/\/\S*\/lines-\w+\/\w+\/\d+/g, 'data')
        .replace(/^(I \| etcdmain: (Git SHA|Go Version): ).*/, '$1…')
        .replace(/[0-9a-f]{12,16}\b/g, 'ID')
        .replace(/\d+(\.\d+)?(µs|ms|s| kB| MB)/g, 'N')
        .replace(/\d+/g, 'N'),
    );
  }
  return seen;
}

describe.skipIf(realEtcd34 === undefined)('beside etcd 3.4', () => {
  const folder = realEtcd34 ?? '';

  const missing = async (): Promise<readonly string[]> => {
    const [real, ours] = await Promise.all([lives({ real: folder }, []), lives('ours', ['--emulate-version=3.4'])]);
    const [wanted, found] = [new Set(linesOf(real)), new Set(linesOf(ours))];
    expect(wanted.size).toBeGreaterThan(50);
    return [...wanted].filter((line) => !found.has(line) && !onlyReal.some((pattern) => pattern.test(line)));
  };

  it('each line of a real member is one of ours', { timeout: 240_000 }, async () => {
    let always = await missing();
    // No two lives are quite the same: what differs is looked at again.
    for (let again = 0; always.length > 0 && again < 2; again++) {
      const now = new Set(await missing());
      always = always.filter((line) => now.has(line));
    }
    expect(always).toEqual([]);
  });

  const scratch = mkdtempSync(join(tmpdir(), 'lines-'));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));
  const programs = { real: [join(folder, 'etcd'), []], ours: [ourProgram('etcd'), ['--emulate-version=3.4']] } as const;
  type Name = keyof typeof programs;

  /** All that one says which is alone, and is asked for what leaves lines. */
  const alone = async (name: Name): Promise<readonly string[]> => {
    const [program, emulating] = programs[name];
    const flags = [...emulating, '--bcrypt-cost=4', '--enable-pprof', '--max-request-bytes=20000000'];
    const { member, port } = await startAlone(program, mkdtempSync(join(scratch, name)), { flags });
    await member.untilSays('enabled capabilities');
    {
      await using client = new Client({ endpoints: [`127.0.0.1:${port}`] });
      for (const value of ['1', '2', '3']) await client.kv.put('key', value);
      await client.kv.compact(3, { physical: true });
      await client.maintenance.defragment(`127.0.0.1:${port}`);
      for await (const _ of client.maintenance.snapshot());
      await fetch(`http://127.0.0.1:${port}/config/local/log`, { method: 'PUT', body: '{"Level":"INFO"}' });
      const { auth } = client;
      for (const user of ['root', 'u']) await auth.userAdd(user, 'p');
      for (const role of ['root', 'r']) await auth.roleAdd(role);
      for (const user of ['root', 'u']) await auth.userGrantRole(user, 'root');
      await auth.userGrantRole('u', 'root');
      await auth.userChangePassword('u', 'q');
      await auth.userRevokeRole('u', 'root');
      await auth.roleDelete('r');
      await auth.userDelete('u');
      await auth.enable();
    }
    {
      await using client = new Client({ endpoints: [`127.0.0.1:${port}`], username: 'root', password: 'p' });
      // It is asked who it is, and asks again.
      await client.kv.get('key');
      await client.auth.disable();
    }
    await member.stop();
    return linesOf(member.output).filter((line) => !/ pkg\/fileutil: | took too long |^raft /.test(line));
  };

  it('a member that is alone says what a real one says, and nothing else', { timeout: 60_000 }, async () => {
    const [real, ours] = await Promise.all([alone('real'), alone('ours')]);
    // Not all of it has an order.
    expect([...ours].sort()).toEqual([...real].sort());
  });

  const config = join(scratch, 'config.yml');
  writeFileSync(config, 'name: x\nlogger: none\n');
  const failing: [readonly string[], Readonly<Record<string, string>>?][] = [
    [['stray']],
    [['--log-level=x']],
    [['--logger=x']],
    [['--log-outputs=/tmp/x']],
    [['--log-outputs=stderr,stdout']],
    [['--debug', '--log-outputs=systemd/journal']],
    [['--debug', '--log-level=debug', '--log-package-levels=raft=DEBUG', '--listen-peer-urls=http://x:1']],
    [['--log-package-levels=raft', '--heartbeat-interval=0']],
    [['--log-output=stdout', '--debug', '--heartbeat-interval=0']],
    [['--log-output=stdout', '--log-outputs=stdout']],
    [['--log-output=b,a']],
    [['--log-package-levels=raft=loud', '--heartbeat-interval=0']],
    [['--listen-client-urls=http://127.0.0.1:1']],
    [['--config-file', config]],
    [['--config-file', '/nowhere/config']],
    [['--initial-cluster=y=http://localhost:2380', '--name=x']],
    [[], { ETCD_NAME: 'x', ETCD_UNKNOWN: '1', ETCD_HEARTBEAT_INTERVAL: '0' }],
    [['--name=y'], { ETCD_NAME: 'x' }],
  ];
  it.each(failing)('a start with %j fails in the words of a real one', async (words, env = {}) => {
    const said = async (name: Name) => {
      const [program, emulating] = programs[name];
      const cwd = mkdtempSync(join(scratch, name));
      const all = [...emulating, '--data-dir', join(cwd, 'data'), ...words];
      const { code, stderr } = await runProgram(program, all, { env, cwd, timeoutMs: 20_000 });
      // Ours makes its tokens first.
      const lines = linesOf(stderr.replace(/^(panic: .*\n)[\s\S]*/m, '$1')).filter(
        (line) => !line.includes(' simple token '),
      );
      return { code, lines };
    };
    const [real, ours] = await Promise.all([said('real'), said('ours')]);
    expect(ours).toEqual(real);
  });
});
