/** A gRPC proxy in front of a member, both with real sockets, asked by our client. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../../../src/client/client.js';
import { Mutex } from '../../../src/client/concurrency/mutex.js';
import { Session } from '../../../src/client/concurrency/session.js';
import { EtcdError } from '../../../src/client/errors.js';
import { compare, op } from '../../../src/client/kv.js';
import { silentLogger } from '../../../src/lib/logger.js';
import type { NetworkAddress } from '../../../src/lib/network.js';
import { hostName } from '../../../src/lib/os/host-name.js';
import { httpGet } from '../../../src/lib/os/http-get.js';
import { osNetwork } from '../../../src/lib/os/net.js';
import type { TlsContents } from '../../../src/lib/tls.js';
import type { GrpcProxyOptions } from '../../../src/start/grpc-proxy-options.js';
import { startGrpcProxy } from '../../../src/start/start-grpc-proxy.js';
import { type ClusterPlace, type LocalCluster, startCluster } from '../../support/cluster.js';
import { freePort } from '../../support/free-port.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const usual: GrpcProxyOptions = {
  listenAddr: '127.0.0.1:0',
  endpoints: [],
  endpointsAutoSyncIntervalMs: 0,
  metricsAddr: '',
  advertiseClientUrl: '',
  namespace: '',
  maxSendBytes: 1_572_864,
  maxReceiveBytes: 2_147_483_647,
  maxConcurrentStreams: 4_294_967_295,
  dialKeepaliveTimeMs: 0,
  dialKeepaliveTimeoutMs: 20_000,
  permitWithoutStream: false,
  keepaliveMinTimeMs: 5000,
  keepaliveIntervalMs: 7_200_000,
  keepaliveTimeoutMs: 20_000,
  clusterTls: {},
  listenTls: { minVersion: 'TLS1.2' },
};

let cluster: LocalCluster;
let member: ClusterPlace;
const closing: { close(): Promise<unknown> }[] = [];
beforeAll(async () => {
  cluster = await startCluster({ members: 1 });
  member = cluster.only;
});
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close();
});
afterAll(() => cluster[Symbol.asyncDispose]());

const hostPort = (address: NetworkAddress | undefined): string => {
  if (address?.t !== 'tcp') throw new Error('no TCP address');
  return `${address.host}:${address.port}`;
};

async function proxy(options: Partial<GrpcProxyOptions> = {}, logger = silentLogger) {
  const running = await startGrpcProxy({ ...usual, endpoints: [member.endpoint], ...options }, logger);
  closing.push(running);
  return { running, address: hostPort(running.address) };
}

function clientOf(address: string, options: { username?: string; password?: string } = {}): Client {
  const client = new Client({ endpoints: [address], ...options });
  closing.push(client);
  return client;
}

const direct = () => clientOf(member.endpoint);
const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();
async function keysOf(client: Client): Promise<string[]> {
  const { kvs } = await client.kv.get('', { prefix: true });
  return kvs.map(({ key }) => text(key));
}

describe('a gRPC proxy', () => {
  it('passes reads and writes on to the cluster', async () => {
    const through = clientOf((await proxy()).address);
    await through.kv.put('plain/a', '1');
    expect(text((await direct().kv.get('plain/a')).kvs[0]?.value)).toBe('1');
    expect((await through.kv.delete('plain/', { prefix: true })).deleted).toBe(1);
  });

  it('passes refusals on with their code and text', async () => {
    const through = clientOf((await proxy()).address);
    await expect(through.kv.get('')).rejects.toMatchObject({ code: 3, message: 'etcdserver: key is not provided' });
    await expect(through.kv.get('a', { revision: 1_000_000 })).rejects.toMatchObject({
      code: 11,
      message: 'etcdserver: mvcc: required revision is a future revision',
    });
  });

  it('passes streams on both ways: watches, keep-alives, snapshots', async () => {
    const through = clientOf((await proxy()).address);
    const watch = through.watch('stream/', { prefix: true });
    await watch.started;
    await direct().kv.put('stream/a', '1');
    const { value } = await watch.next();
    expect(value?.events.map(({ kv }: { kv?: { key: Uint8Array } }) => text(kv?.key))).toEqual(['stream/a']);
    watch.cancel();
    const { ID } = await through.lease.grant(60);
    expect((await through.lease.keepAliveOnce(ID)).TTL).toBe(60);
    let size = 0;
    for await (const { blob } of await through.maintenance.snapshot()) size += blob.length;
    expect(size).toBeGreaterThan(16 * 1024);
  });

  it('lets a member see that a caller has gone', async () => {
    const through = clientOf((await proxy()).address);
    const watchers = async (): Promise<number> => {
      const metrics = await httpGet(`http://${member.endpoint}/metrics`, undefined);
      return Number(/^etcd_debugging_mvcc_watcher_total (\d+)$/m.exec(metrics)?.[1]);
    };
    const before = await watchers();
    const watch = through.watch('gone');
    await watch.started;
    expect(await watchers()).toBe(before + 1);
    await through.close();
    await expect.poll(watchers).toBe(before);
  });

  it('names itself in the member list when it is told an address', async () => {
    const through = clientOf((await proxy({ advertiseClientUrl: 'http://proxy:1' })).address);
    const { members } = await through.cluster.list();
    expect(members).toEqual([
      { ID: 0n, name: hostName(), peerURLs: [], clientURLs: ['http://proxy:1'], isLearner: false },
    ]);
  });

  it('shows the members of the cluster when it is told none', async () => {
    const { members } = await clientOf((await proxy()).address).cluster.list();
    expect(members.map(({ name }) => name)).toEqual(['m']);
  });

  it('says Unavailable, and why, when no member can be reached', async () => {
    const through = clientOf((await proxy({ endpoints: ['127.0.0.1:1'] })).address);
    const error = await through.kv.put('a', 'b', { timeoutMs: 20_000 }).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(EtcdError);
    expect(error).toMatchObject({
      code: 14,
      message: expect.stringContaining('127.0.0.1:1: connect: connection refused'),
    });
  });

  it('goes on with the members that can be reached', async () => {
    const through = clientOf((await proxy({ endpoints: ['127.0.0.1:1', member.endpoint] })).address);
    for (let i = 0; i < 4; i++) await through.kv.put('failover', String(i));
    expect(text((await through.kv.get('failover')).kvs[0]?.value)).toBe('3');
  });

  it('refuses a request beyond its limit in the words of gRPC', async () => {
    const through = clientOf((await proxy({ maxSendBytes: 1000 })).address);
    await expect(through.kv.put('big', 'x'.repeat(2000))).rejects.toMatchObject({
      code: 8,
      message: expect.stringMatching(/trying to send message larger than max \(\d+ vs\. 1000\)/),
    });
  });

  it('passes the token of the caller on, not one of its own', async () => {
    await using guardedCluster = await startCluster({ members: 1 });
    const guarded = guardedCluster.only;
    const admin = clientOf(guarded.endpoint);
    await admin.auth.userAdd('root', 'pw');
    await admin.auth.userGrantRole('root', 'root');
    await admin.auth.userAdd('nobody', 'pw');
    await admin.auth.enable();
    const { address } = await proxy({ endpoints: [guarded.endpoint] });
    const root = clientOf(address, { username: 'root', password: 'pw' });
    await root.kv.put('k', 'v');
    const nobody = clientOf(address, { username: 'nobody', password: 'pw' });
    await expect(nobody.kv.get('k')).rejects.toMatchObject({ message: 'etcdserver: permission denied' });
    await expect(clientOf(address).kv.get('k')).rejects.toMatchObject({ message: 'etcdserver: user name is empty' });
    for (const each of closing.splice(0).reverse()) await each.close();
  });

  it('says where it listens, then that it has started', async () => {
    const logger = new RecordingLogger();
    await proxy({ metricsAddr: 'http://127.0.0.1:0' }, logger);
    expect(logger.records.map(({ message }) => message)).toEqual([
      'listening for gRPC proxy client requests',
      'gRPC proxy listening for metrics',
      'started gRPC proxy',
    ]);
  });

  it.each([
    [{ listenAddr: 'bad' }, 'listen tcp: address bad: missing port in address\n'],
    [{ listenAddr: '127.0.0.1:99999' }, 'listen tcp: address 99999: invalid port\n'],
    [{ metricsAddr: 'ftp://127.0.0.1:1' }, 'URL scheme must be http, https, unix, or unixs: ftp://127.0.0.1:1\n'],
    [
      { listenTls: { ...usual.listenTls, certFile: '/nowhere', keyFile: '/nowhere' } },
      'open /nowhere: no such file or directory\n',
    ],
  ] satisfies [Partial<GrpcProxyOptions>, string][])('refuses to start with %j', async (options, said) => {
    await expect(proxy(options)).rejects.toMatchObject({ text: said, to: 'stderr' });
  });
});

describe('a gRPC proxy that speaks TLS with its clients', () => {
  const file = (name: string) => fileURLToPath(new URL(`../../fixtures/tls/${name}`, import.meta.url));
  const listenTls = { ...usual.listenTls, certFile: file('server.crt'), keyFile: file('server.key') };
  const ca = readFileSync(file('ca.crt'));
  const secure = (address: string, tls: TlsContents): Client => {
    const client = new Client({ endpoints: [`https://${address}`], tls: { ca, ...tls } });
    closing.push(client);
    return client;
  };

  it('shows its certificate', async () => {
    const { address } = await proxy({ listenTls });
    await secure(address, {}).kv.put('tls', '1');
    expect(await fetch(`http://${address}/health`).catch(() => 'refused')).toBe('refused');
  });

  it('takes clients alone whose certificate its authorities have signed', async () => {
    const { address } = await proxy({ listenTls: { ...listenTls, trustedCaFile: file('ca.crt') } });
    const [cert, key] = [readFileSync(file('client.crt')), readFileSync(file('client.key'))];
    await secure(address, { cert, key }).kv.put('tls', '2');
    await expect(secure(address, {}).kv.put('tls', '3', { timeoutMs: 1000 })).rejects.toBeInstanceOf(EtcdError);
  });

  it.each(['PEM', 'DER'])(
    'refuses clients whose certificate is on its list of revoked ones, read as %s',
    async (form) => {
      using folder = temporaryFolder();
      const crl = join(folder.path, 'crl');
      const pem = readFileSync(file('crl/revoked.crl'), 'utf8');
      writeFileSync(crl, form === 'PEM' ? pem : Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64'));
      const { address } = await proxy({
        listenTls: { ...listenTls, trustedCaFile: file('crl/ca.crt'), clientCrlFile: crl },
      });
      const put = (name: string) => {
        const [cert, key] = [readFileSync(file(`crl/${name}.crt`)), readFileSync(file(`crl/${name}.key`))];
        return secure(address, { cert, key }).kv.put('tls', name, { timeoutMs: name === 'good' ? 10_000 : 1000 });
      };
      await put('good');
      await expect(put('revoked')).rejects.toBeInstanceOf(EtcdError);
      expect(text((await direct().kv.get('tls')).kvs[0]?.value)).toBe('good');
    },
  );

  it('keeps to the versions and suites it is told', async () => {
    const suite = 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384';
    const { address } = await proxy({ listenTls: { ...listenTls, maxVersion: 'TLS1.2', cipherSuites: [suite] } });
    const [host = '', port = ''] = address.split(':');
    const dial = async (options: TlsContents) => {
      const { socket, tls } = await osNetwork.dial({ t: 'tcp', host, port: Number(port) }, { tls: { ca, ...options } });
      socket.destroy();
      return [tls?.version, tls?.cipher];
    };
    expect(await dial({})).toEqual(['TLSv1.2', suite]);
    await expect(dial({ minVersion: 'TLSv1.3' })).rejects.toThrow();
    await expect(dial({ ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' })).rejects.toThrow();
  });

  it.each([
    [
      { minVersion: 'TLS1.1' },
      'tls-min-version is invalid: unexpected TLS version "TLS1.1" (must be one of: TLS1.2, TLS1.3)\n',
    ],
    [{ maxVersion: 'x' }, 'tls-max-version is invalid: unexpected TLS version "x" (must be one of: TLS1.2, TLS1.3)\n'],
    [{ minVersion: 'TLS1.3', maxVersion: 'TLS1.2' }, 'min version (TLS1.3) is greater than max version (TLS1.2)\n'],
    [
      { minVersion: 'TLS1.3', cipherSuites: ['TLS_RSA_WITH_AES_128_CBC_SHA'] },
      'cipher suites cannot be configured when only TLS1.3 is enabled\n',
    ],
    [{ cipherSuites: ['FOO'] }, 'unexpected TLS cipher suite "FOO"\n'],
  ])('refuses to start with %j', async (options, said) => {
    await expect(proxy({ listenTls: { ...usual.listenTls, ...options } })).rejects.toMatchObject({ text: said });
  });

  it('refuses a certificate for the cluster that names a user', async () => {
    const named = { certFile: file('client.crt'), keyFile: file('client.key') };
    await expect(proxy({ clusterTls: named })).rejects.toMatchObject({
      text: expect.stringMatching(/^cert has non empty Common Name \(.+\): .*client\.crt\n$/),
    });
  });
});

describe('a gRPC proxy with a namespace', () => {
  it('shows its clients that part of the keyspace as all of it', async () => {
    const whole = direct();
    const through = clientOf((await proxy({ namespace: 'ns/' })).address);
    for (const key of ['ms/z', 'nt', 'ns0']) await whole.kv.put(key, 'outside');
    await through.kv.put('a', '1');
    await through.kv.put('b', '2');
    expect(await keysOf(through)).toEqual(['a', 'b']);
    expect(text((await whole.kv.get('ns/a')).kvs[0]?.value)).toBe('1');
    const { kvs } = await through.kv.get('b', { fromKey: true });
    expect(kvs.map(({ key }) => text(key))).toEqual(['b']);
    expect((await through.kv.delete('', { prefix: true })).deleted).toBe(2);
    expect(await keysOf(whole)).toEqual(expect.arrayContaining(['ms/z', 'ns0', 'nt']));
  });

  it('keeps transactions and their compares inside', async () => {
    const whole = direct();
    const through = clientOf((await proxy({ namespace: 'tx/' })).address);
    await whole.kv.put('c', 'outside');
    await through.kv.put('c', 'inside');
    const { succeeded, responses } = await through.kv.txn({
      compare: [compare.value('c', '=', 'inside')],
      success: [op.put('d', 'new'), op.get('c')],
      failure: [],
    });
    expect(succeeded).toBe(true);
    const read = responses[1]?.response;
    expect(read?.case === 'responseRange' && read.value.kvs.map(({ key }) => text(key))).toEqual(['c']);
    expect(await keysOf(through)).toEqual(['c', 'd']);
  });

  it('watches inside, and tells keys as its clients know them', async () => {
    const whole = direct();
    const through = clientOf((await proxy({ namespace: 'w/' })).address);
    const watch = through.watch('', { prefix: true, prevKv: true });
    await watch.started;
    await whole.kv.put('v', 'outside');
    await whole.kv.put('w/k', '1');
    await whole.kv.delete('w/k');
    const seen: string[] = [];
    for await (const { events } of watch) {
      for (const { type, kv, prevKv } of events) seen.push(`${type} ${text(kv?.key)} ${text(prevKv?.key)}`);
      if (seen.length === 2) break;
    }
    expect(seen).toEqual(['0 k ', '1 k k']);
  });

  it('shows of a lease the keys inside', async () => {
    const whole = direct();
    const through = clientOf((await proxy({ namespace: 'l/' })).address);
    const { ID } = await through.lease.grant(60);
    await through.kv.put('mine', 'v', { lease: ID });
    await whole.kv.put('theirs', 'v', { lease: ID });
    const { keys } = await through.lease.timeToLive(ID, { keys: true });
    expect(keys.map(text)).toEqual(['mine']);
  });

  it('carries locks', async () => {
    const through = clientOf((await proxy({ namespace: 'lock/' })).address);
    await using session = await Session.open(through, { ttlSeconds: 60 });
    const mutex = new Mutex(session, 'm');
    await mutex.lock();
    expect((await keysOf(direct())).filter((key) => key.startsWith('lock/m/'))).toHaveLength(1);
    await mutex.unlock();
  });
});

describe('the plain HTTP face of a gRPC proxy', () => {
  const get = (address: string, path: string) => fetch(`http://${address}${path}`);

  it.each(['/health', '/proxy/health'])('answers %s when all is well, on both addresses', async (path) => {
    const port = await freePort();
    const listenAddr = `127.0.0.1:${port}`;
    const { running } = await proxy({ listenAddr, advertiseClientUrl: listenAddr, metricsAddr: 'http://127.0.0.1:0' });
    for (const address of [listenAddr, hostPort(running.metricsAddress)]) {
      const response = await get(address, path);
      expect([response.status, await response.text()]).toEqual([200, '{"health":"true","reason":""}']);
    }
  });

  it('says that a cluster does not answer', async () => {
    const { address } = await proxy({ endpoints: ['127.0.0.1:1'] });
    const response = await get(address, '/health');
    expect([response.status, await response.text()]).toEqual([
      503,
      '{"health":"false","reason":"GET ERROR:context deadline exceeded"}\n',
    ]);
  });

  it('says that it was told no address of its own', async () => {
    const response = await get((await proxy()).address, '/proxy/health');
    expect([response.status, await response.text()]).toEqual([
      503,
      '{"health":"false","reason":"no connection to proxy"}\n',
    ]);
  });

  it('relays metrics of a member, and has its own', async () => {
    const { address } = await proxy({ endpoints: ['127.0.0.1:1', member.endpoint] });
    await clientOf(address).kv.put('m', '1');
    expect(await (await get(address, '/metrics')).text()).toContain('etcd_server_has_leader 1');
    const own = await (await get(address, '/proxy/metrics')).text();
    expect(own).toContain(
      'grpc_server_handled_total{grpc_code="OK",grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"} 1',
    );
    // All that etcd's own has. It keeps and merges nothing.
    for (const name of ['cache_hits', 'cache_keys', 'cache_misses', 'events_coalescing', 'watchers_coalescing'])
      expect(own).toMatch(new RegExp(`^etcd_grpc_proxy_${name}_total 0$`, 'm'));
  });

  it('has no metrics to relay when no member answers', async () => {
    const response = await get((await proxy({ endpoints: ['127.0.0.1:1'] })).address, '/metrics');
    expect([response.status, await response.text()]).toEqual([500, 'Internal server error\n']);
  });

  it('knows nothing else', async () => {
    const { address } = await proxy();
    for (const path of ['/version', '/v3/kv/range', '/']) expect((await get(address, path)).status).toBe(404);
  });
});

function temporaryFolder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'etcd-ts-proxy-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}
