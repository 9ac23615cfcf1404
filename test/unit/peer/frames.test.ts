import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AppendFrameDecoder, AppendFrameEncoder } from '../../../src/peer/append-frames.js';
import type { FrameDecoder } from '../../../src/peer/frames.js';
import { isLinkHeartbeat, MessageFrameDecoder, MessageFrameEncoder } from '../../../src/peer/message-frames.js';
import { messageTypeName } from '../../../src/raftpb/describe.js';
import { type Message, MessageType, makeEntry, makeMessage, makeSnapshot } from '../../../src/raftpb/types.js';
import fc from '../../support/drawn.js';

interface Frame {
  readonly frameIndex: number;
  readonly kind: string;
  readonly hex: string;
  readonly commit?: number;
  readonly entries?: readonly { readonly Term: number; readonly Index: number }[];
  readonly impliedTermAndLogTerm?: number;
  readonly impliedIndexBefore?: number;
  readonly message?: Readonly<Record<string, unknown>>;
}

interface Capture {
  readonly stream: 'message' | 'msgappv2';
  readonly sender: string;
  readonly frames: readonly Frame[];
}

const captures = JSON.parse(
  readFileSync(new URL('../../fixtures/peer/peer-streams.json', import.meta.url), 'utf8'),
) as readonly Capture[];

const local = 0xa1n;
const remote = 0xb2n;
const ends = { local, remote };

function readAll(decoder: FrameDecoder, bytes: Uint8Array, pieceBytes = bytes.length): Message[] {
  const messages: Message[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    decoder.push(bytes.subarray(at, at + pieceBytes));
    for (let next = decoder.next(); next !== undefined; next = decoder.next()) messages.push(next);
  }
  return messages;
}

const versionOf = (sender: string): '3.4' | '3.5' => (sender.includes('3.4') ? '3.4' : '3.5');

/**
 * The frames from the beginning of the stream that follow each other; the decoder's state can be followed through them.
 */
const contiguous = (frames: readonly Frame[]): Frame[] => frames.filter(({ frameIndex }, at) => frameIndex === at);

describe('frames that real members sent', () => {
  for (const { stream, sender, frames } of captures.filter((each) => each.stream === 'message')) {
    it(`message stream of ${sender}, ${frames.length} frames: read, and written again byte for byte`, () => {
      const encoder = new MessageFrameEncoder(versionOf(sender));
      for (const { hex, kind, message: expected } of frames) {
        const [message] = readAll(new MessageFrameDecoder('3.5'), Buffer.from(hex, 'hex'));
        if (message === undefined) throw new Error('no message');
        expect(isLinkHeartbeat(message)).toBe(kind === 'linkHeartbeat');
        expect(messageTypeName(message.type)).toBe(expected?.type);
        expect([String(message.from), String(message.to)]).toEqual([String(expected?.from), String(expected?.to)]);
        const again = isLinkHeartbeat(message) ? encoder.heartbeat : encoder.encode([message]);
        expect(Buffer.from(again).toString('hex')).toBe(hex);
      }
      expect(stream).toBe('message');
    });
  }

  for (const { sender, frames } of captures.filter((each) => each.stream === 'msgappv2')) {
    const first = contiguous(frames);
    it(`msgapp stream of ${sender}, ${first.length} frames: read, and written again byte for byte`, () => {
      const decoder = new AppendFrameDecoder('3.5', ends);
      const encoder = new AppendFrameEncoder(versionOf(sender));
      for (const frame of first) {
        const [message, ...more] = readAll(decoder, Buffer.from(frame.hex, 'hex'));
        if (message === undefined) throw new Error('no message');
        expect(more).toEqual([]);
        if (frame.kind === 'linkHeartbeat') {
          expect(isLinkHeartbeat(message)).toBe(true);
          expect(Buffer.from(encoder.heartbeat).toString('hex')).toBe(frame.hex);
          continue;
        }
        expect(message.type).toBe(MessageType.MsgApp);
        if (frame.kind === 'AppEntries') {
          const { impliedTermAndLogTerm: term, impliedIndexBefore: index, commit } = frame;
          if (term !== undefined) expect(message).toMatchObject({ term, logTerm: term, index });
          expect(message).toMatchObject({ commit, from: remote, to: local });
          const indexes = frame.entries?.map((entry) => entry.Index);
          expect(message.entries.map((entry) => entry.index)).toEqual(indexes);
        }
        expect(Buffer.from(encoder.encode([message])).toString('hex')).toBe(frame.hex);
      }
    });

    it(`msgapp stream of ${sender}, byte for byte`, () => {
      const bytes = Buffer.concat(first.map(({ hex }) => Buffer.from(hex, 'hex')));
      const whole = readAll(new AppendFrameDecoder('3.5', ends), bytes);
      expect(whole).toHaveLength(first.length);
      expect(readAll(new AppendFrameDecoder('3.5', ends), bytes, 1)).toEqual(whole);
    });
  }
});

const entryOf = fc.record({
  term: fc.nat(),
  index: fc.maxSafeNat(),
  data: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
});

/** Appends as a leader sends them: most continue the last one, some begin elsewhere or in another term. */
const appendsOf = fc
  .array(
    fc.record({
      jump: fc.option(fc.record({ term: fc.nat(9), index: fc.nat(1000), logTerm: fc.nat(9) }), { freq: 3 }),
      entries: fc.array(entryOf, { maxLength: 4 }),
      commit: fc.maxSafeNat(),
    }),
    { maxLength: 12 },
  )
  .map((steps) => {
    let at = { term: 1, logTerm: 1, index: 0 };
    return steps.map(({ jump, entries, commit }) => {
      at = { ...at, ...jump };
      const message = makeMessage({
        type: MessageType.MsgApp,
        from: remote,
        to: local,
        ...at,
        commit,
        entries: entries.map(({ data }, place) => makeEntry({ term: at.term, index: at.index + 1 + place, data })),
      });
      at = { ...at, logTerm: at.term, index: at.index + entries.length };
      return message;
    });
  });

const messageOf = fc
  .record({
    type: fc.constantFrom(...Object.values(MessageType)),
    to: fc.bigInt({ min: 1n, max: (1n << 64n) - 1n }),
    from: fc.bigInt({ min: 1n, max: (1n << 64n) - 1n }),
    term: fc.maxSafeNat(),
    index: fc.maxSafeNat(),
    entries: fc.array(entryOf.map(makeEntry), { maxLength: 3 }),
    context: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    snapshot: fc.option(
      fc.record({ index: fc.integer({ min: 1 }), term: fc.nat() }).map((each) => makeSnapshot(each)),
      { nil: undefined },
    ),
  })
  .map(makeMessage);

const plainOf = (messages: readonly Message[]): unknown =>
  JSON.parse(
    JSON.stringify(messages, (_, value: unknown) => {
      if (typeof value === 'bigint') return String(value);
      if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
      return value;
    }).replace(/\{"type":"Buffer","data":\[([\d,]*)\]\}/g, (_, list: string) =>
      JSON.stringify(Buffer.from(list === '' ? [] : list.split(',').map(Number)).toString('hex')),
    ),
  );

describe('frames of our own', () => {
  it('give back the appends that were written, in any pieces', () => {
    fc.assert(
      fc.property(appendsOf, fc.integer({ min: 1, max: 64 }), fc.nat(5), (messages, pieceBytes, cut) => {
        const encoder = new AppendFrameEncoder('3.5');
        const bytes = Buffer.concat([
          encoder.encode(messages.slice(0, cut)),
          encoder.heartbeat,
          encoder.encode(messages.slice(cut)),
        ]);
        const read = readAll(new AppendFrameDecoder('3.5', ends), bytes, pieceBytes);
        expect(plainOf(read.filter((message) => !isLinkHeartbeat(message)))).toEqual(plainOf(messages));
      }),
    );
  });

  it('give back the messages that were written, in any pieces, whatever version wrote them', () => {
    fc.assert(
      fc.property(
        fc.array(messageOf, { maxLength: 6 }),
        fc.integer({ min: 1, max: 64 }),
        fc.constantFrom('3.4', '3.5', '3.6', '3.7'),
        (messages, pieceBytes, version) => {
          const bytes = new MessageFrameEncoder(version).encode(messages);
          expect(plainOf(readAll(new MessageFrameDecoder('3.5'), bytes, pieceBytes))).toEqual(plainOf(messages));
        },
      ),
    );
  });

  it('leave a piece behind the frames to be taken', () => {
    const decoder = new MessageFrameDecoder('3.5');
    decoder.push(Buffer.concat([new MessageFrameEncoder('3.5').heartbeat, Buffer.from('behind')]));
    expect(decoder.next()).toBeDefined();
    expect(Buffer.from(decoder.rest()).toString()).toBe('behind');
  });
});

describe('bytes that are no frames', () => {
  const append = (hex: string) => () => readAll(new AppendFrameDecoder('3.5', ends), Buffer.from(hex, 'hex'));
  const message = (hex: string) => () => readAll(new MessageFrameDecoder('3.5'), Buffer.from(hex, 'hex'));

  it.each([
    ['an unknown kind', append('03'), /failed to parse type 3/],
    ['more entries than there can be', append('010000000000100001'), /too many entries/],
    ['more entries than a number can say', append('01ffffffffffffffff'), /too many entries/],
    ['an entry beyond the limit', append('0100000000000000010000000020000001'), /exceeds the limit/],
    ['a message beyond the limit', append('020000000020000001'), /exceeds the limit/],
    ['a commit index beyond all numbers', append('010000000000000000ffffffffffffffff'), /out of range/],
    ['garbage for an entry', append('0100000000000000010000000000000003ffffff'), /unexpected EOF/],
    ['garbage for a message', append('020000000000000003ffffff'), /unexpected EOF/],
    ['a message stream beyond the limit', message('0000000020000001'), /exceeds the limit/],
    ['a message stream of garbage', message('0000000000000003ffffff'), /unexpected EOF/],
  ])('%s ends the connection', (_, read, error) => {
    expect(read).toThrow(error);
  });

  it('entries that together exceed the limit end the connection', () => {
    const decoder = new AppendFrameDecoder('3.5', ends, 100);
    const entry = `0000000000000033${'080010001800222b'}${'00'.repeat(43)}`;
    expect(() => readAll(decoder, Buffer.from(`010000000000000002${entry}${entry}`, 'hex'))).toThrow(
      /exceeds the limit/,
    );
  });

  it('a claimed length takes no memory', () => {
    const decoder = new MessageFrameDecoder('3.5');
    const before = process.memoryUsage();
    decoder.push(Buffer.from('000000001fffffff', 'hex'));
    expect(decoder.next()).toBeUndefined();
    const { arrayBuffers, heapTotal } = process.memoryUsage();
    expect(arrayBuffers - before.arrayBuffers).toBeLessThan(10_000_000);
    expect(heapTotal - before.heapTotal).toBeLessThan(50_000_000);
  });

  it('messages in messages have a bound on their depth', () => {
    let bytes = Buffer.from('0808', 'hex');
    for (let depth = 0; depth < 2000; depth++) {
      const length: number[] = [];
      for (let rest = bytes.length; ; rest >>>= 7) {
        length.push(rest < 128 ? rest : (rest & 127) | 128);
        if (rest < 128) break;
      }
      bytes = Buffer.concat([Buffer.from([114, ...length]), bytes]);
    }
    const head = Buffer.alloc(8);
    head.writeUInt32BE(bytes.length, 4);
    expect(() => readAll(new MessageFrameDecoder('3.5'), Buffer.concat([head, bytes]))).toThrow(/recursion depth/);
  });

  it('never do anything but throw or wait', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, appends) => {
        const decoder = appends ? new AppendFrameDecoder('3.5', ends) : new MessageFrameDecoder('3.5');
        try {
          readAll(decoder, bytes, 7);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
          expect((error as { code?: unknown }).code).toMatch(/^ERR_(PEER_FRAME|PROTO_DECODE)$/);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
