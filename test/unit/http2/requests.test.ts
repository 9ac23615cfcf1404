/** Plain requests over HTTP/2: what a handler sees of them, and what the client gets of its answer. */
import { once } from 'node:events';
import http2, { type IncomingHttpHeaders } from 'node:http2';
import { afterEach, describe, expect, it } from 'vitest';
import { openPort } from '../../../src/http2/port.js';
import { serveRequest } from '../../../src/http2/request.js';
import type { HttpRequest, HttpService } from '../../../src/lib/http.js';
import { osClock } from '../../../src/lib/os/clock.js';
import { osNetwork } from '../../../src/lib/os/net.js';
import { HOST } from '../../support/echo-service.js';

const DATE = 'Sat, 28 Nov 2026 22:14:12 GMT';
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function served(service: HttpService): Promise<http2.ClientHttp2Session> {
  const port = openPort({
    clock: osClock,
    http1: { accept: ({ socket }) => socket.destroy() },
    session: { onStream: (stream, fields, end) => serveRequest(stream, fields, end, { service, date: () => DATE }) },
  });
  const listener = await osNetwork.listen({ t: 'tcp', host: HOST, port: 0 }, port.accept, {});
  const session = http2.connect(`http://${HOST}:${listener.address.t === 'tcp' ? listener.address.port : 0}`);
  ends.push(async () => {
    session.destroy();
    port.destroy();
    await listener.close();
  });
  return session;
}

async function answerTo(stream: http2.ClientHttp2Stream) {
  let trailers: IncomingHttpHeaders = {};
  stream.on('trailers', (fields) => {
    trailers = fields;
  });
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status'?: number }];
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return { headers, text, trailers };
}

describe('a request', () => {
  it('shows its fields: several of a name in one, the authority as host', async () => {
    let seen: HttpRequest | undefined;
    const session = await served(async (request) => {
      seen = request;
      return { status: 204, headers: {}, body: '' };
    });
    const stream = session.request({ ':method': 'PUT', ':path': '/a?b=c', 'x-a': ['1', '2'], cookie: ['c=1', 'd=2'] });
    stream.end();
    await answerTo(stream);
    expect(seen).toMatchObject({ method: 'PUT', target: '/a?b=c', protocol: 'HTTP/2.0' });
    expect(seen?.headers).toMatchObject({ 'x-a': '1, 2', cookie: 'c=1; d=2' });
    expect(seen?.headers.host).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(Object.keys(seen?.headers ?? {}).some((name) => name.startsWith(':'))).toBe(false);
  });

  it('is answered with what was set at it before all else, and with bytes that a text stands for', async () => {
    const session = await served(async (request) => {
      request.leading = { 'X-Leads': 'a' };
      return { status: 200, headers: { 'X-A': '1' }, body: '\xe2\x82\xac', encoding: 'latin1' };
    });
    const { headers, text } = await answerTo(session.request({ ':path': '/' }));
    expect(headers).toMatchObject({ 'x-leads': 'a', 'x-a': '1', 'content-length': '3', date: DATE });
    expect(text).toBe('€');
  });

  it('gives its body as it comes, and more of it than a window', async () => {
    const session = await served(async ({ body }) => {
      let size = 0;
      for await (const chunk of body) size += chunk.length;
      return { status: 200, headers: {}, body: String(size) };
    });
    const stream = session.request({ ':method': 'POST', ':path': '/' });
    stream.end(Buffer.alloc(3_000_000));
    expect((await answerTo(stream)).text).toBe('3000000');
  });

  it('tells its handler when the client is gone', async () => {
    const gone = new Promise<void>((resolve) => {
      void served(async ({ signal }) => {
        signal.addEventListener('abort', () => resolve());
        return new Promise(() => {});
      }).then((session) => {
        const stream = session.request({ ':path': '/' });
        stream.on('error', () => {});
        setImmediate(() => stream.close(http2.constants.NGHTTP2_CANCEL));
      });
    });
    await gone;
  });
});

describe('an answer', () => {
  it('has its trailers behind its body, in lower case', async () => {
    const session = await served(async () => ({
      status: 200,
      headers: { 'Content-Type': 'text/plain', Connection: 'close' },
      body: (async function* () {
        yield Buffer.from('text');
      })(),
      trailers: () => ({ 'Grpc-Trailer-X': 'y' }),
    }));
    const { headers, text, trailers } = await answerTo(session.request({ ':path': '/' }));
    expect(headers).toMatchObject({ ':status': 200, 'content-type': 'text/plain' });
    expect(headers.connection).toBeUndefined();
    expect(text).toBe('text');
    expect(trailers).toMatchObject({ 'grpc-trailer-x': 'y' });
  });

  it('of many pieces comes whole and in order, as fast as the client takes it', async () => {
    const pieces = Array.from({ length: 100 }, (_, i) => Buffer.alloc(10_000, String(i % 10)));
    const session = await served(async () => ({
      status: 200,
      headers: {},
      body: (async function* () {
        yield* pieces;
      })(),
    }));
    expect((await answerTo(session.request({ ':path': '/' }))).text).toBe(Buffer.concat(pieces).toString());
  });

  it('that fails in its midst is reset, not ended', async () => {
    const session = await served(async () => ({
      status: 200,
      headers: {},
      body: (async function* () {
        yield Buffer.from('some');
        throw new Error('no more');
      })(),
    }));
    const stream = session.request({ ':path': '/' });
    await expect(answerTo(stream)).rejects.toThrow();
    expect(stream.rstCode).toBe(http2.constants.NGHTTP2_INTERNAL_ERROR);
  });
});
