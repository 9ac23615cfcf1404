/**
 * A hundred connections and more of every slow kind at once: heads and bodies that never end, HTTP/2 that stops in the
 * middle of a frame, streams and answers that nobody reads. What they hold is bounded, and another client does not
 * notice.
 */
import { connect, type Socket } from 'node:net';
import { beforeAll, expect, it } from 'vitest';
import { KV, PutRequest, Watch, WatchCreateRequest, WatchRequest } from '../../src/proto/gen/etcdserverpb.js';
import { buildPrograms } from '../support/member-process.js';
import { everything, WatchedMember } from '../support/watched-member.js';
import { frame, PREFACE, settings, T } from '../support/wire-peer.js';

const OF_EACH_KIND = 12;

const post = (path: string, length: number): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
const all = JSON.stringify({ key: 'AA==', range_end: 'AA==' });
const watchAll = JSON.stringify({ create_request: { key: 'AA==', range_end: 'AA==', start_revision: 1 } });

const kinds: Readonly<Record<string, string | Buffer>> = {
  'nothing at all': '',
  'half a request line': 'GET /he',
  'a head that never ends': `GET /health HTTP/1.1\r\nX: ${'y'.repeat(10_000)}`,
  'a body that never comes': post('/v3/kv/range', 1_000_000),
  'a body that stops': `${post('/v3/kv/put', 1_000_000)}${'x'.repeat(100_000)}`,
  'a form that stops': `${post('/v2/keys/a', 1_000_000)}value=${'x'.repeat(100_000)}`,
  'answers that are not read': `${post('/v3/kv/range', all.length)}${all}`.repeat(20),
  'a watch that is not read': `${post('/v3/watch', 100_000)}${watchAll}`,
  'half of the preface': PREFACE.subarray(0, 10),
  'HTTP/2 without a frame': PREFACE,
  'half a frame': Buffer.concat([PREFACE, settings(), frame(T.HEADERS, 0, 1, Buffer.alloc(1000)).subarray(0, 200)]),
  'a header block that never ends': Buffer.concat([PREFACE, settings(), frame(T.HEADERS, 0, 1, Buffer.of(0x82))]),
};

beforeAll(buildPrograms, 120_000);

it('slow clients of every kind are held at little cost, and others are served meanwhile', async () => {
  await using member = await WatchedMember.start();
  await member.fill(1);
  const sockets: Socket[] = [];
  try {
    const quiet = await member.during(() => Promise.resolve());
    const { grewMb, puts, slowestPutMs } = await member.during(async () => {
      for (const bytes of Object.values(kinds)) {
        for (let each = 0; each < OF_EACH_KIND; each++) {
          const socket = connect(member.place.clientPort, '127.0.0.1').on('error', () => {});
          sockets.push(socket.pause());
          if (bytes.length > 0) socket.write(bytes);
        }
      }
      // gRPC watches of which nobody reads an event, and events of 5 MB for each.
      const watcher = member.connect();
      const streams = Array.from({ length: 12 }, () => {
        const stream = watcher.stream(Watch.watch, {});
        const value = WatchCreateRequest.create({ ...everything });
        stream.send(WatchRequest.create({ requestUnion: { case: 'createRequest', value } }));
        return stream;
      });
      const writer = member.connect();
      for (let put = 0; put < 100; put++)
        await writer.unary(KV.put, PutRequest.create({ key: Buffer.from('big'), value: Buffer.alloc(50_000) }));
      for (const stream of streams) stream.cancel();
    });
    // Asked for: 240 answers of 1.3 MB, 12 watches of that, 12 of 5 MB, bodies of 36 MB.
    expect(grewMb).toBeLessThan(250);
    expect(puts).toBeGreaterThan(10);
    expect(slowestPutMs).toBeLessThan(Math.max(1500, 30 * quiet.slowestPutMs));
    expect(member.process.hasEnded).toBe(false);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}, 240_000);
