/**
 * grpc-go on the other side, in both roles: stock etcdctl calls a stand-in of ours, our channel calls a real etcd. Runs
 * where REAL_ETCD names the folder with its binaries.
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createGrpcServer } from '../../src/grpc/server.js';
import type { GrpcError } from '../../src/grpc/types.js';
import type { Codec, Method, MethodKind } from '../../src/lib/codec.js';
import { osClock } from '../../src/lib/os/clock.js';
import { startCluster } from '../support/cluster.js';
import { channelTo, HOST, serve } from '../support/echo-service.js';
import { RunningProgram, runProgram } from '../support/program.js';

const real = process.env.REAL_ETCD ?? '';

const bytes: Codec<Uint8Array> = {
  typeName: 'test.Bytes',
  create: () => new Uint8Array(0),
  encode: (message) => message,
  decode: (message) => Buffer.from(message),
};
const method = (path: string, kind: MethodKind = 'unary'): Method<Uint8Array, Uint8Array> => ({
  path: `/etcdserverpb.${path}`,
  kind,
  input: bytes,
  output: bytes,
});
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
/** Header with a cluster id and nothing else. */
const header = '0a 02 10 01';
const keyValue = '0a 03 6b6579 2a 03 76616c';
const putRequest = hex('0a 03 6b6579 12 03 76616c');
const rangeRequest = hex('0a 03 6b6579');

describe.runIf(real !== '')('stock etcdctl', () => {
  const env = { ETCDCTL_API: '3' };
  const etcdctl = async (port: number, ...args: string[]) => {
    const all = [...args, `--endpoints=${HOST}:${port}`];
    const { code, stdout, stderr } = await runProgram(join(real, 'etcdctl'), all, { env, timeoutMs: 15_000 });
    return { code, stdout, stderr };
  };

  it('makes unary calls with deadlines and metadata, small and large', async () => {
    const seen: unknown[] = [];
    const server = createGrpcServer({ clock: osClock });
    server.unary(method('KV/Put'), (request, call) => {
      seen.push([request.length, (call.timeoutMs ?? 0) > 0, call.metadata.has('client-api-version')]);
      return hex(header);
    });
    server.unary(method('KV/Range'), async () => hex(`${header} 12 0a ${keyValue}`));
    await using served = await serve(server);
    expect(await etcdctl(served.port, 'put', 'key', 'val')).toEqual({ code: 0, stdout: 'OK\n', stderr: '' });
    expect(await etcdctl(served.port, 'put', 'key', 'x'.repeat(100_000))).toMatchObject({ code: 0, stdout: 'OK\n' });
    expect(seen).toEqual([
      [10, true, true],
      [100_009, true, true],
    ]);
    expect((await etcdctl(served.port, 'get', 'key')).stdout).toBe('key\nval\n');
    const refused = await etcdctl(served.port, 'lease', 'list');
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain(
      'Error: rpc error: code = Unimplemented desc = unknown service etcdserverpb.Lease\n',
    );
  });

  it('watches: a stream that stays open both ways', async () => {
    const server = createGrpcServer({ clock: osClock });
    server.stream(method('Watch/Watch', 'bidi'), async (stream) => {
      for await (const _ of stream.messages) {
        stream.send(hex(`${header} 18 01`));
        for (let i = 0; i < 3; i++) stream.send(hex(`${header} 5a 0c 12 0a ${keyValue}`));
      }
    });
    await using served = await serve(server);
    const words = ['watch', 'key', `--endpoints=${HOST}:${served.port}`];
    await using watch = new RunningProgram(join(real, 'etcdctl'), words, { env });
    await expect.poll(() => watch.stdout, { timeout: 10_000 }).toBe('PUT\nkey\nval\n'.repeat(3));
    watch.signal('SIGINT');
    await watch.ended();
    await expect.poll(() => server.runningCalls).toBe(0);
  });
});

describe.runIf(real !== '')('our channel to a real etcd', () => {
  it('makes unary and streaming calls, meets its limits, and words its end as clientv3 does', async () => {
    await using cluster = await startCluster({ members: 1, runner: { real } });
    const { only: etcd } = cluster;
    await using channel = channelTo(etcd.clientPort, { backoff: { baseMs: 50, maxMs: 200 } });
    const failureOf = (call: Promise<unknown>): Promise<GrpcError> =>
      call.then(
        () => Promise.reject(new Error('the call succeeded')),
        (error: GrpcError) => error,
      );
    await channel.unary(method('KV/Put'), putRequest, { waitForReady: true, timeoutMs: 20_000 });
    const range = await channel.unary(method('KV/Range'), rangeRequest);
    expect(Buffer.from(range).toString('latin1')).toContain('*\x03val');

    expect(await failureOf(channel.unary(method('KV/Range'), hex('')))).toMatchObject({
      code: 3,
      message: 'etcdserver: key is not provided',
    });
    expect(await failureOf(channel.unary(method('KV/Put'), Buffer.alloc(3_000_000, 10)))).toMatchObject({
      code: 8,
      message: 'grpc: received message larger than max (3000000 vs. 2097152)',
    });
    expect(await failureOf(channel.unary(method('KV/Nope'), hex('')))).toMatchObject({
      code: 12,
      message: 'unknown method Nope for service etcdserverpb.KV',
    });

    const value = Buffer.alloc(1_000_000, 'v');
    const large = Buffer.concat([hex('0a 03 6b6579 12 c0843d'), value]);
    for (let i = 0; i < 5; i++) await channel.unary(method('KV/Put'), large);
    expect((await channel.unary(method('KV/Range'), rangeRequest)).length).toBeGreaterThan(1_000_000);
    await Promise.all(Array.from({ length: 500 }, () => channel.unary(method('KV/Put'), putRequest)));

    const watch = channel.stream(method('Watch/Watch', 'bidi'));
    watch.send(hex('0a 05 0a 03 6b6579'));
    const events = watch.messages[Symbol.asyncIterator]();
    await events.next();
    await channel.unary(method('KV/Put'), putRequest);
    expect(Buffer.from((await events.next()).value ?? '').toString('latin1')).toContain('*\x03val');

    const broken = failureOf(events.next());
    const stopped = etcd.stop();
    expect((await broken).code).toBe(14);
    await stopped;
    expect(await failureOf(channel.unary(method('KV/Range'), rangeRequest))).toMatchObject({
      code: 14,
      message:
        `connection error: desc = "transport: Error while dialing: dial tcp ${HOST}:${etcd.clientPort}: connect: ` +
        `connection refused"`,
    });
  });
});
