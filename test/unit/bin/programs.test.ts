import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { prepareCluster } from '../../support/cluster.js';
import { buildPrograms, ourProgram } from '../../support/member-process.js';
import { runProgram } from '../../support/program.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

let folder: string;
beforeAll(buildPrograms);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'programs-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Harnesses run the programs with little more than PATH. */
const run = (program: string, args: string[], env: Record<string, string> = {}) =>
  runProgram(program, args, { cwd: folder, env });

describe('the programs', () => {
  it('run from any folder, through a link, with PATH alone in the environment', async () => {
    const link = join(folder, 'ctl');
    symlinkSync(ourProgram('etcdctl'), link);
    expect(await run(link, ['version'])).toEqual({
      code: 0,
      signal: null,
      stdout: 'etcdctl version: 3.5.30\nAPI version: 3.5\n',
      stderr: '',
    });
    expect((await run(ourProgram('etcdutl'), ['version'])).stdout).toBe('etcdutl version: 3.5.30\nAPI version: 3.5\n');
    expect((await run(ourProgram('etcd'), ['--version'])).stdout).toMatch(/^etcd Version: 3\.5\.30\n/);
    expect(await run(ourProgram('etcd'), ['version'])).toMatchObject({
      code: 0,
      stdout: 'etcdctl version: 3.5.30\nAPI version: 3.5\n',
    });
  });

  it('emulate another version', async () => {
    expect((await run(ourProgram('etcdctl'), ['version'], { ETCDCTL_EMULATE_VERSION: '3.4' })).stdout).toContain(
      'API version: 3.4',
    );
    expect((await run(ourProgram('etcd'), ['--version'], { ETCD_EMULATE_VERSION: '3.6' })).stdout).toMatch(
      /^etcd Version: 3\.6\./,
    );
    expect((await run(ourProgram('etcd'), ['-emulate-version=3.7', '-version'])).stdout).toMatch(
      /^etcd Version: 3\.7\./,
    );
  });

  it('end with the exit codes of etcd', async () => {
    expect((await run(ourProgram('etcdctl'), ['bogus'])).code).toBe(1);
    expect((await run(ourProgram('etcdctl'), ['get'])).code).toBe(128);
    expect(await run(ourProgram('etcdctl'), ['get', 'a'], { ETCDCTL_API: '4' })).toMatchObject({
      code: 1,
      stderr: 'unsupported API version: 4\n',
    });
    expect(await run(ourProgram('etcd'), ['--bogus'])).toMatchObject({ code: 2, stdout: '' });
    expect((await run(ourProgram('etcd'), ['bogus'])).code).toBe(1);
  });

  it.each([
    ['an answer', '', '--help'],
    ['an answer where SIGPIPE is ignored', "trap '' PIPE;", '--help'],
    ['an error', '', '--bogus 2>&1 >/dev/null'],
  ])('die of a closed pipe, as those of Go: %s', async (_what, first, words) => {
    // The reader is gone before anything is written.
    const script = `${first} set -o pipefail; (sleep 0.2; '${ourProgram('etcdctl')}' ${words}) | true`;
    const ended = { code: 128 + 13, stdout: '', stderr: '' };
    expect(await run('bash', ['--norc', '-c', script])).toMatchObject(ended);
  });

  it('give completion scripts that a bare bash can source and use', async () => {
    const script = `source <('${ourProgram('etcdctl')}' completion bash)
      PATH="${join(root, 'bin')}:$PATH"
      COMP_WORDS=(etcdctl lease gr) COMP_CWORD=2; __etcdctl_complete; echo "\${COMPREPLY[@]}"
      COMP_WORDS=(etcdctl get --lim) COMP_CWORD=2; __etcdctl_complete; echo "\${COMPREPLY[@]}"`;
    expect(await run('bash', ['--norc', '-c', script])).toMatchObject({
      code: 0,
      stdout: 'grant\n--limit\n',
      stderr: '',
    });
  });
});

describe('a member', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('told to end by %s shuts down and ends by that signal', async (signal) => {
    await using cluster = await prepareCluster({ members: 1, runner: 'ours' });
    const member = cluster.only.launch();
    await member.untilSays('successfully notified init daemon');
    member.signal(signal);
    expect({ code: await member.ended(), ended: member.child.signalCode }).toEqual({ code: null, ended: signal });
    expect(member.output).toContain('"received signal; shutting down"');
    expect(existsSync(join(cluster.only.dataDir, 'member/snap/db'))).toBe(true);
  });

  it('goes on where nobody reads its log any more', async () => {
    await using cluster = await prepareCluster({ members: 1, runner: 'ours' });
    const member = cluster.only.launch();
    await member.untilSays('successfully notified init daemon');
    member.child.stderr.destroy();
    await using client = cluster.only.client();
    await client.maintenance.defragment(cluster.only.endpoint);
    await client.kv.put('a', 'b');
    member.signal('SIGTERM');
    expect({ code: await member.ended(), ended: member.child.signalCode }).toEqual({ code: null, ended: 'SIGTERM' });
  });

  it('logs nothing but JSON, each line with level, time, caller and message', async () => {
    await using cluster = await prepareCluster({ members: 1, runner: 'ours', flags: ['--log-level=debug'] });
    const member = cluster.only.launch();
    await member.untilSays('successfully notified init daemon');
    await member.stop();
    const lines = member.output.trimEnd().split('\n');
    for (const line of lines) {
      const record = JSON.parse(line);
      expect(record).toMatchObject({ level: expect.any(String), caller: expect.any(String), msg: expect.any(String) });
      expect(record.ts).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
      expect(['error', 'panic', 'fatal']).not.toContain(record.level);
    }
    expect(lines.length).toBeGreaterThan(5);
  });

  it('that cannot start says so under etcd’s headline and exits 1', async () => {
    const flags = ['--initial-cluster=b=http://127.0.0.1:1', '--name=a'];
    await using cluster = await prepareCluster({ members: 1, runner: 'ours', flags });
    const member = cluster.only.launch();
    expect(await member.ended()).toBe(1);
    expect(member.output).toContain(
      '"msg":"discovery failed","error":"couldn\'t find local name \\"a\\" in the initial cluster configuration"',
    );
  });
});
