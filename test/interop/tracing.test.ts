/**
 * Spans of calls, and since 3.7 those within them, beside those of real members, which send them to a collector alike.
 * Until 3.6 their spans of calls that fail do not say who called; ours do.
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CallOptions, Channel } from '../../src/grpc/types.js';
import type { Method } from '../../src/lib/codec.js';
import {
  Auth,
  AuthUserAddRequest,
  Cluster,
  CompactionRequest,
  DeleteRangeRequest,
  KV,
  Lease,
  Maintenance,
  PutRequest,
  RangeRequest,
  type RequestOp,
  TxnRequest,
  Watch,
  WatchCreateRequest,
  WatchRequest,
} from '../../src/proto/gen/etcdserverpb.js';
import { Election } from '../../src/proto/gen/v3electionpb.js';
import { Lock } from '../../src/proto/gen/v3lockpb.js';
import { channelTo } from '../support/channel-to.js';
import { prepareCluster } from '../support/cluster.js';
import { buildPrograms, ourProgram, realEtcd, realEtcd36, realEtcd37 } from '../support/member-process.js';
import { TraceCollector } from '../support/trace-collector.js';

const key = Buffer.from('k');
const put = PutRequest.create({ key, value: key });
const putOp: RequestOp = { request: { case: 'requestPut', value: put } };
const rangeOp: RequestOp = { request: { case: 'requestRange', value: RangeRequest.create({ key }) } };
type Call = (channel: Channel, options: CallOptions) => Promise<unknown>;
const call =
  <I>(method: Method<I, unknown>, request: I): Call =>
  (channel, options) =>
    channel.unary(method, request, options);
const calls: readonly Call[] = [
  call(KV.put, put),
  call(KV.put, PutRequest.create({})),
  call(KV.put, PutRequest.create({ key, lease: 999n })),
  call(KV.range, RangeRequest.create({ key })),
  call(KV.range, RangeRequest.create({ key, rangeEnd: Buffer.from('z'), limit: 5, keysOnly: true })),
  call(KV.range, RangeRequest.create({ key, revision: 99 })),
  call(KV.deleteRange, DeleteRangeRequest.create({ key, rangeEnd: Buffer.from('l') })),
  call(KV.txn, TxnRequest.create({ success: [rangeOp, putOp], failure: [rangeOp] })),
  call(KV.txn, TxnRequest.create({ success: [rangeOp] })),
  call(KV.txn, TxnRequest.create({})),
  call(KV.compact, CompactionRequest.create({ revision: 2, physical: true })),
  call(KV.compact, CompactionRequest.create({ revision: 99 })),
  call(Lease.leaseGrant, { TTL: 60, ID: 77n }),
  call(Lease.leaseRevoke, { ID: 78n }),
  call(Lease.leaseLeases, {}),
  call(Cluster.memberList, { linearizable: true }),
  call(Maintenance.status, {}),
  call(Auth.userAdd, AuthUserAddRequest.create({ name: 'u', password: 'p' })),
  call(Auth.userAdd, AuthUserAddRequest.create({ name: 'u', password: 'p' })),
  call(Auth.authEnable, {}),
  call({ ...KV.put, path: '/etcdserverpb.KV/Nothing' }, PutRequest.create({ key })),
  keptAlive,
  watched,
  call(Lock.lock, { name: key, lease: 77n }),
  call(Lock.unlock, { key: Buffer.from('k/4d') }),
  call(Election.campaign, { name: key, lease: 77n, value: key }),
  call(Election.leader, { name: key }),
  call(Election.leader, { name: Buffer.from('none') }),
];

async function keptAlive(channel: Channel, options: CallOptions): Promise<void> {
  const stream = channel.stream(Lease.leaseKeepAlive, options);
  const answers = stream.messages[Symbol.asyncIterator]();
  for (const ID of [77n, 5n]) {
    stream.send({ ID });
    await answers.next();
  }
  stream.end();
  await answers.next();
}

/** Two watches, of which one is canceled, then the stream. */
async function watched(channel: Channel, options: CallOptions): Promise<void> {
  const stream = channel.stream(Watch.watch, options);
  const answers = stream.messages[Symbol.asyncIterator]();
  const create = (value: Partial<WatchCreateRequest>): WatchRequest =>
    WatchRequest.create({ requestUnion: { case: 'createRequest', value: WatchCreateRequest.create(value) } });
  stream.send(create({ key, rangeEnd: Buffer.from('l'), startRevision: 99, progressNotify: true, prevKv: true }));
  await answers.next();
  stream.send(create({ key: Buffer.from('q'), rangeEnd: Buffer.of(0), fragment: true }));
  await answers.next();
  stream.send(WatchRequest.create({ requestUnion: { case: 'cancelRequest', value: { watchId: 1n } } }));
  await answers.next();
  stream.cancel();
}

const inOrder = (attributes: object): object => Object.fromEntries(Object.entries(attributes).sort());

const parents = [
  { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'a=b,c=d' },
  { traceparent: '00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00' },
  { traceparent: '01-2af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more' },
  { traceparent: '00-3AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01' },
  { traceparent: '00-00000000000000000000000000000000-b7ad6b7169203331-01' },
  { traceparent: 'nonsense' },
  {},
];

interface Version {
  readonly version: string;
  readonly real: string | undefined;
  /** What its flags begin with. */
  readonly flags: string;
}

async function spansOf(program: string, rate: number, { version, flags }: Version): Promise<unknown[]> {
  await using collector = await new TraceCollector().listen();
  await using cluster = await prepareCluster({ members: 1 });
  const home = cluster.only;
  await using member = await home.run(
    program,
    [
      `--${flags}enable-distributed-tracing`,
      `--${flags}distributed-tracing-address=${collector.address}`,
      `--${flags}distributed-tracing-service-name=my-etcd`,
      `--${flags}distributed-tracing-instance-id=instance-7`,
      `--${flags}distributed-tracing-sampling-rate=${rate}`,
    ],
    program === ourProgram('etcd') ? { ETCD_EMULATE_VERSION: version } : {},
  );
  const channel: Channel = channelTo(home.endpoint);
  try {
    for (const run of calls) {
      const metadata = new Map(Object.entries(parents[0] ?? {}).map(([name, value]) => [name, [value]]));
      await run(channel, { metadata }).catch(() => {});
    }
    for (const parent of parents) {
      const metadata = new Map(Object.entries(parent).map(([name, value]) => [name, [value]]));
      await channel.unary(KV.range, RangeRequest.create({ key }), { metadata });
    }
    // By the member itself.
    await channel.unary(Lease.leaseGrant, { TTL: 1, ID: 88n }, {});
    while ((await channel.unary(Lease.leaseLeases, {}, {})).leases.some(({ ID }) => ID === 88n));
  } finally {
    await channel.close();
  }
  await member.stop();
  const names = new Map(collector.spans.map(({ spanId, name }) => [spanId, name]));
  const spans = collector.spans.map((span) => {
    const { resource, scope, traceId, parentSpanId, traceState, name, kind, attributes, events, status } = span;
    const { 'net.sock.peer.addr': address, 'net.sock.peer.port': port, ...others } = attributes;
    const isAnswered = others['rpc.grpc.status_code'] === 0;
    return {
      ...{ name, resource, scope: scope.name, traceState, kind, status: status.code, events },
      parent: names.get(parentSpanId) ?? parentSpanId,
      attributes: inOrder({ ...others, ...(others['server.port'] !== undefined && { 'server.port': 'PORT' }) }),
      ...(isAnswered && { address, hasPort: typeof port === 'number' }),
      trace: parents.some(({ traceparent = '' }) => traceparent.includes(traceId)) ? traceId : 'its own',
    };
  });
  // In which order they end, and how often health and leases were asked for, is chance.
  const isChance = (at: number): boolean => {
    const { name, trace, parent } = spans[at] ?? {};
    return trace === 'its own' && ((name === 'range' && parent === '') || name === 'etcdserverpb.Lease/LeaseLeases');
  };
  const texts = (wanted: boolean): string[] =>
    spans.filter((_, at) => isChance(at) === wanted).map((span) => JSON.stringify(span));
  return [...texts(false).sort(), ...[...new Set(texts(true))].sort()].map((span): unknown => JSON.parse(span));
}

const versions = [
  { version: '3.5', real: realEtcd, flags: 'experimental-' },
  { version: '3.6', real: realEtcd36, flags: '' },
  { version: '3.7', real: realEtcd37, flags: '' },
].filter(({ real }) => real !== undefined);

describe.skipIf(versions.length === 0).each(versions)('spans of calls, beside a real $version', (each) => {
  it.each([0, 1_000_000])('at a rate of %i', { timeout: 60_000 }, async (rate) => {
    buildPrograms();
    const theirs = await spansOf(join(each.real ?? '', 'etcd'), rate, each);
    expect(theirs.length).toBeGreaterThan(8);
    expect(await spansOf(ourProgram('etcd'), rate, each)).toEqual(theirs);
  });
});
