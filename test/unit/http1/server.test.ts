/** HTTP/1 under the one HTTP call: streaming both ways, callers that leave, other protocols. */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { describe, expect, it } from 'vitest';
import { createHttpServer } from '../../../src/http1/server.js';
import { collectBody, type HttpRequest, type HttpService } from '../../../src/lib/http.js';
import { osClock } from '../../../src/lib/os/clock.js';
import { osNetwork } from '../../../src/lib/os/net.js';
import { duplexPair } from '../../support/duplex-pair.js';

const HOST = '127.0.0.1';

async function serving(service: HttpService): Promise<{ port: number } & AsyncDisposable> {
  const server = createHttpServer(service, { clock: osClock });
  const listener = await osNetwork.listen({ t: 'tcp', host: HOST, port: 0 }, (connection) => server.accept(connection));
  return {
    port: listener.address.t === 'tcp' ? listener.address.port : 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await listener.close();
    },
  };
}

const text = (body: string): ReturnType<HttpService> => Promise.resolve({ status: 200, headers: {}, body });

/** What comes back on one connection for bytes as latin1, sent piece by piece, until it is closed. */
async function converse(port: number, ...pieces: readonly string[]): Promise<string> {
  const socket = net.connect(port, HOST);
  socket.on('error', () => {});
  let got = '';
  socket.on('data', (chunk) => {
    got += String(chunk);
  });
  await once(socket, 'connect');
  const closed = once(socket, 'close');
  for (const [at, piece] of pieces.entries()) {
    socket.write(Buffer.from(piece, 'latin1'));
    if (at < pieces.length - 1) await once(socket, 'data');
  }
  await closed;
  return got;
}

describe('an HTTP/1 server', () => {
  it('hands over method, target, headers, body and peer', async () => {
    await using server = await serving(async (request) => {
      const body = Buffer.from(await collectBody(request.body, 100)).toString();
      const local = request.peer.address.startsWith(`${HOST}:`);
      return text(
        [
          request.method,
          request.target,
          request.headers['x-a'],
          request.protocol,
          body,
          local,
          request.peer.tls,
        ].join(),
      );
    });
    const response = await fetch(`http://${HOST}:${server.port}/a?b=c`, {
      method: 'PUT',
      body: 'hello',
      headers: { 'X-A': '1' },
    });
    expect(await response.text()).toBe('PUT,/a?b=c,1,HTTP/1.1,hello,true,');
  });

  it('sends a streamed body as it is made, its headers before the first chunk', async () => {
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    await using server = await serving(async () => ({
      status: 200,
      headers: {},
      body: (async function* () {
        await gate;
        yield Buffer.from('one');
        yield Buffer.from('two');
      })(),
    }));
    const response = await fetch(`http://${HOST}:${server.port}/`);
    expect(response.status).toBe(200);
    release();
    expect(await response.text()).toBe('onetwo');
  });

  it('tells a waiting handler that its caller has left', async () => {
    let left = (): void => {};
    const aborted = new Promise<void>((resolve) => {
      left = resolve;
    });
    let arrived = (): void => {};
    const begun = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    await using server = await serving(async ({ signal }: HttpRequest) => {
      signal.addEventListener('abort', left);
      arrived();
      await aborted;
      return text('too late');
    });
    const request = http.get({ host: HOST, port: server.port, agent: false });
    request.on('error', () => {});
    await begun;
    request.destroy();
    await aborted;
  });

  it('breaks off a body that fails, so that it does not look whole', async () => {
    await using server = await serving(async () => ({
      status: 200,
      headers: {},
      // biome-ignore lint/correctness/useYield: it fails before it has anything
      body: (async function* (): AsyncGenerator<Uint8Array> {
        throw new Error('disk');
      })(),
    }));
    const response = await fetch(`http://${HOST}:${server.port}/`);
    await expect(response.text()).rejects.toThrow();
  });

  it('hands over the socket of a request for another protocol, or refuses it with an answer', async () => {
    await using server = await serving(async ({ target, upgrade }) => {
      if (target === '/no') return { status: 403, headers: { 'X-Why': 'no' }, body: 'no' };
      upgrade?.().socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\nhi');
      return text('');
    });
    const say = async (target: string): Promise<string> => {
      const socket = net.connect(server.port, HOST);
      await once(socket, 'connect');
      socket.write(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`);
      let got = '';
      for await (const chunk of socket) got += String(chunk);
      return got;
    };
    expect(await say('/yes')).toMatch(/^HTTP\/1\.1 101 .*hi$/s);
    expect(await say('/no')).toMatch(/^HTTP\/1\.1 403 Forbidden\r\nX-Why: no\r\n.*Content-Length: 2\r\n.*\r\n\r\nno$/s);
  });

  it('answers HTTP/1.0 in HTTP/1.0, and says that a connection stays, not that it ends', async () => {
    await using server = await serving(async ({ target }) =>
      target === '/stream'
        ? {
            status: 200,
            headers: {},
            body: (async function* () {
              yield Buffer.from('streamed');
            })(),
          }
        : text('whole'),
    );
    const keep = 'GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n';
    const got = await converse(server.port, keep, 'GET /b HTTP/1.0\r\n\r\n');
    const date = 'Date: [^\\r]*\\r\\n';
    const whole = `HTTP/1.0 200 OK\\r\\n${date}Content-Length: 5\\r\\n`;
    expect(got).toMatch(new RegExp(`^${whole}Connection: keep-alive\\r\\n\\r\\nwhole${whole}\\r\\nwhole$`));
    expect(await converse(server.port, 'GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')).toMatch(
      new RegExp(`^HTTP/1.0 200 OK\\r\\n${date}\\r\\nstreamed$`),
    );
  });

  it('sends no body where there can be none, whatever a handler gives, and the next answer is whole', async () => {
    let returned = 0;
    await using server = await serving(async ({ target, method }) => {
      if (method === 'PUT') return text('last');
      const body: AsyncIterableIterator<Uint8Array> = {
        [Symbol.asyncIterator]: () => body,
        next: () => Promise.resolve({ done: false, value: Buffer.from('streamed') }),
        return: async () => {
          returned++;
          return { done: true, value: undefined };
        },
      };
      return { status: Number(target.slice(1)), headers: {}, body: returned % 2 === 0 ? body : 'whole' };
    });
    const ask = (method: string, status: number): string => `${method} /${status} HTTP/1.1\r\nHost: a\r\n\r\n`;
    const requests = [ask('GET', 204), ask('GET', 304), ask('HEAD', 200)];
    const last = 'PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
    for (const request of requests) {
      for (const kind of ['streamed', 'whole']) {
        const got = await converse(server.port, request + last);
        const heads = got.split('\r\n\r\n');
        expect([kind, heads.length, heads[2]]).toEqual([kind, 3, 'last']);
        expect(heads[0]).not.toMatch(/Transfer-Encoding/);
        if (request.startsWith('GET')) expect(heads[0]).not.toMatch(/Content-Length/);
        returned = kind === 'streamed' ? 1 : 0;
      }
    }
  });

  it('begins with what was set at the request, and takes lines and bytes as they are', async () => {
    await using server = await serving((request) => {
      request.leading = { 'X-Leads': 'a' };
      const headers = { 'X-A': '1' };
      const body = '\xe2\x82\xac';
      return request.target === '/made'
        ? { status: 201, headers, lines: 'X-A: 1\r\n', body, encoding: 'latin1' }
        : { status: 201, headers, body: '\u20ac' };
    });
    const ask = (target: string): string => `PUT ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab`;
    const last = `GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
    const got = (await converse(server.port, ask('/made') + ask('/'), last)).replace(/Date: .*\r\n/g, '');
    const answer = 'HTTP/1.1 201 Created\r\nX-Leads: a\r\nX-A: 1\r\nContent-Length: 3\r\n';
    expect(got).toBe(`${answer}\r\n€${answer}\r\n€${answer}Connection: close\r\n\r\n€`);
  });

  it('reads a request that would rather be HTTP/2 as an ordinary one, with its body', async () => {
    await using server = await serving(async ({ upgrade, headers, body }) =>
      text(`${upgrade === undefined} ${headers.upgrade} ${await collectBody(body, 100)}`),
    );
    const socket = net.connect(server.port, HOST);
    await once(socket, 'connect');
    const head = 'Host: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n';
    socket.write(`POST / HTTP/1.1\r\n${head}Content-Length: 5\r\n\r\nhello`);
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\ntrue undefined hello$/s);
    socket.destroy();
  });

  it('ends connections at its close, those that wait for another request too', async () => {
    const server = createHttpServer(async () => text('here'), { clock: osClock });
    const listener = await osNetwork.listen({ t: 'tcp', host: HOST, port: 0 }, (connection) =>
      server.accept(connection),
    );
    const socket = net.connect(listener.address.t === 'tcp' ? listener.address.port : 0, HOST);
    await once(socket, 'connect');
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(String((await once(socket, 'data'))[0])).toContain('here');
    server.closeAllConnections();
    await once(socket, 'close');
    await listener.close();
  });

  it('ends the connection of a request that was answered before it was read', async () => {
    await using server = await serving(async ({ body }) => {
      await collectBody(body, 10).catch(() => undefined);
      return text('too much');
    });
    const socket = net.connect(server.port, HOST);
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n${'x'.repeat(1000)}`);
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toMatch(/Connection: close/);
    await once(socket, 'close');
  });

  const echo: HttpService = async ({ method, target, body, peer }) => {
    const size = (await collectBody(body, 1000)).length;
    return text(`[${method} ${target} ${size} ${peer.address.split(':')[0]}]`);
  };

  it('takes targets with bytes beyond ASCII and methods of any name, one after another, bodies and all', async () => {
    await using server = await serving(echo);
    const got = await converse(
      server.port,
      'GET /a HTTP/1.1\r\nHost: a\r\n\r\n',
      'PUT /\xc3\xa9/\xff?b=\xe9 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc',
      'brew /pot HTTP/1.1\r\nHost: a\r\n\r\n',
      'GET /b HTTP/1.1\r\nHost: a\r\n\r\n',
      'WHEN /\xfe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    );
    expect(got.match(/\[.*?\]/g)).toEqual([
      '[GET /a 0 127.0.0.1]',
      '[PUT /%c3%a9/%ff?b=%e9 3 127.0.0.1]',
      '[brew /pot 0 127.0.0.1]',
      '[GET /b 0 127.0.0.1]',
      '[WHEN /%fe 0 127.0.0.1]',
    ]);
  });

  it('streams through a connection that was read anew, and tells when its caller leaves', async () => {
    let left = false;
    await using server = await serving(async ({ signal }) => {
      signal.addEventListener('abort', () => {
        left = true;
      });
      return {
        status: 200,
        headers: {},
        body: (async function* () {
          for (;;) yield Buffer.alloc(64 * 1024, 'x');
        })(),
      };
    });
    const socket = net.connect(server.port, HOST);
    socket.on('error', () => {});
    socket.write(Buffer.from('GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n', 'latin1'));
    let size = 0;
    for await (const chunk of socket) {
      size += (chunk as Buffer).length;
      if (size > 20 * 1024 * 1024) break;
    }
    socket.destroy();
    await expect.poll(() => left).toBe(true);
  });

  it.each([
    ['no HTTP', '\x16\x03\x01\x02hello\r\n\r\n', ''],
    ['four words', 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n', ''],
    ['another major version', 'GET / HTTP/3.1\r\nHost: a\r\n\r\n', ''],
    ['no slash', 'GET a HTTP/1.1\r\nHost: a\r\n\r\n', '400 Bad Request'],
    ['a control character', 'GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n', '400 Bad Request'],
    ['no host', 'GET / HTTP/1.1\r\n\r\n', '400 Bad Request: missing required Host header'],
    ['a bad host', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', '400 Bad Request: malformed Host header'],
    ['a bad name', 'GET / HTTP/1.1\r\nHost: a\r\nX\xff: a\r\n\r\n', '400 Bad Request'],
    ['a bad value', 'GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n', '400 Bad Request'],
    ['no colon', 'GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n', '400 Bad Request'],
    ['a bad length', 'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n', '400 Bad Request'],
    ['an unknown coding', 'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n', 'Unsupported transfer encoding'],
    ['an endless head', `GET / HTTP/1.1\r\nX: ${'x'.repeat(2_000_000)}`, '431 Request Header Fields Too Large'],
  ])("answers %s in Go's words, and nobody is asked", async (_what, sent, answer) => {
    let asked = 0;
    await using server = await serving(async () => {
      asked++;
      return text('');
    });
    const got = await converse(server.port, sent);
    expect(got.slice(got.indexOf('\r\n\r\n') + 1).trim()).toBe(answer);
    expect(asked).toBe(0);
  });

  it('passes over an empty line or two behind a POST, however they come, and behind nothing else', async () => {
    await using server = await serving(echo);
    const posted = 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx';
    const got = 'GET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
    const asked = async (...pieces: readonly string[]): Promise<number> =>
      (await converse(server.port, ...pieces)).split('HTTP/1.1 200 OK').length - 1;
    expect(await asked(`${posted}\r\n\r\n${got}`)).toBe(2);
    expect(await asked(posted, `\r\n${got}`)).toBe(2);
    expect(await asked(`${posted}\r`, `\n\n${got}`)).toBe(2);
    expect(await asked(`${posted}\r\n`, got)).toBe(2);
    expect(await asked(`${posted}\n\n\n\n\n${got}`)).toBe(1);
    expect(await asked(`${got.replace('Connection: close', 'X: y')}\r\n${got}`)).toBe(1);
  });

  it('has words for a status that has no name', async () => {
    await using server = await serving(async () => ({ status: 499, headers: {}, body: '' }));
    expect(await converse(server.port, 'GET / HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.0 499 status code 499\r\n/);
  });

  it('answers what would have closed a new connection on one that spoke HTTP before', async () => {
    await using server = await serving(echo);
    const first = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n';
    expect(await converse(server.port, first, 'hello\r\n\r\n')).toMatch(/\r\n\r\n400 Bad Request$/);
    expect(await converse(server.port, first, 'GET / HTTP/3.1\r\n\r\n')).toMatch(
      /505 HTTP Version Not Supported: unsupported protocol version$/,
    );
  });
});

describe('requests in pieces', () => {
  const asked =
    'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc' +
    'PUT /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n' +
    'GET /c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

  it('are the same wherever they are cut', async () => {
    const server = createHttpServer(
      async ({ method, target, body }) => text(`[${method} ${target} ${await collectBody(body, 100)}]`),
      { clock: osClock },
    );
    for (let at = 0; at < asked.length; at++) {
      const [client, socket] = duplexPair();
      server.accept({ socket, remoteAddress: '', localAddress: '', tls: undefined });
      let got = '';
      client.on('data', (chunk) => {
        got += String(chunk);
      });
      client.write(asked.slice(0, at));
      await new Promise((resolve) => setImmediate(resolve));
      client.write(asked.slice(at));
      await once(client, 'close');
      expect(got.match(/\[.*?\]/g), `cut at ${at}`).toEqual(['[POST /a abc]', '[PUT /b de]', '[GET /c ]']);
    }
    server.closeAllConnections();
  });

  it('whose body waits to be asked for are told to go on', async () => {
    const server = createHttpServer(async ({ body }) => text(`[${await collectBody(body, 100)}]`), { clock: osClock });
    const [client, socket] = duplexPair();
    server.accept({ socket, remoteAddress: '', localAddress: '', tls: undefined });
    client.write('PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n');
    expect(String((await once(client, 'data'))[0])).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    client.write('hi');
    expect(String((await once(client, 'data'))[0])).toContain('[hi]');
    client.destroy();
    server.closeAllConnections();
  });
});

describe('a client that sends no more', () => {
  /** Sends all of it and the end at once. */
  async function sayAndEnd(port: number, said: string): Promise<string> {
    const socket = net.connect({ port, host: HOST, allowHalfOpen: true });
    socket.on('error', () => {});
    socket.end(Buffer.from(said, 'latin1'));
    let got = '';
    for await (const chunk of socket) got += String(chunk);
    return got;
  }

  it('is answered still, all that it asked, and its requests are as ones whose caller left', async () => {
    await using server = await serving(async (request) => {
      if (request.target === '/slow' && !request.isGone)
        await new Promise((resolve) => request.signal.addEventListener('abort', resolve));
      return text(`[${request.target} ${request.isGone}]`);
    });
    const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;
    const got = await sayAndEnd(server.port, get('/slow') + get('/next'));
    expect(got.match(/\[.*?\]/g)).toEqual(['[/slow true]', '[/next true]']);
  });

  it('in the middle of a body or a head is told so', async () => {
    await using server = await serving(async ({ body }) =>
      collectBody(body, 100).then(
        () => text('whole'),
        (cause) => text(`[${cause.message}]`),
      ),
    );
    const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc';
    expect(await sayAndEnd(server.port, post)).toMatch(/\[unexpected EOF\]$/);
    expect(await sayAndEnd(server.port, 'GET / HTTP/1.1\r\nHo')).toMatch(/^HTTP\/1\.1 400 .*400 Bad Request$/s);
    expect(await sayAndEnd(server.port, 'GET / HT')).toBe('');
    expect(await sayAndEnd(server.port, '')).toBe('');
  });

  it('has a stream ended, and not made to look whole', async () => {
    await using server = await serving(async () => ({
      status: 200,
      headers: {},
      body: (async function* () {
        yield Buffer.from('begun');
        await new Promise(() => {});
      })(),
    }));
    expect(await sayAndEnd(server.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')).toMatch(/\r\n\r\n(5\r\nbegun\r\n)?$/);
  });
});
