/** Heads of requests as Go's server reads them: what smugglers send is refused, what old clients send is taken. */
import { describe, expect, it } from 'vitest';
import { RefusedRequest } from '../../../src/http1/refusals.js';
import { HeadReader } from '../../../src/http1/request-head.js';
import { ChunkError, ChunkedDecoder } from '../../../src/lib/chunked-coding.js';

const textOf = (...lines: string[]): string => `${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

const head = (...lines: string[]): ReturnType<HeadReader['read']> => new HeadReader().read(textOf(...lines));

function refusal(...lines: string[]): string {
  try {
    head(...lines);
    return 'taken';
  } catch (cause) {
    if (!(cause instanceof RefusedRequest)) throw cause;
    return cause.message;
  }
}

const GET = 'GET /a HTTP/1.1';
const HOST = 'Host: x';
const CHUNKED = 'Transfer-Encoding: chunked';

describe('the head of a request', () => {
  it('may have lines that end without a carriage return, and lines that go on', () => {
    const { method, headers } = new HeadReader().read('GET / HTTP/1.1\nHost: x\nX-A: one\n  two\n\t three\nX-B:\n\n');
    expect([method, headers['x-a'], headers['x-b']]).toEqual(['GET', 'one two three', '']);
  });

  it('joins what is sent more than once, but for what there can be only one of', () => {
    const { headers } = head(
      GET,
      HOST,
      'X-A: 1',
      'X-A: 2',
      'Cookie: a',
      'Cookie: b',
      'Content-Type: t',
      'Content-Type: u',
      'Grpc-Timeout: 1S',
      'Grpc-Timeout: x',
    );
    expect([headers['x-a'], headers.cookie]).toEqual(['1, 2', 'a; b']);
    expect([headers['content-type'], headers['grpc-timeout']]).toEqual(['t', '1S']);
  });

  it('has no name that an object would take for its own', () => {
    const { headers } = head(GET, HOST, '__proto__: a', 'constructor: b');
    expect([headers['__pro' + 'to__'], headers.constructor, headers.toString]).toEqual(['a', 'b', undefined]);
  });

  it('says whether the connection stays, and which other protocol is asked for', () => {
    expect(head(GET, HOST).keepsAlive).toBe(true);
    expect(head(GET, HOST, 'Connection: Foo, Close').keepsAlive).toBe(false);
    expect(head('GET / HTTP/1.0').keepsAlive).toBe(false);
    expect(head('GET / HTTP/1.0', 'Connection: Keep-Alive').keepsAlive).toBe(true);
    expect(head(GET, HOST, 'Connection: Upgrade', 'Upgrade: websocket').upgrade).toBe('websocket');
    expect(head(GET, HOST, 'Upgrade: websocket').upgrade).toBeUndefined();
  });

  it('of an absolute target names the host itself', () => {
    const { target, headers } = head('GET http://u@y:1/a HTTP/1.1', HOST);
    expect([target, headers.host]).toEqual(['http://u@y:1/a', 'y:1']);
  });

  it.each([
    ['two hosts', [GET, HOST, 'Host: y'], '400 Bad Request'],
    ['two lengths', [GET, HOST, 'Content-Length: 1', 'Content-Length: 2'], '400 Bad Request'],
    ['a signed length', [GET, HOST, 'Content-Length: +1'], '400 Bad Request'],
    ['a length in two', [GET, HOST, 'Content-Length: 1, 1'], '400 Bad Request'],
    ['no length', [GET, HOST, 'Content-Length: '], '400 Bad Request'],
    ['two codings', [GET, HOST, 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], '501 Not Implemented'],
    ['a coding behind another', [GET, HOST, 'Transfer-Encoding: gzip, chunked'], '501 Not Implemented'],
    ['a space before the colon', [GET, HOST, 'Content-Length : 1'], '400 Bad Request: invalid header name'],
    ['a space inside a name', [GET, HOST, 'X A: 1'], '400 Bad Request: invalid header name'],
    ['a name of many spaces', [GET, HOST, `X${' '.repeat(60_000)}\x01: 1`], '400 Bad Request'],
    ['a name of nothing', [GET, HOST, ': 1'], '400 Bad Request'],
    ['white space at first', [GET, ' Host: x'], '400 Bad Request'],
    ['a return inside a value', [GET, HOST, 'X: a\rb'], '400 Bad Request'],
    ['a coding and a length that is none', [GET, HOST, CHUNKED, 'Content-Length: x'], '400 Bad Request'],
    ['a coding and two lengths', [GET, HOST, CHUNKED, 'Content-Length: 1', 'Content-Length: 2'], '400 Bad Request'],
    ['a length behind its body', [GET, HOST, CHUNKED, 'Trailer: X-A, Content-Length'], '400 Bad Request'],
    ['a port that is none', ['GET http://y:z/ HTTP/1.1', HOST], '400 Bad Request'],
    ['an expectation', [GET, HOST, 'Expect: more'], '417 Expectation Failed'],
    ['a bad escape in its path', ['GET /a%zz?b HTTP/1.1', HOST], '400 Bad Request'],
    ['half an escape', ['GET /a%2 HTTP/1.1', HOST], '400 Bad Request'],
  ])('with %s is refused', (_what, lines, status) => {
    expect(refusal(...lines)).toBe(`HTTP/1.1 ${status}`);
  });

  it('may have what is no escape in its query, which is for others to read', () => {
    expect(head('GET /%41?a=%zz HTTP/1.1', HOST).target).toBe('/%41?a=%zz');
  });

  it('of HTTP/1.0 is refused in HTTP/1.0 where Go answers, and is never told to go on', () => {
    expect(refusal('GET / HTTP/1.0', 'Expect: more')).toBe('HTTP/1.0 417 Expectation Failed');
    expect(head('PUT / HTTP/1.0', 'Expect: 100-continue', 'Content-Length: 1').expectsContinue).toBe(false);
    expect(head('PUT / HTTP/1.1', HOST, 'Expect: 100-continue', 'Content-Length: 1').expectsContinue).toBe(true);
    expect(head('PUT / HTTP/1.1', HOST, 'Expect: x, 100-Continue', 'Content-Length: 1').expectsContinue).toBe(true);
  });

  it('hands on no framing but a length that holds', () => {
    const framing = (...lines: string[]): unknown[] => {
      const { headers } = head(...lines);
      return [headers['content-length'], headers['transfer-encoding']];
    };
    expect(framing(GET, HOST, 'Content-Length: 5', 'Transfer-Encoding: chunked')).toEqual([undefined, undefined]);
    expect(framing('GET / HTTP/1.0', 'Content-Length: 5', 'Transfer-Encoding: chunked')).toEqual(['5', undefined]);
  });

  it('with a coding and a length has the coding; in HTTP/1.0 the length', () => {
    const both = ['Content-Length: 5', 'Transfer-Encoding: chunked'];
    expect(head(GET, HOST, ...both).bodyBytes).toBe('chunked');
    expect(head('GET / HTTP/1.0', ...both).bodyBytes).toBe(5);
    expect(head(GET, HOST, 'Content-Length: 7', 'Content-Length: 7').bodyBytes).toBe(7);
  });
});

describe('the next head of a connection', () => {
  const PUT = 'PUT /b HTTP/1.1';
  const heads: readonly (readonly string[])[] = [
    [GET, HOST, 'X-A: 1'],
    [PUT, HOST, 'X-A: 1'],
    [PUT, HOST, 'X-A: 2'],
    [PUT, HOST, 'Content-Length: 1'],
    [PUT, HOST, 'Content-Length: 2'],
    [PUT, HOST, 'Transfer-Encoding: chunked'],
    ['PUT /b HTTP/1.0', HOST, 'Transfer-Encoding: chunked'],
    ['GET http://other/ HTTP/1.1', HOST, 'X-A: 1'],
    ['CONNECT other:1 HTTP/1.1', HOST, 'X-A: 1'],
    [GET, HOST, 'Connection: close'],
    [GET, HOST, 'Connection: Upgrade', 'Upgrade: h2c'],
    [GET, HOST, `X-A: ${'a'.repeat(4000)}`],
    [GET, `${HOST}\r\nX-A: 1`],
  ];

  it('says what it would say alone, whatever stood before it', () => {
    const reader = new HeadReader();
    for (const before of heads) {
      for (const lines of heads) {
        reader.read(textOf(...before));
        expect(reader.read(textOf(...lines))).toEqual(head(...lines));
        expect(reader.read(textOf(...lines))).toEqual(head(...lines));
      }
    }
  });

  it('is refused for what it says itself', () => {
    const reader = new HeadReader();
    reader.read(textOf('GET / HTTP/1.0', 'X-A: 1'));
    expect(() => reader.read(textOf(GET, 'X-A: 1'))).toThrow('missing required Host header');
    reader.read(textOf(PUT, HOST, 'Content-Length: 1'));
    expect(() => reader.read(textOf(PUT, HOST, 'Content-Length: x'))).toThrow('400 Bad Request');
    expect(reader.read(textOf(PUT, HOST, 'Content-Length: 1')).bodyBytes).toBe(1);
  });
});

describe('a chunked body', () => {
  const sent = Buffer.from('3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nGET');

  it('is the same however it is cut, and ends where it ends', () => {
    for (let size = 1; size <= sent.length; size++) {
      const decoder = new ChunkedDecoder();
      let data = '';
      let used = 0;
      for (let at = 0; at < sent.length && !decoder.isAtEnd; at += size) {
        used += decoder.decode(sent.subarray(at, at + size), (piece) => {
          data += String(piece);
        });
      }
      expect([data, used]).toEqual(['abc0123456789', sent.length - 'GET'.length]);
    }
  });

  it.each([
    ['no number', 'x\r\n'],
    ['a sign', '-1\r\n'],
    ['more digits than any number has', `${'0'.repeat(16)}1\r\n`],
    ['more data than it said', '1\r\nab\r\n'],
    ['a size that ends without a return', '3\nabc\r\n'],
    ['a return inside a size', '3;a\rb\r\nabc\r\n'],
    ['data that ends without a return', '3\r\nabc\n0\r\n\r\n'],
    ['an end without a return', '0\r\n\n'],
    ['a trailer without a return', '0\r\nA: b\n\r\n'],
    ['more beside the data than data', `1;${'x'.repeat(3000)}\r\na\r\n`.repeat(6)],
    ['an endless line', `1;${'x'.repeat(5000)}`],
    ['endless trailers', `0\r\n${'a: b\r\n'.repeat(20_000)}`],
  ])('with %s is refused', (_what, text) => {
    expect(() => new ChunkedDecoder().decode(Buffer.from(text), () => {})).toThrow(ChunkError);
  });

  const failure = (text: string): string => {
    try {
      const decoder = new ChunkedDecoder();
      decoder.decode(Buffer.from(text, 'latin1'), () => {});
      return decoder.isAtEnd ? 'whole' : 'open';
    } catch (cause) {
      return cause instanceof ChunkError ? cause.message : String(cause);
    }
  };

  it('may have lines of a certain length, and no longer', () => {
    const line = (length: number): string => `1;${'x'.repeat(length - 3)}\r`;
    expect(failure(`${line(4096)}\na\r\n0\r\n\r\n`)).toBe('whole');
    expect(failure(`${line(4097)}\n`)).toBe('header line too long');
    // Before its end has come as well.
    expect(failure('1'.padEnd(4096, ' '))).toBe('open');
    expect(failure('1'.padEnd(4097, ' '))).toBe('header line too long');
  });

  it('may have 4096 bytes of fields behind it, their line ends and the last line included', () => {
    const fields = (bytes: number): string => {
      const lines = 'a: b\r\n'.repeat(100);
      return `0\r\n${lines}${'y'.repeat(bytes - lines.length - 4)}\r\n\r\n`;
    };
    expect(failure(fields(4096))).toBe('whole');
    expect(failure(fields(4097))).toBe('http: suspiciously long trailer after chunked body');
  });

  it.each([
    ['\r\n', 'empty hex number for chunk length'],
    [';x\r\n', 'empty hex number for chunk length'],
    ['5 ;x\r\n', 'invalid byte in chunk length'],
    ['11111111111111111\r\n', 'http chunk length too large'],
    ['1111111111111111x\r\n', 'invalid byte in chunk length'],
    [`0\r\nX: ${'a'.repeat(5000)}`, 'http: suspiciously long trailer after chunked body'],
  ])('that is wrong is refused in the words of Go: %j', (text, words) => {
    expect(() => new ChunkedDecoder().decode(Buffer.from(text), () => {})).toThrow(words);
  });

  it('may be announced as longer than any is', () => {
    const got: string[] = [];
    const decoder = new ChunkedDecoder();
    decoder.decode(Buffer.from('ffffffffffffffff \t\r\nabc'), (data) => got.push(data.toString()));
    expect({ got, isAtEnd: decoder.isAtEnd }).toEqual({ got: ['abc'], isAtEnd: false });
  });
});
