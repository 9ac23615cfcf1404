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
        return [name, traceId.slice(0, 4), parentSpanId, attributes['rpc.response.status_code']];
      });
      expect(told).toEqual([
        ['etcdserverpb.KV/Put', '0af7', 'b7ad6b7169203331', 'OK'],
        ['etcdserverpb.KV/Range', '2cf7', 'c8be6b7169203331', 'OK'],
        ['etcdserverpb.Lease/LeaseKeepAlive', '2cf7', 'c8be6b7169203331', 'OK'],
      ]);
    },
  );

  test('3.7 tells what happens within calls, and of what it does by itself', async () => {
    await using collector = await new TraceCollector().listen();
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    const flags = [
      '--enable-distributed-tracing',
      `--distributed-tracing-address=${collector.address}`,
      '--distributed-tracing-sampling-rate=1000000',
      '--max-request-bytes=100',
    ];
    await using member = await home.run(ourProgram('etcd'), flags, { ETCD_EMULATE_VERSION: '3.7' });
    const ask = (path: string, body: object): Promise<unknown> =>
      fetch(`http://${home.endpoint}/v3/${path}`, { method: 'POST', body: JSON.stringify(body) }).then((response) =>
        response.json(),
      );
    await ask('kv/put', { key: 'aw==', value: Buffer.alloc(200).toString('base64') });
    // A watch that is canceled because what it asks for is gone; its stream stays.
    await ask('kv/put', { key: 'aw==' });
    await ask('kv/compaction', { revision: 2, physical: true });
    const left = new AbortController();
    const watching = await fetch(`http://${home.endpoint}/v3/watch`, {
      method: 'POST',
      body: JSON.stringify({ create_request: { key: 'aw==', start_revision: 1 } }),
      signal: left.signal,
    });
    let answers = '';
    for await (const chunk of watching.body as unknown as AsyncIterable<Uint8Array>) {
      answers += Buffer.from(chunk).toString();
      if (answers.includes('compact_revision')) break;
    }
    await ask('lease/grant', { ID: '7587895642000000001', TTL: 60 });
    await ask('lease/grant', { ID: 5, TTL: 1 });
    while (JSON.stringify(await ask('lease/leases', {})).includes('"5"'));
    left.abort();
    await member.stop();
    const own = collector.spans.filter(({ scope }) => scope.name === 'go.etcd.io/etcd');
    const called = (wanted: string) => own.filter(({ name }) => name === wanted);
    expect(called('range')[0]).toMatchObject({ parentSpanId: '', attributes: { limit: 1, keys_only: true } });
    const [put] = called('put');
    expect(collector.spans.find(({ spanId }) => spanId === put?.parentSpanId)).toMatchObject({
      name: 'etcdserverpb.KV/Put',
      attributes: { 'server.address': '127.0.0.1', 'rpc.response.status_code': 'INVALID_ARGUMENT' },
    });
    expect(put?.events.map(({ name, attributes }) => [name, attributes['exception.message']])).toEqual([
      ['exception', 'etcdserver: request is too large'],
    ]);
    const names = own.map(({ name }) => name);
    expect(names.indexOf('watch')).toBeGreaterThan(names.indexOf('compact'));
    expect(names.indexOf('watch')).toBeLessThan(names.indexOf('lease_grant'));
    // Numbers that a double cannot hold are told as text.
    expect(called('lease_grant').map(({ attributes }) => attributes.id)).toEqual(['7587895642000000001', 5]);
    expect(called('lease_revoke')).toMatchObject([
      {
        ...{ parentSpanId: '', attributes: { id: 5 } },
        events: [{ name: 'Send raft proposal' }, { name: 'Receive raft result' }],
      },
    ]);
  });

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
