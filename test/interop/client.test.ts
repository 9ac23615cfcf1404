/**
 * The client library over real connections: against our own member always, against a real etcd where REAL_ETCD names
 * the folder with its binaries.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, compare, Election, EtcdError, Mutex, op, Session } from '../../src/client/index.js';
import type { RangeResponse } from '../../src/proto/gen/etcdserverpb.js';
import { Event_EventType } from '../../src/proto/gen/mvccpb.js';
import { type ClusterPlace, type LocalCluster, type Runner, startCluster } from '../support/cluster.js';

const real = process.env.REAL_ETCD ?? '';
const runners: [string, Runner][] = [['our member', 'in-process']];
if (real !== '') runners.push(['a real etcd', { real }]);

const textOf = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();

describe.each(runners)('a client of %s', (name, runner) => {
  let cluster: LocalCluster;
  let server: ClusterPlace;
  let client: Client;

  beforeAll(async () => {
    cluster = await startCluster({ members: 1, runner });
    server = cluster.only;
    client = new Client({ endpoints: [server.endpoint] });
  });
  afterAll(async () => {
    await client.close();
    await cluster[Symbol.asyncDispose]();
  });

  it('puts, gets and deletes keys of any bytes', async () => {
    const key = Uint8Array.of(0xff, 0, 0x80);
    await client.kv.put(key, 'one');
    const { prevKv } = await client.kv.put(key, Uint8Array.of(1, 0, 255), { prevKv: true });
    expect(textOf(prevKv?.value)).toBe('one');
    const { kvs, count } = await client.kv.get(key);
    expect(count).toBe(1);
    expect([...(kvs[0]?.value ?? [])]).toEqual([1, 0, 255]);
    await expect(client.kv.delete(key)).resolves.toMatchObject({ deleted: 1 });
    await expect(client.kv.get(key)).resolves.toMatchObject({ kvs: [], count: 0 });
  });

  it('reads ranges, sorted and limited', async () => {
    for (const [name, value] of [
      ['r/b', '1'],
      ['r/a', '3'],
      ['r/c', '2'],
    ] as const)
      await client.kv.put(name, value);
    const keys = async (...given: Parameters<typeof client.kv.get>) =>
      (await client.kv.get(...given)).kvs.map(({ key }) => textOf(key));
    expect(await keys('r/', { prefix: true })).toEqual(['r/a', 'r/b', 'r/c']);
    expect(await keys('r/', { prefix: true, sort: { by: 'value', order: 'descend' } })).toEqual(['r/a', 'r/c', 'r/b']);
    expect(await keys('r/', { prefix: true, sort: { by: 'create' } })).toEqual(['r/b', 'r/a', 'r/c']);
    expect(await keys('r/a', { end: 'r/c', keysOnly: true })).toEqual(['r/a', 'r/b']);
    await expect(client.kv.get('r/', { prefix: true, limit: 2 })).resolves.toMatchObject({ more: true, count: 3 });
  });

  it.runIf(name === 'our member')('reads a range in pieces', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `s/${String(i).padStart(3, '0')}`);
    await client.kv.txn({ success: names.map((name) => op.put(name, 'x')) });
    const { header } = await client.kv.put('s/050', 'y');
    const read = async (...given: Parameters<typeof client.kv.getStream>) => {
      const pieces: RangeResponse[] = [];
      for await (const piece of client.kv.getStream(...given)) pieces.push(piece);
      return pieces;
    };
    const pieces = await read('s/', { prefix: true, limit: 70, revision: (header?.revision ?? 0) - 1 });
    expect(pieces.flatMap(({ kvs }) => kvs.map(({ key }) => textOf(key)))).toEqual(names.slice(0, 70));
    expect(pieces.flatMap(({ kvs }) => kvs.map(({ value }) => textOf(value)))).toEqual(Array(70).fill('x'));
    expect(pieces.map(({ kvs }) => kvs.length)).toEqual([10, 20, 40]);
    expect(pieces.map((piece) => [piece.header?.revision, piece.more, piece.count])).toEqual([
      [undefined, false, 0],
      [undefined, false, 0],
      [header?.revision, true, 100],
    ]);
    await expect(read('s/', { minModRevision: 1 })).rejects.toThrow('does not support revision filters');
    await expect(read('s/', { timeoutMs: 0 })).rejects.toThrow('context deadline exceeded');
    await expect(read('s/', { signal: AbortSignal.abort() })).rejects.toThrow('context canceled');
    for await (const piece of client.kv.getStream('s/', { prefix: true })) {
      expect(piece.kvs).toHaveLength(10);
      break;
    }
  });

  it('does transactions, nested ones too', async () => {
    const once = () =>
      client.kv.txn({
        compare: [compare.version('t', '=', 0)],
        success: [op.put('t', '1'), op.txn({ success: [op.get('t')] })],
        failure: [op.get('t')],
      });
    const first = await once();
    expect(first.succeeded).toBe(true);
    const inner = first.responses[1]?.response;
    expect(inner?.case === 'responseTxn' && inner.value.responses.length).toBe(1);
    await expect(once()).resolves.toMatchObject({ succeeded: false });
  });

  it('fails in etcd’s words', async () => {
    await expect(client.kv.put('', 'x')).rejects.toThrow('etcdserver: key is not provided');
    await expect(client.kv.get('a', { revision: 1_000_000 })).rejects.toMatchObject({
      message: 'etcdserver: mvcc: required revision is a future revision',
    });
    await expect(client.lease.revoke(12345n)).rejects.toThrow('etcdserver: requested lease not found');
    await expect(client.kv.put('big', new Uint8Array(3_000_000))).rejects.toThrow(
      'trying to send message larger than max',
    );
    const failed = await client.kv.get('a', { timeoutMs: 0 }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(EtcdError);
  });

  it('watches keys, with what was before', async () => {
    const watch = client.watch('w/', { prefix: true, prevKv: true });
    await watch.started;
    await client.kv.put('w/a', '1');
    await client.kv.put('w/a', '2');
    await client.kv.delete('w/a');
    const seen: string[] = [];
    for await (const { events } of watch) {
      for (const { type, kv, prevKv } of events) {
        const kind = type === Event_EventType.DELETE ? 'DELETE' : 'PUT';
        seen.push(`${kind} ${textOf(kv?.key)} ${textOf(prevKv?.value)}->${textOf(kv?.value)}`);
      }
      if (seen.length === 3) break;
    }
    expect(seen).toEqual(['PUT w/a ->1', 'PUT w/a 1->2', 'DELETE w/a 2->']);
  });

  it('is told when the history of a watch is gone', async () => {
    await client.kv.put('gone', '1');
    const { header } = await client.kv.put('gone', '2');
    await client.kv.compact(header?.revision ?? 0, { physical: true });
    const watch = client.watch('gone', { revision: 1 });
    await expect(
      (async () => {
        for await (const _batch of watch);
      })(),
    ).rejects.toMatchObject({ compactRevision: header?.revision });
  });

  it('keeps leases alive until they are revoked', async () => {
    const { ID, TTL } = await client.lease.grant(60);
    expect(TTL).toBe(60);
    await client.kv.put('leased', 'x', { lease: ID });
    const kept = client.keepAlive(ID);
    await expect(kept.next()).resolves.toMatchObject({ value: { ID, TTL: 60 } });
    await expect(client.lease.keepAliveOnce(ID)).resolves.toMatchObject({ TTL: 60 });
    const { keys } = await client.lease.timeToLive(ID, { keys: true });
    expect(keys.map(textOf)).toEqual(['leased']);
    expect((await client.lease.list()).leases).toContainEqual({ ID });
    await client.lease.revoke(ID);
    await expect(client.kv.get('leased')).resolves.toMatchObject({ count: 0 });
    await expect(client.lease.keepAliveOnce(ID)).rejects.toThrow('etcdserver: requested lease not found');
    kept.cancel();
  });

  it('shares locks and elections with other clients', async () => {
    await using other = new Client({ endpoints: [server.endpoint] });
    await using mine = await Session.open(client, { ttlSeconds: 60 });
    await using theirs = await Session.open(other, { ttlSeconds: 60 });
    const [first, second] = [new Mutex(mine, 'lock'), new Mutex(theirs, 'lock')];
    await first.lock();
    expect(await second.tryLock()).toBe(false);
    const waiting = second.lock();
    await first.unlock();
    await waiting;
    const election = new Election(mine, 'election');
    await election.campaign('me');
    expect(textOf((await new Election(theirs, 'election').leader())?.kv.value)).toBe('me');
  });

  it('asks members for their state', async () => {
    const status = await client.maintenance.status(server.endpoint);
    expect(status.version).toMatch(/^3\.\d+\.\d+/);
    expect(status.leader).toBe(status.header?.memberId);
    const { members } = await client.cluster.list();
    expect(members.map(({ ID }) => ID)).toEqual([status.leader]);
    await expect(client.maintenance.alarms()).resolves.toMatchObject({ alarms: [] });
    const { hash } = await client.maintenance.hashKV(server.endpoint, 0);
    await expect(client.maintenance.hashKV(`http://${server.endpoint}`, 0)).resolves.toMatchObject({ hash });
  });

  it('receives a snapshot that ends with the checksum of all that came before', async () => {
    const pieces: Uint8Array[] = [];
    for await (const { blob } of client.maintenance.snapshot()) pieces.push(Buffer.from(blob));
    const whole = Buffer.concat(pieces);
    const sum = createHash('sha256').update(whole.subarray(0, -32)).digest();
    expect(sum.equals(whole.subarray(-32))).toBe(true);
  });

  it('goes round an endpoint that nobody listens on', async () => {
    await using both = new Client({ endpoints: ['127.0.0.1:1', server.endpoint] });
    await both.kv.put('round', 'x');
    await expect(both.kv.get('round', { timeoutMs: 5000 })).resolves.toMatchObject({ count: 1 });
  });

  it('goes on with a watch where it was when the server comes back', async () => {
    const watch = client.watch('back');
    await watch.started;
    await client.kv.put('back', '1');
    const next = async () => {
      const batch = await watch.next();
      return batch.done === true ? [] : batch.value.events.map(({ kv }) => textOf(kv?.value));
    };
    expect(await next()).toEqual(['1']);
    await server.stop();
    await server.start();
    await client.kv.put('back', '2', { timeoutMs: 20_000 });
    expect(await next()).toEqual(['2']);
    watch.cancel();
  });
});
