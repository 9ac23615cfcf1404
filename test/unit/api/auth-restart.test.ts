import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Channel, GrpcError } from '../../../src/grpc/types.js';
import { osDisk } from '../../../src/lib/os/disk.js';
import { Permission_Type as PermType } from '../../../src/proto/gen/authpb.js';
import {
  Auth,
  AuthUserAddRequest,
  AuthUserChangePasswordRequest,
  KV,
  Lease,
  Maintenance,
  PutRequest,
  RangeRequest,
} from '../../../src/proto/gen/etcdserverpb.js';
import { prepareCluster, startCluster } from '../../support/cluster.js';
import { unpack } from '../../support/tar.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const flags = ['--bcrypt-cost=4'];

/** `OK`, or why not. */
async function outcome(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'OK';
  } catch (cause) {
    if (cause instanceof GrpcError) return cause.message;
    throw cause;
  }
}

const login = async (channel: Channel, name: string, password: string) => {
  const { token } = await channel.unary(Auth.authenticate, { name, password });
  return { metadata: new Map([['token', [token]]]) };
};
const range = (key: string, rangeEnd = '') => RangeRequest.create({ key: bytes(key), rangeEnd: bytes(rangeEnd) });
const put = (key: string, more: Partial<PutRequest> = {}) =>
  PutRequest.create({ key: bytes(key), value: bytes('v'), ...more });

async function setUp(channel: Channel): Promise<void> {
  await channel.unary(Auth.userAdd, AuthUserAddRequest.create({ name: 'root', password: 'root-secret-1' }));
  await channel.unary(Auth.userGrantRole, { user: 'root', role: 'root' });
  await channel.unary(Auth.userAdd, AuthUserAddRequest.create({ name: 'alice', password: 'alice-secret-1' }));
  await channel.unary(Auth.roleAdd, { name: 'some' });
  const perm = { permType: PermType.READWRITE, key: bytes('a'), rangeEnd: bytes('b') };
  await channel.unary(Auth.roleGrantPermission, { name: 'some', perm });
  await channel.unary(Auth.userGrantRole, { user: 'alice', role: 'some' });
  await channel.unary(Auth.authEnable, {});
}

describe('a member with authentication on', () => {
  it('goes on so after a restart, without the tokens of before (#13946)', async () => {
    await using cluster = await startCluster({ members: 1, flags });
    const served = cluster.only;
    await setUp(served.connect());
    const before = await login(served.connect(), 'alice', 'alice-secret-1');
    await served.restart();
    const channel = served.connect();
    expect(await outcome(channel.unary(KV.put, put('a1')))).toBe('etcdserver: user name is empty');
    expect(await outcome(channel.unary(KV.put, put('a1'), before))).toBe('etcdserver: invalid auth token');
    const alice = await login(channel, 'alice', 'alice-secret-1');
    expect(await outcome(channel.unary(KV.put, put('a1'), alice))).toBe('OK');
    expect(await outcome(channel.unary(KV.put, put('c1'), alice))).toBe('etcdserver: permission denied');
    const root = await login(channel, 'root', 'root-secret-1');
    expect(await channel.unary(Auth.authStatus, {}, root)).toMatchObject({ enabled: true, authRevision: 7 });
  });

  it('never has a password on disk, in whatever entry (GHSA-528j-9r78-wffx)', async () => {
    await using cluster = await startCluster({ members: 1, flags });
    const served = cluster.only;
    const channel = served.connect();
    await setUp(channel);
    const root = await login(channel, 'root', 'root-secret-1');
    const change = AuthUserChangePasswordRequest.create({ name: 'alice', password: 'alice-secret-2' });
    await channel.unary(Auth.userChangePassword, change, root);
    await login(channel, 'alice', 'alice-secret-2');
    await served.stop();
    const files = readdirSync(served.dataDir, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
    expect(files.map(({ name }) => name)).toContain('db');
    for (const file of files) {
      const content = readFileSync(join(file.parentPath, file.name));
      expect(content.includes('-secret-'), file.name).toBe(false);
      if (file.name === 'db') expect(content.includes('alice')).toBe(true);
    }
  });

  it('takes a new password at once, and the tokens of the old one no more', async () => {
    await using cluster = await startCluster({ members: 1, flags });
    const served = cluster.only;
    const channel = served.connect();
    await setUp(channel);
    const [root, alice] = [
      await login(channel, 'root', 'root-secret-1'),
      await login(channel, 'alice', 'alice-secret-1'),
    ];
    const change = AuthUserChangePasswordRequest.create({ name: 'alice', password: 'alice-secret-2' });
    await channel.unary(Auth.userChangePassword, change, root);
    expect(await outcome(channel.unary(KV.range, range('a1'), alice))).toBe('etcdserver: invalid auth token');
    expect(await outcome(login(channel, 'alice', 'alice-secret-1'))).toBe(
      'etcdserver: authentication failed, invalid user ID or password',
    );
    expect(await outcome(login(channel, 'alice', 'alice-secret-2'))).toBe('OK');
  });

  it('guards a range that comes in a stream like any other', async () => {
    await using cluster = await startCluster({ members: 1, flags });
    const served = cluster.only;
    const channel = served.connect();
    await channel.unary(KV.put, put('a1'));
    await setUp(channel);
    const alice = await login(channel, 'alice', 'alice-secret-1');
    const read = async (key: string, rangeEnd: string, options = {}): Promise<string> => {
      const stream = channel.stream(KV.rangeStream, options);
      stream.headers.catch(() => {});
      stream.send(range(key, rangeEnd));
      stream.end();
      const all = async (): Promise<void> => {
        for await (const { rangeResponse } of stream.messages) expect(rangeResponse).toBeDefined();
      };
      return outcome(all());
    };
    expect(await read('a', 'b', alice)).toBe('OK');
    expect(await read('a', 'c', alice)).toBe('etcdserver: permission denied');
    expect(await read('a', 'b')).toBe('etcdserver: user name is empty');
  });

  it('ends leases by itself, keys of whomever they have', async () => {
    await using cluster = await startCluster({
      members: 1,
      flags: [...flags, '--heartbeat-interval=10', '--election-timeout=100'],
    });
    const served = cluster.only;
    const channel = served.connect();
    await channel.unary(Lease.leaseGrant, { ID: 77n, TTL: 1 });
    await channel.unary(KV.put, put('x', { lease: 77n }));
    await setUp(channel);
    const root = await login(channel, 'root', 'root-secret-1');
    await expect.poll(async () => (await channel.unary(KV.range, range('x'), root)).count, { timeout: 15_000 }).toBe(0);
  });

  it('refuses tokens of any make (#15676)', async () => {
    await using cluster = await startCluster({ members: 1, flags });
    const served = cluster.only;
    const channel = served.connect();
    await setUp(channel);
    const texts = [
      '',
      '.',
      'x',
      'a.b',
      'a.0',
      'Bearer ',
      'e30.e30.',
      'e30.e30.e30',
      'null',
      'a.1.2.3',
      '0'.repeat(4000),
    ];
    for (const text of texts) {
      const options = { metadata: new Map([['token', [text]]]) };
      expect(await outcome(channel.unary(KV.range, range('a1'), options))).toBe('etcdserver: invalid auth token');
    }
  });
});

describe.each(['3.4.23', '3.5.30'])('a data directory of etcd %s with authentication on', (version) => {
  it('is served to its users, with their passwords', async () => {
    await using cluster = await prepareCluster({ members: 1, flags: [...flags, '--name=vec'] });
    const served = cluster.only;
    const fixture = new URL(`../../fixtures/datadir/datadir-${version}.tar.gz`, import.meta.url);
    unpack(fixture, osDisk, served.folder);
    await served.start();
    const channel = served.connect();
    expect(await outcome(channel.unary(KV.range, range('k08')))).toBe('etcdserver: user name is empty');
    expect(await outcome(login(channel, 'root', 'alicepw'))).toContain('authentication failed');
    expect(await outcome(login(channel, 'nopw', 'x'))).toContain('no password user');

    const alice = await login(channel, 'alice', 'alicepw');
    expect((await channel.unary(KV.range, range('k', 'l'), alice)).count).toBeGreaterThan(10);
    expect(await outcome(channel.unary(KV.range, range('k', 'm'), alice))).toBe('etcdserver: permission denied');
    expect(await outcome(channel.unary(KV.put, put('k08'), alice))).toBe('etcdserver: permission denied');
    expect(await outcome(channel.unary(KV.put, put('leased/9'), alice))).toBe('OK');
    expect(await outcome(channel.unary(KV.put, put('zzz'), alice))).toBe('OK');
    expect(await outcome(channel.unary(KV.range, range('leased/9'), alice))).toBe('etcdserver: permission denied');
    expect(await outcome(channel.unary(KV.put, put('t1', { prevKv: true }), alice))).toBe('OK');
    expect(await outcome(channel.unary(Maintenance.status, {}, alice))).toBe('etcdserver: permission denied');

    const root = await login(channel, 'root', 'rootpw');
    expect((await channel.unary(Auth.userList, {}, root)).users).toEqual(['alice', 'nopw', 'root']);
    expect(await channel.unary(Auth.authStatus, {}, root)).toMatchObject({ enabled: true, authRevision: 11 });
  });
});
