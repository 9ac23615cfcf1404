/**
 * HTTP/2 at both ends of a connection: streams by the thousand whose bytes come whole and in order through windows of
 * any size that are opened at any speed; header lists by the ten thousand through tables that change their size.
 */
import { describe, expect, it } from 'vitest';
import { HpackDecoder } from '../../src/http2/hpack/decoder.js';
import { HpackEncoder } from '../../src/http2/hpack/encoder.js';
import { Session } from '../../src/http2/session.js';
import type { HeaderList, Http2Stream, SessionLimits, StreamEnd, StreamListener } from '../../src/http2/types.js';
import { osClock } from '../../src/lib/os/clock.js';
import type { Random } from '../../src/lib/random.js';
import { duplexPair } from '../support/duplex-pair.js';
import { SCALED_TIMEOUT_MS, scaled, seeded, steps } from '../support/scale.js';

/** What one end of a stream sends: bytes that tell their place. */
class Sending {
  sent = 0;
  isEnded = false;
  constructor(readonly total: number) {}

  next(random: Random, most: number, mayEnd: boolean): Buffer {
    const count = Math.min(this.total - this.sent - Number(!mayEnd), random.below(most) + 1);
    const bytes = Buffer.allocUnsafe(count);
    for (let at = 0; at < count; at++) bytes[at] = (this.sent + at) % 251;
    this.sent += count;
    return bytes;
  }
}

/** One end of a stream: sends as far as it may, and gives the window back when it likes. */
class End implements StreamListener {
  received = 0;
  unconsumed = 0;
  isWhole = false;
  mayWrite = true;
  end: StreamEnd | undefined;
  stream!: Http2Stream;

  constructor(readonly sending: Sending) {}

  headers(): void {}

  data(bytes: Buffer, end: boolean): void {
    for (let at = 0; at < bytes.length; at++)
      if (bytes[at] !== (this.received + at) % 251) throw new Error(`byte ${this.received + at} is another`);
    this.received += bytes.length;
    this.unconsumed += bytes.length;
    this.isWhole = end;
  }

  trailers(): void {
    this.isWhole = true;
  }

  writable(): void {
    this.mayWrite = true;
  }

  closed(end: StreamEnd): void {
    this.end = end;
  }

  step(random: Random): void {
    const { sending, stream } = this;
    if (this.unconsumed > 0 && random.below(3) === 0) {
      const count = 1 + random.below(this.unconsumed);
      this.unconsumed -= count;
      stream.consume(count);
    }
    if (sending.isEnded || !this.mayWrite || this.end !== undefined) return;
    // A server that has answered before the request has ended resets its stream.
    const mayEnd = stream.session.role === 'client' || this.isWhole;
    const bytes = sending.next(random, random.below(8) === 0 ? 100_000 : 3000, mayEnd);
    if (bytes.length === 0) return;
    const isLast = sending.sent === sending.total;
    sending.isEnded = isLast;
    const prefix = random.below(3) === 0 && bytes.length > 5 ? bytes.subarray(0, 5) : undefined;
    const rest = prefix === undefined ? bytes : bytes.subarray(5);
    const byTrailers = stream.session.role === 'server' && isLast && random.below(2) === 0;
    const pieces = random.below(4) === 0 && prefix !== undefined;
    if (pieces && (!isLast || byTrailers)) {
      const cut = random.below(rest.length + 1);
      this.mayWrite = stream.sendPieces([rest.subarray(0, cut), rest.subarray(cut)], prefix);
    } else this.mayWrite = stream.sendData(rest, isLast && !byTrailers, prefix);
    if (byTrailers) stream.sendTrailers([{ name: 'grpc-status', value: '0' }]);
  }
}

const requestFields: HeaderList = Object.freeze([
  { name: ':method', value: 'POST' },
  { name: ':scheme', value: 'http' },
  { name: ':path', value: '/a' },
  { name: ':authority', value: 'b' },
]);
const okFields: HeaderList = Object.freeze([{ name: ':status', value: '200' }]);

const sizes: Readonly<Record<string, SessionLimits>> = {
  'the usual size': {},
  'the least size': { streamWindowBytes: 65_535, connectionWindowBytes: 65_535, sendQueueBytes: 1000 },
  'a few bytes a stream': { streamWindowBytes: 100, connectionWindowBytes: 65_535 },
  'megabytes, in frames as large': {
    ...{ streamWindowBytes: 4 << 20, connectionWindowBytes: 8 << 20, maxFrameBytes: (1 << 24) - 1 },
    sendQueueBytes: 1 << 20,
  },
};

describe.each(Object.entries(sizes))('windows of %s', (name, limits) => {
  it(
    'let all bytes of all streams through, both ways',
    () =>
      seeded(async (random) => {
        const most = name === 'a few bytes a stream' ? 3000 : 150_000;
        const size = (): number => 1 + random.below(random.below(4) === 0 ? most : 2000);
        const [left, right] = duplexPair();
        const ends: End[] = [];
        const server = new Session(right, {
          ...{ role: 'server', clock: osClock, limits, keepalive: { minTimeMs: 0 } },
          onStream: (stream) => {
            const end = new End(new Sending(size()));
            end.stream = stream;
            stream.listener = end;
            stream.sendHeaders(okFields, false);
            ends.push(end);
          },
        }).start();
        let isReady: () => void = () => {};
        const ready = new Promise<void>((resolve) => {
          isReady = resolve;
        });
        const client = new Session(left, { role: 'client', clock: osClock, limits, onReady: isReady }).start();
        await ready;
        const total = scaled(150);
        const mine: End[] = [];
        for await (const step of steps(total * 4)) {
          if (step < total) {
            const end = new End(new Sending(size()));
            const stream = client.request(requestFields, false, end);
            if (stream === undefined) throw new Error('no stream');
            end.stream = stream;
            mine.push(end);
            ends.push(end);
          }
          for (let count = 0; count < 40; count++) ends[random.below(ends.length)]?.step(random);
          await new Promise((resolve) => setImmediate(resolve));
        }
        for (
          let open = ends;
          open.length > 0;
          open = open.filter(({ end, unconsumed }) => end === undefined || unconsumed > 0)
        ) {
          for (const end of open) {
            end.step(random);
            if (end.end !== undefined) end.unconsumed = 0;
          }
          await new Promise((resolve) => setImmediate(resolve));
        }
        expect(ends.length).toBe(total * 2);
        for (const { end, isWhole } of ends) expect({ ...end, isWhole }).toEqual({ t: 'done', isWhole: true });
        const sum = (list: readonly End[], of: (end: End) => number): number =>
          list.reduce((all, end) => all + of(end), 0);
        const theirs = ends.filter((end) => !mine.includes(end));
        expect(sum(theirs, ({ received }) => received)).toBe(sum(mine, ({ sending }) => sending.total));
        expect(sum(mine, ({ received }) => received)).toBe(sum(theirs, ({ sending }) => sending.total));
        expect([client.openStreams, server.openStreams, client.unsentBytes, server.unsentBytes]).toEqual([0, 0, 0, 0]);
        client.destroy();
        server.destroy();
      }),
    SCALED_TIMEOUT_MS,
  );
});

describe('header lists', () => {
  it(
    'are decoded as they were encoded, through tables of any size',
    () =>
      seeded(async (random) => {
        const encoder = new HpackEncoder();
        const decoder = new HpackDecoder(4096);
        let capacity = 4096;
        const repeated: HeaderList[] = [];
        const text = (most: number): string =>
          Array.from({ length: random.below(most) }, () =>
            String.fromCharCode(random.below(random.below(9) ? 95 : 224) + 32),
          ).join('');
        const field = () => {
          const kind = random.below(10);
          if (kind === 0) return { name: ':status', value: `${200 + random.below(5)}` };
          if (kind === 1) return { name: 'authorization', value: text(40) };
          if (kind === 2) return { name: 'grpc-message', value: text(200) };
          if (kind === 3) return { name: `x-${random.below(300)}`, value: text(1200) };
          return { name: `x-${random.below(40)}`, value: `${random.below(40)}` };
        };
        for await (const _ of steps(scaled(8000))) {
          if (random.below(300) === 0) {
            capacity = [0, 40, 100, 1000, 4095, 4096][random.below(6)] as number;
            encoder.setPeerCapacity(capacity);
          }
          const again = repeated[random.below(repeated.length * 2)];
          const fields = again ?? Array.from({ length: random.below(12) }, field);
          if (again === undefined && random.below(20) === 0) {
            repeated.push(Object.freeze(fields));
            if (repeated.length > 100) repeated.splice(random.below(100), 1);
          }
          const bytes = Buffer.from(encoder.encode(fields));
          const decoded = decoder.decode(bytes, 0, bytes.length, 1 << 24);
          if (decoded.length !== fields.length) throw new Error(`${decoded.length} fields of ${fields.length}`);
          for (const [at, { name, value }] of decoded.entries())
            if (name !== fields[at]?.name || value !== fields[at]?.value) throw new Error(`field ${at} is ${name}`);
        }
      }),
    SCALED_TIMEOUT_MS,
  );
});
