/** One port for gRPC, plain HTTP/2 and HTTP/1, in clear and over TLS. */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { isGrpc } from '../../../src/grpc/server.js';
import { openPort, type Port } from '../../../src/http2/port.js';
import { serveRequest } from '../../../src/http2/request.js';
import { BodyBound } from '../../../src/lib/body-bound.js';
import type { ListenOptions, NetworkSocket } from '../../../src/lib/network.js';
import { osClock } from '../../../src/lib/os/clock.js';
import { osNetwork } from '../../../src/lib/os/net.js';
import { duplexPair } from '../../support/duplex-pair.js';
import { channelTo, Echo, echoServer, HOST } from '../../support/echo-service.js';
import { ManualClock } from '../../support/manual-clock.js';
import { frame, PREFACE, settings, T } from '../../support/wire-peer.js';

const pem = (name: string): Promise<string> => readFile(new URL(`../../fixtures/tls/${name}`, import.meta.url), 'utf8');

async function everything(options: ListenOptions = {}): Promise<{ port: number; port_: Port } & AsyncDisposable> {
  const grpc = echoServer();
  const http1 = http.createServer((request, response) => response.end(`HTTP/1 ${request.url}`));
  const open = openPort({
    clock: osClock,
    http1: { accept: ({ socket }) => http1.emit('connection', socket) },
    session: {
      onStream: (stream, fields, end) => {
        if (isGrpc(fields)) grpc.handle(stream, fields, end);
        else
          serveRequest(stream, fields, end, {
            service: async ({ target }) => ({ status: 200, headers: {}, body: `HTTP/2 ${target}` }),
            clock: osClock,
            bodies: new BodyBound(),
            date: () => '',
          });
      },
    },
  });
  const listener = await osNetwork.listen({ t: 'tcp', host: HOST, port: 0 }, open.accept, options);
  return {
    port: listener.address.t === 'tcp' ? listener.address.port : 0,
    port_: open,
    async [Symbol.asyncDispose]() {
      open.destroy();
      http1.closeAllConnections();
      await listener.close();
    },
  };
}

async function http1Text(client: typeof http | typeof https, options: https.RequestOptions): Promise<string> {
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    client.get({ ...options, agent: false }, resolve).on('error', reject);
  });
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return text;
}

async function http2Text(url: string, options: http2.SecureClientSessionOptions = {}): Promise<string> {
  const session = http2.connect(url, options);
  let text = '';
  for await (const chunk of session.request({ ':path': '/b' })) text += String(chunk);
  await new Promise<void>((resolve) => session.close(resolve));
  return text;
}

describe('one port', () => {
  it('in clear takes gRPC, HTTP/2 by prior knowledge, and HTTP/1', async () => {
    await using server = await everything();
    await using channel = channelTo(server.port);
    expect(await channel.unary(Echo.unary, 'hello')).toBe('hello');
    expect(await http2Text(`http://${HOST}:${server.port}`)).toBe('HTTP/2 /b');
    expect(await http1Text(http, { host: HOST, port: server.port, path: '/a' })).toBe('HTTP/1 /a');
  });

  it('sends what handlers said, to readers that stop and go', async () => {
    await using server = await everything();
    let stops = 0;
    await using channel = channelTo(server.port, {
      dial: async (signal) => {
        const { socket } = await osNetwork.dial({ t: 'tcp', host: HOST, port: server.port }, { signal });
        const stop = setInterval(() => {
          stops++;
          socket.pause();
          setTimeout(() => socket.resume(), 5);
        }, 10);
        socket.once('close', () => clearInterval(stop));
        return { socket };
      },
    });
    const said = (stream: number, at: number): string => `${stream} ${at} `.repeat(1 + ((stream * 31 + at * 7) % 300));
    const one = async (number: number): Promise<void> => {
      const stream = channel.stream(Echo.chat);
      for (let at = 0; at < 200; at++) stream.send(said(number, at));
      stream.end();
      let at = 0;
      for await (const heard of stream.messages) if (heard !== said(number, at++)) throw new Error(`${number} ${at}`);
      expect(at).toBe(200);
    };
    await Promise.all(Array.from({ length: 40 }, (_, number) => one(number)));
    expect(stops).toBeGreaterThan(0);
  });

  it('over TLS takes the same, as ALPN agrees', async () => {
    const [cert, key, ca] = await Promise.all([pem('server.crt'), pem('server.key'), pem('ca.crt')]);
    await using server = await everything({ tls: () => ({ cert, key }) });
    await using channel = channelTo(server.port, {
      scheme: 'https',
      dial: (signal) => osNetwork.dial({ t: 'tcp', host: HOST, port: server.port }, { signal, tls: { ca } }),
    });
    expect(await channel.unary(Echo.unary, 'x'.repeat(500_000))).toHaveLength(500_000);
    expect(await channel.unary(Echo.unary, 'peer')).toBe('127.0.0.1 true false');
    expect(await http2Text(`https://localhost:${server.port}`, { ca })).toBe('HTTP/2 /b');
    expect(await http1Text(https, { host: HOST, port: server.port, path: '/a', ca })).toBe('HTTP/1 /a');
  });

  it('over TLS is not reached by who trusts nobody, for a reason of the handshake', async () => {
    const [cert, key] = await Promise.all([pem('server.crt'), pem('server.key')]);
    await using server = await everything({ tls: () => ({ cert, key }) });
    await using channel = channelTo(server.port, {
      scheme: 'https',
      dial: (signal) => osNetwork.dial({ t: 'tcp', host: HOST, port: server.port }, { signal, tls: { ca: [] } }),
    });
    await expect(channel.connect()).rejects.toThrow(
      'connection error: desc = "transport: authentication handshake failed: tls: failed to verify certificate',
    );
  });
});

describe('the first bytes', () => {
  function sniffing(): { client: Duplex; clock: ManualClock; port: Port; http1: Duplex[]; accept(): void } {
    const clock = new ManualClock();
    const http1: Duplex[] = [];
    const accept = ({ socket }: NetworkSocket): void => {
      http1.push(socket);
    };
    const port = openPort({ clock, http1: { accept }, session: {}, sniffTimeoutMs: 1000 });
    const [client, socket] = duplexPair();
    client.resume();
    const connection: NetworkSocket = { socket, remoteAddress: '', localAddress: '', tls: undefined };
    return { client, clock, port, http1, accept: () => port.accept(connection) };
  }
  const turns = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
  };

  it('decide even one by one, and none is lost', async () => {
    const { client, port, accept, clock } = sniffing();
    accept();
    for (const byte of Buffer.concat([PREFACE, settings()])) {
      expect(port.sessions.size).toBe(0);
      client.write(Buffer.from([byte]));
      await turns();
      if (port.sessions.size > 0) break;
    }
    expect(port.sessions.size).toBe(1);
    client.write(Buffer.concat([settings(), frame(T.PING, 0, 0, '12345678')]));
    await turns();
    expect([...port.sessions][0]?.closed).toBe(false);
    port.destroy();
    await clock.advance(5000);
  });

  it('go to HTTP/1 with what was read', async () => {
    const { client, http1, accept } = sniffing();
    client.write('P');
    accept();
    await turns();
    expect(http1).toHaveLength(0);
    client.write('OST / HTTP/1.1');
    await turns();
    expect(String(http1[0]?.read())).toBe('POST / HTTP/1.1');
    client.destroy();
  });

  it.each([0, 5])('must come in time (after %i of them)', async (count) => {
    const { client, clock, port, accept } = sniffing();
    accept();
    client.write(PREFACE.subarray(0, count));
    await turns();
    await clock.advance(999);
    expect(client.destroyed).toBe(false);
    await clock.advance(1);
    await turns();
    expect(client.readableEnded).toBe(true);
    expect([port.sessions.size, clock.pending]).toEqual([0, 0]);
  });

  it('may never come', async () => {
    const { client, clock, accept } = sniffing();
    accept();
    client.end();
    await turns();
    expect(client.readableEnded).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('are not looked at any more once the port is closed', async () => {
    const { client, port, accept } = sniffing();
    port.close();
    accept();
    await turns();
    expect(client.readableEnded).toBe(true);
  });

  it('of clients that are gone are served when that is known', async () => {
    const ends: boolean[] = [];
    const port = openPort({
      clock: osClock,
      session: {},
      http1: {
        accept({ socket }) {
          let hasEnded = false;
          socket.on('end', () => {
            hasEnded = true;
          });
          // What the first words ask for would begin here.
          socket.once('data', () => setImmediate(() => ends.push(hasEnded)));
        },
      },
    });
    const listener = await osNetwork.listen({ t: 'tcp', host: HOST, port: 0 }, port.accept);
    const address = JSON.stringify(listener.address);
    // This process does not look meanwhile: all five wait with all that they will ever say.
    const words = JSON.stringify('GET / HTTP/1.1\r\n\r\n');
    const say = `require('net').connect(${address}).end(${words}, () => ++said === 5 && process.exit())`;
    const program = `let said = 0; for (let i = 0; i < 5; i++) ${say}`;
    execFileSync(process.execPath, ['-e', program], { timeout: 20_000 });
    await expect.poll(() => ends).toEqual([true, true, true, true, true]);
    port.destroy();
    await listener.close();
  });
});
