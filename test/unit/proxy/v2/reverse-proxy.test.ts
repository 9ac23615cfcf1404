import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import type { HttpRequest } from '../../../../src/lib/http.js';
import type { HttpAnswer, HttpAsk } from '../../../../src/lib/http-client.js';
import { silentLogger } from '../../../../src/lib/logger.js';
import { ClusterFile } from '../../../../src/proxy/v2/cluster-file.js';
import { Director } from '../../../../src/proxy/v2/director.js';
import { ProxyMetrics } from '../../../../src/proxy/v2/metrics.js';
import { remoteCluster } from '../../../../src/proxy/v2/remote-members.js';
import { reverseProxy } from '../../../../src/proxy/v2/reverse-proxy.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { MemoryDisk } from '../../../support/memory-disk.js';
import { readBody } from '../../../support/read-body.js';

type Reply = (ask: HttpAsk) => HttpAnswer | Promise<HttpAnswer>;

function proxyTo(urls: readonly string[], reply: Reply) {
  const clock = new ManualClock();
  const random = { below: (bound: number) => bound - 1, uint64: () => 0n };
  const director = new Director({ clock, random, logger: silentLogger, failureWaitMs: 5000 });
  director.refresh(urls);
  const asked: HttpAsk[] = [];
  const registry = new Registry();
  const http = {
    ask: async (ask: HttpAsk) => {
      asked.push(ask);
      return reply(ask);
    },
    close: async () => {},
  };
  const metrics = new ProxyMetrics(registry);
  const forward = reverseProxy({ director, http, clock, logger: silentLogger, metrics });
  return { forward, director, clock, asked, registry, http };
}

function answer(text: string, fields: readonly (readonly [string, string])[] = [], status = 200): HttpAnswer {
  const body = bytes(text);
  return { status, headers: {}, fields, body, read: readBody(body), discard() {} };
}

async function* bytes(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

const request = (more: Partial<HttpRequest> = {}): HttpRequest => ({
  method: 'GET',
  target: '/v2/keys/a?wait=true',
  protocol: 'HTTP/1.1',
  headers: { host: 'proxy:1' },
  body: bytes(),
  peer: { address: '10.0.0.9:4711', tls: undefined },
  signal: new AbortController().signal,
  isGone: false,
  ...more,
});

const refused = (): never => {
  throw Object.assign(new Error('dial tcp 127.0.0.1:1: connect: connection refused'), { code: 'ECONNREFUSED' });
};

describe('a v2 proxy', () => {
  it('passes a request on, and the answer back, without what is between neighbours alone', async () => {
    const { forward, asked } = proxyTo(['http://a:1/ignored'], () =>
      answer('{}', [
        ['X-Etcd-Index', '4'],
        ['Vary', 'x'],
        ['Vary', 'y'],
        ['Keep-Alive', 'timeout=5'],
        ['Transfer-Encoding', 'chunked'],
      ]),
    );
    const headers = { host: 'proxy:1', connection: 'close', te: 'trailers', authorization: 'Basic x' };
    const response = await forward(
      request({ method: 'PUT', body: bytes('value', '=1'), headers: { ...headers, 'x-forwarded-for': '1.2.3.4' } }),
    );
    expect(asked[0]).toMatchObject({ method: 'PUT', url: 'http://a:1/v2/keys/a?wait=true' });
    expect(Buffer.from(asked[0]?.body as Uint8Array).toString()).toBe('value=1');
    expect(asked[0]?.headers).toEqual({
      host: 'proxy:1',
      authorization: 'Basic x',
      'x-forwarded-for': '1.2.3.4, 10.0.0.9',
    });
    expect(response).toMatchObject({ status: 200, headers: { 'X-Etcd-Index': ['4'], Vary: ['x', 'y'] } });
    expect(Object.keys(response.headers)).toHaveLength(2);
  });

  it('asks one endpoint after another, and leaves failed ones out for a while', async () => {
    const { forward, director, clock, asked } = proxyTo(['http://a:1', 'http://b:2'], ({ url }) =>
      url.startsWith('http://a') ? refused() : answer('{}'),
    );
    expect((await forward(request())).status).toBe(200);
    expect((await forward(request())).status).toBe(200);
    expect(asked.map(({ url }) => url.slice(7, 8))).toEqual(['a', 'b', 'b']);
    expect(director.available()).toHaveLength(1);
    await clock.advance(5000);
    expect(director.available()).toHaveLength(2);
  });

  it('leaves a failed endpoint out once, however often it fails meanwhile, and not beyond a new list', async () => {
    const { director, clock } = proxyTo(['http://a:1', 'http://b:2'], refused);
    const [a, b] = director.available();
    if (a === undefined || b === undefined) throw new Error('there are two');
    director.failed(a);
    await clock.advance(3000);
    // Of a request that began before.
    director.failed(a);
    director.failed({ url: 'http://gone:3' });
    expect(clock.pending).toBe(1);
    expect(director.available()).toEqual([b]);
    await clock.advance(2000);
    expect(director.available()).toHaveLength(2);
    director.failed(b);
    director.refresh(['http://a:1', 'http://b:2']);
    expect(director.available()).toHaveLength(2);
    expect(clock.pending).toBe(0);
    director.failed(b);
    director.close();
    expect(clock.pending).toBe(0);
  });

  it('tries endpoints in an order that each refresh draws anew', () => {
    const draws = [0, 1, 0, 0, 0, 0];
    const random = { below: (bound: number) => Math.min(bound - 1, draws.shift() ?? 0), uint64: () => 0n };
    const director = new Director({ clock: new ManualClock(), random, logger: silentLogger, failureWaitMs: 5000 });
    const urls = ['a', 'b', 'c'];
    director.refresh(urls);
    const first = director.available().map(({ url }) => url);
    director.refresh(urls);
    const second = director.available().map(({ url }) => url);
    expect([first, second]).toEqual([
      ['c', 'b', 'a'],
      ['c', 'a', 'b'],
    ]);
    expect(urls).toEqual(['a', 'b', 'c']);
  });

  it('says why the body of a request cannot be read, and asks nobody', async () => {
    const { forward, asked } = proxyTo(['http://a:1'], () => answer('{}'));
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half');
      throw new Error('unexpected EOF');
    }
    expect(await forward(request({ method: 'PUT', body: broken() }))).toEqual({
      status: 500,
      headers: { 'Content-Type': 'application/json' },
      body: '{"message":"httpproxy: failed to read request body: unexpected EOF"}',
    });
    expect(asked).toHaveLength(0);
  });

  it('counts what was handled by method and status, with how long that took', async () => {
    const statuses = [200, 404];
    const { forward, clock, registry } = proxyTo(['http://a:1'], async () => {
      await clock.advance(250);
      return answer('', [], statuses.shift());
    });
    await forward(request());
    await forward(request({ method: 'MADE-UP' }));
    const text = await registry.metrics();
    expect(text).toContain('etcd_proxy_handled_total{method="GET",code="200"} 1');
    expect(text).toContain('etcd_proxy_handled_total{method="other",code="404"} 1');
    expect(text).toContain('etcd_proxy_handling_duration_seconds_sum{method="GET"} 0.25');
  });

  it('says so when none answers, and when none is left', async () => {
    const { forward, registry } = proxyTo(['http://a:1'], refused);
    expect(await forward(request())).toEqual({
      status: 502,
      headers: { 'Content-Type': 'application/json' },
      body: '{"message":"httpproxy: unable to get response from 1 endpoint(s)"}',
    });
    expect(await forward(request())).toMatchObject({
      status: 503,
      body: '{"message":"httpproxy: zero endpoints currently available"}',
    });
    const text = await registry.metrics();
    for (const why of ['failed_sending_request', 'failed_getting_response', 'zero_endpoints']) {
      expect(text).toContain(`etcd_proxy_dropped_total{method="GET",proxying_error="${why}"} 1`);
    }
    expect(text).toContain('etcd_proxy_requests_total{method="GET"} 2');
  });

  it("hands an endpoint's own error on, without asking another", async () => {
    const { forward, asked } = proxyTo(['http://a:1', 'http://b:2'], () => answer('no', [], 500));
    expect((await forward(request())).status).toBe(500);
    expect(asked).toHaveLength(1);
  });

  it('blames no endpoint for descriptors that are missing here', async () => {
    const { forward, director } = proxyTo(['http://a:1', 'http://b:1'], () => {
      throw Object.assign(new Error('dial tcp 10.0.0.1:1: socket: too many open files'), { code: 'EMFILE' });
    });
    expect((await forward(request())).status).toBe(502);
    expect(
      director
        .available()
        .map(({ url }) => url)
        .sort(),
    ).toEqual(['http://a:1', 'http://b:1']);
  });

  it('ends a wait when the client goes, and blames no endpoint for it', async () => {
    const gone = new AbortController();
    const { forward, director, asked } = proxyTo(
      ['http://a:1', 'http://b:2'],
      ({ signal }) => new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
    );
    const waiting = forward(request({ signal: gone.signal }));
    await Promise.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    gone.abort(new Error('gone'));
    expect((await waiting).status).toBe(502);
    expect(asked).toHaveLength(1);
    expect(director.available()).toHaveLength(2);
  });

  it('keeps no body that is too large for any member', async () => {
    const { forward, asked } = proxyTo(['http://a:1'], () => answer('{}'));
    async function* endless(): AsyncGenerator<Uint8Array> {
      const chunk = new Uint8Array(1024 * 1024);
      for (;;) yield chunk;
    }
    expect((await forward(request({ method: 'PUT', body: endless() }))).status).toBe(500);
    expect(asked).toHaveLength(0);
  });

  it('learns endpoints from the first peer that answers, whose ids are too large for numbers', async () => {
    const list = '[{"id":13803658152347727308,"peerURLs":["http://p:2"],"clientURLs":["http://c:2","http://c:1"]}]';
    const { http, clock } = proxyTo([], ({ url }) => (url === 'http://p:1/members' ? refused() : answer(list)));
    const deps = { http, clock, logger: silentLogger, signal: new AbortController().signal };
    expect(await remoteCluster(['http://p:1', 'http://p:2'], deps)).toEqual({
      peerUrls: ['http://p:2'],
      clientUrls: ['http://c:1', 'http://c:2'],
    });
    expect(await remoteCluster(['http://p:1'], deps)).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  it.each([
    ['{"peerURLs":["http://p:9"]}', 200],
    ['no list', 200],
    ['[{"peerURLs":["http://p:9"]}]', 500],
  ])('learns nothing from a peer that answers %s with status %d', async (body, status) => {
    const lists = [{ ...answer(body), status }, answer('[{"peerURLs":["http://p:3",7],"clientURLs":null}]')];
    const { http, clock } = proxyTo([], () => lists.shift() ?? refused());
    const deps = { http, clock, logger: silentLogger, signal: new AbortController().signal };
    expect(await remoteCluster(['http://p:1', 'http://p:2'], deps)).toEqual({
      peerUrls: ['http://p:3'],
      clientUrls: [],
    });
  });

  it('keeps the addresses of peers from start to start', () => {
    const disk = new MemoryDisk();
    const file = new ClusterFile(disk, '/px');
    expect(file.read()).toBeUndefined();
    file.makeDir();
    file.write(['http://p:1', 'http://p:2']);
    file.write(['http://p:1']);
    expect(new ClusterFile(disk, '/px').read()).toEqual(['http://p:1']);
    expect(disk.list('/px/proxy')).toEqual(['cluster']);
  });
});
