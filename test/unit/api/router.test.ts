/** Who may call a client port over plain HTTP: origins, host names. Answers as real etcd 3.5.30 gave them. */
import { describe, expect, it } from 'vitest';
import { allowsOrigin, createRouter, type RouterOptions } from '../../../src/api/http/router.js';
import type { EmulatedVersion } from '../../../src/lib/emulate.js';
import type { HttpRequest, HttpResponse } from '../../../src/lib/http.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const handlers: RouterOptions['handlers'] = [
  (_request, { pathname }) => (pathname === '/here' ? { status: 200, headers: {}, body: 'yes' } : undefined),
];

async function ask(
  access: { cors?: readonly string[]; hostWhitelist?: readonly string[] },
  {
    method = 'GET',
    target = '/here',
    headers = {},
    secure = false,
    emulate,
  }: {
    readonly method?: string;
    readonly target?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly secure?: boolean;
    readonly emulate?: EmulatedVersion;
  },
) {
  const logger = new RecordingLogger();
  const route = createRouter({ access: { cors: ['*'], hostWhitelist: ['*'], ...access, logger }, emulate, handlers });
  const tls = secure
    ? { alpn: undefined, commonName: undefined, dnsNames: [], addresses: [], version: 'TLSv1.3', cipher: '' }
    : undefined;
  const request: HttpRequest = {
    method,
    target,
    protocol: 'HTTP/1.1',
    headers: { host: '127.0.0.1:2379', ...headers },
    body: (async function* () {})(),
    peer: { address: '127.0.0.1:1', tls },
    signal: new AbortController().signal,
    isGone: false,
  };
  return answered(request, await route(request));
}

/** With all headers that are sent. */
const answered = ({ leading }: HttpRequest, response: HttpResponse): HttpResponse => ({
  ...response,
  headers: { ...leading, ...response.headers },
});

const allowOrigin = 'Access-Control-Allow-Origin';

describe('--cors', () => {
  it.each<[readonly string[], string | undefined, string | undefined]>([
    [['*'], undefined, '*'],
    [['*'], 'http://a:1', '*'],
    [['http://a:1'], 'http://a:1', 'http://a:1'],
    [['http://a:1'], 'http://b:1', undefined],
    [['http://a:1'], undefined, undefined],
    [['http://a:1', 'http://b:1'], 'http://b:1', 'http://b:1'],
  ])('%j and a page of %s: %s', async (cors, origin, allowed) => {
    const response = await ask({ cors }, { headers: origin === undefined ? {} : { origin } });
    expect(response).toMatchObject({ status: 200, body: 'yes' });
    expect(response.headers[allowOrigin]).toBe(allowed);
  });

  it('is said of what is not there, and answers a question ahead of a call', async () => {
    const cors = ['http://a:1'];
    const headers = { origin: 'http://a:1' };
    const missing = await ask({ cors }, { target: '/nowhere', headers });
    expect(missing.status).toBe(404);
    expect(missing.headers).toMatchObject({ [allowOrigin]: 'http://a:1' });
    expect(await ask({ cors }, { method: 'OPTIONS', target: '/nowhere', headers })).toEqual({
      status: 200,
      headers: {
        [allowOrigin]: 'http://a:1',
        'Access-Control-Allow-Headers': 'accept, content-type, authorization',
        'Access-Control-Allow-Methods': 'POST, GET, OPTIONS, PUT, DELETE',
      },
      body: '',
    });
  });
});

describe('a path that is not clean', () => {
  it.each<[EmulatedVersion, number, string]>([
    ['3.4', 301, 'Moved Permanently'],
    ['3.5', 301, 'Moved Permanently'],
    ['3.6', 307, 'Temporary Redirect'],
    ['3.7', 307, 'Temporary Redirect'],
  ])('is answered by %s with %i', async (emulate, status, text) => {
    const answer = await ask({}, { target: '//here?a', emulate });
    expect(answer).toMatchObject({ status, body: `<a href="/here?a">${text}</a>.\n\n` });
    expect(await ask({}, { target: '//here', method: 'POST', emulate })).toMatchObject({ status, body: '' });
  });

  it('may be part of a whole address, as proxies send it', async () => {
    expect(await ask({}, { target: 'http://a:1/here?b' })).toMatchObject({ status: 200, body: 'yes' });
    expect(await ask({}, { target: 'http://a:1' })).toMatchObject({ status: 301 });
  });

  it('is nothing at all when it is no path', async () => {
    expect(await ask({}, { target: '*' })).toMatchObject({ status: 400, headers: { Connection: 'close' }, body: '' });
  });
});

describe('--host-whitelist', () => {
  it.each<[string, readonly string[], string, boolean, number]>([
    ['any', ['*'], 'evil.example', false, 200],
    ['a name of it', ['good.example'], 'good.example', false, 200],
    ['a name of it with a port', ['good.example'], 'good.example:2379', false, 200],
    ['another name', ['good.example'], 'evil.example', false, 421],
    ['an address', ['good.example'], '127.0.0.1:2379', false, 421],
    ['an address in brackets', ['::1'], '[::1]:2379', false, 200],
    ['any name over TLS', ['good.example'], 'evil.example', true, 200],
    ['none at all', [], '127.0.0.1', false, 421],
  ])('lets %s: %j, %s', async (_name, hostWhitelist, host, secure, status) => {
    expect(await ask({ hostWhitelist }, { headers: { host }, secure })).toMatchObject({ status });
  });

  it('is asked before anything is answered, and says what to do', async () => {
    const response = await ask({ hostWhitelist: ['a'] }, { method: 'OPTIONS', headers: { host: 'evil.example:1' } });
    expect(response.headers[allowOrigin]).toBeUndefined();
    expect(response.body).toContain('  - e.g. etcd --host-whitelist "evil.example"\n\nThis requirement');
  });
});

it('what knows a path by its bytes is asked before what knows it by its address', async () => {
  const asked: string[] = [];
  const route = createRouter({
    targetHandlers: [
      () => undefined,
      (_request, { path, query }) => {
        asked.push(`${path} ${query}`);
        return path === '/here' ? { status: 201, headers: {}, body: 'bytes' } : undefined;
      },
    ],
    handlers,
  });
  const of = (target: string) => route({ method: 'GET', target, headers: {}, peer: {} } as unknown as HttpRequest);
  expect(await of('/here?x')).toMatchObject({ status: 201 });
  expect(await of('/%68ere')).toMatchObject({ status: 201 });
  expect(await of('/there')).toMatchObject({ status: 404 });
  expect(asked).toEqual(['/here x', '/here ', '/there ']);
});

it.each<[readonly string[], string, string | undefined, boolean]>([
  [['*'], 'http://a:1', undefined, true],
  [['http://a:1'], 'http://a:1', 'b:2', true],
  [['http://a:1'], 'http://b:2', 'b:2', true],
  [['http://a:1'], 'http://c:3', 'b:2', false],
  [[], 'https://b:2', 'b:2', true],
  [[], 'b:2', 'b:2', false],
  [[], 'null', undefined, false],
])('where %j are allowed a page of %s may open a socket to %s: %s', (allowed, origin, host, may) => {
  expect(allowsOrigin(allowed, origin, host)).toBe(may);
});
