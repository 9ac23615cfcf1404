/** Answers as handlers give them: what of it is said, how the connection goes on, what breaks it off. */
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createHttpServer, type HttpServer } from '../../../src/http1/server.js';
import { collectBody, type HttpResponse, type HttpService } from '../../../src/lib/http.js';
import { osClock } from '../../../src/lib/os/clock.js';
import { duplexPair } from '../../support/duplex-pair.js';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const LAST = 'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

/** A client of a server of its own. */
function connected(service: HttpService) {
  const server = createHttpServer(service, { clock: osClock });
  const [client, socket] = duplexPair();
  server.accept({ socket, remoteAddress: '', localAddress: '', tls: undefined });
  return { server, client };
}

/** All that comes back for `said` until the connection ends, without dates. */
async function converse(service: HttpService, said: string | Buffer): Promise<string> {
  const { client } = connected(service);
  client.write(said);
  let got = '';
  for await (const chunk of client) got += (chunk as Buffer).toString('latin1');
  return got.replace(/Date: .*\r\n/g, '');
}

/** `answer`, and one that ends the connection to the request behind it. */
const then =
  (answer: () => HttpResponse): HttpService =>
  async ({ target }) =>
    target === '/last' ? { status: 200, headers: {}, body: 'last' } : answer();
const lastAnswer = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlast';

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array, undefined> {
  for (const text of texts) yield Buffer.from(text);
}

describe('an answer', () => {
  it('says each value of a header in a line of its own', async () => {
    const headers = { Allow: ['GET', 'PUT'], 'X-A': 'b' };
    expect(
      await converse(
        then(() => ({ status: 200, headers, body: '' })),
        GET + LAST,
      ),
    ).toBe(`HTTP/1.1 200 OK\r\nAllow: GET\r\nAllow: PUT\r\nX-A: b\r\nContent-Length: 0\r\n\r\n${lastAnswer}`);
  });

  it('ends the connection where its handler says so, and not where it says anything else', async () => {
    const saying = (value: string) => then(() => ({ status: 200, headers: { connection: value }, body: 'x' }));
    const own = (value: string) => `HTTP/1.1 200 OK\r\nconnection: ${value}\r\nContent-Length: 1\r\n\r\nx`;
    expect(await converse(saying('close'), GET + LAST)).toBe(own('close'));
    expect(await converse(saying('x-other'), GET + LAST)).toBe(own('x-other') + lastAnswer);
  });

  it('has the length that its handler knows, once, and no chunks then', async () => {
    const headers = { 'Content-Length': '3' };
    const own = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n';
    expect(
      await converse(
        then(() => ({ status: 200, headers, body: 'abc' })),
        GET + LAST,
      ),
    ).toBe(`${own}abc${lastAnswer}`);
    expect(
      await converse(
        then(() => ({ status: 200, headers, body: pieces('a', '', 'bc') })),
        GET + LAST,
      ),
    ).toBe(`${own}abc${lastAnswer}`);
    const asked = GET.replace('GET', 'HEAD');
    expect(
      await converse(
        then(() => ({ status: 200, headers, body: '' })),
        asked + LAST,
      ),
    ).toBe(own + lastAnswer);
  });

  it.each([
    ['few bytes', Buffer.from([0, 0xff, 0x80])],
    ['as many as are copied', Buffer.alloc(16 * 1024, 0xfe)],
    ['one more', Buffer.alloc(16 * 1024 + 1, 0xfe)],
    ['a few characters beyond ASCII', 'é€'],
    ['many', '€'.repeat(10_000)],
  ])('is sent byte for byte: %s', async (_what, body) => {
    const bytes = Buffer.from(body as string).toString('latin1');
    const own = `HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length}\r\n\r\n${bytes}`;
    expect(
      await converse(
        then(() => ({ status: 200, headers: {}, body })),
        GET + LAST,
      ),
    ).toBe(own + lastAnswer);
  });

  it('that is streamed has a chunk for each piece, an empty one for none, and fields behind them', async () => {
    const large = 'x'.repeat(16 * 1024 + 1);
    const trailers = () => ({ 'X-Sum': '12' });
    const answer = () => ({ status: 200, headers: {}, body: pieces('ab', '', large), trailers });
    const chunks = `2\r\nab\r\n4001\r\n${large}\r\n0\r\nX-Sum: 12\r\n\r\n`;
    expect(await converse(then(answer), GET + LAST)).toBe(
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}${lastAnswer}`,
    );
  });

  it.each<[string, Partial<HttpResponse>]>([
    ['value', { headers: { 'X-A': 'a\r\nX-B: b' } }],
    ['value among several', { headers: { 'X-A': ['a', 'b\n'] } }],
    ['name', { headers: { 'X-A: b\r\nX-B': 'a' } }],
    ['value, before a stream', { headers: { 'X-A': '\0' }, body: pieces('x') }],
  ])('with what would be another line in a %s is not sent at all', async (_what, part) => {
    expect(
      await converse(
        then(() => ({ status: 200, headers: {}, body: 'x', ...part })),
        GET + LAST,
      ),
    ).toBe('');
  });

  it('with a line break in a trailing field does not look whole', async () => {
    const answer = () => ({ status: 200, headers: {}, body: pieces('ab'), trailers: () => ({ 'X-A': 'a\r\n' }) });
    expect(await converse(then(answer), GET + LAST)).toMatch(/\r\n\r\n(2\r\nab\r\n)?$/);
  });

  it.each<[string, HttpService]>([
    [
      'throws',
      () => {
        throw new Error('a fault of ours');
      },
    ],
    ['rejects', () => Promise.reject(new Error('a fault of ours'))],
    [
      'gives its connection up',
      (request) => {
        request.peer.connection?.giveUp('too much');
        return { status: 200, headers: {}, body: 'x' };
      },
    ],
  ])('of a handler that %s is none, and its connection ends', async (_what, service) => {
    expect(await converse(service, GET + LAST)).toBe('');
  });

  it('is broken off where what makes it says so, before or while it is sent', async () => {
    for (const isBefore of [true, false]) {
      const broken = new AbortController();
      if (isBefore) broken.abort();
      const body = (async function* () {
        yield Buffer.from('ab');
        broken.abort();
        await new Promise(() => {});
      })();
      const got = await converse(
        then(() => ({ status: 200, headers: {}, body, broken: broken.signal })),
        GET + LAST,
      );
      expect(got).not.toContain('0\r\n\r\n');
    }
  });
});

describe('a server that closes', () => {
  const busy = async (): Promise<{ server: HttpServer; answer: () => void; ended: Promise<string> }> => {
    let answer: (() => void) | undefined;
    const { server, client } = connected(async () => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return { status: 200, headers: {}, body: 'late' };
    });
    client.write(GET + GET);
    await expect.poll(() => answer).toBeDefined();
    const ended = client.toArray().then((chunks) => Buffer.concat(chunks as Buffer[]).toString());
    return { server, answer: () => answer?.(), ended };
  };

  it('ends a connection with the answer under way, and answers no more of what it was asked', async () => {
    const { server, answer, ended } = await busy();
    server.closeIdleConnections();
    answer();
    const got = await ended;
    expect(got).toMatch(/\r\nConnection: close\r\n\r\nlate$/);
    expect(got.split('HTTP/1.1').length).toBe(2);
  });

  it('ends one that nothing was asked on at once', async () => {
    const { server, client } = connected(async () => ({ status: 200, headers: {}, body: '' }));
    server.closeIdleConnections();
    client.resume();
    await once(client, 'close');
  });
});

describe('a request that cannot be read', () => {
  const asked: string[] = [];
  const service: HttpService = async ({ target, body }) => {
    asked.push(target);
    const said = await collectBody(body, 10).then(
      (bytes) => Buffer.from(bytes).toString(),
      (cause: Error) => cause.message,
    );
    return { status: 200, headers: {}, body: `[${said}]` };
  };
  const most = 1024 * 1024 + 4096;

  it('for its size is refused where it comes at once as well, and not a byte earlier', async () => {
    const headOf = (bytes: number): string => {
      const rest = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: \r\n\r\n';
      return rest.replace('X: ', `X: ${'x'.repeat(bytes - rest.length)}`);
    };
    expect(await converse(service, headOf(most + 1))).toMatch(/^HTTP\/1\.1 431 /);
    expect(await converse(service, headOf(most))).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('from its first byte on is refused before a line of it has come', async () => {
    for (const first of [0x00, 0x16, 0x20, 0x7f, 0x80, 0xff]) {
      const { client } = connected(service);
      client.write(Buffer.from([first]));
      expect(await client.toArray(), String(first)).toEqual([]);
    }
    for (const first of ['!', '~']) {
      const { client, server } = connected(service);
      client.write(first);
      client.write(GET.slice(0, 5));
      await new Promise((resolve) => setImmediate(resolve));
      expect(client.readableEnded, first).toBe(false);
      server.closeAllConnections();
    }
  });

  it('in its chunks is told so, and what comes behind them is not taken for a request', async () => {
    const head = 'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
    asked.length = 0;
    const got = await converse(service, `${head}2\r\nab\r\nx\r\n\r\n${GET.replace('/', '/smuggled')}`);
    expect(got).toMatch(/Connection: close\r\n\r\n\[invalid byte in chunk length\]$/);
    expect(asked).toEqual(['/']);
  });

  it('may end its lines without a carriage return', async () => {
    expect(await converse(service, 'GET /a HTTP/1.1\nHost: a\n\nGET /b HTTP/1.0\n\n')).toMatch(/\[\].*\[\]$/s);
  });
});
