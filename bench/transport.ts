/**
 * How much a unary echo call costs on the transport alone: `npx tsx bench/transport.ts [--seconds N]`.
 * A server and a load generator, each in a process of its own, our client generating the load against our server and
 * against
 * @grpc/grpc-js in turn. Prints calls/s, the server's CPU time per call and the latency's 50th and 99th percentile.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Server as GrpcJsServer, ServerCredentials } from '@grpc/grpc-js';
import { createChannel } from '../src/grpc/channel.js';
import { createGrpcServer } from '../src/grpc/server.js';
import type { Channel } from '../src/grpc/types.js';
import { openPort } from '../src/http2/port.js';
import type { Codec, Method } from '../src/lib/codec.js';
import { osClock } from '../src/lib/os/clock.js';
import { osNetwork } from '../src/lib/os/net.js';

const bytes: Codec<Uint8Array> = {
  typeName: 'bench.Bytes',
  create: () => new Uint8Array(0),
  encode: (message) => message,
  decode: (message) => message,
};
const echo: Method<Uint8Array, Uint8Array> = { path: '/bench.Echo/Unary', kind: 'unary', input: bytes, output: bytes };
const host = '127.0.0.1';
const loads = [
  { clients: 1, connections: 1 },
  { clients: 1000, connections: 1 },
  { clients: 1000, connections: 100 },
];

type ServerKind = 'ours' | 'grpc-js';

async function serve(kind: ServerKind): Promise<void> {
  const port = kind === 'ours' ? await serveOurs() : await serveGrpcJs();
  process.on('message', () => process.send?.({ cpu: process.cpuUsage() }));
  process.on('disconnect', () => process.exit(0));
  process.send?.({ port });
}

async function serveOurs(): Promise<number> {
  const server = createGrpcServer({ clock: osClock });
  server.unary(echo, (request) => request);
  const port = openPort({
    clock: osClock,
    session: { onStream: (stream, fields, end) => server.handle(stream, fields, end) },
  });
  const { address } = await osNetwork.listen({ t: 'tcp', host, port: 0 }, port.accept);
  return address.t === 'tcp' ? address.port : 0;
}

function serveGrpcJs(): Promise<number> {
  const server = new GrpcJsServer();
  const identity = (message: Buffer): Buffer => message;
  server.addService(
    {
      Unary: {
        path: echo.path,
        requestStream: false,
        responseStream: false,
        requestSerialize: identity,
        requestDeserialize: identity,
        responseSerialize: identity,
        responseDeserialize: identity,
      },
    },
    { Unary: (call: { request: Buffer }, done: (error: null, answer: Buffer) => void) => done(null, call.request) },
  );
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host}:0`, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

interface Result {
  readonly callsPerSecond: number;
  readonly cpuPerCallUs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function measure(kind: ServerKind, load: (typeof loads)[number], seconds: number): Promise<Result> {
  const child = fork(fileURLToPath(import.meta.url), ['--serve', kind], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  try {
    const { port } = (await answerOf(child)) as { port: number };
    const channels = Array.from({ length: load.connections }, () => openChannel(port));
    await Promise.all(channels.map((channel) => channel.connect()));
    await run(channels, load.clients, 0.5);
    const cpuBefore = await cpuOf(child);
    const { latencies, elapsedMs } = await run(channels, load.clients, seconds);
    const cpu = (await cpuOf(child)) - cpuBefore;
    await Promise.all(channels.map((channel) => channel.close()));
    latencies.sort((a, b) => a - b);
    return {
      callsPerSecond: (latencies.length / elapsedMs) * 1000,
      cpuPerCallUs: cpu / latencies.length,
      p50Ms: latencies[Math.floor(latencies.length * 0.5)] ?? 0,
      p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? 0,
    };
  } finally {
    child.disconnect();
  }
}

function openChannel(port: number): Channel {
  return createChannel({
    target: `${host}:${port}`,
    clock: osClock,
    dial: (signal) => osNetwork.dial({ t: 'tcp', host, port }, { signal }),
  });
}

async function run(
  channels: readonly Channel[],
  clients: number,
  seconds: number,
): Promise<{ latencies: number[]; elapsedMs: number }> {
  const message = Buffer.alloc(256, 'x');
  const latencies: number[] = [];
  const start = performance.now();
  const end = start + seconds * 1000;
  const client = async (channel: Channel): Promise<void> => {
    for (let now = performance.now(); now < end; ) {
      await channel.unary(echo, message);
      const done = performance.now();
      latencies.push(done - now);
      now = done;
    }
  };
  const running: Promise<void>[] = [];
  for (let i = 0; i < clients; i++) {
    const channel = channels[i % channels.length];
    if (channel !== undefined) running.push(client(channel));
  }
  await Promise.all(running);
  return { latencies, elapsedMs: performance.now() - start };
}

function answerOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', () => reject(new Error('the server process has ended')));
  });
}

async function cpuOf(child: ChildProcess): Promise<number> {
  const answer = answerOf(child);
  child.send('cpu');
  const { cpu } = (await answer) as { cpu: NodeJS.CpuUsage };
  return cpu.user + cpu.system;
}

async function main(args: readonly string[]): Promise<void> {
  if (args[0] === '--serve') {
    await serve(args[1] === 'grpc-js' ? 'grpc-js' : 'ours');
    return;
  }
  const seconds = args[0] === '--seconds' ? Number(args[1]) : 3;
  console.log('server   clients conns   calls/s   server µs/call   p50 ms   p99 ms');
  for (const load of loads) {
    for (const kind of ['ours', 'grpc-js'] as const) {
      const { callsPerSecond, cpuPerCallUs, p50Ms, p99Ms } = await measure(kind, load, seconds);
      console.log(
        `${kind.padEnd(8)} ${String(load.clients).padStart(7)} ${String(load.connections).padStart(5)} ` +
          `${callsPerSecond.toFixed(0).padStart(9)}` +
          ` ${cpuPerCallUs.toFixed(1).padStart(16)} ${p50Ms.toFixed(2).padStart(8)} ${p99Ms.toFixed(2).padStart(8)}`,
      );
    }
  }
}

await main(process.argv.slice(2));
