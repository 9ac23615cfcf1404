/** Requests whose answers are streams, over a connection of their own, to a server that writes what it is told. */
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { collectBody } from '../../../../src/lib/http.js';
import type { HttpAnswer, HttpAsk, HttpClient } from '../../../../src/lib/http-client.js';
import { createHttpClient } from '../../../../src/lib/os/http-client.js';
import { osNetwork } from '../../../../src/lib/os/net.js';
import { until } from '../../../support/peer-node.js';

let server: Server;
let client: HttpClient;
let port = 0;
const sockets: Socket[] = [];
/** What the server was sent, by connection. */
let heard: string[] = [];

/** Answers each request with these pieces, a turn of the event loop between them; then ends where it is told to. */
async function serve(pieces: readonly (string | 'end' | 'reset')[]): Promise<void> {
  heard = [];
  server = createServer((socket) => {
    const at = heard.push('') - 1;
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', async (bytes) => {
      heard[at] += bytes.toString('latin1');
      if (heard[at]?.endsWith('\r\n\r\n') !== true) return;
      for (const piece of pieces) {
        if (piece === 'end') socket.end();
        else if (piece === 'reset') socket.resetAndDestroy();
        else socket.write(piece, 'latin1');
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as { port: number }).port;
  client = createHttpClient({ network: osNetwork, dialTimeoutMs: 5000, keepAliveMs: 5000 });
}

const ask = (more: Partial<HttpAsk> = {}): Promise<HttpAnswer> =>
  client.ask({
    method: 'GET',
    url: `http://127.0.0.1:${port}/raft/stream/message/a1?x=1`,
    headers: { 'X-Raft-To': 'b2', 'X-Many': ['1', '2'] },
    headersTimeoutMs: 0,
    bodyTimeoutMs: 0,
    isStream: true,
    ...more,
  });

/** All of its body, as text. */
async function textOf(answer: HttpAnswer): Promise<string> {
  let text = '';
  await answer.read((chunk) => {
    text += Buffer.from(chunk).toString('latin1');
  });
  return text;
}

afterEach(async () => {
  await client.close();
  for (const socket of sockets.splice(0)) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

const HEAD = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`;

describe('a request for a stream', () => {
  it('says what it asks for, on a connection of its own', async () => {
    await serve([`${CHUNKED}0\r\n\r\n`]);
    for (let round = 0; round < 2; round++) expect(await textOf(await ask())).toBe('');
    const lines = ['GET /raft/stream/message/a1?x=1 HTTP/1.1', `Host: 127.0.0.1:${port}`, 'X-Raft-To: b2'];
    const asked = `${[...lines, 'X-Many: 1', 'X-Many: 2'].join('\r\n')}\r\n\r\n`;
    expect(heard).toEqual([asked, asked]);
  });

  it.each([{ headers: { 'X-Name': 'a\r\nX-Other: b' } }, { url: 'http://127.0.0.1:PORT/a\nb' }])(
    'sends no line that ends before its end: %j',
    async ({ url, ...more }) => {
      await serve([]);
      const asked = ask({ ...more, ...(url !== undefined && { url: url.replace('PORT', String(port)) }) });
      await expect(asked).rejects.toThrow("line's end");
      expect(heard.join('')).toBe('');
    },
  );

  it('has status, fields as they came and by name, and what was sent of the body, whatever the pieces', async () => {
    const head = `${HEAD}X-One: a\r\nx-one:b \r\nTransfer-Encoding: chunked\r\n\r\n`;
    const whole = `${head}4;x=y\r\none,\r\n3\r\ntwo\r\n0\r\n\r\n`;
    for (const pieces of [[whole], [...whole], [whole.slice(0, 40), whole.slice(40, 90), whole.slice(90)]]) {
      await serve(pieces);
      const answer = await ask();
      expect(answer.status).toBe(200);
      expect(answer.headers['x-one']).toBe('a, b');
      expect(answer.fields.slice(0, 2)).toEqual([
        ['X-One', 'a'],
        ['x-one', 'b'],
      ]);
      expect(await textOf(answer)).toBe('one,two');
      await client.close();
      server.close();
    }
  });

  it('hands on each chunk as it comes, in the midst of an answer that does not end', async () => {
    await serve([CHUNKED, '3\r\none\r\n', '3\r\ntwo\r\n']);
    const answer = await ask();
    const chunks: string[] = [];
    const read = answer.read((chunk) => chunks.push(Buffer.from(chunk).toString()));
    await until(() => chunks.length === 2, 'both chunks');
    expect(chunks).toEqual(['one', 'two']);
    await client.close();
    await expect(read).rejects.toThrow('the client is closed');
    await until(() => sockets.every(({ destroyed, closed }) => destroyed || closed), 'the end of the connection');
  });

  it('takes a body by its length, to the end of the connection, or without any', async () => {
    const bodies = [
      [`${HEAD}Content-Length: 3\r\n\r\none`, 'one'],
      [`HTTP/1.1 204 No Content\r\n\r\n`, ''],
      [`HTTP/1.0 404 Not Found\r\n\r\nnone such\n`, 'none such\n'],
      [`HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${HEAD}Content-Length: 2\n\nok`, 'ok'],
    ] as const;
    for (const [text, body] of bodies) {
      await serve(text.startsWith('HTTP/1.0') ? [text, 'end'] : [text]);
      expect(Buffer.from(await collectBody((await ask()).body, 100)).toString()).toBe(body);
      await client.close();
      server.close();
    }
  });

  it.each([
    ['before its head is whole', [HEAD, 'end'], 'unexpected EOF'],
    ['by a reset before its head', ['reset'], 'read ECONNRESET'],
    ['within a chunk', [`${CHUNKED}5\r\nab`, 'end'], 'unexpected EOF'],
    ['before the last chunk', [`${CHUNKED}2\r\nab\r\n`, 'end'], 'unexpected EOF'],
    ['before its length', [`${HEAD}Content-Length: 5\r\n\r\nab`, 'end'], 'unexpected EOF'],
  ])('that breaks off %s rejects', async (_, pieces, why) => {
    await serve(pieces);
    await expect(ask().then(textOf)).rejects.toThrow(why);
  });

  it.each([
    ['another protocol', 'SSH-2.0-x\r\n\r\n', 'malformed HTTP response "SSH-2.0-x"'],
    ['a status in letters', 'HTTP/1.1 abc X\r\n\r\n', 'malformed HTTP response'],
    ['a status of nought', 'HTTP/1.1 000 X\r\n\r\n', 'malformed HTTP response'],
    ['a field without a name', `${HEAD}: x\r\n\r\n`, 'malformed MIME header line'],
    ['a length below nought', `${HEAD}Content-Length: -5\r\n\r\n`, 'bad Content-Length "-5"'],
    ['another coding', `${HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n`, 'unsupported transfer encoding'],
    ['a chunk without a length', `${CHUNKED}zz\r\n`, 'invalid byte in chunk length'],
    ['a head without an end', `${HEAD}${'X: y\r\n'.repeat(200_000)}`, 'response headers exceeded limit'],
  ])('that is answered with %s rejects', async (_, text, why) => {
    await serve([text]);
    await expect(ask().then(textOf)).rejects.toThrow(why);
    await until(() => sockets.every(({ destroyed }) => destroyed), 'the end of the connection');
  });

  it('that is not answered, or silent, for too long rejects', async () => {
    await serve([]);
    await expect(ask({ headersTimeoutMs: 20 })).rejects.toThrow('i/o timeout');
    server.close();
    await serve([`${CHUNKED}2\r\nab\r\n`]);
    const answer = await ask({ headersTimeoutMs: 10_000, bodyTimeoutMs: 20 });
    await expect(textOf(answer)).rejects.toThrow('i/o timeout');
  });

  it('rejects with the reason of its signal, whenever it is aborted', async () => {
    await serve([`${CHUNKED}2\r\nab\r\n`]);
    const aborted = AbortSignal.abort(new Error('enough'));
    await expect(ask({ signal: aborted })).rejects.toThrow('enough');
    expect(heard).toEqual([]);
    const aborting = new AbortController();
    const answer = await ask({ signal: aborting.signal });
    const read = answer.read(() => aborting.abort(new Error('enough of it')));
    await expect(read).rejects.toThrow('enough of it');
    await until(() => sockets.every(({ destroyed }) => destroyed), 'the end of the connection');
  });

  it('holds its server back while nobody reads, and hands on nothing behind what its reader refuses', async () => {
    const large = `${(1 << 22).toString(16)}\r\n${'x'.repeat(1 << 22)}\r\n`;
    await serve([CHUNKED, large, large, large, large]);
    const answer = await ask();
    await until(() => sockets.length === 1 && (sockets[0]?.writableLength ?? 0) > 0, 'a server that waits');
    let calls = 0;
    const read = answer.read(() => {
      calls++;
      throw new Error('no such frame');
    });
    await expect(read).rejects.toThrow('no such frame');
    expect(calls).toBe(1);
  });
});
