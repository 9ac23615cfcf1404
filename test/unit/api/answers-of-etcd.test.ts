/** Small things in answers that clients have come to rely on, over a real connection. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../../../src/client/client.js';
import { Election } from '../../../src/client/concurrency/election.js';
import { Session } from '../../../src/client/concurrency/session.js';
import type { RangeSelection } from '../../../src/client/key-range.js';
import { op } from '../../../src/client/kv.js';
import { osWorld } from '../../../src/client/os-world.js';
import {
  Auth,
  Cluster,
  KV,
  Maintenance,
  RangeRequest,
  RangeRequest_SortOrder as SortOrder,
  RangeRequest_SortTarget as SortTarget,
} from '../../../src/proto/gen/etcdserverpb.js';
import { type ClusterPlace, type LocalCluster, startCluster } from '../../support/cluster.js';

let cluster: LocalCluster;
let served: ClusterPlace;
let client: Client;
beforeAll(async () => {
  cluster = await startCluster({ members: 1 });
  served = cluster.only;
  client = new Client({ endpoints: [served.endpoint] }, osWorld);
});
afterAll(async () => {
  await client.close();
  await cluster[Symbol.asyncDispose]();
});

describe('maintenance', () => {
  it('answers a defragmentation and a move of the leader without a header', async () => {
    const channel = served.connect();
    const defragment = await channel.unary(Maintenance.defragment, {});
    expect(defragment.header).toBeUndefined();
    const { memberId } = (await client.kv.get('x')).header ?? { memberId: 0n };
    const move = await channel.unary(Maintenance.moveLeader, { targetID: memberId });
    expect(move.header).toBeUndefined();
  });

  it('without a leader: nobody moves it, and who may list members comes after that', async () => {
    await using pair = await startCluster({ members: 2, flags: ['--heartbeat-interval=20', '--election-timeout=200'] });
    const channel = pair.at(0).connect();
    await channel.unary(Auth.userAdd, { name: 'root', password: 'r', options: undefined, hashedPassword: '' });
    await channel.unary(Auth.userGrantRole, { user: 'root', role: 'root' });
    await channel.unary(Auth.authEnable, {});
    const { token } = await channel.unary(Auth.authenticate, { name: 'root', password: 'r' });
    await pair.at(1).stop();
    const { memberId = 0n } = (await client.kv.get('x')).header ?? {};
    const root = { metadata: new Map([['token', [token]]]) };
    const refused = () =>
      channel.unary(Maintenance.moveLeader, { targetID: memberId }, root).catch((error: Error) => error);
    await expect.poll(() => pair.at(0).running.member.leadership.hasLeader, { timeout: 10_000 }).toBe(false);
    expect(await refused()).toMatchObject({ code: 9, message: 'etcdserver: not leader' });
    // Who asks for members is looked at after it is known which they are.
    const metadata = new Map([['token', ['of.nobody']]]);
    const listed = (linearizable: boolean) =>
      channel.unary(Cluster.memberList, { linearizable }, { metadata, timeoutMs: 300 }).catch((error: Error) => error);
    expect(await listed(false)).toMatchObject({ code: 16, message: 'etcdserver: invalid auth token' });
    expect(await listed(true)).toMatchObject({ code: 4 });
  });

  it('sends a snapshot without headers', async () => {
    const stream = served.connect().stream(Maintenance.snapshot);
    stream.send({});
    stream.end();
    const headers: unknown[] = [];
    for await (const { header } of stream.messages) headers.push(header);
    expect(headers.length).toBeGreaterThan(1);
    expect(headers.every((header) => header === undefined)).toBe(true);
  });
});

describe('a range in a stream', () => {
  const read = async (more: Partial<RangeRequest>): Promise<string[]> => {
    const stream = served.connect().stream(KV.rangeStream, {});
    stream.headers.catch(() => {});
    stream.send(RangeRequest.create({ key: Buffer.from('s'), rangeEnd: Buffer.from('t'), ...more }));
    stream.end();
    const keys: string[] = [];
    for await (const { rangeResponse } of stream.messages)
      keys.push(...(rangeResponse?.kvs ?? []).map(({ key }) => `${Buffer.from(key)}`));
    return keys;
  };

  it('is sorted by a target that names no order, and refused in any order but that of the keys', async () => {
    for (const [key, value] of Object.entries({ s1: 'c', s2: 'a', s3: 'b' })) await client.kv.put(key, value);
    const { NONE, ASCEND, DESCEND } = SortOrder;
    expect(await read({ sortOrder: NONE, sortTarget: SortTarget.VALUE })).toEqual(['s2', 's3', 's1']);
    expect(await read({ sortOrder: NONE, sortTarget: SortTarget.CREATE })).toEqual(['s1', 's2', 's3']);
    expect(await read({ sortOrder: ASCEND, sortTarget: SortTarget.KEY })).toEqual(['s1', 's2', 's3']);
    const refused = 'RangeStream does not support custom sort orders';
    await expect(read({ sortOrder: ASCEND, sortTarget: SortTarget.VALUE })).rejects.toThrowError(refused);
    await expect(read({ sortOrder: DESCEND, sortTarget: SortTarget.KEY })).rejects.toThrowError(refused);
  });

  it('comes whole where its pieces are sorted', async () => {
    const names = Array.from({ length: 25 }, (_, i) => `s-${String(i).padStart(2, '0')}`);
    for (const [i, name] of names.entries()) await client.kv.put(name, String((i * 7) % 25).padStart(2, '0'));
    const range = { key: Buffer.from('s-'), rangeEnd: Buffer.from('s.'), keysOnly: true };
    expect((await read({ ...range, sortTarget: SortTarget.VALUE })).sort()).toEqual(names);
  });
});

describe('a transaction', () => {
  it.each<[string, string, RangeSelection]>([
    ['from a key on', 't', { fromKey: true }],
    ['of everything', '', { prefix: true }],
  ])('may put beside a deletion %s', async (_name, first, range) => {
    await client.kv.put('t1', 'old');
    const answer = await client.kv.txn({
      success: [op.delete(first, range), op.put('t2', 'new')],
    });
    expect(answer.succeeded).toBe(true);
    const { kvs } = await client.kv.get('t', { prefix: true });
    expect(kvs.map(({ key, value }) => `${Buffer.from(key)}=${Buffer.from(value)}`)).toEqual(['t2=new']);
  });

  it('finds the range of a negative revision compacted', async () => {
    await expect(client.kv.txn({ success: [op.get('a', { revision: -2 })] })).rejects.toThrowError(
      'etcdserver: mvcc: required revision has been compacted',
    );
    await expect(client.kv.txn({ success: [op.get('a', { revision: -2 }), op.put('a', '1')] })).rejects.toThrowError(
      'etcdserver: mvcc: required revision has been compacted',
    );
    expect((await client.kv.get('a', { revision: -2 })).kvs).toEqual([]);
  });
});

describe('an observer of an election', () => {
  it('ends when it is told to, whatever it waits for', async () => {
    await using session = await Session.open(client);
    const election = new Election(session, 'e');
    for (const campaigned of [false, true]) {
      if (campaigned) await election.campaign('me');
      const stop = new AbortController();
      const seen: string[] = [];
      const observing = (async () => {
        for await (const { kv } of election.observe({ signal: stop.signal })) {
          seen.push(Buffer.from(kv.value).toString());
          stop.abort();
        }
      })();
      if (!campaigned) stop.abort();
      await observing;
      expect(seen).toEqual(campaigned ? ['me'] : []);
    }
  });
});
