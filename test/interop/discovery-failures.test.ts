/**
 * What goes wrong with a v2 token, at our member as the service and at servers that are none: our program's words, exit
 * code and going on, beside those of etcd 3.4 where REAL_ETCD_34 names a folder with real programs. And a member that
 * finds its cluster full: it serves as a proxy.
 */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClusterPlace, type LocalCluster, prepareCluster } from '../support/cluster.js';
import { freePort } from '../support/free-port.js';
import { buildPrograms, MemberProcess, ourProgram, realEtcd34 } from '../support/member-process.js';

const programs = [
  { name: 'ours', program: ourProgram('etcd'), more: ['--emulate-version=3.4'] },
  ...(realEtcd34 === undefined ? [] : [{ name: 'real', program: join(realEtcd34, 'etcd'), more: [] }]),
];

const folder = mkdtempSync(join(tmpdir(), 'etcd-ts-no-discovery-'));
let cluster: LocalCluster;
let home: ClusterPlace;
let service: MemberProcess;
const odd = new Map<string, Server>();

const oddServers: Readonly<Record<string, RequestListener>> = {
  page: (_request, response) => response.end('<html></html>'),
  refusal: (_request, response) => response.writeHead(403).end('no'),
  broken: (_request, response) => response.writeHead(500).end(),
  circle: (request, response) =>
    response.writeHead(302, { location: `http://${request.headers.host}${request.url}` }).end(),
  flood: (_request, response) => {
    response.on('error', () => {});
    for (let count = 0; count < 50; count++) response.write(Buffer.alloc(1024 * 1024, 'x'));
    response.end();
  },
  endless: (request, response) => {
    const drip = setInterval(() => response.write('x'), 50);
    request.on('close', () => clearInterval(drip));
    response.on('close', () => clearInterval(drip));
  },
};

beforeAll(async () => {
  buildPrograms();
  for (const [name, listener] of Object.entries(oddServers)) {
    const server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    odd.set(name, server);
  }
  cluster = await prepareCluster({ members: 1 });
  home = cluster.only;
  service = await home.run(ourProgram('etcd'), ['--enable-v2']);
}, 180_000);

afterAll(async () => {
  await service?.kill();
  await cluster?.[Symbol.asyncDispose]();
  for (const server of odd.values()) {
    server.closeAllConnections();
    server.close();
  }
  rmSync(folder, { recursive: true, force: true });
});

async function put(key: string, value: string): Promise<void> {
  const url = `http://${home.endpoint}/v2/keys/tokens/${key}`;
  const response = await fetch(url, { method: 'PUT', body: new URLSearchParams({ value }) });
  expect(response.ok).toBe(true);
}

interface Start {
  readonly program: string;
  readonly more: readonly string[];
  readonly url: string;
  readonly dataDir: string;
  readonly ports?: readonly [client: number, peer: number];
  readonly name?: string;
}

async function start({ program, more, url, dataDir, ports, name = 'm' }: Start): Promise<MemberProcess> {
  const [clientPort, peerPort] = ports ?? [await freePort(), await freePort()];
  const [client, peer] = [`http://127.0.0.1:${clientPort}`, `http://127.0.0.1:${peerPort}`];
  const words = [
    ...['--name', name, '--data-dir', join(folder, dataDir), '--listen-client-urls', client],
    ...['--advertise-client-urls', client, '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ...['--discovery', url, '--logger', 'zap', ...more],
  ];
  return new MemberProcess(program, words);
}

/** What was warned of, without what is each one's own. */
function warnings(output: string): string[] {
  return output
    .split('\n')
    .filter((line) => /^\{.*"level":"(warn|fatal)"/.test(line) && !line.includes('on single port'))
    .map((line) => JSON.parse(line) as { msg: string; error?: string })
    .map(({ msg, error = '' }) => `${msg}: ${error}`.replace(/\[\d+\]|(real|ours)\b/g, '*').trim());
}

/** Token's keys, by their paths; and whether the member is to be started a second time with nothing in its folder. */
const failures: readonly {
  readonly what: string;
  readonly keys?: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
  readonly server?: string;
  readonly says: string;
  /** So etcd 3.4 does, where ours refuses (GHSA-9gp7-6833-wv89). */
  readonly panics?: boolean;
}[] = [
  { what: 'size missing', says: 'failed to join discovery cluster (100: Key not found (/tokens' },
  { what: 'negative size', keys: { '_config/size': '-1' }, says: 'discovery: size key is bad' },
  { what: 'size of zero', keys: { '_config/size': '0' }, says: 'discovery: size key is bad', panics: true },
  { what: 'size with a sign', keys: { '_config/size': '+3' }, says: 'discovery: size key is bad' },
  { what: 'size that is empty', keys: { '_config/size': '' }, says: 'discovery: size key is bad' },
  { what: 'size in letters', keys: { '_config/size': 'three' }, says: 'discovery: size key is bad' },
  {
    what: 'full and exit',
    keys: { '_config/size': '1', ab: 'x=http://127.0.0.1:1' },
    flags: ['--discovery-fallback', 'exit'],
    says: 'discovery: cluster is full',
  },
  {
    what: 'duplicate name',
    keys: { '_config/size': '2', ab: 'm=http://127.0.0.1:1' },
    says: 'member with duplicated name has already been registered',
  },
  { what: 'no URL registered', keys: { '_config/size': '2', ab: 'nonsense' }, says: 'discovery: invalid URL' },
  { what: 'joining', flags: ['--initial-cluster-state', 'existing'], says: 'discovery URL should not be set' },
  { what: 'page', server: 'page', says: 'discovery: bad discovery endpoint' },
  { what: 'refusal', server: 'refusal', says: 'discovery: bad discovery endpoint' },
  { what: 'flood', server: 'flood', says: 'discovery: bad discovery endpoint' },
  { what: 'endless', server: 'endless', says: 'context deadline exceeded' },
];

function urlOf(server: string, what: string): string {
  const address = odd.get(server)?.address() as AddressInfo;
  return `http://127.0.0.1:${address.port}/${what}`;
}

describe('a v2 token that leads nowhere', () => {
  it("ends the start, with etcd's words and exit code", async () => {
    const different: unknown[] = [];
    for (const { what, keys = {}, flags = [], server, says, panics = false } of failures) {
      const outcomes = await Promise.all(
        programs.map(async ({ name, program, more }) => {
          const token = `${what.replaceAll(' ', '-')}-${name}`;
          for (const [key, value] of Object.entries(keys)) await put(`${token}/${key}`, value);
          const url = server === undefined ? `http://${home.endpoint}/v2/keys/tokens/${token}` : urlOf(server, token);
          await using started = await start({ program, more: [...more, ...flags], url, dataDir: token });
          const code = await started.ended();
          if (panics && name === 'real') {
            expect(started.output).toContain('panic: runtime error');
            return undefined;
          }
          return { code, warned: warnings(started.output.replaceAll(url, 'URL')) };
        }),
      );
      const [mine, real = mine] = outcomes;
      expect(mine?.warned.join('\n'), what).toContain(says);
      expect(mine?.code, what).toBe(1);
      if (JSON.stringify(mine) !== JSON.stringify(real)) different.push({ what, mine, real });
    }
    expect(different).toEqual([]);
  }, 120_000);

  it.each([
    ['is not there', undefined, 'connect: connection refused'],
    ['is broken', 'broken', 'has no leader'],
  ])(
    'is asked again and again where the service %s',
    async (_what, server, says) => {
      for (const { name, program, more } of programs) {
        const url = server === undefined ? `http://127.0.0.1:${await freePort()}/t` : urlOf(server, 't');
        await using started = await start({ program, more, url, dataDir: `away-${server}-${name}` });
        await expect.poll(() => started.output.match(/retry connecting to discovery service/g)?.length).toBe(2);
        expect(started.output).toMatch(new RegExp(`failed to get from discovery server.*${says}`));
      }
    },
    60_000,
  );

  it.each(programs)(
    'that leads in a circle is asked again later by $name',
    async ({ name, program, more }) => {
      const url = urlOf('circle', 't');
      await using started = await start({ program, more, url, dataDir: `circle-${name}` });
      await started.untilSays('retry connecting to discovery service');
      expect(started.output).toContain('client: too many redirects');
    },
    60_000,
  );

  it('tells a member that lost its data so, and lets one that has it start without the service', async () => {
    for (const { name, program, more } of programs) {
      await put(`again-${name}/_config/size`, '1');
      const url = `http://${home.endpoint}/v2/keys/tokens/again-${name}`;
      const ports = [await freePort(), await freePort()] as const;
      const where = { program, more, url, dataDir: `again-${name}`, ports };
      {
        await using first = await start(where);
        await first.untilHealthy(`http://127.0.0.1:${ports[0]}/health`);
        await first.stop();
      }
      {
        await using lost = await start({ ...where, dataDir: `lost-${name}` });
        expect(await lost.ended()).toBe(1);
        expect(warnings(lost.output).filter((line) => !line.startsWith('failed to start'))).toEqual([
          'member has been registered with discovery service: discovery: found duplicate id',
          'but could not find valid cluster configuration:',
          'check data dir if previous bootstrap succeeded:',
          'or use a new discovery token if previous bootstrap failed:',
        ]);
      }
      await using again = await start({ ...where, url: 'http://127.0.0.1:1/v2/keys/gone' });
      await again.untilHealthy(`http://127.0.0.1:${ports[0]}/health`);
      expect(again.output).toContain(
        'discovery token is ignored since cluster already initialized; valid logs are found',
      );
    }
  }, 120_000);
});

describe('a member that finds its cluster full', () => {
  it('is a proxy of it from then on, also when it is started again', async () => {
    for (const { name, program, more } of programs) {
      await put(`full-${name}/_config/size`, '1');
      const url = `http://${home.endpoint}/v2/keys/tokens/full-${name}`;
      const memberPorts = [await freePort(), await freePort()] as const;
      const flags = [...more, '--enable-v2'];
      await using member = await start({ program, more: flags, url, dataDir: `first-${name}`, ports: memberPorts });
      await member.untilHealthy(`http://127.0.0.1:${memberPorts[0]}/health`);
      const ports = [await freePort(), await freePort()] as const;
      const proxied = { program: ourProgram('etcd'), more: ['--emulate-version=3.4'], dataDir: `proxy-${name}`, ports };
      const ask = async (text: string): Promise<void> => {
        const key = `http://127.0.0.1:${ports[0]}/v2/keys/through`;
        await fetch(key, { method: 'PUT', body: new URLSearchParams({ value: text }) });
        const direct = await fetch(`http://127.0.0.1:${memberPorts[0]}/v2/keys/through`);
        expect(await direct.text()).toContain(`"value":"${text}"`);
      };
      const listening = 'v2 proxy started listening on client requests';
      {
        await using proxy = await start({ ...proxied, url });
        await proxy.untilSays(listening);
        expect(proxy.output).toContain('discovery cluster is full, falling back to proxy');
        await ask('once');
        const file = readFileSync(join(folder, proxied.dataDir, 'proxy', 'cluster'), 'utf8');
        expect(file).toBe(`{"PeerURLs":["http://127.0.0.1:${memberPorts[1]}"]}`);
      }
      // It needs no service for it.
      await using again = await start({ ...proxied, url: 'http://127.0.0.1:1/v2/keys/gone' });
      await again.untilSays(listening);
      expect(again.output).toContain('proxy using peer URLS from cluster file');
      await ask('twice');
    }
  }, 120_000);
});
