/**
 * Loads that happen once: ten thousand watchers that each get an event, a hundred thousand leases that are granted,
 * renewed and expire, a range over a million keys and a compaction of as many revisions while somebody else puts. Each
 * prints lines of its own, a server after the other.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Channel } from '../../src/grpc/types.js';
import {
  CompactionRequest,
  KV,
  Lease,
  LeaseGrantRequest,
  LeaseKeepAliveRequest,
  LeaseLeasesRequest,
  PutRequest,
  RangeRequest,
  TxnRequest,
  Watch,
  WatchCreateRequest,
  WatchRequest,
} from '../../src/proto/gen/etcdserverpb.js';
import { connect } from './connect.js';
import type { Server } from './servers.js';
import { binaryValue } from './values.js';

interface HeavyLoad {
  readonly name: string;
  /** `size` is the number of watchers, leases or keys. */
  readonly size: number;
  readonly run: (servers: readonly Server[], size: number) => Promise<void>;
}

const CONNECTIONS = 100;
/** What takes some milliseconds is done so often: code is still being compiled with the first few, on either side. */
const ROUNDS = 25;
/** Calls of one client that are under way at once. */
const AT_ONCE = 500;

const say = (server: Server, what: string, figure: string): void =>
  console.log(`${server.name.padEnd(6)} ${what.padEnd(60)} ${figure}`);
const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await work();
  return performance.now() - beganMs;
}

/** `work(0)` to `work(count - 1)`, some of them at once. */
async function each(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

async function withChannels(server: Server, count: number, use: (all: Channel[]) => Promise<void>) {
  const channels = Array.from({ length: count }, () => connect(server.ports[0] ?? 0));
  try {
    await use(channels);
  } finally {
    await Promise.all(channels.map((channel) => channel.close()));
  }
}

const watched = (index: number): Uint8Array => Buffer.from(`watched/${index}`);

/** A tenth of them first: neither the server's code nor that of the load generator is compiled yet. */
async function watchersOnceWarm(server: Server, size: number): Promise<void> {
  await watchers(server, size / 10, () => {});
  await watchers(server, size, (what, figure) => say(server, what, figure));
}

async function watchers(server: Server, size: number, told: (what: string, figure: string) => void): Promise<void> {
  await withChannels(server, CONNECTIONS, async (channels) => {
    let heard = 0;
    let created = 0;
    let enough = { heard: Number.POSITIVE_INFINITY, tell: () => {} };
    let allCreated = () => {};
    const creation = new Promise<void>((resolve) => {
      allCreated = resolve;
    });
    const listen = async (channel: Channel, at: number): Promise<void> => {
      const stream = channel.stream(Watch.watch);
      for (let index = at; index < size; index += CONNECTIONS) {
        for (const key of [watched(index), Buffer.from('shared')]) {
          const value = WatchCreateRequest.create({ key });
          stream.send(WatchRequest.create({ requestUnion: { case: 'createRequest', value } }));
        }
      }
      for await (const { created: isNew, events } of stream.messages) {
        if (isNew && ++created === 2 * size) allCreated();
        heard += events.length;
        if (heard >= enough.heard) enough.tell();
      }
    };
    for (const [at, channel] of channels.entries()) listen(channel, at).catch(() => {});
    told(`${2 * size} watches created`, seconds(await timed(() => creation)));
    const untilHeard = async (put: () => Promise<unknown>): Promise<void> => {
      heard = 0;
      const done = new Promise<void>((resolve) => {
        enough = { heard: size, tell: resolve };
      });
      await put();
      await done;
    };
    const [first] = channels;
    const put = (key: Uint8Array) =>
      first?.unary(KV.put, PutRequest.create({ key, value: binaryValue() })) ?? Promise.reject();
    const shared: number[] = [];
    for (let round = 0; round < ROUNDS; round++)
      shared.push(await timed(() => untilHeard(() => put(Buffer.from('shared')))));
    told(`one put, ${size} watchers have heard (median of ${ROUNDS})`, `${median(shared).toFixed(0)} ms`);
    const own: number[] = [];
    for (let round = 0; round < 5; round++)
      own.push(await timed(() => untilHeard(() => each(size, (index) => put(watched(index))))));
    told(`${size} puts, the watcher of each has heard (median of 5)`, seconds(median(own)));
  });
}

/** Longer than it takes a real etcd to grant them all. */
const TTL_SECONDS = 90;

/** All servers wait for the end of their leases together. */
async function leases(servers: readonly Server[], size: number): Promise<void> {
  const ends: Promise<void>[] = [];
  for (const server of servers) {
    const channels = Array.from({ length: 10 }, () => connect(server.ports[0] ?? 0));
    const of = (index: number): Channel => {
      const channel = channels[index % channels.length];
      if (channel === undefined) throw new Error('no channel');
      return channel;
    };
    const grant = (index: number) =>
      of(index).unary(Lease.leaseGrant, LeaseGrantRequest.create({ ID: BigInt(index + 1), TTL: TTL_SECONDS }));
    say(server, `${size} leases granted`, seconds(await timed(() => each(size, grant))));
    const renew = async (channel: Channel, at: number): Promise<void> => {
      const stream = channel.stream(Lease.leaseKeepAlive);
      for (let index = at; index < size; index += channels.length)
        stream.send(LeaseKeepAliveRequest.create({ ID: BigInt(index + 1) }));
      stream.end();
      for await (const { TTL } of stream.messages) if (TTL === 0) throw new Error('a lease is gone already');
    };
    const renewed: number[] = [];
    for (let round = 0; round < 5; round++) renewed.push(await timed(() => Promise.all(channels.map(renew))));
    say(server, `${size} leases renewed (median of ${renewed.length})`, seconds(median(renewed)));
    const dueMs = performance.now() + TTL_SECONDS * 1000;
    const waitForEnd = async (): Promise<void> => {
      for (let left = size; left > 0; ) {
        await new Promise((resolve) => setTimeout(resolve, 500));
        if (performance.now() < dueMs) continue;
        const all = await of(0).unary(Lease.leaseLeases, LeaseLeasesRequest.create({}));
        left = all.leases.length;
      }
      say(server, 'the last of them has expired, after its time', seconds(performance.now() - dueMs));
      await Promise.all(channels.map((channel) => channel.close()));
    };
    const end = waitForEnd();
    // Told below, unless something else fails before.
    end.catch(() => {});
    ends.push(end);
  }
  await Promise.all(ends);
}

const KEYS_A_TXN = 100;
/** Beside this one in the bundle. */
const PUTTER = new URL('putter.mjs', import.meta.url);
/** A range of which the answer is not read: what counts is the server. */
const UNREAD = { ...KV.range, output: { ...KV.range.output, decode: () => KV.range.output.create() } };

async function million(server: Server, size: number): Promise<void> {
  await withChannels(server, 2, async ([filler, reader]) => {
    if (filler === undefined || reader === undefined) throw new Error('two were asked for');
    const fill = () =>
      each(size / KEYS_A_TXN, (txn) => {
        const success = Array.from({ length: KEYS_A_TXN }, (_, at) => {
          const key = Buffer.from(`million/${String(txn * KEYS_A_TXN + at).padStart(8, '0')}`);
          return { request: { case: 'requestPut' as const, value: PutRequest.create({ key, value: binaryValue() }) } };
        });
        return filler.unary(KV.txn, TxnRequest.create({ success }));
      });
    say(server, `${size} keys put, twice`, seconds((await timed(fill)) + (await timed(fill))));
    const beside = async (what: string, work: () => Promise<unknown>): Promise<void> => {
      const putter = new Worker(PUTTER, { workerData: { port: server.ports[0] } });
      await new Promise((resolve) => putter.once('online', resolve));
      const workMs = await timed(work);
      putter.postMessage('enough');
      const [tookMs] = (await once(putter, 'message')) as [number[]];
      tookMs.sort((a, b) => a - b);
      const of = (share: number): string => `${(tookMs[Math.floor(tookMs.length * share)] ?? 0).toFixed(1)} ms`;
      say(
        server,
        `${what}: ${seconds(workMs)}; ${tookMs.length} puts beside it`,
        `p50 ${of(0.5)}, p99 ${of(0.99)}, worst ${(tookMs.at(-1) ?? 0).toFixed(1)} ms`,
      );
    };
    await beside('nothing else', () => new Promise((resolve) => setTimeout(resolve, 5000)));
    const everything = { key: Buffer.from('million/'), rangeEnd: Buffer.from('million0') };
    // Twice: its first answer fills the caches of either.
    for (let round = 0; round < 2; round++) {
      await beside('a range over all keys', () => reader.unary(UNREAD, RangeRequest.create(everything)));
    }
    const { header } = await reader.unary(KV.range, RangeRequest.create({ key: Buffer.from('a'), countOnly: true }));
    await beside('a compaction of all but the last revision', () =>
      reader.unary(KV.compact, CompactionRequest.create({ revision: header?.revision ?? 0, physical: true })),
    );
  });
}

const median = (all: readonly number[]): number => [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0;

const oneByOne =
  (run: (server: Server, size: number) => Promise<void>): HeavyLoad['run'] =>
  async (servers, size) => {
    for (const server of servers) await run(server, size);
  };

export const heavyLoads: readonly HeavyLoad[] = [
  { name: 'watchers', size: 10_000, run: oneByOne(watchersOnceWarm) },
  { name: 'leases', size: 100_000, run: leases },
  { name: 'million', size: 1_000_000, run: oneByOne(million) },
];
