/**
 * Calls that are cancelled as soon as they have begun, over and over: whatever they asked for, it must not be worked
 * out to its end, nor be kept. Once 20 clients that cancelled ranges, watches and puts within 3 ms for 6 seconds made a
 * member of 20 MB take 23 GB.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Channel } from '../../src/grpc/types.js';
import {
  HashKVRequest,
  HashRequest,
  KV,
  Lease,
  LeaseKeepAliveRequest,
  Maintenance,
  PutRequest,
  RangeRequest,
  RequestOp,
  SnapshotRequest,
  TxnRequest,
  Watch,
  WatchCreateRequest,
  WatchRequest,
} from '../../src/proto/gen/etcdserverpb.js';
import { buildPrograms } from '../support/member-process.js';
import { everything, WatchedMember } from '../support/watched-member.js';

const CLIENTS = 20;
/** For each kind. */
const ATTACK_MS = 700;
/** A few answers of 10 MB in the making and on their way, and what the collector lets lie. */
const ALLOWED_MB = 350;

type Begin = (channel: Channel, signal: AbortSignal) => Promise<unknown>;

const reading = async (stream: { readonly messages: AsyncIterable<unknown> }): Promise<void> => {
  for await (const _ of stream.messages);
};

const kinds: Readonly<Record<string, Begin>> = {
  ranges: (channel, signal) => channel.unary(KV.range, RangeRequest.create(everything), { signal }),
  'sorted ranges': (channel, signal) =>
    channel.unary(KV.range, RangeRequest.create({ ...everything, sortOrder: 2, sortTarget: 4 }), { signal }),
  'serializable ranges': (channel, signal) =>
    channel.unary(KV.range, RangeRequest.create({ ...everything, serializable: true }), { signal }),
  'transactions that read': (channel, signal) => {
    const range = RequestOp.create({ request: { case: 'requestRange', value: RangeRequest.create(everything) } });
    return channel.unary(KV.txn, TxnRequest.create({ success: [range, range] }), { signal });
  },
  puts: (channel, signal) =>
    channel.unary(KV.put, PutRequest.create({ key: Buffer.from('p'), value: Buffer.alloc(10_000) }), { signal }),
  'watches of all history': (channel, signal) => {
    const stream = channel.stream(Watch.watch, { signal });
    const value = WatchCreateRequest.create({ ...everything, startRevision: 1 });
    stream.send(WatchRequest.create({ requestUnion: { case: 'createRequest', value } }));
    return reading(stream);
  },
  'range streams': (channel, signal) => {
    const stream = channel.stream(KV.rangeStream, { signal });
    stream.send(RangeRequest.create(everything));
    stream.end();
    return reading(stream);
  },
  snapshots: (channel, signal) => {
    const stream = channel.stream(Maintenance.snapshot, { signal });
    stream.send(SnapshotRequest.create());
    stream.end();
    return reading(stream);
  },
  hashes: (channel, signal) => channel.unary(Maintenance.hash, HashRequest.create(), { signal }),
  'hashes of keys': (channel, signal) => channel.unary(Maintenance.hashKV, HashKVRequest.create(), { signal }),
  'keep-alives': (channel, signal) => {
    const stream = channel.stream(Lease.leaseKeepAlive, { signal });
    stream.send(LeaseKeepAliveRequest.create({ ID: 1n }));
    return reading(stream);
  },
};

beforeAll(buildPrograms, 120_000);

describe('calls that are cancelled within 3 ms', () => {
  it('of every kind leave nothing behind, and others are served meanwhile', async () => {
    await using member = await WatchedMember.start();
    await member.fill(10);
    for (const [kind, begin] of Object.entries(kinds)) {
      const channels = Array.from({ length: CLIENTS }, () => member.connect());
      await Promise.all(channels.map((channel) => channel.connect()));
      const { grewMb, puts } = await member.during(async () => {
        const untilMs = performance.now() + ATTACK_MS;
        await Promise.all(channels.map((channel) => cancelOverAndOver(channel, begin, untilMs)));
      });
      expect(grewMb, `memory after ${kind}`).toBeLessThan(ALLOWED_MB);
      expect(puts, `puts of another client during ${kind}`).toBeGreaterThan(0);
      await Promise.all(channels.map((channel) => channel.close()));
    }
    expect(member.process.hasEnded).toBe(false);
  }, 240_000);
});

async function cancelOverAndOver(channel: Channel, begin: Begin, untilMs: number): Promise<void> {
  while (performance.now() < untilMs) {
    const call = new AbortController();
    begin(channel, call.signal).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
    call.abort();
  }
}
