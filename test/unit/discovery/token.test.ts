/** Tokens that our own cluster gives: how they are written over v3 and v2, and what is read of them. */
import { once } from 'node:events';
import http from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import type { Registry } from '../../../src/discovery/registry.js';
import { newToken, offerV2, offerV3, stateOf, v2TokenUrl } from '../../../src/discovery/token.js';
import { Code, GrpcError } from '../../../src/grpc/types.js';
import type { FakeChannel } from '../../support/fake-channel.js';
import { fakeClient } from '../../support/fake-client.js';
import { FakeStore } from '../../support/fake-store.js';
import { seededRandom } from '../../support/seeded-random.js';

describe('a token', () => {
  it('is 32 digits of hex, short numbers filled up', () => {
    const numbers = [0xabcn, 0xffff_ffff_ffff_ffffn];
    const random = { ...seededRandom(1), uint64: () => numbers.shift() ?? 0n };
    expect(newToken(random)).toBe('0000000000000abcffffffffffffffff');
  });

  it('has its place in v2 below the member that serves it', () => {
    expect(v2TokenUrl('http://a:1', 'tok')).toBe('http://a:1/v2/keys/_etcd/registry/tok');
  });
});

describe('a token over v3', () => {
  it('is there for good unless it is given a time', async () => {
    const store = new FakeStore();
    await offerV3(store.client(), 'tok', 3, 0);
    expect(store.asked('LeaseGrant')).toEqual([]);
    const kv = store.keys.get('/_etcd/registry/tok/_config/size');
    expect([Buffer.from(kv?.value ?? []).toString(), kv?.lease]).toEqual(['3', 0n]);
  });

  it('goes when its time has passed', async () => {
    const store = new FakeStore();
    await offerV3(store.client(), 'tok', 5, 60);
    expect(store.asked('LeaseGrant')).toMatchObject([{ TTL: 60 }]);
    const lease = store.keys.get('/_etcd/registry/tok/_config/size')?.lease ?? 0n;
    expect(lease).toBeGreaterThan(0n);
    store.endLease(lease);
    expect(store.keys.size).toBe(0);
  });

  it.each([0, 60])(
    'is asked for within five seconds, and refused where its cluster refuses it (time to live %d)',
    async (ttlSeconds) => {
      let channel: FakeChannel | undefined;
      const { client } = fakeClient((made) => {
        channel = made;
        made.answer = () => {
          throw new GrpcError(Code.PermissionDenied, 'etcdserver: permission denied');
        };
      });
      await expect(offerV3(client, 'tok', 3, ttlSeconds)).rejects.toThrow('permission denied');
      expect(channel?.calls.map(({ timeoutMs }) => timeoutMs)).toEqual([5000]);
      await client.close();
    },
  );
});

describe('a token over v2', () => {
  const servers: http.Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    }
  });

  /** Answers the first request with the first of `statuses`, and so on. */
  async function offered(statuses: readonly number[], ttlSeconds: number): Promise<[boolean | string, string[]]> {
    const asked: string[] = [];
    const left = [...statuses];
    const server = http.createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      asked.push(`${request.method} ${request.url} ${body} ${request.headers['content-type']}`);
      response.writeHead(left.shift() ?? 500).end('x'.repeat(1000));
    });
    servers.push(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const url = v2TokenUrl(`http://127.0.0.1:${port}`, 'tok');
    const result = await offerV2(url, 3, ttlSeconds).catch((cause: Error) => cause.message.replace(url, 'URL'));
    return [result, asked];
  }
  const form = 'application/x-www-form-urlencoded';
  const size = `PUT /v2/keys/_etcd/registry/tok/_config/size value=3 ${form}`;
  const folder = `PUT /v2/keys/_etcd/registry/tok dir=true&ttl=60 ${form}`;

  it('is a size, in a folder that goes as a whole where it is given a time', async () => {
    expect(await offered([201], 0)).toEqual([true, [size]]);
    expect(await offered([299, 200], 60)).toEqual([true, [folder, size]]);
  });

  it('is none where the member does not answer v2', async () => {
    expect(await offered([404], 0)).toEqual([false, [size]]);
    expect(await offered([404], 60)).toEqual([false, [folder]]);
    expect(await offered([200, 404], 60)).toEqual([false, [folder, size]]);
  });

  it('says which answer it is not made of', async () => {
    expect(await offered([300], 0)).toEqual(['URL/_config/size answers 300', [size]]);
    expect(await offered([403], 60)).toEqual(['URL answers 403', [folder]]);
  });
});

describe('what a registry knows of a token', () => {
  const { signal } = new AbortController();
  const a = { id: 'a', value: 'a=http://a:1', order: 1 };
  const registry = (size: () => Promise<string | undefined>): Registry => ({
    size,
    list: async () => ({ registrations: [a], revision: 1 }),
    register: async () => undefined,
    watch: async function* () {},
    close: async () => undefined,
  });

  it('is its size and who has come', async () => {
    expect(
      await stateOf(
        registry(async () => '3'),
        signal,
      ),
    ).toEqual({ size: 3, registered: [a] });
  });

  it('is nothing where it is not there, in v3 or in v2', async () => {
    expect(
      await stateOf(
        registry(async () => undefined),
        signal,
      ),
    ).toBeUndefined();
    const missing = () => Promise.reject(new Error('100: Key not found (/_etcd/registry/tok) [8]'));
    expect(await stateOf(registry(missing), signal)).toBeUndefined();
  });

  it.each([new Error('110: The request requires user authentication'), new Error('no 100:'), '100: no error'])(
    'is not known where it cannot be asked: %s',
    async (cause) => {
      await expect(
        stateOf(
          registry(() => Promise.reject(cause)),
          signal,
        ),
      ).rejects.toBe(cause);
    },
  );
});
