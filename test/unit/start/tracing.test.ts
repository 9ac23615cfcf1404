/** A small collector, as OTLP over gRPC is spoken, takes what a member sends. */
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { beforeAll, describe, expect, test } from 'vitest';
import { prepareCluster } from '../../support/cluster.js';
import { buildPrograms, ourProgram } from '../../support/member-process.js';
import { putWithMetadata } from '../../support/traced-put.js';

beforeAll(buildPrograms, 120_000);

/** All that was exported, as bytes: names, ids and attributes stand in them as they are. */
async function collector(): Promise<{ address: string; received: Buffer[]; close: () => void }> {
  const received: Buffer[] = [];
  const server = new Server();
  const same = (bytes: Buffer): Buffer => bytes;
  const method = {
    path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  server.addService(
    { export: method },
    {
      export: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
        received.push(call.request);
        done(null, Buffer.alloc(0));
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  return { address: `127.0.0.1:${port}`, received, close: () => server.forceShutdown() };
}

describe('distributed tracing', { timeout: 60_000 }, () => {
  test.each(['', 'experimental-'])(
    'spans of calls reach the collector before the member has ended (--%s…)',
    async (prefix) => {
      const { address, received, close } = await collector();
      await using cluster = await prepareCluster({ members: 1 });
      const home = cluster.only;
      await using member = await home.run(ourProgram('etcd'), [
        `--${prefix}enable-distributed-tracing`,
        ...[`--${prefix}distributed-tracing-address`, address],
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
      const all = Buffer.concat(received);
      for (const text of [
        'etcdserverpb.KV/Put',
        'etcdserverpb.KV/Range',
        'etcdserverpb.Lease/LeaseKeepAlive',
        'my-etcd',
        'instance-7',
        'rpc.grpc.status_code',
      ])
        expect(all.includes(text), text).toBe(true);
      expect(all.includes(Buffer.from(traced, 'hex'))).toBe(true);
      expect(all.includes(Buffer.from('c8be6b7169203331', 'hex'))).toBe(true);
      expect(all.includes(Buffer.from('b7ad6b7169203331', 'hex'))).toBe(true);
      expect(all.toString('latin1').split('etcdserverpb.KV/Put').length - 1).toBe(1);
      close();
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
  });
});
