/** What a client may not do, by the rules of RFC 9113 (sections named per case), and the exact answer to it. */
import { describe, expect, it } from 'vitest';
import { ErrorCode, errorCodeName } from '../../../src/http2/frames/error-code.js';
import type { HeaderList, Http2Stream, SessionOptions } from '../../../src/http2/types.js';
import { BodyBound } from '../../../src/lib/body-bound.js';
import {
  ACK,
  block,
  END_HEADERS,
  END_STREAM,
  frame,
  PADDED,
  PREFACE,
  request,
  settings,
  T,
  uint32,
  WirePeer,
} from '../../support/wire-peer.js';

type Expected =
  | { goAway: ErrorCode; debug?: string }
  | { reset: ErrorCode; id?: number }
  /** Nothing happens: the connection goes on, no stream is reset. */
  | 'accepted';

interface Case {
  name: string;
  send: Buffer[];
  expect: Expected;
  /** Sent without preface and SETTINGS before it. */
  raw?: boolean;
  session?: Partial<SessionOptions>;
}

const open = (id = 1, flags = END_HEADERS): Buffer => frame(T.HEADERS, flags, id, block(...request));
const ended = (id = 1): Buffer => open(id, END_HEADERS | END_STREAM);
const headers = (fields: readonly (readonly [string, string])[], flags = END_HEADERS | END_STREAM): Buffer =>
  frame(T.HEADERS, flags, 1, block(...fields));
const without = (name: string): readonly (readonly [string, string])[] => request.filter(([n]) => n !== name);
const PRIORITY_FLAG = 0x20;
const many = (count: number, bytes: Buffer): Buffer => Buffer.concat(Array.from({ length: count }, () => bytes));

const cases: Case[] = [
  // 3.4 preface
  {
    name: 'another preface',
    raw: true,
    send: [Buffer.from('PRI * HTTP/2.1\r\n\r\nSM\r\n\r\n')],
    expect: { goAway: ErrorCode.ProtocolError },
  },
  {
    name: 'an HTTP/1 request',
    raw: true,
    send: [Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    expect: { goAway: ErrorCode.ProtocolError },
  },
  {
    name: 'a first frame that is not SETTINGS',
    raw: true,
    send: [PREFACE, open()],
    expect: { goAway: ErrorCode.ProtocolError },
  },
  {
    name: 'a first frame that is an acknowledgement of SETTINGS',
    raw: true,
    send: [PREFACE, frame(T.SETTINGS, ACK, 0)],
    expect: { goAway: ErrorCode.ProtocolError },
  },
  // 4.1, 4.2 frames
  { name: 'a frame of unknown type', send: [frame(0x16, 0xff, 7, 'whatever'), ended()], expect: 'accepted' },
  { name: 'unknown flags', send: [frame(T.PING, 0x16, 0, '12345678')], expect: 'accepted' },
  {
    name: 'the reserved bit of a stream id',
    send: [frame(T.HEADERS, END_HEADERS | END_STREAM, 0x80000001, block(...request))],
    expect: 'accepted',
  },
  {
    name: 'a frame above the size limit',
    send: [open(), frame(T.DATA, 0, 1, Buffer.alloc(16_385))],
    expect: { goAway: ErrorCode.FrameSizeError },
  },
  {
    name: 'a frame above the size limit of which only the header has come',
    send: [Buffer.from('ffffff000000000001', 'hex')],
    expect: { goAway: ErrorCode.FrameSizeError },
  },
  // 4.3 header compression
  {
    name: 'a header block that is no HPACK',
    send: [frame(T.HEADERS, END_HEADERS | END_STREAM, 1, Buffer.from('ff80ffffffff7f', 'hex'))],
    expect: { goAway: ErrorCode.CompressionError },
  },
  {
    name: 'an index beyond the table',
    send: [frame(T.HEADERS, END_HEADERS | END_STREAM, 1, Buffer.from([0x80 | 80]))],
    expect: { goAway: ErrorCode.CompressionError },
  },
  {
    name: 'another frame within a header block',
    send: [open(1, 0), frame(T.PING, 0, 0, '12345678')],
    expect: { goAway: ErrorCode.ProtocolError },
  },
  {
    name: 'another stream within a header block',
    send: [open(1, 0), frame(T.CONTINUATION, END_HEADERS, 3)],
    expect: { goAway: ErrorCode.ProtocolError },
  },
  {
    name: 'an unknown frame within a header block',
    send: [open(1, 0), frame(0x16, 0, 1, 'x')],
    expect: { goAway: ErrorCode.ProtocolError },
  },
  // 5.1 stream states
  { name: 'DATA on an idle stream', send: [frame(T.DATA, 0, 1, 'x')], expect: { goAway: ErrorCode.ProtocolError } },
  {
    name: 'RST_STREAM on an idle stream',
    send: [frame(T.RST_STREAM, 0, 1, uint32(8))],
    expect: { goAway: ErrorCode.ProtocolError },
  },
  {
    name: 'WINDOW_UPDATE on an idle stream',
    send: [frame(T.WINDOW_UPDATE, 0, 1, uint32(100))],
    expect: { goAway: ErrorCode.ProtocolError },
  },
  {
    name: 'CONTINUATION on an idle stream',
    send: [frame(T.CONTINUATION, END_HEADERS, 1)],
    expect: { goAway: ErrorCode.ProtocolError },
  },
  { name: 'PRIORITY on an idle stream', send: [frame(T.PRIORITY, 0, 1, Buffer.alloc(5))], expect: 'accepted' },
  {
    name: 'DATA on a half-closed stream',
    send: [ended(), frame(T.DATA, END_STREAM, 1, 'x')],
    expect: { reset: ErrorCode.StreamClosed },
  },
  { name: 'HEADERS on a half-closed stream', send: [ended(), ended()], expect: { reset: ErrorCode.StreamClosed } },
  {
    name: 'WINDOW_UPDATE on a half-closed stream',
    send: [ended(), frame(T.WINDOW_UPDATE, 0, 1, uint32(1))],
    expect: 'accepted',
  },
  {
    name: 'DATA after the client has reset the stream',
    send: [open(), frame(T.RST_STREAM, 0, 1, uint32(8)), frame(T.DATA, 0, 1, 'x')],
    expect: { reset: ErrorCode.StreamClosed },
  },
  {
    name: 'HEADERS after the client has reset the stream',
    send: [open(), frame(T.RST_STREAM, 0, 1, uint32(8)), ended()],
    expect: { goAway: ErrorCode.StreamClosed },
  },
  {
    name: 'RST_STREAM, WINDOW_UPDATE and PRIORITY on a closed stream',
    send: [
      open(),
      frame(T.RST_STREAM, 0, 1, uint32(8)),
      frame(T.RST_STREAM, 0, 1, uint32(8)),
      frame(T.WINDOW_UPDATE, 0, 1, uint32(1)),
      frame(T.PRIORITY, 0, 1, Buffer.alloc(5)),
    ],
    expect: 'accepted',
  },
  // 5.1.1 stream ids
  { name: 'an even stream id', send: [ended(2)], expect: { goAway: ErrorCode.ProtocolError } },
  { name: 'a stream id below one used', send: [ended(5), ended(3)], expect: { goAway: ErrorCode.ProtocolError } },
  // 5.1.2 concurrency
  {
    name: 'a stream too many',
    session: { limits: { maxConcurrentStreams: 2 } },
    send: [open(1), open(3), open(5)],
    expect: { reset: ErrorCode.RefusedStream, id: 5 },
  },
  // 6.1 DATA
  { name: 'DATA on stream 0', send: [frame(T.DATA, 0, 0, 'x')], expect: { goAway: ErrorCode.ProtocolError } },
  {
    name: 'padding as long as the frame',
    send: [open(), frame(T.DATA, PADDED, 1, Buffer.from([3, 1, 1]))],
    expect: { goAway: ErrorCode.ProtocolError },
  },
  {
    name: 'padded DATA without a pad length',
    send: [open(), frame(T.DATA, PADDED, 1)],
    expect: { goAway: ErrorCode.FrameSizeError },
  },
  {
    name: 'padding that leaves nothing',
    send: [open(), frame(T.DATA, PADDED | END_STREAM, 1, Buffer.from([2, 0, 0]))],
    expect: 'accepted',
  },
  // 6.2 HEADERS
  {
    name: 'HEADERS on stream 0',
    send: [frame(T.HEADERS, END_HEADERS, 0, block(...request))],
    expect: { goAway: ErrorCode.ProtocolError },
  },
  {
    name: 'HEADERS with too much padding',
    send: [frame(T.HEADERS, END_HEADERS | PADDED, 1, Buffer.from([9, 0x82]))],
    expect: { goAway: ErrorCode.ProtocolError },
  },
  {
    name: 'HEADERS too short for their priority',
    send: [frame(T.HEADERS, END_HEADERS | PRIORITY_FLAG, 1, Buffer.from([0, 0]))],
    expect: { goAway: ErrorCode.FrameSizeError },
  },
  {
    name: 'HEADERS with padding and priority',
    send: [
      frame(
        T.HEADERS,
        END_HEADERS | END_STREAM | PADDED | PRIORITY_FLAG,
        1,
        Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 7]), block(...request), Buffer.alloc(2)]),
      ),
    ],
    expect: 'accepted',
  },
  // 6.3 PRIORITY
  {
    name: 'PRIORITY on stream 0',
    send: [frame(T.PRIORITY, 0, 0, Buffer.alloc(5))],
    expect: { goAway: ErrorCode.ProtocolError },
  },
  {
    name: 'PRIORITY of a wrong size',
    send: [open(), frame(T.PRIORITY, 0, 1, Buffer.alloc(4))],
    expect: { reset: ErrorCode.FrameSizeError },
  },
  {
    name: 'PRIORITY of a wrong size on an idle stream',
    send: [frame(T.PRIORITY, 0, 1, Buffer.alloc(4))],
    expect: { goAway: ErrorCode.FrameSizeError },
  },
  // 6.4 RST_STREAM
  {
    name: 'RST_STREAM on stream 0',
    send: [frame(T.RST_STREAM, 0, 0, uint32(8))],
    expect: { goAway: ErrorCode.ProtocolError },
  },
  {
    name: 'RST_STREAM of a wrong size',
    send: [open(), frame(T.RST_STREAM, 0, 1, Buffer.alloc(3))],
    expect: { goAway: ErrorCode.FrameSizeError },
  },
  // 6.5 SETTINGS
  {
    name: 'SETTINGS on a stream',
    send: [frame(T.SETTINGS, 0, 1)],
    expect: { goAway: ErrorCode.ProtocolError },
  },
  {
    name: 'SETTINGS of a wrong size',
    send: [frame(T.SETTINGS, 0, 0, Buffer.alloc(5))],
    expect: { goAway: ErrorCode.FrameSizeError },
  },
  {
    name: 'an acknowledgement with a payload',
    send: [frame(T.SETTINGS, ACK, 0, Buffer.alloc(6))],
    expect: { goAway: ErrorCode.FrameSizeError },
  },
  {
    name: 'an acknowledgement of nothing',
    send: [frame(T.SETTINGS, ACK, 0)],
    expect: { goAway: ErrorCode.ProtocolError },
  },
  { name: 'ENABLE_PUSH of 2', send: [settings([2, 2])], expect: { goAway: ErrorCode.ProtocolError } },
  {
    name: 'INITIAL_WINDOW_SIZE of 2^31',
    send: [settings([4, 2 ** 31])],
    expect: { goAway: ErrorCode.FlowControlError },
  },
  { name: 'MAX_FRAME_SIZE of 16383', send: [settings([5, 16_383])], expect: { goAway: ErrorCode.ProtocolError } },
  { name: 'MAX_FRAME_SIZE of 2^24', send: [settings([5, 2 ** 24])], expect: { goAway: ErrorCode.ProtocolError } },
  {
    name: 'every setting at its bounds, and unknown ones',
    send: [settings([1, 0], [2, 0], [3, 0], [4, 2 ** 31 - 1], [5, 2 ** 24 - 1], [6, 0], [0x7777, 5])],
    expect: 'accepted',
  },
  // 6.6 PUSH_PROMISE
  {
    name: 'PUSH_PROMISE',
    send: [open(), frame(T.PUSH_PROMISE, END_HEADERS, 1, Buffer.concat([uint32(2), block(...request)]))],
    expect: { goAway: ErrorCode.ProtocolError },
  },
  // 6.7 PING
  { name: 'PING on a stream', send: [frame(T.PING, 0, 1, '12345678')], expect: { goAway: ErrorCode.ProtocolError } },
  {
    name: 'PING of a wrong size',
    send: [frame(T.PING, 0, 0, '1234567')],
    expect: { goAway: ErrorCode.FrameSizeError },
  },
  { name: 'an answer to no PING', send: [frame(T.PING, ACK, 0, '12345678')], expect: 'accepted' },
  // 6.8 GOAWAY
  {
    name: 'GOAWAY on a stream',
    send: [frame(T.GOAWAY, 0, 1, Buffer.alloc(8))],
    expect: { goAway: ErrorCode.ProtocolError },
  },
  {
    name: 'GOAWAY of a wrong size',
    send: [frame(T.GOAWAY, 0, 0, Buffer.alloc(7))],
    expect: { goAway: ErrorCode.FrameSizeError },
  },
  {
    name: 'GOAWAY with an unknown code and text',
    send: [frame(T.GOAWAY, 0, 0, Buffer.concat([uint32(0), uint32(0xff), Buffer.from('bye')])), ended()],
    expect: 'accepted',
  },
  // 6.9 WINDOW_UPDATE
  {
    name: 'WINDOW_UPDATE of 0 for the connection',
    send: [frame(T.WINDOW_UPDATE, 0, 0, uint32(0))],
    expect: { goAway: ErrorCode.ProtocolError },
  },
  {
    name: 'WINDOW_UPDATE of 0 for a stream',
    send: [open(), frame(T.WINDOW_UPDATE, 0, 1, uint32(0))],
    expect: { reset: ErrorCode.ProtocolError },
  },
  {
    name: 'WINDOW_UPDATE of a wrong size',
    send: [frame(T.WINDOW_UPDATE, 0, 0, Buffer.alloc(3))],
    expect: { goAway: ErrorCode.FrameSizeError },
  },
  {
    name: "the connection's window above 2^31 - 1",
    send: [frame(T.WINDOW_UPDATE, 0, 0, uint32(2 ** 31 - 1))],
    expect: { goAway: ErrorCode.FlowControlError },
  },
  {
    name: "a stream's window above 2^31 - 1",
    send: [open(), frame(T.WINDOW_UPDATE, 0, 1, uint32(2 ** 31 - 1))],
    expect: { reset: ErrorCode.FlowControlError },
  },
  {
    name: "a stream's window above 2^31 - 1 by SETTINGS",
    send: [open(), frame(T.WINDOW_UPDATE, 0, 1, uint32(1)), settings([4, 2 ** 31 - 1])],
    expect: { goAway: ErrorCode.FlowControlError },
  },
  {
    name: "DATA beyond the stream's window",
    session: { limits: { streamWindowBytes: 10 } },
    send: [open(), frame(T.DATA, 0, 1, Buffer.alloc(11))],
    expect: { reset: ErrorCode.FlowControlError },
  },
  {
    name: "DATA beyond the connection's window",
    session: { limits: { streamWindowBytes: 1_000_000, connectionWindowBytes: 65_535 } },
    send: [open(), many(4, frame(T.DATA, 0, 1, Buffer.alloc(16_384)))],
    expect: { goAway: ErrorCode.FlowControlError },
  },
  // 6.10 CONTINUATION
  {
    name: 'CONTINUATION after the end of the headers',
    send: [open(), frame(T.CONTINUATION, END_HEADERS, 1)],
    expect: { goAway: ErrorCode.ProtocolError },
  },
  {
    name: 'a request in three pieces',
    send: [
      frame(T.HEADERS, END_STREAM, 1, block(...request).subarray(0, 5)),
      frame(T.CONTINUATION, 0, 1, block(...request).subarray(5, 6)),
      frame(T.CONTINUATION, END_HEADERS, 1, block(...request).subarray(6)),
    ],
    expect: 'accepted',
  },
  // 8.1 messages
  {
    name: 'a second header list that is not the end',
    send: [open(), frame(T.HEADERS, END_HEADERS, 1, block(['x', 'y']))],
    expect: { reset: ErrorCode.ProtocolError },
  },
  {
    name: 'a pseudo-header in the trailers',
    send: [open(), frame(T.HEADERS, END_HEADERS | END_STREAM, 1, block([':path', '/']))],
    expect: { reset: ErrorCode.ProtocolError },
  },
  {
    name: 'trailers',
    send: [open(), frame(T.DATA, 0, 1, 'x'), frame(T.HEADERS, END_HEADERS | END_STREAM, 1, block(['x', 'y']))],
    expect: 'accepted',
  },
  {
    name: 'less DATA than content-length says',
    send: [headers([...request, ['content-length', '2']], END_HEADERS), frame(T.DATA, END_STREAM, 1, 'x')],
    expect: { reset: ErrorCode.ProtocolError },
  },
  {
    name: 'more DATA than content-length says',
    send: [headers([...request, ['content-length', '1']], END_HEADERS), frame(T.DATA, 0, 1, 'xx')],
    expect: { reset: ErrorCode.ProtocolError },
  },
  {
    name: 'content-length without DATA',
    send: [headers([...request, ['content-length', '1']])],
    expect: { reset: ErrorCode.ProtocolError },
  },
  {
    name: 'less DATA than content-length says, before trailers',
    send: [
      headers([...request, ['content-length', '2']], END_HEADERS),
      frame(T.DATA, 0, 1, 'x'),
      frame(T.HEADERS, END_HEADERS | END_STREAM, 1, block(['x', 'y'])),
    ],
    expect: { reset: ErrorCode.ProtocolError },
  },
  {
    name: 'two content-lengths that differ',
    send: [headers([...request, ['content-length', '0'], ['content-length', '1']])],
    expect: { reset: ErrorCode.ProtocolError },
  },
  {
    name: 'a content-length that is no number',
    send: [headers([...request, ['content-length', '-1']])],
    expect: { reset: ErrorCode.ProtocolError },
  },
  // 8.2 fields
  ...(
    [
      ['a capital letter in a name', ['X-Y', 'z']],
      ['an empty name', ['', 'z']],
      ['a space in a name', ['x y', 'z']],
      ['a newline in a value', ['x', 'a\nb']],
      ['a zero byte in a value', ['x', 'a\0b']],
      ['connection', ['connection', 'keep-alive']],
      ['proxy-connection', ['proxy-connection', 'keep-alive']],
      ['keep-alive', ['keep-alive', '1']],
      ['transfer-encoding', ['transfer-encoding', 'chunked']],
      ['upgrade', ['upgrade', 'h2c']],
      ['te other than trailers', ['te', 'trailers, deflate']],
      ['a pseudo-header after a field', [':path', '/']],
      ['an unknown pseudo-header', [':foo', 'x']],
      ["a response's pseudo-header", [':status', '200']],
    ] as const
  ).map(
    ([name, field]): Case => ({
      name,
      send: [headers([...request, field])],
      expect: { reset: ErrorCode.ProtocolError },
    }),
  ),
  { name: 'te: trailers', send: [headers([...request, ['te', 'trailers']])], expect: 'accepted' },
  // 8.3 pseudo-headers
  ...[':method', ':scheme', ':path'].flatMap((name): Case[] => [
    { name: `no ${name}`, send: [headers(without(name))], expect: { reset: ErrorCode.ProtocolError } },
    {
      name: `${name} twice`,
      send: [headers([...request, ...request.filter(([n]) => n === name)])],
      expect: { reset: ErrorCode.ProtocolError },
    },
  ]),
  {
    name: 'an empty :path',
    send: [headers([...without(':path'), [':path', '']])],
    expect: { reset: ErrorCode.ProtocolError },
  },
  { name: 'no :authority', send: [headers(without(':authority'))], expect: 'accepted' },
  {
    name: 'CONNECT with a path',
    send: [headers([[':method', 'CONNECT'], ...without(':method')])],
    expect: { reset: ErrorCode.ProtocolError },
  },
  // limits
  {
    name: 'a header list above the limit',
    session: { limits: { maxHeaderListBytes: 1000 } },
    send: [headers([...request, ['x', 'y'.repeat(900)]])],
    expect: { reset: ErrorCode.FrameSizeError },
  },
  {
    name: 'header lists without end',
    session: { limits: { maxHeaderListBytes: 1000 } },
    send: [open(1, 0), many(3, frame(T.CONTINUATION, 0, 1, block(['x', 'y'.repeat(400)])))],
    expect: { goAway: ErrorCode.EnhanceYourCalm, debug: 'too many CONTINUATION frames' },
  },
  {
    name: 'empty CONTINUATION frames without end',
    send: [open(1, 0), many(20, frame(T.CONTINUATION, 0, 1))],
    expect: { goAway: ErrorCode.EnhanceYourCalm, debug: 'too many CONTINUATION frames' },
  },
  {
    name: 'CONTINUATION frames of a byte without end',
    send: [open(1, 0), many(2000, frame(T.CONTINUATION, 0, 1, 'x'))],
    expect: { goAway: ErrorCode.EnhanceYourCalm, debug: 'too many CONTINUATION frames' },
  },
  {
    name: 'a table of references that unfold',
    // One entry of 4000 bytes, then a reference per byte: 16 KB on the wire, 60 MB if they were kept.
    send: [
      frame(
        T.HEADERS,
        END_HEADERS | END_STREAM,
        1,
        Buffer.concat([
          block(...request),
          Buffer.from([0x40]),
          block(['x', 'y'.repeat(3900)]).subarray(1),
          Buffer.alloc(12_000, 0x80 | 62),
        ]),
      ),
    ],
    expect: { reset: ErrorCode.FrameSizeError },
  },
  {
    name: 'rapid resets',
    send: Array.from({ length: 2100 }, (_, i) =>
      Buffer.concat([open(2 * i + 1), frame(T.RST_STREAM, 0, 2 * i + 1, uint32(8))]),
    ),
    expect: { goAway: ErrorCode.EnhanceYourCalm, debug: 'too many stream resets' },
  },
  {
    name: 'malformed requests without end',
    send: Array.from({ length: 2100 }, (_, i) =>
      frame(T.HEADERS, END_HEADERS | END_STREAM, 2 * i + 1, block(['x', 'y'])),
    ),
    expect: { goAway: ErrorCode.EnhanceYourCalm, debug: 'too many malformed or refused streams' },
  },
  {
    name: 'a flood of SETTINGS',
    send: [many(200, settings([4, 70_000]))],
    expect: { goAway: ErrorCode.EnhanceYourCalm, debug: 'too many SETTINGS frames' },
  },
  {
    name: 'a flood of pings, where pings are not policed',
    session: { keepalive: { minTimeMs: 0 } },
    send: [many(20_100, frame(T.PING, 0, 0, '12345678'))],
    expect: { goAway: ErrorCode.EnhanceYourCalm, debug: 'too many PING frames' },
  },
  {
    name: 'a flood of empty DATA',
    send: [open(), many(20_100, frame(T.DATA, 0, 1))],
    expect: { goAway: ErrorCode.EnhanceYourCalm, debug: 'too many empty DATA frames' },
  },
  {
    name: 'a flood of PRIORITY',
    send: [many(11_000, frame(T.PRIORITY, 0, 1, Buffer.alloc(5)))],
    expect: { goAway: ErrorCode.EnhanceYourCalm, debug: 'too many PRIORITY and unknown frames' },
  },
  {
    name: 'pings that are too many',
    send: [many(4, frame(T.PING, 0, 0, '12345678'))],
    expect: { goAway: ErrorCode.EnhanceYourCalm, debug: 'too_many_pings' },
  },
];

function peerFor(given: Case): WirePeer {
  const streams: Http2Stream[] = [];
  const peer = new WirePeer({
    role: 'server',
    // The table's own pings are not to be policed unless the case says so.
    keepalive: { minTimeMs: given.name.startsWith('pings') ? 5000 : 0 },
    ...given.session,
    onStream: (stream: Http2Stream, _fields: HeaderList) => {
      streams.push(stream);
    },
  });
  return peer;
}

describe('a server meets', () => {
  it.each(cases)('$name', async (given) => {
    await using peer = peerFor(given);
    if (given.raw !== true) peer.greet();
    peer.send(...given.send);
    if (typeof given.expect === 'object' && 'goAway' in given.expect) {
      await peer.until(() => peer.ended);
      const said = peer.goAway();
      expect(errorCodeName(said?.code ?? -1)).toBe(errorCodeName(given.expect.goAway));
      if (given.expect.debug !== undefined) expect(said?.debug).toBe(given.expect.debug);
      expect(peer.session.closed).toBe(true);
      return;
    }
    await peer.settle();
    expect(peer.goAway()).toBeUndefined();
    expect(peer.session.closed).toBe(false);
    const resets = peer.resets().map(([id, code]) => [id, errorCodeName(code)]);
    if (given.expect === 'accepted') expect(resets).toEqual([]);
    else expect(resets).toEqual([[given.expect.id ?? 1, errorCodeName(given.expect.reset)]]);
  });

  it('any number of resets of streams that it has answered: clients that want one message of each', async () => {
    await using peer = new WirePeer({
      role: 'server',
      onStream: (stream: Http2Stream) => stream.sendHeaders([{ name: ':status', value: '200' }], false),
    });
    peer.greet();
    for (let round = 0; round < 50; round++) {
      const ids = Array.from({ length: 60 }, (_, i) => 2 * (60 * round + i) + 1);
      peer.send(...ids.map((id) => open(id)));
      await peer.settle();
      peer.send(...ids.map((id) => frame(T.RST_STREAM, 0, id, uint32(8))));
      await peer.settle();
    }
    expect(peer.goAway()).toBeUndefined();
    expect(peer.session.closed).toBe(false);
  });

  it('the resets of calls whose deadlines pass at the same time, and of those that were answered then', async () => {
    const streams: Http2Stream[] = [];
    await using peer = new WirePeer({ role: 'server', onStream: (stream: Http2Stream) => void streams.push(stream) });
    peer.greet();
    const ids = Array.from({ length: 6000 }, (_, i) => 2 * i + 1);
    peer.send(...ids.map((id) => open(id)));
    await peer.settle();
    await peer.clock.advance(1000);
    for (const stream of streams.slice(3000)) stream.sendHeaders([{ name: ':status', value: '200' }], true);
    await peer.settle();
    peer.send(...ids.map((id) => frame(T.RST_STREAM, 0, id, uint32(8))));
    await peer.settle();
    expect(streams).toHaveLength(6000);
    expect(peer.goAway()).toBeUndefined();
    expect(peer.session.closed).toBe(false);
  });

  it('blocks of headers that do not end, on many connections: what they hold together is bounded', async () => {
    const bodies = new BodyBound(250_000);
    const begun = frame(T.HEADERS, 0, 1, block(...request));
    const piece = frame(T.CONTINUATION, 0, 1, block(['x', 'y'.repeat(16_000)]));
    const pieces = (count: number): Buffer => many(count, piece);
    const end = frame(T.CONTINUATION, END_HEADERS, 1, block(['z', '']));
    const opened: HeaderList[] = [];
    const greeted = (): WirePeer => {
      const peer = new WirePeer({ role: 'server', bodies, onStream: (_, fields) => void opened.push(fields) });
      peer.greet();
      return peer;
    };
    await using large = greeted();
    large.send(begun, pieces(14));
    await large.until(() => bodies.bytes > 14 * 16_000);
    await using refused = greeted();
    refused.send(begun, pieces(5));
    await refused.until(() => refused.ended);
    expect(refused.goAway()).toMatchObject({
      code: ErrorCode.EnhanceYourCalm,
      debug: 'too many bytes of header blocks wait',
    });
    // What any client may send is taken all the same.
    await using small = greeted();
    small.send(begun, pieces(3), end);
    await small.settle();
    expect(opened).toHaveLength(1);
    large.send(end);
    await large.settle();
    expect(opened).toHaveLength(2);
    expect(bodies.bytes).toBe(0);
    await using left = greeted();
    left.send(begun, pieces(5));
    await left.until(() => bodies.bytes > 5 * 16_000);
    left.socket.destroy();
    await left.until(() => bodies.bytes === 0);
  });

  it('all of it byte by byte, with the same answers', async () => {
    for (const given of cases.filter(({ send }) => Buffer.concat(send).length < 2000)) {
      await using peer = peerFor(given);
      if (given.raw !== true) peer.greet();
      for (const byte of Buffer.concat(given.send)) {
        if (!peer.socket.writableEnded) peer.send(Buffer.from([byte]));
      }
      await peer.settle();
      const wanted = given.expect;
      if (wanted === 'accepted')
        expect([given.name, peer.goAway(), peer.resets()]).toEqual([given.name, undefined, []]);
      else if ('goAway' in wanted) expect([given.name, peer.goAway()?.code]).toEqual([given.name, wanted.goAway]);
      else expect([given.name, peer.resets()]).toEqual([given.name, [[wanted.id ?? 1, wanted.reset]]]);
    }
  });
});
