/**
 * Members that are not told of each other: by a token in v3 keys, by a token in v2 keys, by SRV records; ours, and with
 * real ones among them and as the service.
 */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { prepareCluster } from '../support/cluster.js';
import { startDnsServer } from '../support/dns-server.js';
import { freePort } from '../support/free-port.js';
import { buildPrograms, ourProgram, realEtcd } from '../support/member-process.js';
import { askingDnsAt, mayMount } from '../support/mount.js';
import { Newcomers, v2Token } from '../support/newcomers.js';
import { outputOf, outputOfSync, runProgram } from '../support/program.js';

beforeAll(buildPrograms, 180_000);

const ours = ourProgram('etcd');
/** Not 127.0.0.1, where a resolver of the machine may listen. */
const DNS_ADDRESS = '127.9.9.53';

/** Members by their programs, each with the flags that lead to the token. */
async function form(programs: readonly string[], flags: readonly string[]): Promise<Newcomers> {
  const newcomers = new Newcomers();
  for (const program of programs) await newcomers.start({ program }, flags);
  await newcomers.agree();
  return newcomers;
}

describe('v3 discovery', () => {
  it('forms a cluster through a token made by `etcd discovery new`, and tells who is there', async () => {
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    await using _service = await home.run(ours);
    const made = outputOfSync(ours, ['discovery', 'new', '--size', '3', '--endpoints', home.endpoint]);
    const flags = /--discovery-token (\S+) --discovery-endpoints \S+/.exec(made);
    const token = flags?.[1] ?? '';
    expect(token).toMatch(/^[0-9a-f]{32}$/);
    const status = (): string => outputOfSync(ours, ['discovery', 'status', token, '--endpoints', home.endpoint]);
    expect(status()).toContain('0 of 3 members registered, 3 missing');
    await using newcomers = await form([ours, ours, ours], (flags?.[0] ?? '').split(' '));
    expect(status()).toMatch(/3 of 3 members registered, complete\n(\s+[0-9a-f]+ {2}m\d=http:\S+\n){3}/);
    // A fourth comes too late, says so, and leaves no registration.
    const late = await newcomers.start({ program: ours }, (flags?.[0] ?? '').split(' '));
    expect(await late.ended()).toBe(1);
    expect(late.output).toContain('failed to join discovery cluster (discovery: cluster is full)');
    expect(status()).not.toContain('too late');
    // One that has been there starts again without asking.
    await _service.kill();
  }, 120_000);
});

describe('a token with a time to live', () => {
  it('is gone after it, for v3 discovery and for v2', async () => {
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    await using _service = await home.run(ours, ['--enable-v2']);
    const run = (...words: string[]) => runProgram(ours, ['discovery', ...words, '--endpoints', home.endpoint]);
    const { stdout: made } = await run('new', '--size', '1', '--ttl', '6s');
    const token = /^token (\w+)/.exec(made)?.[1] ?? '';
    expect((await run('status', token)).stdout).toBe(
      'v3 discovery: 0 of 1 members registered, 1 missing\nv2 discovery: 0 of 1 members registered, 1 missing\n',
    );
    const expired = { code: 1, stderr: `Error: token ${token} is not known there, or has expired\n` };
    await expect.poll(() => run('status', token), { timeout: 30_000, interval: 500 }).toMatchObject(expired);
    await using newcomers = new Newcomers();
    const ways = [/--discovery-token \S+ --discovery-endpoints \S+/, /--discovery http:\S+/];
    const flags = ways.map((way) => (way.exec(made)?.[0] ?? '').split(' '));
    for (const each of flags) await newcomers.start({ program: ours }, each);
    const [byV3, byV2] = newcomers.processes;
    expect([await byV3?.ended(), await byV2?.ended()]).toEqual([1, 1]);
    expect(byV3?.output).toContain('failed to join discovery cluster (discovery: size key not found)');
    expect(byV2?.output).toContain('failed to join discovery cluster (100: Key not found (/_etcd/registry/');
  }, 60_000);
});

describe('v2 discovery', () => {
  it.runIf(realEtcd)(
    'waits for a service that is not there yet, and for members that come later',
    async () => {
      await using cluster = await prepareCluster({ members: 1 });
      const home = cluster.only;
      await using newcomers = new Newcomers();
      const url = `http://${home.endpoint}/v2/keys/_etcd/registry/token-1`;
      const first = await newcomers.start({ program: ours }, ['--discovery', url]);
      await expect.poll(() => first.output).toContain('retry connecting to discovery service');
      expect(first.output).toMatch(/failed to get from discovery server.*connect: connection refused/);
      await using _service = await home.run(join(realEtcd ?? '', 'etcd'), ['--enable-v2']);
      await v2Token(home.endpoint, 1);
      await newcomers.agree();
    },
    120_000,
  );
});

describe.runIf(mayMount())('SRV records', () => {
  it('form a cluster whose members know themselves by their addresses; client and gateway find it', async () => {
    await using newcomers = new Newcomers();
    const wrapper = askingDnsAt(DNS_ADDRESS, join(newcomers.folder, 'resolv.conf'));
    const ports = await Promise.all([0, 1, 2].map(async () => ({ client: await freePort(), peer: await freePort() })));
    const records = (kind: 'client' | 'peer') =>
      ports.map((each, at) => ({ port: each[kind], target: `m${at}.example.test` }));
    await using _dns = await startDnsServer(
      {
        srv: {
          '_etcd-server._tcp.example.test': records('peer'),
          '_etcd-client._tcp.example.test': records('client'),
        },
        a: Object.fromEntries(ports.map((_, at) => [`m${at}.example.test`, '127.0.0.1'])),
      },
      DNS_ADDRESS,
    );
    for (const [at, each] of ports.entries()) {
      const newcomer = { program: ours, host: `m${at}.example.test`, wrapper };
      await newcomers.start(newcomer, ['--discovery-srv', 'example.test'], each);
    }
    await newcomers.agree();
    // Not a call that waits: the DNS server is in this very process.
    const [file = '', ...words] = [...wrapper, ourProgram('etcdctl'), '--discovery-srv', 'example.test'];
    const found = await outputOf(file, [...words, 'get', 'found', '--print-value-only']);
    expect(found).toBe('each other\n');
    const nobody = await newcomers.start({ program: ours, wrapper }, ['--discovery-srv', 'nowhere.test']);
    expect(await nobody.ended()).toBe(1);
    expect(nobody.output).toContain(
      'error setting up initial cluster: error querying DNS SRV records for _etcd-server-ssl ' +
        `lookup _etcd-server-ssl._tcp.nowhere.test on ${DNS_ADDRESS}:53: no such host`,
    );
  }, 120_000);
});
