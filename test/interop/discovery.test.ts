/**
 * Members that are not told of each other: by a token in v3 keys, by a token in v2 keys, by SRV records; ours, and with
 * real ones among them and as the service.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../../src/client/client.js';
import { startDnsServer } from '../support/dns-server.js';
import { freePort } from '../support/free-port.js';
import {
  buildPrograms,
  MemberHome,
  MemberProcess,
  ourProgram,
  realEtcd,
  realEtcd34,
} from '../support/member-process.js';
import { askingDnsAt, mayMount } from '../support/mount.js';

beforeAll(buildPrograms, 180_000);

const ours = ourProgram('etcd');
/** Not 127.0.0.1, where a resolver of the machine may listen. */
const DNS_ADDRESS = '127.9.9.53';

interface Newcomer {
  readonly program: string;
  /** Host under which it advertises itself. */
  readonly host?: string;
  /** A command before which it is put. */
  readonly wrapper?: readonly string[];
}

/** Members whose initial cluster nobody names. */
class Newcomers implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'etcd-ts-discovery-'));
  readonly processes: MemberProcess[] = [];
  readonly endpoints: string[] = [];

  /** With `flags` in place of `--initial-cluster`. */
  async start(
    { program, host = '127.0.0.1', wrapper = [] }: Newcomer,
    flags: readonly string[],
    ports?: { client: number; peer: number },
  ): Promise<MemberProcess> {
    const { client, peer } = ports ?? { client: await freePort(), peer: await freePort() };
    const name = `m${this.processes.length}`;
    const words = [
      ...['--name', name, '--data-dir', join(this.folder, name)],
      ...[
        '--listen-client-urls',
        `http://127.0.0.1:${client}`,
        '--advertise-client-urls',
        `http://127.0.0.1:${client}`,
      ],
      ...['--listen-peer-urls', `http://127.0.0.1:${peer}`, '--initial-advertise-peer-urls', `http://${host}:${peer}`],
      ...['--logger', 'zap'],
      ...flags,
    ];
    const env = { PATH: process.env.PATH ?? '' };
    const [file = '', ...rest] = [...wrapper, program, ...words];
    const child = spawn(file, rest, { stdio: ['ignore', 'pipe', 'pipe'], env });
    const started = new MemberProcess(child);
    this.processes.push(started);
    this.endpoints.push(`127.0.0.1:${client}`);
    return started;
  }

  /** Resolves when all serve one cluster: what is written to one is read from each. */
  async agree(): Promise<void> {
    for (const [at, member] of this.processes.entries()) {
      await member.untilHealthy(`http://${this.endpoints[at]}/health`);
    }
    await using client = new Client({ endpoints: this.endpoints.slice(0, 1) });
    await client.kv.put('found', 'each other', { timeoutMs: 10_000 });
    for (const endpoint of this.endpoints) {
      await using one = new Client({ endpoints: [endpoint] });
      const { kvs } = await one.kv.get('found', { timeoutMs: 10_000 });
      expect(Buffer.from(kvs[0]?.value ?? []).toString()).toBe('each other');
      const { members } = await one.cluster.list({ timeoutMs: 10_000 });
      expect(members).toHaveLength(this.endpoints.length);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.processes.map((member) => member.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function v2Token(endpoint: string, size: number): Promise<string> {
  const url = `http://${endpoint}/v2/keys/_etcd/registry/token-${size}`;
  const response = await fetch(`${url}/_config/size`, {
    method: 'PUT',
    body: `value=${size}`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  expect(response.status).toBe(201);
  return url;
}

/** Members by their programs, each with the flags that lead to the token. */
async function form(programs: readonly string[], flags: readonly string[]): Promise<Newcomers> {
  const newcomers = new Newcomers();
  for (const program of programs) await newcomers.start({ program }, flags);
  await newcomers.agree();
  return newcomers;
}

describe('v3 discovery', () => {
  it('forms a cluster through a token made by `etcd discovery new`, and tells who is there', async () => {
    using home = await MemberHome.make();
    await using _service = await home.start(ours);
    const made = execFileSync(ours, ['discovery', 'new', '--size', '3', '--endpoints', home.endpoint]).toString();
    const flags = /--discovery-token (\S+) --discovery-endpoints \S+/.exec(made);
    const token = flags?.[1] ?? '';
    expect(token).toMatch(/^[0-9a-f]{32}$/);
    const status = (): string =>
      execFileSync(ours, ['discovery', 'status', token, '--endpoints', home.endpoint]).toString();
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

  it.runIf(realEtcd)(
    'is served by a real 3.5',
    async () => {
      using home = await MemberHome.make();
      await using _service = await home.start(join(realEtcd ?? '', 'etcd'));
      await using client = home.client();
      await client.kv.put('/_etcd/registry/tok/_config/size', '3');
      const flags = ['--discovery-token', 'tok', '--discovery-endpoints', home.endpoint];
      await using _newcomers = await form([ours, ours, ours], flags);
    },
    120_000,
  );
});

describe('v2 discovery', () => {
  it.runIf(realEtcd34)(
    'by a real 3.4 brings real and our members together',
    async () => {
      using home = await MemberHome.make();
      const real = join(realEtcd34 ?? '', 'etcd');
      await using _service = await home.start(real, ['--enable-v2']);
      const url = await v2Token(home.endpoint, 3);
      const newcomers = new Newcomers();
      await using _all = newcomers;
      for (const program of [ours, real, ours]) {
        const emulated = program === ours ? ['--emulate-version', '3.4'] : [];
        await newcomers.start({ program }, ['--discovery', url, ...emulated]);
      }
      await newcomers.agree();
    },
    120_000,
  );

  it.runIf(realEtcd)(
    'waits for a service that is not there yet, and for members that come later',
    async () => {
      using home = await MemberHome.make();
      await using newcomers = new Newcomers();
      const url = `http://${home.endpoint}/v2/keys/_etcd/registry/token-1`;
      const first = await newcomers.start({ program: ours }, ['--discovery', url]);
      await expect.poll(() => first.output).toContain('retry connecting to discovery service');
      expect(first.output).toMatch(/failed to get from discovery server.*connect: connection refused/);
      await using _service = await home.start(join(realEtcd ?? '', 'etcd'), ['--enable-v2']);
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
    const { stdout } = await promisify(execFile)(file, [...words, 'get', 'found', '--print-value-only'], {
      env: { PATH: process.env.PATH ?? '' },
    });
    expect(stdout).toBe('each other\n');
    const nobody = await newcomers.start({ program: ours, wrapper }, ['--discovery-srv', 'nowhere.test']);
    expect(await nobody.ended()).toBe(1);
    expect(nobody.output).toContain(
      'error setting up initial cluster: error querying DNS SRV records for _etcd-server-ssl ' +
        `lookup _etcd-server-ssl._tcp.nowhere.test on ${DNS_ADDRESS}:53: no such host`,
    );
  }, 120_000);
});
