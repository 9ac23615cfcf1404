/**
 * Thousands of watches that wait, half of them over HTTP/1 and half over websockets, each on a key of its own: what
 * each costs the member is bounded, another client does not notice, and each learns of its key. What goes to and fro is
 * written and read as bytes, so that the other end costs little.
 */
import { connect, type Socket } from 'node:net';
import { beforeAll, expect, it } from 'vitest';
import { KV, PutRequest } from '../../src/proto/gen/etcdserverpb.js';
import { buildPrograms } from '../support/member-process.js';
import { WatchedMember } from '../support/watched-member.js';

const WATCHES = 2000;
const EACH_MAX_KB = 60;

beforeAll(buildPrograms, 120_000);

const keyOf = (index: number): Buffer => Buffer.from(`idle/${index}`);
const createOf = (index: number): string =>
  JSON.stringify({ create_request: { key: keyOf(index).toString('base64') } });

/** A request whose body may still go on. */
function overHttp(socket: Socket, index: number): void {
  const body = createOf(index);
  socket.write(
    'POST /v3/watch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n' +
      `${body.length.toString(16)}\r\n${body}\r\n`,
  );
}

function overWebsocket(socket: Socket, index: number): void {
  const body = Buffer.from(createOf(index));
  const upgrade =
    'GET /v3/watch HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n';
  // One text frame, masked with zeros.
  socket.write(Buffer.concat([Buffer.from(upgrade), Buffer.of(0x81, 0x80 | body.length, 0, 0, 0, 0), body]));
}

class Waiting {
  #text = '';
  #seen = () => {};

  constructor(readonly socket: Socket) {
    socket.on('data', (chunk) => {
      this.#text += chunk.toString('latin1');
      this.#seen();
    });
  }

  async until(words: string): Promise<void> {
    while (!this.#text.includes(words)) {
      if (this.socket.destroyed) throw new Error(`the connection has ended; it said ${this.#text}`);
      await new Promise<void>((resolve) => {
        this.#seen = resolve;
        this.socket.once('close', () => resolve());
      });
    }
  }
}

it('thousands of idle watches cost little, and each learns of its key', { timeout: 240_000 }, async () => {
  await using member = await WatchedMember.start();
  const quiet = await member.during(() => Promise.resolve());
  const watches: Waiting[] = [];
  try {
    const { grewMb, slowestPutMs } = await member.during(async () => {
      for (let index = 0; index < WATCHES; index++) {
        const socket = connect(member.place.clientPort, '127.0.0.1').on('error', () => {});
        watches.push(new Waiting(socket));
        if (index % 2 === 0) overHttp(socket, index);
        else overWebsocket(socket, index);
        if (index % 100 === 99) await watches[index]?.until('"created":true');
      }
      for (const watch of watches) await watch.until('"created":true');
    });
    expect((grewMb * 1024) / WATCHES, 'kB of a watch').toBeLessThan(EACH_MAX_KB);
    expect(slowestPutMs).toBeLessThan(Math.max(1500, 30 * quiet.slowestPutMs));
    const writer = member.connect();
    const puts = watches.map((_, index) =>
      writer.unary(KV.put, PutRequest.create({ key: keyOf(index), value: Buffer.from('v') })),
    );
    await Promise.all(puts);
    for (const [index, watch] of watches.entries()) await watch.until(keyOf(index).toString('base64'));
    expect(member.process.hasEnded).toBe(false);
  } finally {
    for (const { socket } of watches) socket.destroy();
  }
});
