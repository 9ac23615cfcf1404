/**
 * Forty connections that each send thousands of puts in one write: a member takes in so much a turn, the rest waits in
 * the sockets. Once that ended the process ("Maximum call stack size exceeded").
 */
import { connect } from 'node:net';
import { beforeAll, expect, it } from 'vitest';
import { PutRequest } from '../../src/proto/gen/etcdserverpb.js';
import { buildPrograms } from '../support/member-process.js';
import { WatchedMember } from '../support/watched-member.js';
import { END_STREAM, frame, PREFACE, settings, T, uint32, unaryCall } from '../support/wire-peer.js';

const CONNECTIONS = 40;
/** Of each. Together more than fit onto a stack as arguments. */
const PUTS = 300;

beforeAll(buildPrograms, 120_000);

it('takes in 12 000 puts that come in forty writes, and serves another client meanwhile', async () => {
  await using member = await WatchedMember.start();
  const bursts = Array.from({ length: CONNECTIONS }, (_, connection) => burst(connection));
  const { grewMb, puts } = await member.during(async () => {
    await Promise.all(bursts.map((bytes) => send(member.place.clientPort, bytes)));
  });
  expect(grewMb).toBeLessThan(250);
  expect(puts).toBeGreaterThan(0);
  const { header } = await member.place.client().kv.get('b0-0');
  expect(header?.revision).toBeGreaterThan(CONNECTIONS * PUTS);
}, 240_000);

/** Resolves when every call of the burst has been answered. */
function send(port: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let ended = 0;
    let held: Buffer = Buffer.alloc(0);
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      held = Buffer.concat([held, chunk]);
      let at = 0;
      for (; held.length - at >= 9; ) {
        const end = at + 9 + held.readUIntBE(at, 3);
        if (end > held.length) break;
        if (held[at + 3] === T.HEADERS && ((held[at + 4] ?? 0) & END_STREAM) !== 0) ended++;
        at = end;
      }
      held = held.subarray(at);
      if (ended < PUTS) return;
      socket.destroy();
      resolve();
    });
    socket.write(bytes);
  });
}

function burst(connection: number): Buffer {
  // All answers of a connection are more than its first window.
  const frames = [PREFACE, settings(), frame(T.WINDOW_UPDATE, 0, 0, uint32(1 << 30))];
  for (let put = 0; put < PUTS; put++) {
    const request = PutRequest.create({ key: Buffer.from(`b${connection}-${put}`), value: Buffer.from('v') });
    frames.push(...unaryCall(1 + 2 * put, '/etcdserverpb.KV/Put', PutRequest.encode(request)));
  }
  return Buffer.concat(frames);
}
