/** Clients of an HTTP/1 server that are slow, or ask for more than they take: each bounded, others not slowed. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { createHttpServer, type HttpServerOptions } from '../../../src/http1/server.js';
import { BodyBound } from '../../../src/lib/body-bound.js';
import { collectBody, type HttpRequest, type HttpResponse, type HttpService } from '../../../src/lib/http.js';
import { osClock } from '../../../src/lib/os/clock.js';
import { osNetwork } from '../../../src/lib/os/net.js';
import { ManualClock } from '../../support/manual-clock.js';

const HOST = '127.0.0.1';
const MB = 1024 * 1024;

class Serving implements AsyncDisposable {
  readonly #clients: Socket[] = [];
  readonly server;
  port = 0;

  constructor(service: HttpService, options: Partial<HttpServerOptions> = {}) {
    this.server = createHttpServer(service, { clock: osClock, ...options });
  }

  async listen(): Promise<this> {
    const listener = await osNetwork.listen({ t: 'tcp', host: HOST, port: 0 }, (each) => this.server.accept(each));
    if (listener.address.t === 'tcp') this.port = listener.address.port;
    this[Symbol.asyncDispose] = async () => {
      for (const client of this.#clients) client.destroy();
      this.server.closeAllConnections();
      await listener.close();
    };
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  client(text: string): Socket {
    const client = connect(this.port, HOST).on('error', () => {});
    this.#clients.push(client);
    client.write(text);
    return client;
  }
}

const ok: HttpService = () => Promise.resolve({ status: 200, headers: {}, body: 'ok' });
const readAll = async ({ body }: HttpRequest): Promise<HttpResponse> => {
  try {
    return { status: 200, headers: {}, body: String((await collectBody(body, 10 * MB)).length) };
  } catch {
    return { status: 413, headers: {}, body: 'too much' };
  }
};
const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const post = (length: number): string => `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`;

const until = (condition: () => boolean | Promise<boolean>): Promise<unknown> =>
  vi.waitUntil(condition, { timeout: 10_000, interval: 5 });

const closed = async (client: Socket): Promise<void> => {
  client.resume();
  // Not `once`, which fails where the connection is reset.
  if (!client.closed) await new Promise((resolve) => client.on('close', resolve));
};

describe('a client that is slow', () => {
  it('with the head of its request is cut off', async () => {
    await using serving = await new Serving(ok, { headersTimeoutMs: 100 }).listen();
    const slow = serving.client('GET / HTTP/1.1\r\nHo');
    const said = once(slow, 'data');
    expect(String((await said)[0])).toMatch(/^HTTP\/1\.1 408 /);
    await closed(slow);
  });

  it('with its next request is hung up on', async () => {
    await using serving = await new Serving(ok, { keepAliveMs: 50 }).listen();
    await closed(serving.client(GET));
  });

  it('with a body is cut off, unless its answer has begun', async () => {
    let begin = (): void => {};
    const streaming: HttpService = async (request) =>
      request.target === '/'
        ? readAll(request)
        : {
            status: 200,
            headers: {},
            body: (async function* () {
              yield Buffer.from('begun');
              await new Promise<void>((resolve) => {
                begin = resolve;
              });
              yield Buffer.from('ended');
            })(),
          };
    await using serving = await new Serving(streaming, { bodyMs: 150 }).listen();
    const watching = serving.client(post(10).replace('/', '/watch'));
    await once(watching, 'data');
    await closed(serving.client(`${post(10)}half`));
    const last = once(watching, 'data');
    begin();
    expect(String((await last)[0])).toContain('ended');
  });
});

describe('where bodies may take their time', () => {
  it('one that comes piece by piece is read to its end, one that stops coming is cut off', async () => {
    await using serving = await new Serving(readAll, { bodyMs: 50, bodySilenceMs: 400 }).listen();
    const silent = closed(serving.client(`${post(10)}half`));
    const steady = serving.client(post(20));
    const answer = once(steady, 'data');
    let sent = 0;
    const pieces = setInterval(() => steady.write('x', () => ++sent === 20 && clearInterval(pieces)), 40);
    await silent;
    expect(String((await answer)[0])).toMatch(/\r\n\r\n20$/);
  });
});

describe('callers that wait for hours', () => {
  it('take no timer, whether their answer has begun or not, and are still answered', async () => {
    const clock = new ManualClock();
    const answers: (() => void)[] = [];
    const waiting = (): Promise<void> => new Promise((resolve) => answers.push(resolve));
    const service: HttpService = async ({ target }) => {
      if (target === '/poll') {
        await waiting();
        return { status: 200, headers: {}, body: 'answered' };
      }
      const body = (async function* () {
        yield Buffer.from('begun');
        await waiting();
        yield Buffer.from('answered');
      })();
      return { status: 200, headers: {}, body };
    };
    await using serving = await new Serving(service, { clock }).listen();
    const before = clock.pending;
    const heard: string[] = [];
    for (let at = 0; at < 100; at++) {
      const client = serving.client(GET.replace('/', at % 2 === 0 ? '/poll' : '/stream'));
      client.on('data', (chunk) => {
        heard[at] = (heard[at] ?? '') + String(chunk);
      });
    }
    await until(() => answers.length === 100);
    // One for all connections looks after those that are slow.
    expect(clock.pending).toBeLessThanOrEqual(before + 1);
    await clock.advance(3 * 3600 * 1000);
    for (const answer of answers) answer();
    await until(() => heard.filter((text) => text.includes('answered')).length === 100);
  });
});

describe('a client that reads slowly', () => {
  const big = Buffer.alloc(30 * MB);
  const bigAnswer: HttpService = () => Promise.resolve({ status: 200, headers: {}, body: big });

  it('gets all of a large answer, however little time there is between requests', async () => {
    const backlog = { bytes: 0 };
    await using serving = await new Serving(bigAnswer, { backlog, keepAliveMs: 20, headersTimeoutMs: 20 }).listen();
    const client = serving.client(GET + GET.slice(0, 10));
    client.pause();
    await until(() => backlog.bytes > 0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    let read = 0;
    client.on('data', (chunk) => {
      read += chunk.length;
    });
    client.resume();
    await until(() => read > big.length);
  });

  it.each(['keep-alive', 'close'])('and takes nothing at all is cut off (%s)', async (connection) => {
    const backlog = { bytes: 0 };
    await using serving = await new Serving(bigAnswer, { backlog, bodyMs: 100 }).listen();
    serving.client(GET.replace('Host', `Connection: ${connection}\r\nHost`)).pause();
    await until(() => backlog.bytes > 0);
    await until(() => backlog.bytes === 0);
  });

  it('gets what is left of its answer from a server that closes', async () => {
    const backlog = { bytes: 0 };
    await using serving = await new Serving(bigAnswer, { backlog }).listen();
    const client = serving.client(GET);
    client.pause();
    await until(() => backlog.bytes > 0);
    serving.server.closeIdleConnections();
    let read = 0;
    client.on('data', (chunk) => {
      read += chunk.length;
    });
    client.resume();
    await closed(client);
    expect(read).toBeGreaterThan(big.length);
  });
});

describe('a client that asks for much', () => {
  it('at once leaves others their turn', async () => {
    let served = 0;
    await using serving = await new Serving(() => {
      served++;
      return Promise.resolve({ status: 204, headers: {}, body: '' });
    }).listen();
    const most = 20_000;
    serving.client(GET.repeat(most)).resume();
    let longest = 0;
    for (let before = 0; served < most; before = served) {
      await new Promise((resolve) => setImmediate(resolve));
      longest = Math.max(longest, served - before);
    }
    expect(longest).toBeLessThan(100);
  });

  it('that takes long, on many connections, has no turn longer than a few of its requests', async () => {
    let served = 0;
    await using serving = await new Serving(() => {
      served++;
      const begun = performance.now();
      while (performance.now() - begun < 3);
      return Promise.resolve({ status: 204, headers: {}, body: '' });
    }).listen();
    const connections = 8;
    const each = 10;
    for (let at = 0; at < connections; at++) serving.client(GET.repeat(each)).resume();
    let longest = 0;
    for (let before = 0; served < connections * each; before = served) {
      await new Promise((resolve) => setImmediate(resolve));
      longest = Math.max(longest, served - before);
    }
    expect(longest).toBeLessThan(10);
  });

  it('at once is answered in order, one request at a time', async () => {
    let running = 0;
    let most = 0;
    await using serving = await new Serving(async ({ target }) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return { status: 200, headers: {}, body: `[${target}]` };
    }).listen();
    const paths = Array.from({ length: 50 }, (_, at) => `/${at}`);
    const client = serving.client(paths.map((path) => GET.replace('/', path)).join(''));
    let text = '';
    client.on('data', (chunk) => {
      text += String(chunk);
    });
    await until(() => text.includes('[/49]'));
    expect(text.match(/\[[^\]]*\]/g)).toEqual(paths.map((path) => `[${path}]`));
    expect(most).toBe(1);
  });

  it('is cut off where more waits than anybody sends, and their handlers never begin', async () => {
    let begun = 0;
    await using serving = await new Serving(() => {
      begun++;
      return new Promise(() => {});
    }).listen();
    await closed(serving.client(GET.repeat(400_000)));
    expect(begun).toBe(1);
  });

  it('and does not read has its answers counted until it goes', async () => {
    const backlog = { bytes: 0 };
    const big = Buffer.alloc(20 * MB);
    let sent = (): number => -1;
    await using serving = await new Serving(
      async ({ peer }) => {
        sent = () => peer.connection?.unsentBytes ?? -1;
        return { status: 200, headers: {}, body: big };
      },
      { backlog },
    ).listen();
    const client = serving.client(GET);
    client.pause();
    await until(() => backlog.bytes > 0);
    expect(backlog.bytes).toBe(big.length);
    expect(sent()).toBeGreaterThan(MB);
    client.destroy();
    await until(() => backlog.bytes === 0);
  });

  it('of a stream has its pieces counted as long as they wait', async () => {
    const backlog = { bytes: 0 };
    await using serving = await new Serving(
      async () => ({
        status: 200,
        headers: {},
        body: (async function* () {
          for (let piece = 0; piece < 20; piece++) yield Buffer.alloc(MB);
          await new Promise(() => {});
        })(),
      }),
      { backlog },
    ).listen();
    const client = serving.client(GET);
    client.pause();
    await until(() => backlog.bytes > 0);
    let read = 0;
    client.on('data', (chunk) => {
      read += chunk.length;
    });
    client.resume();
    await until(() => read > 20 * MB);
    // All was taken, though the stream goes on.
    await until(() => backlog.bytes === 0);
  });
});

describe('bodies of many clients', () => {
  it('and requests behind others are bounded together, read or not', async () => {
    let begun = 0;
    await using serving = await new Serving(
      () => {
        begun++;
        return new Promise(() => {});
      },
      { bodies: new BodyBound(3 * MB) },
    ).listen();
    const flood = (): Socket => serving.client(GET + 'x'.repeat(2 * MB));
    const first = flood();
    await until(() => begun === 1);
    const second = flood();
    await Promise.race([closed(first), closed(second)]);
    const unread = Array.from({ length: 40 }, () => serving.client(post(200_000) + 'y'.repeat(200_000)));
    await until(() => begun === 2 + unread.length);
  });

  it('are bounded together, and there is room again when one has been answered', async () => {
    let arrived = 0;
    const counting: HttpService = (request) => {
      const { body } = request;
      const counted = async function* () {
        for await (const chunk of body) {
          arrived += chunk.length;
          yield chunk;
        }
      };
      return readAll(Object.create(request, { body: { value: counted() } }));
    };
    await using serving = await new Serving(counting, { bodies: new BodyBound(3 * MB) }).listen();
    const half = serving.client(post(2 * MB) + 'x'.repeat(2 * MB - 1));
    await until(() => arrived === 2 * MB - 1);
    const other = (): Promise<Response> =>
      fetch(`http://${HOST}:${serving.port}/`, { method: 'POST', body: 'y'.repeat(1.5 * MB) });
    expect((await other()).status).toBe(413);
    const answer = once(half, 'data');
    half.write('x');
    expect(String((await answer)[0])).toContain(String(2 * MB));
    expect((await other()).status).toBe(200);
  });

  it('may be larger than all of them together, where what was read is not kept', async () => {
    const passing: HttpService = async ({ body }) => {
      let size = 0;
      for await (const chunk of body) {
        size += chunk.length;
        body.release?.(chunk.length);
      }
      return { status: 200, headers: {}, body: String(size) };
    };
    await using serving = await new Serving(passing, { bodies: new BodyBound(MB) }).listen();
    const url = `http://${HOST}:${serving.port}/`;
    const sent = await fetch(url, { method: 'POST', body: 'x'.repeat(8 * MB) });
    expect([sent.status, await sent.text()]).toEqual([200, String(8 * MB)]);
  });
});

it('a server that closes ends connections in the middle of a request', async () => {
  let begun = false;
  await using serving = await new Serving(() => {
    begun = true;
    return new Promise(() => {});
  }).listen();
  const idle = serving.client('GET');
  const waiting = serving.client(GET);
  await until(() => begun);
  serving.server.closeAllConnections();
  await Promise.all([closed(waiting), closed(idle)]);
});
