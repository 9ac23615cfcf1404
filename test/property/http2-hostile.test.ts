/**
 * Whatever a peer sends: HPACK, frames, sessions and gRPC framing end in an error or go on; they never throw past their
 * edge, hang or bloat.
 */

import { describe, expect, it } from 'vitest';
import { MessageReader } from '../../src/grpc/message-reader.js';
import { createGrpcServer } from '../../src/grpc/server.js';
import { GrpcError } from '../../src/grpc/types.js';
import { ConnectionError } from '../../src/http2/frames/error-code.js';
import { FrameReader } from '../../src/http2/frames/frame-reader.js';
import { HpackDecoder } from '../../src/http2/hpack/decoder.js';
import { HpackEncoder } from '../../src/http2/hpack/encoder.js';
import type { Codec, Method } from '../../src/lib/codec.js';
import fc from '../support/drawn.js';
import { ManualClock } from '../support/manual-clock.js';
import { block, frame, request, settings, T, uint32, WirePeer } from '../support/wire-peer.js';

const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((each) => Buffer.from(each));
const latin1 = fc.uint8Array({ maxLength: 40 }).map((each) => Buffer.from(each).toString('latin1'));
const cuts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 });

/** The same bytes in pieces of the given sizes, over and over. */
function cut(whole: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, i = 0; at < whole.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    pieces.push(whole.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

describe('HPACK', () => {
  it('decodes what it encodes, whatever the fields and table sizes', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            capacity: fc.option(fc.integer({ min: 0, max: 5000 })),
            fields: fc.array(fc.record({ name: latin1, value: latin1 }), { maxLength: 8 }),
          }),
          { maxLength: 30 },
        ),
        (blocks) => {
          const encoder = new HpackEncoder();
          const decoder = new HpackDecoder(4096);
          for (const { capacity, fields } of blocks) {
            if (capacity !== null) encoder.setPeerCapacity(capacity);
            const coded = encoder.encode(fields);
            const back = decoder.decode(coded, 0, coded.length, 1 << 20);
            expect(back.map(({ name, value }) => ({ name, value }))).toEqual(fields);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('refuses any other bytes as a compression error, if at all, and keeps its table bounded', () => {
    fc.assert(
      fc.property(fc.array(bytes(200), { maxLength: 10 }), (blocks) => {
        const decoder = new HpackDecoder(4096);
        try {
          for (const each of blocks) {
            const fields = decoder.decode(each, 0, each.length, 2000);
            const kept = fields.reduce((sum, field) => sum + field.size, 0);
            expect(kept).toBeLessThanOrEqual(2000);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(ConnectionError);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('frames', () => {
  it('come out the same however the stream is cut', () => {
    const someFrame = fc.record({
      type: fc.nat(255),
      flags: fc.nat(255),
      id: fc.nat(2 ** 31 - 1),
      payload: bytes(300),
    });
    fc.assert(
      fc.property(fc.array(someFrame, { maxLength: 10 }), cuts, (frames, sizes) => {
        const got: unknown[] = [];
        const reader = new FrameReader(16_384, {
          frame: (type, flags, id, chunk, start, end) => {
            got.push({ type, flags, id, payload: Buffer.from(chunk.subarray(start, end)) });
            return true;
          },
        });
        const whole = Buffer.concat(frames.map(({ type, flags, id, payload }) => frame(type, flags, id, payload)));
        for (const piece of cut(whole, sizes)) reader.push(piece);
        expect(got).toEqual(frames);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a session', () => {
  /** Frames that are nearly right: right types, small stream ids, payloads of about the right size. */
  const nearlyFrame = fc
    .tuple(
      fc.integer({ min: 0, max: 10 }),
      fc.constantFrom(0, 1, 4, 5, 8, 0x20, 0x2d),
      fc.integer({ min: 0, max: 9 }),
      fc.oneof(
        bytes(20),
        fc.constant(block(...request)),
        fc.constant(Buffer.alloc(6)),
        fc.constant(Buffer.alloc(8)),
        fc.integer({ min: 0, max: 2 ** 31 }).map(uint32),
      ),
    )
    .map(([type, flags, id, payload]) => frame(type, flags, id, payload));
  const traffic = fc.oneof(
    fc.array(nearlyFrame, { maxLength: 30 }).map((frames) => Buffer.concat(frames)),
    bytes(300),
  );
  const nothing: Codec<Uint8Array> = {
    typeName: 'test.Bytes',
    create: () => new Uint8Array(0),
    encode: (message) => message,
    decode: (message) => message,
  };
  const echo: Method<Uint8Array, Uint8Array> = { path: '/s/m', kind: 'unary', input: nothing, output: nothing };

  it.each(['server', 'client'] as const)('as a %s ends with a GOAWAY or still answers', async (role) => {
    await fc.assert(
      fc.asyncProperty(traffic, cuts, async (sent, sizes) => {
        const grpc = createGrpcServer({ clock: new ManualClock() });
        grpc.unary(echo, (message) => message);
        await using peer = new WirePeer({
          role,
          keepalive: { minTimeMs: 0 },
          onStream: (stream, fields, end) => grpc.handle(stream, fields, end),
        });
        peer.greet();
        if (role === 'client') {
          peer.session.request([{ name: ':method', value: 'GET' }], false, {
            headers() {},
            data() {},
            trailers() {},
            writable() {},
            closed() {},
          });
        }
        for (const piece of cut(sent, sizes)) if (!peer.socket.writableEnded) peer.send(piece);
        // A frame that was cut off swallows what follows, so a ping can get no answer: the session then waits, which is
        // right.
        for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
        expect(peer.goAway()?.code).not.toBe(2); // INTERNAL_ERROR: our own fault
        expect(peer.session.openStreams).toBeLessThanOrEqual(6);
      }),
      { numRuns: 400 },
    );
  });

  it('is not shaken by settings of any kind', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 2 ** 32 - 1 })), { maxLength: 10 }),
        async (pairs) => {
          await using peer = new WirePeer({ role: 'server', keepalive: { minTimeMs: 0 } });
          peer.greet();
          peer.send(settings(...pairs));
          await peer.settle();
          const refused = pairs.some(
            ([id, value]) =>
              (id === 2 && value > 1) ||
              (id === 4 && value >= 2 ** 31) ||
              (id === 5 && (value < 16_384 || value >= 2 ** 24)),
          );
          expect(peer.goAway() !== undefined).toBe(refused);
          expect(peer.of(T.SETTINGS).length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('gRPC framing', () => {
  const message = (flag: number, length: number, body: Buffer): Buffer =>
    Buffer.concat([Buffer.from([flag]), uint32(length), body]);

  it('gives messages back however they are cut', () => {
    fc.assert(
      fc.property(fc.array(bytes(200), { maxLength: 10 }), cuts, (messages, sizes) => {
        const reader = new MessageReader(1000, 'identity');
        const got: Buffer[] = [];
        for (const piece of cut(Buffer.concat(messages.map((each) => message(0, each.length, each))), sizes)) {
          reader.push(piece);
          for (let next = reader.next(); next !== undefined; next = reader.next()) got.push(Buffer.from(next));
          reader.keep();
        }
        expect(got).toEqual(messages);
        expect(reader.size).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it('takes any bytes as messages, as too little, or as an error', () => {
    fc.assert(
      fc.property(bytes(300), cuts, fc.constantFrom('identity' as const, 'gzip' as const), (sent, sizes, encoding) => {
        const reader = new MessageReader(100, encoding);
        try {
          for (const piece of cut(sent, sizes)) {
            reader.push(piece);
            for (let next = reader.next(); next !== undefined; next = reader.next()) {
              expect(next.length).toBeLessThanOrEqual(100);
            }
            reader.keep();
          }
        } catch (error) {
          expect(error).toBeInstanceOf(GrpcError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
