import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type ClusterPlace, type LocalCluster, startCluster } from '../../../support/cluster.js';

let cluster: LocalCluster;
let served: ClusterPlace;
beforeAll(async () => {
  cluster = await startCluster({ members: 1 });
  served = cluster.only;
});
afterAll(() => cluster[Symbol.asyncDispose]());

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** A websocket and what came over it, in order. */
class Talk implements Disposable {
  readonly #answers: Record<string, never>[] = [];
  #wake: () => void = () => {};
  constructor(readonly socket: WebSocket) {
    socket.on('message', (data, isBinary) => {
      expect(isBinary).toBe(false);
      this.#answers.push(JSON.parse(String(data)));
      this.#wake();
    });
    socket.on('error', () => {});
  }
  static async open(path: string, protocols: string[] = [], headers: Record<string, string> = {}): Promise<Talk> {
    const talk = new Talk(new WebSocket(`ws://${served.endpoint}${path}`, protocols, { headers }));
    await once(talk.socket, 'open');
    return talk;
  }
  async next(): Promise<unknown> {
    for (;;) {
      const answer = this.#answers.shift();
      if (answer !== undefined) return answer;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
  [Symbol.dispose](): void {
    this.socket.terminate();
  }
}

async function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`http://${served.endpoint}${path}`, { method: 'POST', body: JSON.stringify(body), headers });
}

const put = (key: string, value = '1') => post('/v3/kv/put', { key: base64(key), value: base64(value) });

it.each([
  ['a call that is no stream', '/v3/kv/range', { header: { raft_term: '2' } }],
  ['one by whatever method its address names', '/v3/kv/range?method=GET', { header: { raft_term: '2' } }],
  ['a path that is none', '/v3/nope', { code: 5, message: 'Not Found' }],
])('%s is answered once over a websocket, and hung up on as etcd hangs up', async (_what, path, answer) => {
  using talk = await Talk.open(path);
  const closed = once(talk.socket, 'close');
  talk.socket.send('{"key":"YQ=="}');
  expect(await talk.next()).toMatchObject(answer);
  // What a client says of a connection that ended without a closing frame.
  expect((await closed)[0]).toBe(1006);
});

describe('a watch over a websocket', () => {
  it.each(['text', 'binary'])('takes requests in %s frames and answers in text', async (kind) => {
    using talk = await Talk.open('/v3/watch');
    const request = JSON.stringify({ create_request: { key: base64(`ws-${kind}`) } });
    talk.socket.send(kind === 'text' ? request : Buffer.from(request), { binary: kind === 'binary' });
    expect(await talk.next()).toMatchObject({ result: { created: true } });
    await put(`ws-${kind}`);
    expect(await talk.next()).toMatchObject({ result: { events: [{ kv: { key: base64(`ws-${kind}`) } }] } });
  });

  it('takes a request that comes a byte a frame, with empty frames between', async () => {
    using talk = await Talk.open('/v3/watch');
    for (const byte of JSON.stringify({ create_request: { key: base64('ws-bytes') } })) {
      talk.socket.send(byte, { fin: false });
      talk.socket.send('', { fin: false });
    }
    talk.socket.send('', { fin: true });
    expect(await talk.next()).toMatchObject({ result: { created: true } });
  });

  it('takes a request cut over frames, and several in one', async () => {
    using talk = await Talk.open('/v3/watch');
    talk.socket.send('{"create_request":');
    talk.socket.send(`{"key":"${base64('cut')}"}} {"create_request":{"key":"${base64('two')}"}}`);
    expect(await talk.next()).toMatchObject({ result: { created: true } });
    expect(await talk.next()).toMatchObject({ result: { created: true, watch_id: '1' } });
  });

  it('brings a value of a megabyte', async () => {
    using talk = await Talk.open('/v3/watch');
    talk.socket.send(JSON.stringify({ create_request: { key: base64('large') } }));
    await talk.next();
    await put('large', 'x'.repeat(1_000_000));
    expect(await talk.next()).toMatchObject({ result: { events: [{ kv: { value: base64('x'.repeat(1_000_000)) } }] } });
  });

  it('ends with its call, after the answer', async () => {
    using talk = await Talk.open('/v3/kv/range');
    const closed = once(talk.socket, 'close');
    talk.socket.send(JSON.stringify({ key: base64('absent') }));
    talk.socket.close();
    const [code] = await closed;
    expect(code).toBeGreaterThan(0);
  });

  it('ends its watches when the client is gone, also in the middle of a frame', async () => {
    const watchers = async (): Promise<string | undefined> => {
      const text = await (await fetch(`http://${served.endpoint}/metrics`)).text();
      return /^etcd_debugging_mvcc_watcher_total (\d+)$/m.exec(text)?.[1];
    };
    await expect.poll(watchers).toBe('0');
    const talk = await Talk.open('/v3/watch');
    talk.socket.send(JSON.stringify({ create_request: { key: base64('gone') } }));
    await talk.next();
    expect(await watchers()).toBe('1');
    talk[Symbol.dispose]();
    await expect.poll(watchers).toBe('0');

    const [host = '', port = ''] = served.endpoint.split(':');
    const half = connect({ host, port: Number(port) });
    half.write(
      'GET /v3/watch HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    const [head] = await once(half, 'data');
    expect(String(head)).toContain('HTTP/1.1 101');
    // The first two bytes of a masked frame whose rest never comes.
    half.write(Buffer.of(0x81, 0xfe));
    half.end();
    await once(half, 'close');
  });

  it('refuses what is no websocket of its version', async () => {
    const [host = '', port = ''] = served.endpoint.split(':');
    const socket = connect({ host, port: Number(port) });
    socket.write('GET /v3/watch HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 .*Sec-Websocket-Version: 13\r\n.*\r\n\r\nBad Request\n$/s);
    socket.destroy();
  });

  it('takes lists of protocols and versions that have the right one', async () => {
    const [host = '', port = ''] = served.endpoint.split(':');
    const socket = connect({ host, port: Number(port) });
    const key = 'dGhlIHNhbXBsZSBub25jZQ==';
    const head = ['GET /v3/watch HTTP/1.1', 'Host: x', 'Connection: keep-alive, Upgrade', 'Upgrade: other, WebSocket'];
    socket.write(`${[...head, 'Sec-WebSocket-Version: 8, 13', `Sec-WebSocket-Key: ${key}`].join('\r\n')}\r\n\r\n`);
    const [first] = (await once(socket, 'data')) as [Buffer];
    expect(String(first)).toMatch(/^HTTP\/1\.1 101 /);
    socket.destroy();
  });

  it('answers a call that is no stream after its first message, and ends', async () => {
    using talk = await Talk.open('/v3/kv/range');
    talk.socket.send(JSON.stringify({ key: base64('nobody') }));
    expect(await talk.next()).toMatchObject({ header: {} });
    if (talk.socket.readyState !== WebSocket.CLOSED) await once(talk.socket, 'close');
  });

  it('keeps hundreds of idle ones while others are served', async () => {
    const talks = await Promise.all(Array.from({ length: 200 }, () => Talk.open('/v3/watch')));
    for (const [index, talk] of talks.entries())
      talk.socket.send(JSON.stringify({ create_request: { key: base64(`idle-${index}`) } }));
    for (const talk of talks) expect(await talk.next()).toMatchObject({ result: { created: true } });
    expect((await put('idle-7')).status).toBe(200);
    expect(await talks[7]?.next()).toMatchObject({ result: { events: [{}] } });
    for (const talk of talks) talk[Symbol.dispose]();
  });
});

describe('frames that break the rules of websockets', () => {
  /** What the client sends after the handshake, and all that it gets until the connection ends. */
  async function opened(): Promise<Socket> {
    const [host = '', port = ''] = served.endpoint.split(':');
    const socket = connect({ host, port: Number(port) });
    socket.write(
      'GET /v3/watch HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    await once(socket, 'data');
    return socket;
  }
  async function answerTo(...frames: readonly Buffer[]): Promise<Buffer> {
    const socket = await opened();
    for (const frame of frames) socket.write(frame);
    return buffer(socket);
  }
  /** Masked by zeros. */
  const frame = (first: number, payload: string | Buffer = '', second = 0x80): Buffer => {
    const bytes = Buffer.from(payload);
    const long = bytes.length > 125 ? Buffer.of(bytes.length >>> 8, bytes.length & 0xff) : Buffer.alloc(0);
    const length = bytes.length > 125 ? 126 : bytes.length;
    return Buffer.concat([Buffer.of(first, second | length), long, Buffer.alloc(second & 0x80 ? 4 : 0), bytes]);
  };
  const closing = (code: number, text = ''): Buffer =>
    Buffer.concat([Buffer.of(code >>> 8, code & 0xff), Buffer.from(text)]);

  it.each<[string, Buffer[], Buffer]>([
    ['a reserved bit', [frame(0xc1, '{}')], closing(1002, 'RSV1 set')],
    ['an opcode that is none', [frame(0x83, '{}')], closing(1002, 'bad opcode 3')],
    ['no mask', [frame(0x81, '{}', 0)], closing(1002, 'bad MASK')],
    ['several faults', [frame(0xf3, '', 0)], closing(1002, 'RSV1 set, RSV2 set, RSV3 set, bad opcode 3, bad MASK')],
    ['the end of no message', [frame(0x80, '{}')], closing(1002, 'continuation after FIN')],
    ['a message within a message', [frame(0x01, '{'), frame(0x81, '{}')], closing(1002, 'data before FIN')],
    ['half a ping', [frame(0x09, 'x')], closing(1002, 'FIN not set on control')],
    ['a long ping', [frame(0x89, 'x'.repeat(126))], closing(1002, 'len > 125 for control')],
    ['a code nobody may send', [frame(0x88, closing(1005))], closing(1002, 'bad close code 1005')],
    [
      'a farewell that is no text',
      [frame(0x88, Buffer.of(3, 0xe8, 0xff))],
      closing(1002, 'invalid utf8 payload in close frame'),
    ],
    ['a farewell', [frame(0x88, closing(1000, 'bye'))], closing(1000)],
    ['one of an application', [frame(0x88, closing(4999))], closing(4999)],
    ['one without a code', [frame(0x88)], Buffer.alloc(0)],
    ['more than can be held', [Buffer.of(0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4)], closing(1009)],
  ])('%s is answered as etcd answers it', async (_what, frames, payload) => {
    expect((await answerTo(...frames)).toString('latin1')).toBe(
      Buffer.concat([Buffer.of(0x88, payload.length), payload]).toString('latin1'),
    );
  });

  it('a length that no frame can have is hung up on', async () => {
    expect(await answerTo(Buffer.of(0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4))).toHaveLength(0);
  });

  it('pings are answered in between, and text need not be UTF-8', async () => {
    const answer = await answerTo(
      frame(0x01, '{"create_request":{"x":"'),
      frame(0x89, 'are you there'),
      frame(0x80, Buffer.from('\xff"}}', 'latin1')),
      frame(0x88),
    );
    expect(answer.subarray(0, 15).toString('latin1')).toBe('\x8a\x0dare you there');
  });

  it('pings whose answers are not read are not taken for ever, and all are answered once they are', async () => {
    const socket = await opened();
    socket.pause();
    const pings = Buffer.concat(Array.from({ length: 1000 }, () => frame(0x89, 'x'.repeat(100))));
    const most = 640;
    let written = 0;
    const taken = (): Promise<boolean> =>
      Promise.race([
        new Promise<boolean>((resolve) => socket.write(pings, () => resolve(true))),
        new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 500)),
      ]);
    do written++;
    while ((await taken()) && written < most);
    expect(written).toBeLessThan(most);
    socket.end(frame(0x88));
    const answers = await buffer(socket);
    // Each as long as a ping without its mask; then the farewell.
    expect(answers).toHaveLength(written * 1000 * 102 + 2);
  });
});

describe('users of a websocket', () => {
  it('are named by the second subprotocol or by a header (etcd #21929)', async () => {
    await using ownCluster = await startCluster({ members: 1 });
    const own = ownCluster.only;
    const call = (path: string, body: unknown, headers: Record<string, string> = {}) =>
      fetch(`http://${own.endpoint}${path}`, { method: 'POST', body: JSON.stringify(body), headers });
    await call('/v3/auth/user/add', { name: 'root', password: 'secret' });
    await call('/v3/auth/role/add', { name: 'root' });
    await call('/v3/auth/user/grant', { user: 'root', role: 'root' });
    await call('/v3/auth/enable', {});
    const { token } = (await (await call('/v3/auth/authenticate', { name: 'root', password: 'secret' })).json()) as {
      token: string;
    };
    const watch = JSON.stringify({ create_request: { key: base64('a') } });
    const created = async (socket: WebSocket): Promise<unknown> => {
      using talk = new Talk(socket);
      await once(socket, 'open');
      socket.send(watch);
      return await talk.next();
    };
    const url = `ws://${own.endpoint}/v3/watch`;
    const byProtocol = new WebSocket(url, ['Bearer', token]);
    const answer = await created(byProtocol);
    expect(answer).toMatchObject({ result: { created: true } });
    expect(answer).not.toMatchObject({ result: { canceled: true } });
    expect(byProtocol.protocol).toBe('Bearer');
    for (const Authorization of [token, `Bearer ${token}`]) {
      const byHeader = await created(new WebSocket(url, { headers: { Authorization } }));
      expect(byHeader).not.toMatchObject({ result: { canceled: true } });
    }
    expect(await created(new WebSocket(url))).toMatchObject({ result: { created: true, canceled: true } });
  });
});
