/**
 * Clients of the v2 API that others wrote: `node-etcd` from npm and `python-etcd` from PyPI, installed into a folder of
 * the test. Where they cannot be had, it says so.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClusterPlace, type LocalCluster, prepareCluster } from '../support/cluster.js';
import { buildPrograms, type MemberProcess, ourProgram } from '../support/member-process.js';

const programs = fileURLToPath(new URL('v2-clients/', import.meta.url));
const INSTALL_MS = 120_000;

describe('v2 clients', () => {
  const folder = mkdtempSync(join(tmpdir(), 'etcd-ts-clients-'));
  let cluster: LocalCluster;
  let home: ClusterPlace;
  let member: MemberProcess;

  beforeAll(async () => {
    buildPrograms();
    cluster = await prepareCluster({ members: 1 });
    home = cluster.only;
    member = await home.run(ourProgram('etcd'), ['--enable-v2']);
  }, 60_000);

  afterAll(async () => {
    await member?.kill();
    await cluster?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  /** True when all commands end well. */
  async function installed(name: string, ...commands: readonly (readonly [string, ...string[]])[]): Promise<boolean> {
    for (const [file, ...words] of commands) {
      const { failed, shortMessage } = await execa(file, words, { cwd: folder, reject: false, timeout: INSTALL_MS });
      if (!failed) continue;
      console.warn(`SKIPPED: ${name} cannot be had here: ${shortMessage}`);
      return false;
    }
    return true;
  }

  it('node-etcd works', { timeout: INSTALL_MS + 60_000 }, async (context) => {
    writeFileSync(join(folder, 'package.json'), '{"private":true}');
    const npm = ['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', 'node-etcd@7.0.0'] as const;
    if (!(await installed('node-etcd', npm))) return context.skip();
    const { stdout } = await execa(process.execPath, [join(programs, 'node-etcd.cjs'), folder, home.endpoint]);
    expect(stdout.split('\n')).toEqual([
      'set ["set","/n/a","1",null]',
      'get ["get","/n/a","1",null]',
      'ttl true',
      'create "create"',
      'compareAndSwap ["compareAndSwap","/n/a","2","1"]',
      'compareAndSwap of another 101',
      'mkdir true',
      'mkdir again 102',
      'rmdir "delete"',
      'watch ["set","/n/w","seen"]',
      'watchIndex ["set","/n/i","old"]',
      'watcher ["set","/n/e","emitted"]',
      'compareAndDelete ["compareAndDelete","/n/a",null,"2"]',
      'get of nothing 100',
      'del "delete"',
      'setSync ["set","/s","now",null]',
      'delSync ["delete","/s",null,"now"]',
      'version true',
      'selfStats "StateLeader"',
      'leaderStats true',
    ]);
  });

  it('python-etcd works', { timeout: 2 * INSTALL_MS + 60_000 }, async (context) => {
    const python = join(folder, 'python/bin/python');
    const pip = [python, '-m', 'pip', 'install', '--quiet', 'python-etcd==0.4.5'] as const;
    if (!(await installed('python-etcd', ['python3', '-m', 'venv', 'python'], pip))) return context.skip();
    const { stdout } = await execa(python, [join(programs, 'python_etcd.py'), String(home.clientPort)]);
    expect(stdout.split('\n')).toEqual([
      'write 1',
      'read 1',
      'swap compareAndSwap',
      'swap of another EtcdCompareFailed',
      'exists EtcdAlreadyExist',
      'not there EtcdKeyNotFound',
      "in order ['x', 'y']",
      'directory True',
      'no file EtcdNotFile',
      'ttl True',
      'refresh True',
      'watch from old',
      'watch new',
      'expiry expire',
      'update updated',
      'pop updated',
      'lock True',
      'release False',
      'members 1',
      'leader m',
      `machines ['http://${home.endpoint}']`,
      'stats StateLeader',
      "users [{'user': 'root', 'roles': [{'role': 'root', 'permissions': {'kv': {'read': ['/*'], 'write': ['/*']}}}]}]",
      "acls [('/part/*', 'RW')]",
      'as root 1',
      "guest ['/*']",
      'off False',
      'delete delete',
    ]);
  });
});
