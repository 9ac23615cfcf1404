/** A small collector, as OTLP over gRPC is spoken, takes what a member sends. */
import { beforeAll, describe, expect, test } from 'vitest';
import { prepareCluster } from '../../support/cluster.js';
import { buildPrograms, ourProgram } from '../../support/member-process.js';
import { TraceCollector } from '../../support/trace-collector.js';
import { putWithMetadata } from '../../support/traced-put.js';

beforeAll(buildPrograms, 120_000);

describe('distributed tracing', { timeout: 60_000 }, () => {
  test.each(['', 'experimental-'])(
    'spans of calls reach the collector before the member has ended (--%s…)',
    async (prefix) => {
      await using collector = await new TraceCollector().listen();
      await using cluster = await prepareCluster({ members: 1 });
      const home = cluster.only;
      await using member = await home.run(ourProgram('etcd'), [
        `--${prefix}enable-distributed-tracing`,
        ...[`--${prefix}distributed-tracing-address`, collector.address],
        ...[`--${prefix}distributed-tracing-service-name`, 'my-etcd'],
        ...[`--${prefix}distributed-tracing-instance-id`, 'instance-7'],
      ]);
      // Its caller has decided that it is traced, and that another is not; the rate is 0.
      const traced = '0af7651916cd43dd8448eb211c80319c';
      await putWithMetadata(home.endpoint, { traceparent: `00-${traced}-b7ad6b7169203331-01` });
      await putWithMetadata(home.endpoint, { traceparent: '00-1bf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00' });
      await putWithMetadata(home.endpoint, {});
      // Through the gateway as well, where metadata has a prefix.
      const parent = `00-2cf7651916cd43dd8448eb211c80319c-c8be6b7169203331-01`;
      const gateway = (path: string) =>
        fetch(`http://${home.endpoint}${path}`, {
          method: 'POST',
          headers: { 'Grpc-Metadata-Traceparent': parent },
          body: '{"key":"aw=="}',
        }).then((response) => response.text());
      await gateway('/v3/kv/range');
      await gateway('/v3/lease/keepalive');
      await member.stop();
      expect(member.output).toContain('distributed tracing setup enabled');
      const told = collector.spans.map(({ name, traceId, parentSpanId, attributes, resource }) => {
        expect(resource).toEqual({ 'service.name': 'my-etcd', 'service.instance.id': 'instance-7' });
        return [name, traceId.slice(0, 4), parentSpanId, attributes['rpc.grpc.status_code']];
      });
      expect(told).toEqual([
        ['etcdserverpb.KV/Put', '0af7', 'b7ad6b7169203331', 0],
        ['etcdserverpb.KV/Range', '2cf7', 'c8be6b7169203331', 0],
        ['etcdserverpb.Lease/LeaseKeepAlive', '2cf7', 'c8be6b7169203331', 0],
      ]);
    },
  );

  test('a member whose collector is not there serves and ends all the same', async () => {
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    await using member = await home.run(ourProgram('etcd'), [
      '--enable-distributed-tracing',
      ...['--distributed-tracing-address', '127.0.0.1:1'],
      ...['--distributed-tracing-sampling-rate', '1000000'],
    ]);
    await putWithMetadata(home.endpoint, {});
    await member.stop();
    expect(member.child.signalCode).toBe('SIGTERM');
    expect(member.output).toMatch(/"msg":"failed to export traces","spans":1,"error":"[^"]+"/);
  });
});
