/** What a session does in order: windows, fairness, one write a turn, keep-alive, graceful end. */
import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../../src/http2/frames/error-code.js';
import type { HeaderList, Http2Stream, SessionOptions, StreamEnd, StreamListener } from '../../../src/http2/types.js';
import { Intake } from '../../../src/lib/intake.js';
import { ManualClock } from '../../support/manual-clock.js';
import {
  ACK,
  block,
  END_HEADERS,
  END_STREAM,
  frame,
  request,
  settings,
  T,
  uint32,
  WirePeer,
} from '../../support/wire-peer.js';

class Quiet implements StreamListener {
  writables = 0;
  received = 0;
  end: StreamEnd | undefined;
  headers(): void {}
  data(bytes: Buffer): void {
    this.received += bytes.length;
  }
  trailers(): void {}
  writable(): void {
    this.writables++;
  }
  closed(end: StreamEnd): void {
    this.end = end;
  }
}

const okHeaders: HeaderList = Object.freeze([{ name: ':status', value: '200' }]);
const okTrailers: HeaderList = Object.freeze([{ name: 'grpc-status', value: '0' }]);
const open = (id: number, flags = END_HEADERS | END_STREAM): Buffer => frame(T.HEADERS, flags, id, block(...request));

function server(
  onStream: (stream: Http2Stream, listener: Quiet) => void = () => {},
  options: Partial<SessionOptions> = {},
): WirePeer & { streams: Http2Stream[]; listeners: Quiet[] } {
  const streams: Http2Stream[] = [];
  const listeners: Quiet[] = [];
  const peer = new WirePeer({
    role: 'server',
    keepalive: { minTimeMs: 0 },
    ...options,
    onStream: (stream) => {
      const listener = new Quiet();
      stream.listener = listener;
      streams.push(stream);
      listeners.push(listener);
      onStream(stream, listener);
    },
  });
  return Object.assign(peer, { streams, listeners });
}

const dataOf = (peer: WirePeer, id: number): number =>
  peer.of(T.DATA).reduce((sum, each) => sum + (each.id === id ? each.payload.length : 0), 0);

describe('sending', () => {
  it('puts the answers of one turn into one write', async () => {
    await using peer = server((stream) => {
      stream.sendHeaders(okHeaders, false);
      stream.sendData(Buffer.from('hello'), false, Buffer.from('>'));
      stream.sendTrailers(okTrailers);
    }).greet();
    await peer.settle();
    const before = peer.chunks;
    peer.send(...Array.from({ length: 50 }, (_, i) => open(2 * i + 1)));
    await peer.until(() => peer.of(T.HEADERS).length === 100);
    expect(peer.chunks - before).toBe(1);
    expect(peer.of(T.DATA).map(({ payload }) => payload.toString())).toEqual(Array(50).fill('>hello'));
    expect(peer.session.openStreams).toBe(0);
  });

  it("stays within the stream's window and goes on as it opens", async () => {
    await using peer = server((stream) => {
      stream.sendHeaders(okHeaders, false);
      stream.sendData(Buffer.alloc(100_000, 'a'), true);
    }).greet([4, 1000]);
    peer.send(open(1), frame(T.WINDOW_UPDATE, 0, 0, uint32(1_000_000)));
    await peer.settle();
    expect(dataOf(peer, 1)).toBe(1000);
    peer.send(frame(T.WINDOW_UPDATE, 0, 1, uint32(50_000)));
    await peer.settle();
    expect(dataOf(peer, 1)).toBe(51_000);
    expect(Math.max(...peer.of(T.DATA).map(({ payload }) => payload.length))).toBe(16_384);
    peer.send(frame(T.WINDOW_UPDATE, 0, 1, uint32(50_000)));
    await peer.settle();
    expect(dataOf(peer, 1)).toBe(100_000);
    expect(peer.of(T.DATA).at(-1)?.flags).toBe(END_STREAM);
  });

  it("stays within the connection's window and shares it between streams", async () => {
    await using peer = server((stream) => {
      stream.sendHeaders(okHeaders, false);
      stream.sendData(Buffer.alloc(200_000), true);
    }).greet([4, 1_000_000]);
    peer.send(open(1), open(3));
    await peer.settle();
    expect(dataOf(peer, 1) + dataOf(peer, 3)).toBe(65_535);
    peer.send(frame(T.WINDOW_UPDATE, 0, 0, uint32(131_072)));
    await peer.settle();
    expect(dataOf(peer, 1) + dataOf(peer, 3)).toBe(65_535 + 131_072);
    expect(Math.abs(dataOf(peer, 1) - dataOf(peer, 3))).toBeLessThanOrEqual(2 * 16_384);
  });

  it('lets SETTINGS shrink an open window below zero, and counts from there', async () => {
    await using peer = server((stream) => {
      stream.sendHeaders(okHeaders, false);
      stream.sendData(Buffer.alloc(3000), true);
    }).greet([4, 1000]);
    peer.send(open(1));
    await peer.settle();
    peer.send(settings([4, 500]), frame(T.WINDOW_UPDATE, 0, 1, uint32(400)));
    await peer.settle();
    expect(dataOf(peer, 1)).toBe(1000);
    peer.send(frame(T.WINDOW_UPDATE, 0, 1, uint32(200)));
    await peer.settle();
    expect(dataOf(peer, 1)).toBe(1100);
  });

  it('sends larger frames once the peer takes them', async () => {
    await using peer = server((stream) => {
      stream.sendHeaders(okHeaders, false);
      stream.sendData(Buffer.alloc(40_000), true);
    }).greet([5, 50_000]);
    peer.send(open(1));
    await peer.settle();
    expect(peer.of(T.DATA).map(({ payload }) => payload.length)).toEqual([40_000]);
  });

  it('keeps trailers behind queued data', async () => {
    await using peer = server((stream) => {
      stream.sendHeaders(okHeaders, false);
      stream.sendData(Buffer.alloc(1500), false);
      stream.sendTrailers(okTrailers);
    }).greet([4, 1000]);
    peer.send(open(1));
    await peer.settle();
    expect(peer.of(T.HEADERS)).toHaveLength(1);
    peer.send(frame(T.WINDOW_UPDATE, 0, 1, uint32(1000)));
    await peer.settle();
    expect(dataOf(peer, 1)).toBe(1500);
    expect(peer.of(T.HEADERS).at(-1)).toMatchObject({ flags: END_HEADERS | END_STREAM });
    expect(peer.listeners[0]?.end).toEqual({ t: 'done' });
  });

  it('asks the sender to wait when much is queued, and tells when to go on', async () => {
    await using peer = server(() => {}, { limits: { sendQueueBytes: 1000 } }).greet([4, 0]);
    peer.send(open(1));
    await peer.until(() => peer.streams.length === 1);
    const [stream] = peer.streams;
    expect(stream?.sendData(Buffer.alloc(900), false)).toBe(true);
    expect(stream?.sendData(Buffer.alloc(900), false)).toBe(false);
    expect(stream?.queuedBytes).toBe(1800);
    peer.send(frame(T.WINDOW_UPDATE, 0, 1, uint32(1000)));
    await peer.settle();
    expect(peer.listeners[0]?.writables).toBe(0);
    peer.send(frame(T.WINDOW_UPDATE, 0, 1, uint32(300)));
    await peer.settle();
    expect(peer.listeners[0]?.writables).toBe(1);
  });

  it('splits a long header list into CONTINUATION frames', async () => {
    await using peer = server((stream) => {
      stream.sendHeaders([...okHeaders, { name: 'x', value: '\x7f'.repeat(20_000) }], true);
    }).greet();
    peer.send(open(1));
    await peer.settle();
    expect(peer.of(T.HEADERS)[0]?.flags).toBe(END_STREAM);
    expect(peer.of(T.CONTINUATION).map(({ flags }) => flags)).toEqual([END_HEADERS]);
  });

  it('stops reading a peer that asks and does not read the answers', async () => {
    await using stalled = server((stream) =>
      stream.sendHeaders([...okHeaders, { name: 'x', value: '\x7f'.repeat(16_000) }], true),
    ).greet();
    await stalled.settle();
    stalled.socket.pause();
    for (let i = 0; i < 500; i++) {
      stalled.send(open(2 * i + 1));
      if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await stalled.until(() => stalled.session.socket.isPaused());
    expect(stalled.session.socket.writableLength).toBeLessThan(3 * 1024 * 1024);
    stalled.socket.resume();
    await stalled.until(() => stalled.of(T.HEADERS).length === 500);
  });
});

describe('receiving', () => {
  it("reopens a stream's window as its data is consumed, and not before", async () => {
    await using peer = server(() => {}, { limits: { streamWindowBytes: 1000 } }).greet();
    peer.send(open(1, END_HEADERS), frame(T.DATA, 0, 1, Buffer.alloc(600)));
    await peer.settle();
    expect(peer.of(T.WINDOW_UPDATE).filter(({ id }) => id === 1)).toEqual([]);
    peer.streams[0]?.consume(600);
    await peer.settle();
    expect(peer.of(T.WINDOW_UPDATE).filter(({ id }) => id === 1)).toMatchObject([{ payload: uint32(600) }]);
  });

  it("gives the connection's window back for streams that end unread", async () => {
    await using peer = server(() => {}, {
      limits: { connectionWindowBytes: 65_535, streamWindowBytes: 65_535 },
    }).greet();
    for (let id = 1; id < 41; id += 2) {
      peer.send(
        open(id, END_HEADERS),
        frame(T.DATA, 0, id, Buffer.alloc(10_000)),
        frame(T.RST_STREAM, 0, id, uint32(8)),
      );
    }
    await peer.settle();
    expect(peer.goAway()).toBeUndefined();
    expect(peer.listeners.map(({ received }) => received)).toEqual(Array(20).fill(10_000));
  });

  it('asks a client to stop when the answer is complete before the request', async () => {
    await using peer = server((stream) => stream.sendHeaders(okHeaders, true)).greet();
    peer.send(open(1, END_HEADERS));
    await peer.settle();
    expect(peer.resets()).toEqual([[1, ErrorCode.NoError]]);
    expect(peer.listeners[0]?.end).toEqual({ t: 'done' });
    peer.send(frame(T.DATA, END_STREAM, 1, 'late'));
    await peer.settle();
    expect(peer.resets()).toEqual([[1, ErrorCode.NoError]]);
  });
});

describe('the end', () => {
  it('closes gracefully: warns, waits for what is under way, then for the open streams', async () => {
    await using peer = server().greet();
    peer.send(open(1));
    await peer.settle();
    peer.session.close();
    await peer.until(() => peer.of(T.GOAWAY).length === 1);
    expect(peer.of(T.GOAWAY)[0]?.payload.readUInt32BE(0)).toBe(2 ** 31 - 1);
    const ping = peer.of(T.PING).find(({ flags }) => flags === 0);
    peer.send(open(3), frame(T.PING, ACK, 0, ping?.payload));
    await peer.until(() => peer.of(T.GOAWAY).length === 2);
    expect(peer.of(T.GOAWAY)[1]?.payload.readUInt32BE(0)).toBe(3);
    peer.send(open(5));
    await peer.settle();
    expect(peer.streams.map(({ id }) => id)).toEqual([1, 3]);
    for (const stream of peer.streams) stream.sendHeaders(okHeaders, true);
    await peer.until(() => peer.ended);
    expect(peer.listeners.map(({ end }) => end?.t)).toEqual(['done', 'done']);
  });

  it('does not wait for ever for the answer to its warning', async () => {
    await using peer = server().greet();
    await peer.settle();
    peer.session.close();
    await peer.until(() => peer.of(T.GOAWAY).length === 1);
    await peer.clock.advance(5000);
    await peer.until(() => peer.ended);
  });

  it('tells every stream that the connection is lost', async () => {
    let reason: unknown;
    await using peer = server(() => {}, {
      onClose: (end) => {
        reason = end;
      },
    }).greet();
    peer.send(open(1), open(3));
    await peer.settle();
    peer.socket.destroy();
    await peer.until(() => peer.session.closed);
    expect(reason).toMatchObject({ message: 'EOF' });
    expect(peer.listeners.map(({ end }) => end?.t)).toEqual(['lost', 'lost']);
  });

  it('cuts off a peer that does not hang up', async () => {
    await using peer = server().greet();
    await peer.settle();
    peer.session.destroy(ErrorCode.InternalError, 'enough');
    await peer.until(() => peer.of(T.GOAWAY).length === 1);
    await peer.clock.advance(1000);
    expect(peer.session.socket.destroyed).toBe(true);
    expect(peer.clock.pending).toBe(0);
  });

  it('closes gracefully behind the last stream that there can be', async () => {
    const last = 2 ** 31 - 1;
    await using peer = server((stream) => stream.sendHeaders(okHeaders, true)).greet();
    peer.send(open(last - 2), open(last));
    await peer.until(() => peer.of(T.HEADERS).length === 2);
    peer.session.close();
    await peer.until(() => peer.of(T.PING).length === 1);
    peer.send(frame(T.PING, ACK, 0, peer.of(T.PING)[0]?.payload ?? ''));
    await peer.until(() => peer.ended);
    expect(peer.of(T.GOAWAY).map(({ payload }) => payload.readUInt32BE(0))).toEqual([last, last]);
  });
});

describe('keep-alive', () => {
  it('pings a silent peer and hangs up when it stays silent', async () => {
    await using peer = server(() => {}, { keepalive: { timeMs: 10_000, timeoutMs: 2000 } }).greet();
    await peer.settle();
    const pings = (): number => peer.of(T.PING).filter(({ flags }) => flags === 0).length;
    await peer.clock.advance(9999);
    expect(pings()).toBe(0);
    await peer.clock.advance(1);
    await peer.until(() => pings() === 1);
    await peer.clock.advance(2000);
    await peer.until(() => peer.ended);
    expect(peer.session.closed).toBe(true);
  });

  it('is content with any sign of life', async () => {
    await using peer = server(() => {}, { keepalive: { timeMs: 10_000, timeoutMs: 2000 } }).greet();
    await peer.settle();
    for (let i = 0; i < 5; i++) {
      await peer.clock.advance(9000);
      peer.send(frame(T.WINDOW_UPDATE, 0, 0, uint32(1)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(peer.of(T.PING).filter(({ flags }) => flags === 0)).toEqual([]);
    await peer.clock.advance(10_000);
    await peer.until(() => peer.of(T.PING).some(({ flags }) => flags === 0));
    const ping = peer.of(T.PING).find(({ flags }) => flags === 0);
    peer.send(frame(T.PING, ACK, 0, ping?.payload));
    await new Promise((resolve) => setImmediate(resolve));
    await peer.clock.advance(9000);
    expect(peer.session.closed).toBe(false);
  });

  it('on a client without streams is asleep until one is opened', async () => {
    await using peer = new WirePeer({ role: 'client', keepalive: { timeMs: 10_000, timeoutMs: 2000 } }).greet();
    await peer.settle();
    const pings = (): number => peer.of(T.PING).filter(({ flags }) => flags === 0).length;
    await peer.clock.advance(60_000);
    await peer.settle();
    expect(pings()).toBe(0);
    await peer.clock.advance(60_000);
    peer.session.request([{ name: ':method', value: 'GET' }], true, new Quiet());
    await peer.until(() => pings() === 1);
  });

  it('never pings more often than servers allow, however often it is told to', async () => {
    await using peer = new WirePeer({ role: 'client', keepalive: { timeMs: 2000, timeoutMs: 6000 } }).greet();
    await peer.settle();
    const pings = (): number => peer.of(T.PING).filter(({ flags }) => flags === 0).length;
    peer.session.request([{ name: ':method', value: 'GET' }], true, new Quiet());
    await peer.clock.advance(9000);
    await peer.settle();
    expect(pings()).toBe(0);
    await peer.clock.advance(20_000);
    await peer.until(() => pings() === 1);
  });

  it('forgives pings that answer our own traffic, and those far enough apart', async () => {
    await using peer = server((stream) => stream.sendHeaders(okHeaders, true), {
      keepalive: { minTimeMs: 5000 },
    }).greet();
    const ping = frame(T.PING, 0, 0, '12345678');
    for (let id = 1; id < 21; id += 2) peer.send(open(id), ping);
    await peer.until(() => peer.of(T.PING).length === 10);
    expect(peer.goAway()).toBeUndefined();
  });

  it('counts pings less than the minimum apart, and without streams those less than two hours apart', async () => {
    const ping = frame(T.PING, 0, 0, '12345678');
    for (const { stream, gapMs, allowed } of [
      { stream: true, gapMs: 5000, allowed: true },
      { stream: true, gapMs: 4999, allowed: false },
      { stream: false, gapMs: 7_199_999, allowed: false },
      { stream: false, gapMs: 7_200_000, allowed: true },
    ]) {
      await using peer = server(() => {}, { keepalive: { minTimeMs: 5000, timeMs: 0 } }).greet();
      if (stream) peer.send(open(1));
      for (let i = 0; i < 4 && !peer.socket.writableEnded; i++) {
        peer.send(ping);
        await peer.until(() => peer.of(T.PING).length === i + 1);
        await peer.clock.advance(gapMs);
      }
      expect([stream, gapMs, peer.goAway()?.debug]).toEqual([stream, gapMs, allowed ? undefined : 'too_many_pings']);
    }
  });

  it('measures round trips', async () => {
    await using peer = server().greet();
    await peer.settle();
    const trip = peer.session.ping();
    await peer.until(() => peer.of(T.PING).some(({ flags }) => flags === 0));
    await peer.clock.advance(7);
    peer.send(frame(T.PING, ACK, 0, peer.of(T.PING).find(({ flags }) => flags === 0)?.payload));
    expect(await trip).toBe(7);
    const lost = peer.session.ping();
    peer.session.destroy();
    await expect(lost).rejects.toThrow('session ended');
  });
});

describe('a connection among others', () => {
  it('is taken in over many turns, and nothing of it is lost or out of order', async () => {
    // No time at all: every look at the clock ends the turn.
    const intake = new Intake(new ManualClock(), -1);
    const peers = [0, 1, 2].map(() => server((stream) => stream.sendHeaders(okHeaders, true), { intake }).greet());
    const count = 300;
    for (const peer of peers) peer.send(...Array.from({ length: count }, (_, at) => open(1 + 2 * at)));
    for (const peer of peers) {
      await peer.until(() => peer.of(T.HEADERS).length === count, 20_000);
      expect(peer.of(T.HEADERS).map(({ id }) => id)).toEqual(Array.from({ length: count }, (_, at) => 1 + 2 * at));
      expect(peer.goAway()).toBeUndefined();
    }
    // What comes later is taken as well.
    for (const peer of peers) {
      peer.send(open(1 + 2 * count));
      await peer.until(() => peer.of(T.HEADERS).length === count + 1);
      await peer[Symbol.asyncDispose]();
    }
  });

  it('ends in its turn, with all its streams, where many end at once', async () => {
    const due: (() => void)[] = [];
    const clock = Object.assign(new ManualClock(), { soon: (run: () => void) => void due.push(run) });
    const turn = async (): Promise<void> => {
      for (const run of due.splice(0)) run();
      await new Promise((resolve) => setImmediate(resolve));
    };
    // Every look at the clock ends the turn: one in 32 frames, or streams.
    const intake = new Intake(clock, -1);
    const peers = [0, 1, 2, 3].map(() => server(() => {}, { intake }).greet());
    for (const peer of peers) {
      peer.send(...Array.from({ length: 40 }, (_, at) => open(1 + 2 * at)));
      for (let turns = 0; turns < 100 && peer.streams.length < 40; turns++) await turn();
      expect(peer.streams).toHaveLength(40);
    }
    while (due.length > 0) await turn();
    for (const peer of peers) peer.socket.destroy();
    for (let settled = 0; settled < 5; settled++) await new Promise((resolve) => setImmediate(resolve));
    const ended = (): number => peers.filter(({ session }) => session.closed).length;
    const counts = [ended()];
    for (let turns = 0; turns < 20 && ended() < peers.length; turns++) {
      await turn();
      counts.push(ended());
    }
    expect(counts[0]).toBeLessThanOrEqual(1);
    expect(counts.every((count, at) => at === 0 || count - (counts[at - 1] ?? 0) <= 1)).toBe(true);
    expect(counts.at(-1)).toBe(peers.length);
    const ends = peers.flatMap(({ listeners }) => listeners.map(({ end }) => end?.t));
    expect(ends).toEqual(Array.from({ length: 160 }, () => 'lost'));
    for (const peer of peers) await peer[Symbol.asyncDispose]();
  });

  it('that makes us hold too much is ended at once, and its streams learn that', async () => {
    const peer = server().greet();
    peer.send(open(1));
    await peer.settle();
    peer.session.giveUp('answers are not read');
    expect(peer.session.socket.destroyed).toBe(true);
    expect(peer.session.closed).toBe(true);
    expect(peer.listeners[0]?.end).toMatchObject({ t: 'lost' });
    await peer[Symbol.asyncDispose]();
  });

  it('says what is still to be sent, and what has been', async () => {
    const peer = server().greet();
    peer.send(open(1));
    await peer.settle();
    const [stream] = peer.streams;
    stream?.sendHeaders(okHeaders, false);
    stream?.sendData(Buffer.alloc(100_000), false);
    await peer.settle();
    // The window lets 65 535 bytes out; the rest waits.
    expect(peer.session.sentBytes).toBe(65_535);
    expect(peer.session.unsentBytes).toBe(100_000 - 65_535);
    peer.send(frame(T.WINDOW_UPDATE, 0, 0, uint32(50_000)), frame(T.WINDOW_UPDATE, 0, 1, uint32(50_000)));
    await peer.settle();
    expect([peer.session.sentBytes, peer.session.unsentBytes]).toEqual([100_000, 0]);
    await peer[Symbol.asyncDispose]();
  });

  it('uses a window that SETTINGS raise: what waits on its streams goes out', async () => {
    const peer = server().greet([4, 10]);
    peer.send(frame(T.WINDOW_UPDATE, 0, 0, uint32(1_000_000)), open(1), open(3));
    await peer.settle();
    for (const stream of peer.streams) {
      stream.sendHeaders(okHeaders, false);
      stream.sendData(Buffer.alloc(1000), true);
    }
    await peer.settle();
    expect([1, 3].map((id) => dataOf(peer, id))).toEqual([10, 10]);
    peer.send(settings([4, 500]));
    await peer.settle();
    expect([1, 3].map((id) => dataOf(peer, id))).toEqual([500, 500]);
    peer.send(settings([4, 5000]));
    await peer.settle();
    expect([1, 3].map((id) => dataOf(peer, id))).toEqual([1000, 1000]);
    await peer[Symbol.asyncDispose]();
  });

  it('sends nothing on a stream after its end', async () => {
    const peer = server().greet();
    peer.send(open(1), open(3));
    await peer.settle();
    const [one, three] = peer.streams;
    one?.sendHeaders(okHeaders, false);
    one?.sendTrailers(okTrailers);
    one?.sendData(Buffer.from('late'), false);
    one?.sendPieces([Buffer.from('late')], Buffer.from('p'));
    one?.sendHeaders(okHeaders, true);
    one?.sendTrailers(okTrailers);
    one?.reset(ErrorCode.Cancel);
    three?.sendHeaders(okHeaders, false);
    three?.sendPieces([Buffer.from('bc'), Buffer.from('d')], Buffer.from('a'));
    three?.sendData(Buffer.from('e'), true);
    three?.sendData(Buffer.from('late'), true);
    await peer.settle();
    expect(peer.of(T.HEADERS).map(({ id }) => id)).toEqual([1, 1, 3]);
    expect(Buffer.concat(peer.of(T.DATA).map(({ payload }) => payload)).toString()).toBe('abcde');
    expect(peer.resets()).toEqual([]);
    await peer[Symbol.asyncDispose]();
  });
});
