/**
 * A client that asks for much and reads nothing: its answers wait, but not all of them, and nobody else waits for it.
 */
import { connect } from 'node:net';
import { beforeAll, expect, it } from 'vitest';
import { RangeRequest } from '../../src/proto/gen/etcdserverpb.js';
import { buildPrograms } from '../support/member-process.js';
import { everything, WatchedMember } from '../support/watched-member.js';
import { frame, PREFACE, settings, T, uint32, unaryCall } from '../support/wire-peer.js';

const STREAMS = 200;
const LARGEST_WINDOW = 2 ** 31 - 1;
const INITIAL_WINDOW_SIZE = 4;

beforeAll(buildPrograms, 120_000);

it('answers that nobody reads are bounded by connection, however wide the windows are', async () => {
  await using member = await WatchedMember.start();
  await member.fill(10);
  const sockets = Array.from({ length: 3 }, () => connect(member.place.clientPort, '127.0.0.1').pause());
  try {
    const { grewMb, puts } = await member.during(async () => {
      for (const socket of sockets) socket.write(manyRanges());
      await new Promise((resolve) => setTimeout(resolve, 3000));
    });
    // 600 answers of 10 MB were asked for; each connection may hold 16 MB and the answer that goes beyond.
    expect(grewMb).toBeLessThan(500);
    expect(puts).toBeGreaterThan(0);
    const other = member.connect();
    const { kvs } = await member.place.client().kv.get('k1');
    expect(kvs).toHaveLength(1);
    await other.close();
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}, 240_000);

function manyRanges(): Buffer {
  const message = RangeRequest.encode(RangeRequest.create(everything));
  const frames = [
    PREFACE,
    settings([INITIAL_WINDOW_SIZE, LARGEST_WINDOW]),
    frame(T.WINDOW_UPDATE, 0, 0, uint32(LARGEST_WINDOW - 65_535)),
  ];
  for (let id = 1; id < STREAMS * 2; id += 2) frames.push(...unaryCall(id, '/etcdserverpb.KV/Range', message));
  return Buffer.concat(frames);
}
