/**
 * `etcd --proxy on|readonly`: our proxy, and beside it a real etcd 3.4's where REAL_ETCD_34 names one, in front of the
 * same members. What both answer must be the same; what is shown of ours alone stands on its own.
 */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { request as secureRequest } from 'node:https';
import { type AddressInfo, connect, createServer as createRawServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { certificateFolder, issue } from '../support/certificates.js';
import { type LocalCluster, startCluster } from '../support/cluster.js';
import { freePort } from '../support/free-port.js';
import { buildPrograms, MemberProcess, ourProgram, realEtcd34 } from '../support/member-process.js';
import { RunningProgram } from '../support/program.js';
import { type V2Answer, type V2Call, V2Http } from '../support/v2-http.js';

beforeAll(buildPrograms, 180_000);

const programs = [
  { name: 'ours', program: ourProgram('etcd'), more: ['--emulate-version=3.4'] },
  ...(realEtcd34 === undefined ? [] : [{ name: "etcd 3.4's", program: join(realEtcd34, 'etcd'), more: [] }]),
];
const LISTENING = 'v2 proxy started listening on client requests';

class Proxies implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'etcd-ts-proxy-'));
  readonly running: { name: string; endpoint: string; http: V2Http; process: MemberProcess; folder: string }[] = [];

  /** One by each program, with the same flags but for folder and port. */
  static async start(cluster: string, flags: readonly string[] = []): Promise<Proxies> {
    const proxies = new Proxies();
    try {
      for (const { name, program, more } of programs) {
        const endpoint = `127.0.0.1:${await freePort()}`;
        await proxies.startOne({ name, program, more, endpoint }, cluster, flags);
      }
    } catch (cause) {
      await proxies[Symbol.asyncDispose]();
      throw cause;
    }
    return proxies;
  }

  async startOne(
    { name, program, more, endpoint }: (typeof programs)[number] & { endpoint: string },
    cluster: string,
    flags: readonly string[],
  ): Promise<void> {
    const folder = join(this.folder, name.replaceAll(/\W/g, ''));
    const words = [
      ...['--proxy', 'on', '--data-dir', folder, '--listen-client-urls', `http://${endpoint}`, '--logger', 'zap'],
      ...['--initial-cluster', cluster, ...flags, ...more],
    ];
    const started = new MemberProcess(program, words);
    this.running.push({ name, endpoint, http: new V2Http(endpoint), process: started, folder });
    await started.untilSays(LISTENING);
  }

  /** What each answers. */
  ask(call: V2Call): Promise<V2Answer[]> {
    return Promise.all(this.running.map(({ http }) => http.call(call)));
  }

  /** What all answer; fails where they differ. */
  async agreed(call: V2Call) {
    const [first, ...others] = (await this.ask(call)).map(comparable);
    for (const other of others) expect(other, JSON.stringify(call)).toEqual(first);
    if (first === undefined) throw new Error('no proxy runs');
    return first;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { http, process: started } of this.running) {
      http[Symbol.dispose]();
      await started.kill();
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Each write has its own index. */
function comparable({ status, headers, body }: V2Answer) {
  const shown = Object.entries(headers).filter(
    ([name]) => !/^(date|content-length|connection|keep-alive|x-.*)$/.test(name),
  );
  const indexes = Object.keys(headers).filter((name) => name.startsWith('x-'));
  return {
    status,
    headers: Object.fromEntries(shown),
    indexes: indexes.sort(),
    body: body
      .replace(/("\w+Index"|"index"):\d+/g, '$1:N')
      .replace(/\/queue\/\d+/, '/queue/N')
      .replace(/,"prevNode":\{[^}]*\}/, ''),
  };
}

const initialCluster = ({ places }: LocalCluster): string =>
  places.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');

const members = (count: number) =>
  startCluster({ members: count, flags: ['--enable-v2', '--emulate-version=3.4', '--snapshot-count=1000'] });

describe('a v2 proxy', () => {
  it('passes everything on, and answers for itself what is its own', async () => {
    await using cluster = await members(1);
    await using proxies = await Proxies.start(initialCluster(cluster));
    await proxies.ask({ method: 'PUT', target: '/v2/keys/a', form: 'value=1' });
    const calls: V2Call[] = [
      { method: 'PUT', target: '/v2/keys/a', form: 'value=1' },
      { method: 'GET', target: '/v2/keys/a' },
      { method: 'HEAD', target: '/v2/keys/a' },
      { method: 'GET', target: '/v2/keys/nope' },
      { method: 'PUT', target: '/v2/keys/a', form: 'value=2&prevValue=3' },
      { method: 'PUT', target: '/v2/keys/a', form: 'ttl=x' },
      { method: 'POST', target: '/v2/keys/queue', form: 'value=1' },
      { method: 'DELETE', target: '/v2/keys/nope' },
      { method: 'PATCH', target: '/v2/keys/a' },
      { method: 'OPTIONS', target: '/v2/keys/a' },
      { method: 'GET', target: '/v2/members' },
      { method: 'GET', target: '/v2/machines' },
      { method: 'GET', target: '/version' },
      { method: 'GET', target: '/health' },
      { method: 'GET', target: '/nope' },
      { method: 'GET', target: '/v2/config/local/proxy' },
      { method: 'POST', target: '/v2/config/local/proxy' },
      { method: 'GET', target: '/v2/config/local/proxy/' },
      { method: 'POST', target: '/v3/kv/range', body: '{"key":"YQ=="}' },
    ];
    const statuses: number[] = [];
    for (const call of calls) statuses.push((await proxies.agreed(call)).status);
    expect(statuses.filter((status) => status >= 500)).toEqual([]);
    const [first] = await proxies.ask({ method: 'GET', target: '/v2/config/local/proxy' });
    expect(first?.body).toBe(`{"endpoints":["${cluster.at(0).clientUrl}"]}\n`);
    for (const { folder } of proxies.running) {
      const file = readFileSync(join(folder, 'proxy', 'cluster'), 'utf8');
      expect(file).toBe(`{"PeerURLs":["${cluster.at(0).peerUrl}"]}`);
    }
  }, 60_000);

  it('lets long polls wait as long as they like, and passes streams on as they come', async () => {
    await using cluster = await members(1);
    await using proxies = await Proxies.start(initialCluster(cluster));
    using direct = new V2Http(cluster.at(0).endpoint);
    const watching = async (): Promise<number> => {
      const { body } = await direct.call({ method: 'GET', target: '/v2/stats/store' });
      return (JSON.parse(body) as { watchers: number }).watchers;
    };
    const polls = proxies.running.map(async ({ endpoint }) =>
      (await fetch(`http://${endpoint}/v2/keys/poll?wait=true`)).text(),
    );
    await expect.poll(watching).toBe(polls.length);
    await direct.call({ method: 'PUT', target: '/v2/keys/poll', form: 'value=now' });
    for (const text of await Promise.all(polls)) expect(text).toContain('"value":"now"');
    // A stream through ours alone: 3.4's keeps it back until some kilobytes are there.
    const leaving = new AbortController();
    const target = `http://${proxies.running[0]?.endpoint}/v2/keys/stream?wait=true&recursive=true&stream=true`;
    const stream = await fetch(target, { signal: leaving.signal });
    expect(stream.headers.get('x-etcd-index')).not.toBeNull();
    for (let count = 0; count < 3; count++)
      await direct.call({ method: 'PUT', target: `/v2/keys/stream/${count}`, form: 'value=x' });
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of stream.body ?? []) {
      text += decoder.decode(chunk);
      if (text.split('\n').length > 3) break;
    }
    expect([...text.matchAll(/"key":"(\/stream\/\d)"/g)].map(([, key]) => key)).toEqual([
      '/stream/0',
      '/stream/1',
      '/stream/2',
    ]);
    leaving.abort();
    // Who leaves the proxy leaves the member.
    await expect.poll(watching).toBe(0);
  }, 60_000);

  it('goes to another member when one is gone, remembers the cluster, and learns of it anew', async () => {
    await using cluster = await members(3);
    const [, second, third] = cluster.places;
    const refresh = ['--proxy-failure-wait', '60000', '--proxy-refresh-interval', '400'];
    await using proxies = await Proxies.start(initialCluster(cluster), refresh);
    const known = async (): Promise<number[]> =>
      (await proxies.ask({ method: 'GET', target: '/v2/config/local/proxy' })).map(
        ({ body }) => (JSON.parse(body) as { endpoints: string[] }).endpoints.length,
      );
    expect(await known()).toEqual(proxies.running.map(() => 3));
    await cluster.at(0).stop();
    await proxies.ask({ method: 'PUT', target: '/v2/keys/a', form: 'value=1' });
    for (let count = 0; count < 6; count++) {
      const { status } = await proxies.agreed({ method: 'PUT', target: '/v2/keys/a', form: 'value=1' });
      expect([200, 201]).toContain(status);
    }
    // Without a quorum members refuse, and that is their answer.
    await second?.stop();
    await third?.stop();
    const answers = await proxies.ask({ method: 'GET', target: '/v2/keys/a' });
    for (const { status, body } of answers) {
      // Which it is depends on whether one of them was tried before.
      expect([502, 503]).toContain(status);
      expect(body).toMatch(
        /^\{"message":"httpproxy: (unable to get response from \d endpoint\(s\)|zero endpoints.*)"\}$/,
      );
    }
    await expect.poll(async () => (await proxies.agreed({ method: 'GET', target: '/v2/keys/a' })).status).toBe(503);
    const { body } = await proxies.agreed({ method: 'GET', target: '/v2/keys/a' });
    expect(body).toBe('{"message":"httpproxy: zero endpoints currently available"}');
    // All of them again, while the proxies stand; and then other proxies in the same folders, told nonsense.
    await Promise.all(cluster.places.map((place) => place.start()));
    await expect.poll(known, { timeout: 10_000 }).toEqual(proxies.running.map(() => 3));
    const before = [...proxies.running];
    for (const { process: started } of before) await started.stop();
    proxies.running.length = 0;
    for (const [at, each] of programs.entries()) {
      const endpoint = before[at]?.endpoint ?? '';
      before[at]?.http[Symbol.dispose]();
      await proxies.startOne({ ...each, endpoint }, 'nobody=http://127.0.0.1:1', ['--proxy', 'readonly']);
    }
    expect((await proxies.agreed({ method: 'GET', target: '/v2/keys/a' })).status).toBe(200);
    for (const method of ['PUT', 'POST', 'DELETE', 'HEAD', 'OPTIONS']) {
      expect((await proxies.agreed({ method, target: '/v2/keys/a', form: '' })).status, method).toBe(501);
    }
    const [mine] = proxies.running;
    expect(mine?.process.output).toContain('proxy using peer URLS from cluster file');
  }, 120_000);

  it('starts though nobody is there yet', async () => {
    const peer = `http://127.0.0.1:${await freePort()}`;
    await using proxies = await Proxies.start(`m=${peer}`, ['--proxy-refresh-interval', '30000']);
    const { status, body } = await proxies.agreed({ method: 'GET', target: '/v2/keys/' });
    expect([status, body]).toEqual([503, '{"message":"httpproxy: zero endpoints currently available"}']);
  }, 60_000);
});

/** A member of which the peer port tells whom to ask, and nothing else is there. */
async function peerThatNames(clientUrl: string, peerUrl: () => string): Promise<Server> {
  const server = createServer((_request, response) => {
    response.setHeader('X-Etcd-Cluster-Id', '1');
    response.end(JSON.stringify([{ id: 1, name: 'm', peerURLs: [peerUrl()], clientURLs: [clientUrl] }]));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const urlOf = (server: { address(): unknown }): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

describe('a v2 proxy in front of one that hangs', () => {
  const sockets = new Set<Socket>();
  const hanging = async (isRead: boolean) => {
    const server = createRawServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      if (isRead) socket.resume();
      else socket.pause();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  };

  it.each([
    ['does not answer', true, '--proxy-read-timeout', 'GET', undefined],
    ['does not read', false, '--proxy-write-timeout', 'PUT', `value=${'x'.repeat(20_000_000)}`],
  ])(
    'gives up on one that %s',
    async (_what, isRead, flag, method, form) => {
      const member = await hanging(isRead);
      const peer: Server = await peerThatNames(urlOf(member), () => urlOf(peer));
      try {
        await using proxies = await Proxies.start(`m=${urlOf(peer)}`, [flag, '300']);
        const startedMs = performance.now();
        const { status, body } = await proxies.agreed({ method, target: '/v2/keys/a', form });
        expect([status, body]).toEqual([502, '{"message":"httpproxy: unable to get response from 1 endpoint(s)"}']);
        expect(performance.now() - startedMs).toBeGreaterThan(290);
        expect((await proxies.agreed({ method: 'GET', target: '/v2/keys/a' })).body).toContain('zero endpoints');
      } finally {
        for (const socket of sockets) socket.destroy();
        member.close();
        peer.close();
      }
    },
    60_000,
  );
});

/** An address at which connections neither come up nor are refused: a server that accepts nobody, its queue full. */
async function blackhole(): Promise<{ url: string } & AsyncDisposable> {
  const script =
    'const s = require("net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {' +
    'process.stdout.write(String(s.address().port)); process.kill(process.pid, "SIGSTOP"); });';
  const server = new RunningProgram(process.execPath, ['-e', script]);
  await expect.poll(() => server.stdout).not.toBe('');
  const port = Number(server.stdout);
  const waiting: Socket[] = [];
  const isUp = (socket: Socket): Promise<boolean> =>
    Promise.race([
      once(socket, 'connect').then(() => true),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 300)),
    ]);
  for (let up = true; up; ) {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    waiting.push(socket);
    up = await isUp(socket);
  }
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of waiting) socket.destroy();
      await server.kill();
    },
  };
}

describe('a v2 proxy in front of an address that leads nowhere', () => {
  it('gives up when the time to connect is over', async () => {
    await using hole = await blackhole();
    const peer: Server = await peerThatNames(hole.url, () => urlOf(peer));
    try {
      await using proxies = await Proxies.start(`m=${urlOf(peer)}`, ['--proxy-dial-timeout', '2000']);
      const startedMs = performance.now();
      const { status, body } = await proxies.agreed({ method: 'GET', target: '/v2/keys/a' });
      const tookMs = performance.now() - startedMs;
      expect([status, body]).toEqual([502, '{"message":"httpproxy: unable to get response from 1 endpoint(s)"}']);
      // By default it would have given up after a second.
      expect(tookMs).toBeGreaterThan(1900);
      expect((await proxies.agreed({ method: 'GET', target: '/v2/keys/a' })).status).toBe(503);
    } finally {
      peer.close();
    }
  }, 60_000);
});

describe('a v2 proxy with TLS', () => {
  it('shows its certificate to both sides, and asks for theirs', async () => {
    using files = certificateFolder();
    const ca = issue({ commonNames: ['ca'], isAuthority: true });
    const node = issue({ by: ca, commonNames: ['node'], usages: ['client', 'server'], addresses: ['127.0.0.1'] });
    const stranger = issue({ commonNames: ['stranger'], isAuthority: true });
    const paths = {
      ca: files.write('ca.pem', ca.cert),
      cert: files.write('cert.pem', node.cert),
      key: files.write('key.pem', node.key),
    };
    const tls = [
      ...['--cert-file', paths.cert, '--key-file', paths.key, '--trusted-ca-file', paths.ca, '--client-cert-auth'],
      ...['--peer-cert-file', paths.cert, '--peer-key-file', paths.key, '--peer-trusted-ca-file', paths.ca],
      '--peer-client-cert-auth',
    ];
    const [client, peer] = [`https://127.0.0.1:${await freePort()}`, `https://127.0.0.1:${await freePort()}`];
    const start = (program: string, words: readonly string[]) =>
      new MemberProcess(program, [...words, ...tls, '--logger', 'zap']);
    await using member = start(ourProgram('etcd'), [
      ...['--name', 'm', '--data-dir', files.path('member'), '--enable-v2', '--emulate-version=3.4'],
      ...['--listen-client-urls', client, '--advertise-client-urls', client, '--listen-peer-urls', peer],
      ...['--initial-advertise-peer-urls', peer, '--initial-cluster', `m=${peer}`],
    ]);
    await member.untilSays('ready to serve client requests');
    for (const [at, { program, more, name }] of programs.entries()) {
      const port = await freePort();
      await using proxy = start(program, [
        ...['--proxy', 'on', '--data-dir', files.path(`proxy${at}`), '--initial-cluster', `m=${peer}`],
        ...['--listen-client-urls', `https://127.0.0.1:${port}`, ...more],
      ]);
      await proxy.untilSays(LISTENING);
      const ask = (identity: { cert?: string; key?: string }): Promise<string> =>
        new Promise((resolve, reject) => {
          const options = { port, host: '127.0.0.1', path: '/v2/keys/?recursive=true', ca: ca.cert, ...identity };
          secureRequest({ ...options, agent: false }, (response) => {
            response.setEncoding('utf8');
            let text = '';
            response.on('data', (chunk: string) => {
              text += chunk;
            });
            response.on('end', () => resolve(`${response.statusCode} ${text}`));
          })
            .on('error', reject)
            .end();
        });
      expect(await ask({ cert: node.cert, key: node.key }), name).toBe('200 {"action":"get","node":{"dir":true}}\n');
      await expect(ask({}), name).rejects.toThrow();
      await expect(ask({ cert: stranger.cert, key: stranger.key }), name).rejects.toThrow();
    }
  }, 60_000);
});
