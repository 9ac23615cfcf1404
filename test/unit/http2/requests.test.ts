/** Plain requests over HTTP/2: what a handler sees of them, and what the client gets of its answer. */
import { once } from 'node:events';
import http2, { type IncomingHttpHeaders } from 'node:http2';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openPort } from '../../../src/http2/port.js';
import { type PlainFace, serveRequest } from '../../../src/http2/request.js';
import { BodyBound } from '../../../src/lib/body-bound.js';
import { collectBody, type HttpRequest, type HttpService } from '../../../src/lib/http.js';
import { osClock } from '../../../src/lib/os/clock.js';
import { osNetwork } from '../../../src/lib/os/net.js';
import { HOST } from '../../support/echo-service.js';
import { ManualClock } from '../../support/manual-clock.js';

const DATE = 'Sat, 28 Nov 2026 22:14:12 GMT';
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function served(service: HttpService, given: Partial<PlainFace> = {}): Promise<http2.ClientHttp2Session> {
  const face: PlainFace = { service, clock: osClock, bodies: new BodyBound(), date: () => DATE, ...given };
  const port = openPort({
    clock: osClock,
    http1: { accept: ({ socket }) => socket.destroy() },
    session: { onStream: (stream, fields, end) => serveRequest(stream, fields, end, face) },
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

describe('bodies of many requests', () => {
  const KB = 1024;
  const whole: HttpService = async ({ body }) => {
    try {
      return { status: 200, headers: {}, body: String((await collectBody(body, Number.POSITIVE_INFINITY)).length) };
    } catch (cause) {
      return { status: 413, headers: {}, body: String(cause) };
    }
  };
  const post = (session: http2.ClientHttp2Session) => session.request({ ':method': 'POST', ':path': '/' });

  it('are bounded together, and there is room again when one has been answered, or its caller has gone', async () => {
    const bodies = new BodyBound(300 * KB);
    const session = await served(whole, { bodies });
    const half = post(session);
    half.write(Buffer.alloc(200 * KB));
    await vi.waitFor(() => expect(bodies.bytes).toBe(200 * KB));
    const other = async () => {
      const stream = post(session);
      stream.end(Buffer.alloc(150 * KB));
      return (await answerTo(stream)).text;
    };
    expect(await other()).toBe('BodyTooLargeError: too many bytes of requests wait');
    expect(bodies.bytes).toBe(200 * KB);
    half.end();
    expect((await answerTo(half)).text).toBe(String(200 * KB));
    expect(await other()).toBe(String(150 * KB));
    const gone = post(session).on('error', () => {});
    gone.write(Buffer.alloc(200 * KB));
    await vi.waitFor(() => expect(bodies.bytes).toBe(200 * KB));
    gone.close(http2.constants.NGHTTP2_CANCEL);
    await vi.waitFor(() => expect(bodies.bytes).toBe(0));
  });

  it('may be larger than all of them together, where what was read is not kept', async () => {
    const bodies = new BodyBound(100 * KB);
    const session = await served(
      async ({ body }) => {
        let size = 0;
        for await (const chunk of body) {
          size += chunk.length;
          body.release?.(chunk.length);
        }
        return { status: 200, headers: {}, body: String(size) };
      },
      { bodies },
    );
    const stream = post(session);
    stream.end(Buffer.alloc(1024 * KB));
    expect((await answerTo(stream)).text).toBe(String(1024 * KB));
    expect(bodies.bytes).toBe(0);
  });

  it('do not wait for their ends for ever', async () => {
    const clock = new ManualClock();
    let begun = false;
    const service: HttpService = (request) => {
      begun = true;
      return whole(request);
    };
    const session = await served(service, { clock });
    const silent = post(session).on('error', () => {});
    silent.write('{');
    await vi.waitFor(() => expect(begun).toBe(true));
    const end = once(silent, 'close');
    await clock.advance(300_000);
    await end;
    expect(silent.rstCode).toBe(http2.constants.NGHTTP2_CANCEL);
    expect(clock.pending).toBe(0);
  });
});
