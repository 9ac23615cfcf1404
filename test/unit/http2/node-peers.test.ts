/** node:http2 (nghttp2) as the other side, in both roles. */
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { openPort, type PortOptions } from '../../../src/http2/port.js';
import { serveRequest } from '../../../src/http2/request.js';
import { Session } from '../../../src/http2/session.js';
import type { HeaderField, HeaderList, Http2Session, StreamEnd } from '../../../src/http2/types.js';
import { BodyBound } from '../../../src/lib/body-bound.js';
import type { HttpService } from '../../../src/lib/http.js';
import { osClock } from '../../../src/lib/os/clock.js';
import { osNetwork } from '../../../src/lib/os/net.js';

const host = '127.0.0.1';
const plain = { clock: osClock, bodies: new BodyBound(), date: () => '' };

async function ourServer(
  handler: HttpService,
  session: Partial<PortOptions['session']> = {},
): Promise<AsyncDisposable & { url: string; sessions: ReadonlySet<Http2Session>; close(): void }> {
  const port = openPort({
    clock: osClock,
    session: {
      ...session,
      onStream: (stream, fields, end) => serveRequest(stream, fields, end, { service: handler, ...plain }),
    },
  });
  const listener = await osNetwork.listen({ t: 'tcp', host, port: 0 }, port.accept);
  const bound = listener.address.t === 'tcp' ? listener.address.port : 0;
  return {
    url: `http://${host}:${bound}`,
    sessions: port.sessions,
    close: () => port.close(),
    async [Symbol.asyncDispose]() {
      port.destroy();
      await listener.close();
    },
  };
}

interface Answer {
  status: number;
  headers: http2.IncomingHttpHeaders;
  trailers: http2.IncomingHttpHeaders;
  body: Buffer;
}

function ask(session: http2.ClientHttp2Session, headers: http2.OutgoingHttpHeaders, body?: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers, { endStream: body === undefined });
    let got: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {};
    let trailers: http2.IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    stream.on('response', (fields) => {
      got = fields;
    });
    stream.on('trailers', (fields) => {
      trailers = fields;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('end', () => {
      resolve({ status: got[':status'] ?? 0, headers: got, trailers, body: Buffer.concat(chunks) });
    });
    if (body !== undefined) stream.end(body);
  });
}

const echo: HttpService = async (request) => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request.body) chunks.push(chunk);
  return {
    status: 200,
    headers: {
      'x-method': request.method,
      'x-path': request.target,
      'x-host': request.headers.host ?? '',
      'X-Two': ['a', 'b'],
    },
    body: Buffer.concat(chunks),
  };
};

async function connected(
  url: string,
  options: http2.ClientSessionOptions = {},
): Promise<http2.ClientHttp2Session & AsyncDisposable> {
  const session = http2.connect(url, options);
  await new Promise<void>((resolve, reject) => {
    session.once('connect', () => resolve());
    session.once('error', reject);
  });
  return Object.assign(session, {
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        if (session.destroyed) return resolve();
        // Its `close` ignores the callback of a session that closes already, as one does that has seen GOAWAY.
        session.once('close', () => resolve());
        session.close();
      }),
  });
}

describe('node:http2 as the client of our server', () => {
  it('gets an answer with its headers', async () => {
    await using server = await ourServer(echo);
    await using session = await connected(server.url);
    const answer = await ask(session, { ':method': 'PUT', ':path': '/a?b=c' }, Buffer.from('body'));
    expect(answer).toMatchObject({
      status: 200,
      headers: {
        'x-method': 'PUT',
        'x-path': '/a?b=c',
        'x-host': new URL(server.url).host,
        'x-two': 'a, b',
        'content-length': '4',
      },
      body: Buffer.from('body'),
    });
  });

  it('gets no body for HEAD, and no field that belongs to an HTTP/1 connection', async () => {
    await using server = await ourServer(async () => ({
      status: 200,
      headers: { Connection: 'close', 'Transfer-Encoding': 'chunked', 'X-Kept': 'yes' },
      body: 'body',
    }));
    await using session = await connected(server.url);
    const answer = await ask(session, { ':method': 'HEAD', ':path': '/' });
    expect(answer).toMatchObject({
      status: 200,
      headers: { 'content-length': '4', 'x-kept': 'yes' },
      body: Buffer.alloc(0),
    });
    expect(Object.keys(answer.headers)).not.toContain('connection');
    expect((await ask(session, { ':path': '/' })).body.toString()).toBe('body');
  });

  it('moves megabytes both ways through small windows', async () => {
    await using server = await ourServer(echo, {
      limits: { streamWindowBytes: 70_000, connectionWindowBytes: 65_535 },
    });
    await using session = await connected(server.url, { settings: { initialWindowSize: 20_000 } });
    const body = Buffer.alloc(3_000_000, 'abcdefghijk');
    const answers = await Promise.all([1, 2, 3].map(() => ask(session, { ':method': 'POST', ':path': '/' }, body)));
    for (const answer of answers) expect(answer.body.equals(body)).toBe(true);
  });

  it('gets a streamed body as it is made, and the handler learns when it leaves', async () => {
    let aborted = false;
    await using server = await ourServer(async ({ signal }) => {
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      return {
        status: 200,
        headers: {},
        body: (async function* () {
          for (let i = 0; !signal.aborted; i++) {
            yield Buffer.from(`${i};`);
            await new Promise((resolve) => setImmediate(resolve));
          }
        })(),
      };
    });
    await using session = await connected(server.url);
    const stream = session.request({ ':path': '/' });
    let text = '';
    for await (const chunk of stream) {
      text += String(chunk);
      if (text.includes('5;')) break;
    }
    stream.destroy();
    expect(text).toMatch(/^0;1;2;3;4;5;/);
    await expect.poll(() => aborted).toBe(true);
  });

  it('sees a reset when the handler fails', async () => {
    await using server = await ourServer(async () => {
      throw new Error('broken');
    });
    await using session = await connected(server.url);
    await expect(ask(session, { ':path': '/' })).rejects.toMatchObject({ code: 'ERR_HTTP2_STREAM_ERROR' });
  });

  it('exchanges pings and large header lists, and survives a change of the header table', async () => {
    await using server = await ourServer(
      async ({ headers }) => ({ status: 200, headers: { 'x-long': headers['x-long'] ?? '' }, body: '' }),
      {
        keepalive: { minTimeMs: 0 },
      },
    );
    await using session = await connected(server.url, {
      settings: { headerTableSize: 0 },
      maxSendHeaderBlockLength: 1 << 20,
    });
    await new Promise<void>((resolve, reject) => {
      session.ping((error) => (error === null ? resolve() : reject(error)));
    });
    const long = 'v'.repeat(40_000);
    for (let i = 0; i < 3; i++) {
      const answer = await ask(session, { ':path': '/', 'x-long': long });
      expect(answer.headers['x-long']).toBe(long);
      session.settings({ headerTableSize: i * 1000 });
    }
  });

  it('finishes its request through a graceful end', async () => {
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    await using server = await ourServer(async () => {
      await gate;
      return { status: 200, headers: {}, body: 'late' };
    });
    await using session = await connected(server.url);
    const answer = ask(session, { ':path': '/' });
    await expect.poll(() => [...server.sessions].map(({ openStreams }) => openStreams)).toEqual([1]);
    const goneAway = new Promise<void>((resolve) => session.once('goaway', () => resolve()));
    server.close();
    await goneAway;
    release();
    expect((await answer).body.toString()).toBe('late');
    await expect.poll(() => server.sessions.size).toBe(0);
  });
});

describe('node:http2 as the server of our client', () => {
  async function nodeServer(
    onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
    options: http2.ServerOptions = {},
  ): Promise<AsyncDisposable & { port: number; server: http2.Http2Server }> {
    const server = http2.createServer(options);
    const sessions = new Set<http2.ServerHttp2Session>();
    server.on('session', (session) => sessions.add(session));
    server.on('stream', onStream);
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    return {
      server,
      port: (server.address() as AddressInfo).port,
      async [Symbol.asyncDispose]() {
        for (const session of sessions) session.destroy();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  }

  async function ourClient(port: number): Promise<{ session: Session } & AsyncDisposable> {
    const { socket } = await osNetwork.dial({ t: 'tcp', host, port });
    const session = new Session(socket, { role: 'client', clock: osClock }).start();
    return {
      session,
      async [Symbol.asyncDispose]() {
        session.destroy();
        await new Promise<void>((resolve) => {
          if (socket.closed) resolve();
          else socket.once('close', () => resolve());
        });
      },
    };
  }

  interface Got {
    headers: Record<string, string>;
    body: Buffer;
    trailers: Record<string, string>;
    end: StreamEnd;
  }

  function ask(session: Session, fields: HeaderField[], body?: Buffer): Promise<Got> {
    return new Promise((resolve) => {
      const chunks: Buffer[] = [];
      const record = (list: HeaderList): Record<string, string> =>
        Object.fromEntries(list.map(({ name, value }) => [name, value]));
      let headers: Record<string, string> = {};
      let trailers: Record<string, string> = {};
      const stream = session.request(fields, body === undefined, {
        headers: (list) => {
          headers = record(list);
        },
        data: (bytes) => {
          chunks.push(Buffer.from(bytes));
          stream?.consume(bytes.length);
        },
        trailers: (list) => {
          trailers = record(list);
        },
        writable: () => {},
        closed: (end) => resolve({ headers, body: Buffer.concat(chunks), trailers, end }),
      });
      if (body !== undefined) stream?.sendData(body, true);
    });
  }

  const get: HeaderField[] = [
    { name: ':method', value: 'POST' },
    { name: ':scheme', value: 'http' },
    { name: ':path', value: '/x' },
    { name: ':authority', value: 'a' },
  ];

  it('gets headers, megabytes of body through small windows, and trailers', async () => {
    await using server = await nodeServer(
      (stream, headers) => {
        stream.respond({ ':status': 200, 'x-path': headers[':path'] }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.pipe(stream);
      },
      { settings: { initialWindowSize: 10_000 } },
    );
    await using client = await ourClient(server.port);
    const body = Buffer.alloc(3_000_000, 'xyz');
    const answers = await Promise.all([1, 2].map(() => ask(client.session, get, body)));
    for (const answer of answers) {
      expect(answer.headers).toMatchObject({ ':status': '200', 'x-path': '/x' });
      expect(answer.body.equals(body)).toBe(true);
      expect(answer.trailers).toEqual({ 'grpc-status': '0' });
      expect(answer.end).toEqual({ t: 'done' });
    }
  });

  it('says how a stream was reset', async () => {
    await using server = await nodeServer((stream) => {
      stream.on('error', () => {});
      stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    });
    await using client = await ourClient(server.port);
    const { end } = await ask(client.session, get);
    expect(end).toEqual({ t: 'reset', code: 11, local: false, unprocessed: false });
  });

  it('is taken for orderly over a thousand requests', async () => {
    await using server = await nodeServer((stream) => {
      stream.respond({ ':status': 204 });
      stream.end();
    });
    await using client = await ourClient(server.port);
    for (let i = 0; i < 10; i++) {
      const answers = await Promise.all(Array.from({ length: 100 }, () => ask(client.session, get)));
      expect(new Set(answers.map(({ headers }) => headers[':status']))).toEqual(new Set(['204']));
    }
    expect(client.session.closed).toBe(false);
    expect(await client.session.ping()).toBeGreaterThanOrEqual(0);
  });
});
