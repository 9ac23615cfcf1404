/**
 * Calls that are cancelled as soon as they have begun, over and over: whatever they asked for, it must not be worked
 * out to its end, nor be kept. Once 20 clients that cancelled ranges, watches and puts within 3 ms for 6 seconds made a
 * member of 20 MB take 23 GB.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Channel } from '../../src/grpc/types.js';
import type { LeaseId } from '../../src/lib/ids.js';
import {
  CompactionRequest,
  DefragmentRequest,
  HashKVRequest,
  HashRequest,
  KV,
  Lease,
  LeaseGrantRequest,
  LeaseKeepAliveRequest,
  LeaseLeasesRequest,
  LeaseTimeToLiveRequest,
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
import { CampaignRequest, Election, LeaderRequest } from '../../src/proto/gen/v3electionpb.js';
import { Lock, LockRequest } from '../../src/proto/gen/v3lockpb.js';
import { buildPrograms } from '../support/member-process.js';
import { everything, WatchedMember } from '../support/watched-member.js';

const CLIENTS = 20;
/** For each kind. */
const ATTACK_MS = 500;
/** A few answers of 10 MB in the making and on their way, and what the collector lets lie. */
const ALLOWED_MB = 350;
const LEASE = 7n as LeaseId;
const HOLDER = 8n as LeaseId;
/** Somebody has this lock, and does not release it. */
const HELD = Buffer.from('held');
/** What a member counts of what it has in hand, and what it is when nobody asks for anything. */
const AT_REST = /^etcd_debugging_mvcc_watcher_total 0\n(?:.*\n)*etcd_debugging_store_watchers 0\n/m;

type Begin = (channel: Channel, signal: AbortSignal, clientUrl: string) => Promise<unknown>;

/** One after the other of several. */
function inTurn(...begins: readonly Begin[]): Begin {
  let turn = 0;
  return (channel, signal, clientUrl) => {
    const begin = begins[turn++ % begins.length];
    return begin === undefined ? Promise.resolve() : begin(channel, signal, clientUrl);
  };
}

const byHttp =
  (path: string, body?: string): Begin =>
  async (_channel, signal, clientUrl) => {
    const answer = await fetch(`${clientUrl}${path}`, {
      signal,
      ...(body === undefined ? {} : { method: 'POST', body }),
    });
    await answer.arrayBuffer();
  };

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const watchOfAll = JSON.stringify({ create_request: { key: base64('a'), range_end: base64('z'), start_revision: 1 } });
let revision = 0;

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
  'calls about leases': inTurn(
    (channel, signal) => {
      const stream = channel.stream(Lease.leaseKeepAlive, { signal });
      stream.send(LeaseKeepAliveRequest.create({ ID: LEASE }));
      return reading(stream);
    },
    (channel, signal) =>
      channel.unary(Lease.leaseTimeToLive, LeaseTimeToLiveRequest.create({ ID: LEASE, keys: true }), { signal }),
    (channel, signal) => channel.unary(Lease.leaseLeases, LeaseLeasesRequest.create(), { signal }),
  ),
  'waits for locks and offices': inTurn(
    (channel, signal) => channel.unary(Lock.lock, LockRequest.create({ name: HELD, lease: LEASE }), { signal }),
    (channel, signal) =>
      channel.unary(Election.campaign, CampaignRequest.create({ name: HELD, lease: LEASE }), { signal }),
    (channel, signal) => {
      const stream = channel.stream(Election.observe, { signal });
      stream.send(LeaderRequest.create({ name: Buffer.from('nobody') }));
      stream.end();
      return reading(stream);
    },
  ),
  'calls over HTTP': inTurn(
    byHttp('/v3/watch', watchOfAll),
    byHttp('/v3/kv/range', JSON.stringify({ key: base64('a'), range_end: base64('z') })),
    byHttp('/v3/maintenance/snapshot', '{}'),
    byHttp('/v2/keys/nothing?wait=true'),
    byHttp('/v2/keys/nothing?wait=true&stream=true'),
  ),
  compactions: (channel, signal) =>
    channel.unary(KV.compact, CompactionRequest.create({ revision: ++revision, physical: true }), { signal }),
  defragmentations: (channel, signal) => channel.unary(Maintenance.defragment, DefragmentRequest.create(), { signal }),
};

beforeAll(buildPrograms, 120_000);

describe('calls that are cancelled within 3 ms', () => {
  it('of every kind leave nothing behind, and others are served meanwhile', async () => {
    await using member = await WatchedMember.start(['--enable-v2']);
    const { clientUrl } = member.place;
    await member.fill(10);
    const own = member.connect();
    for (const ID of [LEASE, HOLDER]) await own.unary(Lease.leaseGrant, LeaseGrantRequest.create({ ID, TTL: 1000 }));
    await own.unary(Lock.lock, LockRequest.create({ name: HELD, lease: HOLDER }));
    for (const [kind, begin] of Object.entries(kinds)) {
      const channels = Array.from({ length: CLIENTS }, () => member.connect());
      await Promise.all(channels.map((channel) => channel.connect()));
      const { grewMb, puts } = await member.during(async () => {
        const untilMs = performance.now() + ATTACK_MS;
        await Promise.all(
          channels.map((channel) => cancelOverAndOver((signal) => begin(channel, signal, clientUrl), untilMs)),
        );
      });
      expect(grewMb, `memory after ${kind}`).toBeLessThan(ALLOWED_MB);
      expect(puts, `puts of another client during ${kind}`).toBeGreaterThan(0);
      await Promise.all(channels.map((channel) => channel.close()));
    }
    const figures = async () => (await fetch(`${clientUrl}/metrics`)).text();
    await expect.poll(figures, { timeout: 10_000 }).toMatch(AT_REST);
    const held = { key: HELD, rangeEnd: Buffer.from('hele') };
    const waiting = async () => (await own.unary(KV.range, RangeRequest.create({ ...held, countOnly: true }))).count;
    await expect.poll(waiting, { timeout: 10_000 }).toBe(1);
    expect(member.process.hasEnded).toBe(false);
  }, 240_000);
});

async function cancelOverAndOver(begin: (signal: AbortSignal) => Promise<unknown>, untilMs: number): Promise<void> {
  while (performance.now() < untilMs) {
    const call = new AbortController();
    begin(call.signal).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
    call.abort();
  }
}
