import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { httpFailure } from '../../../../src/lib/go/http-error.js';
import { collectBody } from '../../../../src/lib/http.js';
import type { HttpAsk, HttpClient } from '../../../../src/lib/http-client.js';
import { createHttpClient } from '../../../../src/lib/os/http-client.js';
import { osNetwork } from '../../../../src/lib/os/net.js';

const LARGE = 8 * 1024 * 1024;

let server: Server;
let client: HttpClient;
let connections = 0;

async function serve(
  answer: (response: ServerResponse) => void,
): Promise<(ask?: Partial<HttpAsk>) => Promise<HttpAsk>> {
  connections = 0;
  server = createServer((_, response) => answer(response)).on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  client = createHttpClient({ network: osNetwork, dialTimeoutMs: 5000, keepAliveMs: 5000 });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`;
  return async (ask = {}) => ({ method: 'GET', url, headersTimeoutMs: 0, bodyTimeoutMs: 0, ...ask });
}

afterEach(async () => {
  await client.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const BROKEN = 'net/http: HTTP/1.x transport connection broken: ';

const inGosWords = (work: Promise<unknown>): Promise<unknown> =>
  work.catch((error: unknown) => {
    throw httpFailure(error);
  });

describe('an answer', () => {
  it('has its status, its fields as they came, and its body; its connection serves a later request', async () => {
    const asking = await serve((response) => {
      response.writeHead(207, [
        ['X-One', 'a'],
        ['x-one', 'b'],
      ]);
      response.end('body');
    });
    for (let round = 0; round < 10; round++) {
      const answer = await client.ask(await asking());
      expect(answer.status).toBe(207);
      expect(answer.headers['x-one']).toBe('a, b');
      expect(answer.fields.slice(0, 2)).toEqual([
        ['X-One', 'a'],
        ['x-one', 'b'],
      ]);
      expect(Buffer.from(await collectBody(answer.body, 100)).toString()).toBe('body');
    }
    // undici takes a connection for busy until the next turn.
    expect(connections).toBeLessThanOrEqual(2);
  });

  it('comes after informational ones, and may be empty', async () => {
    const asking = await serve((response) => {
      response.writeEarlyHints({ link: '</a>; rel=preload' });
      response.writeHead(204).end();
    });
    const answer = await client.ask(await asking());
    expect(answer.status).toBe(204);
    expect(await collectBody(answer.body, 0)).toHaveLength(0);
  });

  it('is read by chunks as they come, or by iterating', async () => {
    const asking = await serve((response) => {
      response.write('one,');
      setTimeout(() => response.end('two'), 20);
    });
    let text = '';
    await (await client.ask(await asking())).read((chunk) => {
      text += Buffer.from(chunk).toString();
    });
    expect(text).toBe('one,two');
    text = '';
    for await (const chunk of (await client.ask(await asking())).body) text += Buffer.from(chunk).toString();
    expect(text).toBe('one,two');
  });

  it('of a large body leaves the rest with the server until somebody reads', async () => {
    let response: ServerResponse | undefined;
    const asking = await serve((it) => {
      response = it;
      it.end(Buffer.alloc(LARGE, 'x'));
    });
    const answer = await client.ask(await asking());
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(response?.writableFinished).toBe(false);
    expect(await collectBody(answer.body, LARGE)).toHaveLength(LARGE);
  });

  it('that breaks off rejects whoever reads', async () => {
    const asking = await serve((response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('some');
      setTimeout(() => response.destroy(), 20);
    });
    const read = (await client.ask(await asking())).read(() => {});
    await expect(inGosWords(read)).rejects.toThrow('unexpected EOF');
    const collected = collectBody((await client.ask(await asking())).body, 100);
    await expect(inGosWords(collected)).rejects.toThrow('unexpected EOF');
  });

  it.each([
    ['another protocol', 'SSH-2.0-x\r\n', `${BROKEN}malformed HTTP response "SSH-2.0-x"`],
    ['TLS', '\x15\x03\x01\0\x02\x02', `${BROKEN}malformed HTTP response "\\x15\\x03\\x01\\x00\\x02\\x02"`],
    ['a status in letters', 'HTTP/1.1 abc X\r\n\r\n', `${BROKEN}malformed HTTP status code "abc"`],
    ['a status of nought', 'HTTP/1.1 000 X\r\nContent-Length: 0\r\n\r\n', 'malformed HTTP status code "000"'],
    ['a length below nought', 'HTTP/1.1 200 X\r\nContent-Length: -5\r\n\r\n', `${BROKEN}bad Content-Length "-5"`],
    [
      'chunks without a length',
      'HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      'invalid byte in chunk length',
    ],
    [
      'a chunk without end',
      `HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n${'f'.repeat(20)}\r\n`,
      'http chunk length too large',
    ],
  ])('that is no HTTP is told in the words of Go: %s', async (_, text, why) => {
    const asking = await serve((response) => void response.socket?.write(text, 'latin1'));
    const reading = client.ask(await asking()).then((answer) => collectBody(answer.body, 100));
    await expect(inGosWords(reading)).rejects.toThrow(why);
  });

  it('that is cut by a reset tells between whom', async () => {
    const asking = await serve((response) => void response.socket?.resetAndDestroy());
    const why = /^read tcp 127\.0\.0\.1:\d+->127\.0\.0\.1:\d+: read: connection reset by peer$/;
    await expect(inGosWords(client.ask(await asking()))).rejects.toThrow(why);
  });

  it('that is discarded, left early or refused by its reader closes the connection', async () => {
    const closed: Promise<void>[] = [];
    const asking = await serve((response) => {
      closed.push(new Promise((resolve) => response.on('close', resolve)));
      response.write('for ever');
    });
    (await client.ask(await asking())).discard();
    for await (const _ of (await client.ask(await asking())).body) break;
    const refused = (await client.ask(await asking())).read(() => {
      throw new Error('no such frame');
    });
    await expect(refused).rejects.toThrow('no such frame');
    await Promise.all(closed);
    expect(closed).toHaveLength(3);
  });
});

describe('a request whose signal is aborted', () => {
  it.each(['before it is made', 'before its answer', 'within the body'])(
    'rejects with the reason: %s',
    async (when) => {
      const aborting = new AbortController();
      const stop = () => aborting.abort(new Error('enough'));
      const asking = await serve((response) => {
        if (when === 'within the body') response.write('some');
        else stop();
      });
      if (when === 'before it is made') stop();
      const answered = client.ask(await asking({ signal: aborting.signal }));
      const whole = answered.then(({ read }) => {
        stop();
        return read(() => {});
      });
      await expect(whole).rejects.toThrow('enough');
    },
  );
});
