/**
 * Spans of calls beside those of a real 3.6, which sends them to a collector alike. Its spans of calls that fail do not
 * say who called; ours do.
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CallOptions, Channel } from '../../src/grpc/types.js';
import type { Method } from '../../src/lib/codec.js';
import { Cluster, KV, Lease, Maintenance, PutRequest, RangeRequest } from '../../src/proto/gen/etcdserverpb.js';
import { channelTo } from '../support/channel-to.js';
import { prepareCluster } from '../support/cluster.js';
import { buildPrograms, ourProgram, realEtcd36 } from '../support/member-process.js';
import { TraceCollector } from '../support/trace-collector.js';

const key = Buffer.from('k');
type Call = (channel: Channel, options: CallOptions) => Promise<unknown>;
const call =
  <I>(method: Method<I, unknown>, request: I): Call =>
  (channel, options) =>
    channel.unary(method, request, options);
const calls: readonly Call[] = [
  call(KV.put, PutRequest.create({ key, value: key })),
  call(KV.put, PutRequest.create({})),
  call(KV.range, RangeRequest.create({ key })),
  call(KV.range, RangeRequest.create({ key, revision: 99 })),
  call(KV.compact, { revision: 2, physical: false }),
  call(Lease.leaseGrant, { TTL: 60, ID: 77n }),
  call(Lease.leaseRevoke, { ID: 78n }),
  call(Cluster.memberList, { linearizable: true }),
  call(Maintenance.status, {}),
  call({ ...KV.put, path: '/etcdserverpb.KV/Nothing' }, PutRequest.create({ key })),
];
const parents = [
  { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'a=b,c=d' },
  { traceparent: '00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00' },
  { traceparent: '01-2af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more' },
  { traceparent: '00-3AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01' },
  { traceparent: '00-00000000000000000000000000000000-b7ad6b7169203331-01' },
  { traceparent: 'nonsense' },
  {},
];

async function spansOf(program: string, rate: number): Promise<unknown[]> {
  await using collector = await new TraceCollector().listen();
  await using cluster = await prepareCluster({ members: 1 });
  const home = cluster.only;
  await using member = await home.run(
    program,
    [
      '--enable-distributed-tracing',
      `--distributed-tracing-address=${collector.address}`,
      '--distributed-tracing-service-name=my-etcd',
      '--distributed-tracing-instance-id=instance-7',
      `--distributed-tracing-sampling-rate=${rate}`,
    ],
    program === ourProgram('etcd') ? { ETCD_EMULATE_VERSION: '3.6' } : {},
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
  } finally {
    await channel.close();
  }
  await member.stop();
  return collector.spans.map(({ resource, traceId, parentSpanId, traceState, name, kind, attributes, status }) => {
    const { 'net.sock.peer.addr': address, 'net.sock.peer.port': port, ...others } = attributes;
    const isAnswered = others['rpc.grpc.status_code'] === 0;
    return {
      ...{ resource, parentSpanId, traceState, name, kind, attributes: others, status: status.code },
      ...(isAnswered && { address, hasPort: typeof port === 'number' }),
      trace: parentSpanId === '' ? 'its own' : traceId,
    };
  });
}

describe.skipIf(realEtcd36 === undefined)('spans of calls, beside a real 3.6', () => {
  it.each([0, 1_000_000])('at a rate of %i', { timeout: 60_000 }, async (rate) => {
    buildPrograms();
    const theirs = await spansOf(join(realEtcd36 ?? '', 'etcd'), rate);
    expect(theirs.length).toBeGreaterThan(8);
    expect(await spansOf(ourProgram('etcd'), rate)).toEqual(theirs);
  });
});
