/**
 * HTTP/1 as few clients write it, and websockets, at a member of ours and at a real one: status, headers and body have
 * to be equal, and whether the connection goes on. Left out are the date, the order of headers, and how long answers
 * are framed. Runs for each version whose real programs the environment names.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPrograms, type MemberProcess, ourProgram, realReleases, startAlone } from '../support/member-process.js';

const PUT = '{"key":"Zm9v","value":"YmFy"}';
const CREATE = '{"create_request":{"key":"Zm9v"}}';
const CLOSE = 'Connection: close';
const CHUNKED = 'Transfer-Encoding: chunked';
const END = '0\r\n\r\n';

/** Text is bytes as latin1. A host and a length are added where there is none. */
function request(line: string, fields: readonly string[] = [], body?: string): string {
  const has = (name: RegExp): boolean => fields.some((field) => name.test(field));
  const added = [
    ...(has(/^host:/i) ? [] : ['Host: h']),
    ...(body === undefined || has(/^(content-length|transfer-encoding):/i) ? [] : [`Content-Length: ${body.length}`]),
  ];
  return `${[`${line} HTTP/1.1`, ...added, ...fields].join('\r\n')}\r\n\r\n${body ?? ''}`;
}

const put = (fields: readonly string[], body = PUT): string => request('POST /v3/kv/put', [...fields, CLOSE], body);
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const last = request('GET /version', [CLOSE]);

/** What is sent, the next piece when something has come. Each ends with the server's close. */
const stories: Readonly<Record<string, readonly string[]>> = {
  // Bodies
  'chunks with extensions': [put([CHUNKED], `${PUT.length.toString(16)};a="b;c"\r\n${PUT}\r\n0;x\r\n\r\n`)],
  'a chunk of leading zeros': [put([CHUNKED], `000${PUT.length.toString(16)}\r\n${PUT}\r\n000\r\n\r\n`)],
  'a trailer': [request('POST /v3/kv/put', [CHUNKED, 'Trailer: X'], `${chunk(PUT)}0\r\nX: 1\r\n\r\n`) + last],
  'a trailer that is framing': [put([CHUNKED, 'Trailer: Content-Length'], chunk(PUT) + END)],
  'no chunk': [put([CHUNKED], 'zz\r\n')],
  'a signed chunk': [put([CHUNKED], '-1\r\n')],
  'a chunk of too many digits': [put([CHUNKED], `${'1'.repeat(17)}\r\n`)],
  'a chunk of too many zeros': [put([CHUNKED], `${'0'.repeat(17)}5\r\nabcde\r\n${END}`)],
  'a blank before an extension': [put([CHUNKED], '5 ;x\r\nabcde\r\n')],
  'a trailer without an end': [put([CHUNKED], `0\r\nX: ${'a'.repeat(5000)}\r\n\r\n`)],
  'another coding': [put(['Transfer-Encoding: gzip'])],
  'two codings': [put([CHUNKED, CHUNKED], chunk(PUT) + END)],
  'a coding and a length': [put([CHUNKED, 'Content-Length: 3'], chunk(PUT) + END)],
  'two lengths': [put(['Content-Length: 3', 'Content-Length: 4'])],
  'a length with a sign': [put(['Content-Length: +3'])],
  'no body': [request('POST /v3/kv/put', [CLOSE])],
  'a body of a GET': [request('GET /version', ['Content-Length: 3'], 'abc') + last],
  'more behind a value': [put([], `${PUT}x`)],
  'an empty line behind a POST': [`${request('POST /v3/kv/put', [], PUT)}\r\n${last}`],
  'requests at once': [
    request('GET /version') +
      request('HEAD /health') +
      request('OPTIONS /v3/kv/put') +
      request('GET /nowhere') +
      request('POST /nowhere', [], 'a'.repeat(1000)) +
      last,
  ],
  // Methods
  ...Object.fromEntries(
    ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'FOO', 'post'].flatMap((method) =>
      ['/v3/kv/put', '/v3/', '/version', '/health', '/'].map((path) => [
        `${method} ${path}`,
        [request(`${method} ${path}`, [CLOSE])],
      ]),
    ),
  ),
  'GET *': [request('GET *', [CLOSE])],
  'GET of an address whose port is none': [request('GET http://x:y/version', [CLOSE])],
  'GET of an address': [request('GET http://x:1/version', [CLOSE])],
  // Depths
  ...Object.fromEntries(
    [5000, 9999, 10_000, 200_000].flatMap((depth) => [
      [`${depth} lists that nobody knows`, [put([], `{"x":${'['.repeat(depth)}${']'.repeat(depth)}}`)]],
      [`${depth} objects that nobody knows`, [put([], `${'{"x":'.repeat(depth)}1${'}'.repeat(depth)}`)]],
    ]),
  ),
  // Trailers
  ...Object.fromEntries(
    ['trailers', 'x;q=0.5, TRAILERS', 'gzip'].flatMap((coding) => [
      [`TE: ${coding}`, [put([`TE: ${coding}`])]],
      [`TE: ${coding} of a refusal`, [put([`TE: ${coding}`], '{}')]],
      [`TE: ${coding} of what is no JSON`, [put([`TE: ${coding}`], '{')]],
      [`TE: ${coding} of a stream`, [request('POST /v3/lease/keepalive', [`TE: ${coding}`, CLOSE], '{"ID":"5"}')]],
      [`TE: ${coding} to nowhere`, [request('POST /v3/nowhere', [`TE: ${coding}`, CLOSE], '{}')]],
    ]),
  ),
  'TE of HTTP/1.0': [`POST /v3/kv/put HTTP/1.0\r\nTE: trailers\r\nContent-Length: ${PUT.length}\r\n\r\n${PUT}`],
  // Expectations
  'what nobody expects': [put(['Expect: x'])],
  'asked to go on': [put(['Expect: 100-Continue', `Content-Length: ${PUT.length}`], ''), PUT],
  'asked to go on, among others': [put(['Expect: x, 100-continue', `Content-Length: ${PUT.length}`], ''), PUT],
  'asked to go on where nothing is': [
    request('POST /nowhere', ['Expect: 100-continue', `Content-Length: ${PUT.length}`, CLOSE], ''),
  ],
  // Paths
  ...Object.fromEntries(
    [
      '/v3/kv/put/',
      '/v3//kv/put',
      '/v3/x/../kv/put?a=<b>',
      '/v3/kv/%70ut',
      '/v3/kv/put%zz',
      '/v3/kv/put;x',
      '/v3/kv/put?key=YQ',
      '/v3/kv/put#x',
      '/v3?x=y',
      '/v3',
      '/../version',
      '/version/',
      '/health?exclude=x',
      '/debug/vars/',
    ].flatMap((path) => [
      [`GET ${path}`, [request(`GET ${path}`, [CLOSE])]],
      [`POST ${path}`, [request(`POST ${path}`, [CLOSE], PUT)]],
    ]),
  ),
  'bytes in a path': [request('GET /\xff\xc3', [CLOSE])],
  'a control character in a path': [request('GET /a\x01b', [CLOSE])],
  // Fields
  'two hosts': [request('GET /version', ['Host: a', 'Host: b', CLOSE])],
  'a bad host': [request('GET /version', ['Host: a b', CLOSE])],
  'no colon': [request('GET /version', ['x', CLOSE])],
  'a space before the colon': [request('GET /version', ['X : 1', CLOSE])],
  'two timeouts': [put(['Grpc-Timeout: 10S', 'Grpc-Timeout: x'])],
  'a timeout that is none': [put(['Grpc-Timeout: xS'])],
  'a timeout longer than any': [put(['Grpc-Timeout: 99999999H'])],
  'a negative timeout': [put(['Grpc-Timeout: -1S'])],
  'a name of nothing for metadata': [put(['Grpc-Metadata-: 1'])],
  'metadata that are no base64': [put(['Grpc-Metadata-X-Bin: %%'])],
  'metadata beyond ASCII': [put(['Grpc-Metadata-X: \xe9', 'Cookie: \xe9'])],
  'a type of another kind': [put(['Content-Type: application/grpc', 'Accept: text/plain'])],
  // Websockets
  'a websocket': [socket('/v3/watch'), frame(1, CREATE), frame(8, '\x03\xe8')],
  'a websocket of lists': [
    socket('/v3/watch').replace('Version: 13', 'Version: 8, 13').replace('Upgrade: websocket', 'Upgrade: x, WebSocket'),
    frame(1, CREATE),
    frame(8, ''),
  ],
  'fragments with a ping between': [
    socket('/v3/watch'),
    frame(1, CREATE.slice(0, 9), { isLast: false }) + frame(9, 'ping'),
    frame(0, CREATE.slice(9)),
    frame(8, '\x03\xe9'),
  ],
  'a code that nobody may send': [socket('/v3/watch'), frame(8, '\x03\xed')],
  'half a code': [socket('/v3/watch'), frame(8, '\x03')],
  'a reason that is no text': [socket('/v3/watch'), frame(8, '\x03\xe8\xff')],
  'a frame without a mask': [socket('/v3/watch'), '\x81\x02{}'],
  'a frame of no kind': [socket('/v3/watch'), frame(3, '{}')],
  'a long ping': [socket('/v3/watch'), frame(9, 'a'.repeat(126))],
  'a ping in parts': [socket('/v3/watch'), frame(9, 'a', { isLast: false })],
  'a part of nothing': [socket('/v3/watch'), frame(0, '{}')],
};

/** Later a call waits for the end of the requests, which a websocket has none of; ours answers the first still. */
const until35: Readonly<Record<string, readonly string[]>> = {
  'a websocket of a call': [socket('/v3/kv/range'), frame(1, '{"key":"YQ=="}')],
  'a websocket to nowhere': [socket('/v3/nowhere')],
};

/** What newer versions of Go and of grpc-gateway refuse; 3.4 was built with older ones. */
const since35: Readonly<Record<string, readonly string[]>> = {
  'a chunk without a size': [put([CHUNKED], '\r\n')],
  'a coding and a length that is none': [put([CHUNKED, 'Content-Length: x'], chunk(PUT) + END)],
  'a chunk that ends with LF': [put([CHUNKED], `${PUT.length.toString(16)}\n${PUT}\n0\n\n`)],
  'a field of nothing': [request('GET /version', [': 1', CLOSE])],
  'bytes in a name': [request('GET /version', ['X\xe9: 1', CLOSE])],
  'a control character in a value': [request('GET /version', ['X: a\x01b', CLOSE])],
  'a return in a value': [request('GET /version', ['X: a\rb', CLOSE])],
  'a token beyond ASCII': [put(['Authorization: \xe9'])],
  'a forwarded address beyond ASCII': [put(['X-Forwarded-For: \xe9'])],
};

function socket(path: string): string {
  const fields = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
  return request(`GET ${path}`, [...fields, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']);
}

/** With a mask of zeros. */
function frame(kind: number, text: string, { isLast = true } = {}): string {
  const length = text.length < 126 ? [0x80 | text.length] : [0xfe, text.length >> 8, text.length & 0xff];
  return `${String.fromCharCode((isLast ? 0x80 : 0) | kind, ...length)}\0\0\0\0${text}`;
}

async function answerTo(pieces: readonly string[], port: number): Promise<string> {
  const client = connect({ port, host: '127.0.0.1', noDelay: true });
  let got = '';
  client.on('data', (data) => {
    got += data.toString('latin1');
  });
  // Whoever hangs up on what it has not read breaks the connection.
  client.on('error', () => {});
  const closed = new Promise((resolve) => client.once('close', resolve));
  for (const [at, piece] of pieces.entries()) {
    client.write(piece, 'latin1');
    if (at < pieces.length - 1) await Promise.race([once(client, 'data'), closed]);
  }
  await closed;
  return got;
}

/**
 * Heads with their fields in order. From 3.6 on each build of etcd draws whether its JSON has blanks behind commas.
 */
const comparable = (text: string, version: string): string[] =>
  text.split(/(?=HTTP\/1\.[01] \d)/).map((answer) => {
    const [head = '', ...body] = answer.split('\r\n\r\n');
    const [line = '', ...fields] = head.split('\r\n');
    const kept = fields.map((field) => (field.startsWith('Date: ') ? 'Date: ' : field)).sort();
    const whole = [line, ...kept, '', ...body].join('\n');
    if (version === '3.4' || version === '3.5') return whole;
    return whole
      .replace(/Content-Length: .*/, 'Content-Length: ')
      .replace(/[0-9a-f]+\r\n\{/, '{')
      .replaceAll(', "', ',"');
  });

describe.skipIf(realReleases.length === 0).each(realReleases)(
  'odd HTTP at ours and at etcd $version',
  ({ version, real }) => {
    const folder = mkdtempSync(join(tmpdir(), 'odd-http-'));
    const members: MemberProcess[] = [];
    const ports: number[] = [];

    beforeAll(async () => {
      buildPrograms();
      for (const program of [join(real, 'etcd'), ourProgram('etcd')]) {
        const env = { ETCD_EMULATE_VERSION: program.startsWith(real) ? undefined : version };
        const { member, port } = await startAlone(program, folder, { env });
        members.push(member);
        ports.push(port);
      }
    }, 60_000);

    afterAll(async () => {
      for (const member of members) await member[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    });

    it.each(Object.entries({ ...stories, ...(version !== '3.4' && since35), ...(version < '3.6' && until35) }))(
      '%s',
      async (_, pieces) => {
        const [theirs, ours] = await Promise.all(
          ports.map(async (port) => comparable(await answerTo(pieces, port), version)),
        );
        expect(ours).toEqual(theirs);
      },
      60_000,
    );

    it.each(['gzip', 'gzip, deflate', 'GZIP', '*', 'gzip;q=0', 'gzip, identity', 'x;q=0.1, gzip;q=0.5', ''])(
      'metrics for who accepts %j',
      async (accepted) => {
        const story = [request('GET /metrics', [`Accept-Encoding: ${accepted}`, CLOSE])];
        const [theirs, ours] = await Promise.all(
          ports.map(async (port) => (await answerTo(story, port)).split('\r\n\r\n')[0]?.match(/^Content-[ET].*$/gm)),
        );
        expect(theirs).not.toHaveLength(0);
        expect(ours?.toSorted()).toEqual(theirs?.toSorted());
      },
    );
  },
);
