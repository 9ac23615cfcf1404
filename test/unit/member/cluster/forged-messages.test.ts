/**
 * Something that has a member's id, and sends to the peer port what no member sends: refused or survived by whole
 * members, never obeyed, nothing lost, after a restart either.
 */
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from '../../../../src/client/client.js';
import { MessageFrameEncoder } from '../../../../src/peer/message-frames.js';
import { confChangeCodec, messageCodec } from '../../../../src/raftpb/codec.js';
import {
  type Entry,
  LOCAL_APPEND_THREAD,
  type Message,
  MessageType,
  makeConfChange,
  makeConfState,
  makeEntry,
  makeMessage,
  makeSnapshot,
} from '../../../../src/raftpb/types.js';
import { type ClusterPlace, type LocalCluster, startCluster } from '../../../support/cluster.js';
import { seededRandom } from '../../../support/seeded-random.js';

let cluster: LocalCluster;
let leader: ClusterPlace;
let follower: ClusterPlace;
const ids = new Map<string, bigint>();
let clusterId = '';
const ended: string[] = [];

const idOf = (place: ClusterPlace): bigint => ids.get(place.peerUrl) ?? 0n;

function watch(place: ClusterPlace): void {
  place.running.ended.then(
    () => ended.push(place.name),
    (cause: unknown) => ended.push(`${place.name}: ${cause}`),
  );
}

beforeAll(async () => {
  cluster = await startCluster({ members: 3 });
  for (const place of cluster.places) watch(place);
  const answer = await fetch(`${cluster.at(0).peerUrl}/members`);
  clusterId = answer.headers.get('x-etcd-cluster-id') ?? '';
  for (const [, id, url] of (await answer.text()).matchAll(/"id":(\d+),"peerURLs":\["([^"]+)"/g))
    ids.set(String(url), BigInt(String(id)));
}, 60_000);
afterAll(() => cluster[Symbol.asyncDispose]());

/** What `work` gives with a client of `place`. */
async function asking<T>(place: ClusterPlace, work: (client: Client) => Promise<T>): Promise<T> {
  const client = place.client();
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

const statusOf = (place: ClusterPlace) => asking(place, (client) => client.maintenance.status(place.endpoint));

/** All three take a write and know the same in the end. */
async function expectWell(value: string): Promise<void> {
  for (const place of cluster.places)
    await expect
      .poll(() => asking(place, (client) => client.kv.put(place.name, value)).catch(String), { timeout: 20_000 })
      .toMatchObject({ header: {} });
  const hashes = async () => {
    const all = cluster.places.map((place) =>
      asking(place, async (client) => (await client.maintenance.hashKV(place.endpoint, 0)).hash),
    );
    return new Set(await Promise.all(all)).size;
  };
  await expect.poll(hashes, { timeout: 20_000 }).toBe(1);
  expect(ended).toEqual([]);
}

const headersFrom = (from: bigint) => ({
  'X-Server-From': from.toString(16),
  'X-Server-Version': '3.5.30',
  'X-Min-Cluster-Version': '3.0.0',
  'X-Etcd-Cluster-ID': clusterId,
});

/** As the pipeline of the member `from` would post it. */
async function forge(to: ClusterPlace, message: Partial<Message>): Promise<number> {
  const from = message.from ?? idOf(to === leader ? follower : leader);
  const answer = await fetch(`${to.peerUrl}/raft`, {
    method: 'POST',
    headers: headersFrom(from),
    body: messageCodec['3.5'].encode(makeMessage({ to: idOf(to), ...message, from })),
  }).catch(() => undefined);
  // Its connection is cut behind a 500.
  return answer?.status ?? 500;
}

const garbage = (hex: string): Entry => makeEntry({ data: Buffer.from(hex, 'hex') });
const change = (type: number, nodeId: bigint, context = ''): Entry => {
  const data = confChangeCodec['3.5'].encode(
    makeConfChange({ type: type as never, nodeId, context: Buffer.from(context) }),
  );
  return makeEntry({ type: 1, data });
};

/** Each ends a real etcd, or would write what ends it at every start. */
const unreadable: Readonly<Record<string, Entry>> = {
  'no request': garbage('ffffff'),
  'a request that nobody knows': garbage('0807c2b80200'),
  'a change that does not decode': makeEntry({ type: 1, data: Buffer.from('12', 'hex') }),
  'a change of an unknown type': change(9, 77n),
  'a change of no member': change(0, 0n, '{"id":0,"peerURLs":["http://127.0.0.1:1"]}'),
  'a change without its member': change(0, 77n, ''),
  'a change that is one of another member': change(0, 77n, '{"id":78,"peerURLs":["http://127.0.0.1:1"]}'),
  'a change of the second form': makeEntry({ type: 2 }),
};

describe('a member takes no word for it', () => {
  let term: number;
  let index: number;
  beforeAll(async () => {
    const status = await statusOf(cluster.at(0));
    [leader, follower] = [0, 1, 2]
      .map((at) => cluster.at(at))
      .sort((a, b) => Number(idOf(b) === status.leader) - Number(idOf(a) === status.leader)) as [
      ClusterPlace,
      ClusterPlace,
    ];
    term = Number(status.raftTerm);
    index = Number(status.raftIndex);
  });

  it.each(Object.entries(unreadable))('that entries hold %s', async (_, entry) => {
    const { type, data } = entry;
    expect(await forge(leader, { type: MessageType.MsgProp, entries: [entry] })).toBe(500);
    const appended = [makeEntry({ type, data, term, index: index + 1 })];
    const append = { type: MessageType.MsgApp, term, logTerm: term, index, commit: index + 1, entries: appended };
    expect(await forge(follower, append)).toBe(500);
    expect(ended).toEqual([]);
  });

  it.each<[string, number, Partial<Message>]>([
    ['more is committed than there is', 204, { type: MessageType.MsgHeartbeat, commit: 1_000_000 }],
    ['a vote is asked for without a term', 204, { type: MessageType.MsgVote, term: 0, index: 1_000_000, logTerm: 9 }],
    ['a read is answered with half a context', 500, { type: MessageType.MsgReadIndexResp, entries: [garbage('00')] }],
    ['its own log speaks', 500, { type: MessageType.MsgApp, from: LOCAL_APPEND_THREAD }],
  ])('of a leader, that %s', async (_, status, message) => {
    expect(await forge(follower, { term, ...message })).toBe(status);
  });

  it.each<[string, number, Partial<Message>]>([
    ['something is asked for', 500, { type: MessageType.MsgProp, term: 0 }],
    ['something is read', 500, { type: MessageType.MsgReadIndex, term: 0 }],
    ['its log asks for a read', 500, { type: MessageType.MsgReadIndex, term: 0, from: LOCAL_APPEND_THREAD }],
    ['more is written than there is', 204, { type: MessageType.MsgAppResp, index: 1_000_000 }],
    ['somebody unknown is to go', 204, { type: MessageType.MsgProp, term: 0, entries: [change(1, 77n)] }],
    ['somebody unknown moves', 204, { type: MessageType.MsgProp, term: 0, entries: [change(2, 77n, '{"id":77}')] }],
  ])('of a follower, that %s', async (_, status, message) => {
    expect(await forge(leader, { term, ...message })).toBe(status);
  });

  it('and goes on as if nothing had been said', async () => {
    await expectWell('unmoved');
    const status = await statusOf(follower);
    expect([status.leader, Number(status.raftTerm)]).toEqual([idOf(leader), term]);
  });
});

it('messages drawn at random, of all kinds and all members, do no lasting harm', async () => {
  const random = seededRandom(20);
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T;
  const types = Object.values(MessageType);
  const { raftTerm, raftIndex } = await statusOf(cluster.at(0));
  for (let count = 0; count < 400; count++) {
    const near = (at: number) => pick([0, 1, at - 1, at, at + 1, at + random.below(50), 2 ** 50]);
    const term = Number(raftTerm) + random.below(3);
    const entries = Array.from({ length: random.below(3) }, () => pick(Object.values(unreadable)));
    const to = pick(cluster.places);
    const from = pick(cluster.places.filter((place) => place !== to));
    await forge(to, {
      type: pick(types),
      from: idOf(from),
      term: pick([0, term]),
      index: near(Number(raftIndex)),
      logTerm: pick([0, term]),
      commit: near(Number(raftIndex)),
      rejectHint: near(Number(raftIndex)),
      reject: random.below(2) === 0,
      context: Buffer.alloc(random.below(9)),
      entries,
    });
  }
  await expectWell('in spite of all');
}, 60_000);

it('half snapshots that stand still take two places, and give them back', async () => {
  const to = follower;
  const { raftTerm } = await statusOf(to);
  const snapshot = makeSnapshot({ index: 99_999, term: 1, confState: makeConfState({ voters: [...ids.values()] }) });
  const message = { type: MessageType.MsgSnap, from: idOf(leader), to: idOf(to), term: Number(raftTerm), snapshot };
  const head = new MessageFrameEncoder('3.5').encode([makeMessage(message)]);
  const headers = { Host: 'x', 'Content-Length': '99999999', ...headersFrom(idOf(leader)) };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = `POST /raft/snapshot HTTP/1.1\r\n${lines.join('')}\r\n`;
  const received = () => readdirSync(join(to.dataDir, 'member/snap')).filter((name) => name.startsWith('tmp'));
  const refused: string[] = [];
  let closed = 0;
  const sockets = Array.from({ length: 30 }, () => {
    const socket = connect(Number(new URL(to.peerUrl).port), '127.0.0.1');
    socket.on('error', () => {});
    socket.on('data', (answer) => void refused.push(answer.toString()));
    socket.on('close', () => void closed++);
    socket.write(request);
    socket.write(head);
    socket.write(Buffer.alloc(100_000));
    return socket;
  });
  try {
    await expect.poll(() => [received().length, closed], { timeout: 20_000 }).toEqual([2, 28]);
    expect(refused).toHaveLength(28);
    expect(refused.every((answer) => answer.includes('too many snapshots are being received'))).toBe(true);
    await expect.poll(() => [received().length, closed], { timeout: 30_000 }).toEqual([0, 30]);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
  await expectWell('in spite of all');
}, 60_000);

it('and nothing of it is found by the next start', async () => {
  await Promise.all(cluster.places.map((place) => place.stop()));
  ended.length = 0;
  await Promise.all(cluster.places.map((place) => place.start()));
  for (const place of cluster.places) watch(place);
  for (const place of cluster.places) {
    const found = await asking(place, (client) => client.kv.get(place.name));
    expect(Buffer.from(found.kvs[0]?.value ?? []).toString()).toBe('in spite of all');
  }
  await expectWell('after a restart');
}, 60_000);
