/** What a websocket holds for either end, and whom it takes at all: alone, over a stream in memory. */
import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { serveWebSocket } from '../../../../src/api/gateway/websocket.js';
import type { HttpBody, HttpRequest, HttpResponse } from '../../../../src/lib/http.js';
import { duplexPair } from '../../../support/duplex-pair.js';
import { ManualClock } from '../../../support/manual-clock.js';

const clock = new ManualClock();
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const turns = async (count: number): Promise<void> => {
  for (let at = 0; at < count; at++) await turn();
};

/** A client's frame, masked by zeros. */
function frame(payload: string, opcode = 1): Buffer {
  const bytes = Buffer.from(payload);
  const head = Buffer.alloc(bytes.length < 126 ? 2 : bytes.length < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  if (head.length === 2) head[1] = 0x80 | bytes.length;
  else if (head.length === 4) {
    head[1] = 0xfe;
    head.writeUInt16BE(bytes.length, 2);
  } else {
    head[1] = 0xff;
    head.writeBigUInt64BE(BigInt(bytes.length), 2);
  }
  return Buffer.concat([head, Buffer.alloc(4), bytes]);
}

const wanted = {
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  host: 'here:2379',
};

interface Opened {
  readonly client: Duplex;
  readonly response: HttpResponse;
  readonly asked: HttpRequest[];
}

async function open(
  serve: (request: HttpRequest) => Promise<HttpResponse>,
  { headers = {}, method = 'GET', head = Buffer.alloc(0) }: { headers?: object; method?: string; head?: Buffer } = {},
): Promise<Opened> {
  const [client, socket] = duplexPair();
  const asked: HttpRequest[] = [];
  const request = {
    method,
    target: '/v3/watch',
    protocol: 'HTTP/1.1',
    headers: { ...wanted, ...headers },
    peer: { address: '127.0.0.1:1', tls: undefined },
    upgrade: () => ({ socket, head }),
  } as unknown as HttpRequest;
  const response = await serveWebSocket(request, {
    clock,
    maxMessageBytes: 1024 * 1024,
    allowsOrigin: (origin, host) => origin === `http://${host}`,
    serve: (streamed) => {
      asked.push(streamed);
      return serve(streamed);
    },
  });
  return { client, response, asked };
}

const never = (): Promise<HttpResponse> => new Promise(() => {});
const answering = (body: HttpBody | string): Promise<HttpResponse> =>
  Promise.resolve({ status: 200, headers: {}, body } as HttpResponse);

describe('a websocket', () => {
  it.each<[string, object, string, number]>([
    ['of its own pages', { origin: 'http://here:2379' }, 'GET', 101],
    ['of other pages', { origin: 'http://there:2379' }, 'GET', 403],
    ['that posts', {}, 'POST', 405],
    ['of another version', { 'sec-websocket-version': '8' }, 'GET', 400],
    ['without a key', { 'sec-websocket-key': '' }, 'GET', 400],
  ])('%s is taken or refused: %j', async (_what, headers, method, status) => {
    const { response, asked, client } = await open(never, { headers, method });
    expect([response.status, asked.length]).toEqual([status, status === 101 ? 1 : 0]);
    client.destroy();
  });

  it('passes on what belongs to the call, the token among the protocols first', async () => {
    const { asked, client } = await open(never, {
      headers: {
        'sec-websocket-protocol': 'Bearer, secret',
        authorization: 'Bearer other',
        'grpc-metadata-x': 'y',
        cookie: 'token=z',
      },
    });
    expect(asked[0]).toMatchObject({ method: 'POST', target: '/v3/watch' });
    expect(asked[0]?.headers).toEqual({
      ...{ host: 'here:2379', origin: undefined, referer: undefined },
      authorization: 'Bearer secret',
      'grpc-metadata-x': 'y',
    });
    client.destroy();
  });

  it('gives its call each message as a line, of whatever length, those that came with the head first', async () => {
    const texts = ['a', 'b'.repeat(200), 'c'.repeat(70_000)];
    const [first = '', ...rest] = texts;
    const got: string[] = [];
    const { client } = await open(
      async ({ body }) => {
        for await (const piece of body) got.push(Buffer.from(piece).toString());
        return await answering('');
      },
      { head: frame(first) },
    );
    for (const text of rest) client.write(frame(text));
    client.resume();
    client.end();
    for (let at = 0; at < 200 && got.length < 6; at++) await turn();
    expect(got.filter((_, at) => at % 2 === 1)).toEqual(['\n', '\n', '\n']);
    expect(got.filter((_, at) => at % 2 === 0).map((text) => `${text[0]}${text.length}`)).toEqual([
      ...['a1', 'b200', 'c70000'],
    ]);
  });

  it.each([
    ['many', 'xx', 64, 3000],
    ['long', 'x'.repeat(100_000), 11, 200],
  ])(
    'reads no more of its client while %s messages wait for their call, and goes on after them',
    async (_, text, most, count) => {
      let taking = (): void => {};
      const mayTake = new Promise<void>((resolve) => {
        taking = resolve;
      });
      let got = 0;
      const { client } = await open(async ({ body }) => {
        await mayTake;
        for await (const piece of body) if (piece.length === text.length) got++;
        return await answering('');
      });
      client.resume();
      const all = frame(text);
      let written = 0;
      for (; written < count; written++) {
        // A stream in memory keeps what is written while it is not read.
        if (client.writableLength > 0) break;
        client.write(all);
        await turn();
      }
      expect(written).toBeGreaterThanOrEqual(most);
      // What both ends of the stream keep is some of its own.
      expect(written * all.length).toBeLessThan(most * all.length + 300_000);
      taking();
      for (; written < count; written++)
        if (!client.write(all)) await new Promise((resolve) => client.once('drain', resolve));
      client.end();
      for (let at = 0; at < 20_000 && got < count; at++) await turn();
      expect(got).toBe(count);
    },
  );

  it('asks its call for no more than its client reads, and lets go of it when the client is gone', async () => {
    let made = 0;
    let isOver = false;
    async function* lines(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          made++;
          yield Buffer.from(`${'x'.repeat(10_000)}\n`);
          await turn();
        }
      } finally {
        isOver = true;
      }
    }
    const { client } = await open(() => answering(lines()));
    await turns(200);
    const before = made;
    expect(before).toBeLessThan(20);
    for (let at = 0; at < 50; at++) {
      client.read();
      await turns(3);
    }
    expect(made).toBeGreaterThan(before + 10);
    await turns(50);
    const waiting = made;
    await turns(50);
    expect(made).toBe(waiting);
    client.destroy();
    for (let at = 0; at < 200 && !isOver; at++) await turn();
    expect(isOver).toBe(true);
  });
});
