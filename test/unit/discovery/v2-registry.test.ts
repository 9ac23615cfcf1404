/** The registry over HTTP, beside servers that answer as v2 does, and some that do not. */
import { once } from 'node:events';
import http from 'node:http';
import { describe, expect, it } from 'vitest';
import { UnavailableError } from '../../../src/discovery/errors.js';
import { v2Registry } from '../../../src/discovery/v2-registry.js';
import { osClock } from '../../../src/lib/os/clock.js';

const signal = new AbortController().signal;

async function serving(answer: http.RequestListener): Promise<{ url: string; asked: string[] } & AsyncDisposable> {
  const asked: string[] = [];
  const server = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/v2/keys/tok`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const registryAt = (url: string) => v2Registry({ url, proxy: '', clock: osClock });
const json = (response: http.ServerResponse, status: number, body: object): void => {
  response.writeHead(status, { 'content-type': 'application/json', 'x-etcd-index': '7' });
  response.end(JSON.stringify(body));
};
const node = (key: string, value: string, createdIndex: number) => ({
  key: `/tok/${key}`,
  value,
  createdIndex,
  modifiedIndex: createdIndex,
});

describe('a registry in v2 keys', () => {
  it.each(['', 'http://'])('is asked by way of a proxy that is named, as %s…', async (scheme) => {
    await using proxy = await serving((_request, response) =>
      json(response, 200, { node: node('_config/size', '3', 4) }),
    );
    const host = new URL(proxy.url).host;
    const registry = v2Registry({ url: 'http://nowhere.test/tok', proxy: `${scheme}${host}`, clock: osClock });
    expect(await registry.size(signal)).toBe('3');
    expect(proxy.asked.at(-1)).toMatch(/^GET http:\/\/nowhere\.test\/tok\/_config\/size/);
    await registry.close();
  });

  it('reads the size, lists members in the order of their creation, registers', async () => {
    await using server = await serving((request, response) => {
      if (request.method === 'PUT')
        return json(response, 201, { action: 'create', node: node('c', 'c=http://c:1', 9) });
      if (request.url?.endsWith('/size') === true) return json(response, 200, { node: node('_config/size', '3', 4) });
      json(response, 200, { node: { ...node('', '', 4), nodes: [node('b', 'b', 6), node('a', 'a', 5)] } });
    });
    const registry = registryAt(server.url);
    expect(await registry.size(signal)).toBe('3');
    expect(await registry.list(signal)).toEqual({
      registrations: [
        { id: 'a', value: 'a', order: 5 },
        { id: 'b', value: 'b', order: 6 },
      ],
      revision: 7,
    });
    await registry.register('c', 'c=http://c:1', signal);
    expect(server.asked.at(-1)).toBe('PUT /v2/keys/tok/c?prevExist=false');
    await registry.close();
  });

  it("says etcd's own error where the token has no size, and that an id is taken", async () => {
    await using server = await serving((request, response) =>
      request.method === 'PUT'
        ? json(response, 412, { errorCode: 105, message: 'Key already exists', cause: '/tok/a', index: 8 })
        : json(response, 404, { errorCode: 100, message: 'Key not found', cause: '/tok', index: 8 }),
    );
    const registry = registryAt(server.url);
    await expect(registry.size(signal)).rejects.toThrow('100: Key not found (/tok) [8]');
    await expect(registry.register('a', 'x', signal)).rejects.toThrow('discovery: found duplicate id');
    await registry.close();
  });

  it('waits for members one after another, through long polls that end without one', async () => {
    let polls = 0;
    await using server = await serving((_request, response) => {
      polls++;
      if (polls === 2) response.end();
      else json(response, 200, { action: 'create', node: node(`m${polls}`, `m${polls}`, 10 + polls) });
    });
    const registry = registryAt(server.url);
    const found: string[] = [];
    for await (const { id } of registry.watch(7, signal)) {
      found.push(id);
      if (found.length === 2) break;
    }
    expect(found).toEqual(['m1', 'm3']);
    expect(server.asked.map((line) => /waitIndex=\d+/.exec(line)?.[0])).toEqual([
      'waitIndex=8',
      'waitIndex=12',
      'waitIndex=12',
    ]);
    await registry.close();
  });

  it("lists who is in a store's root, which has no key", async () => {
    const root = {
      dir: true,
      nodes: [
        { key: '/_config', dir: true },
        { key: '/m', value: 'm=http://m:1' },
      ],
    };
    await using server = await serving((_request, response) => json(response, 200, { node: root }));
    const registry = registryAt(server.url);
    expect((await registry.list(signal)).registrations).toMatchObject([{ id: 'm', value: 'm=http://m:1' }]);
    await registry.close();
  });

  it.each<[string, http.RequestListener]>([
    ['a web page', (_request, response) => response.end('<html></html>')],
    ['a web page with an error', (_request, response) => response.writeHead(403).end('<html></html>')],
    ['JSON of something else', (_request, response) => json(response, 200, { hello: 'world' })],
    ['an error of something else', (_request, response) => json(response, 403, { errorCode: 'x' })],
    ['a list', (_request, response) => json(response, 200, [])],
    [
      '50 MB',
      (_request, response) => {
        response.on('error', () => {});
        for (let i = 0; i < 50; i++) response.write(Buffer.alloc(1024 * 1024, 'x'));
      },
    ],
  ])('is a bad endpoint when it answers with %s', async (_what, answer) => {
    await using server = await serving(answer);
    const registry = registryAt(server.url);
    await expect(registry.size(signal)).rejects.toThrow('discovery: bad discovery endpoint');
    await registry.close();
  });

  it.each<[string, http.RequestListener, string]>([
    [
      'a redirect to itself',
      (_request, response) => response.writeHead(302, { location: '/v2/keys/tok' }).end(),
      'client: too many redirects',
    ],
    ['a redirect to nowhere', (_request, response) => response.writeHead(302).end(), 'location header not set'],
    [
      'a redirect to what is no URL',
      (_request, response) => response.writeHead(302, { location: 'http://[::1' }).end(),
      'location header not valid URL: http://[::1',
    ],
    [
      'what is no HTTP',
      (_request, response) => void response.socket?.write('SSH-2.0-x\r\n'),
      'net/http: HTTP/1.x transport connection broken: malformed HTTP response "SSH-2.0-x"',
    ],
  ])('is asked again later when it answers with %s', async (_what, answer, why) => {
    await using server = await serving(answer);
    const registry = registryAt(server.url);
    const asked = registry.size(signal);
    await expect(asked).rejects.toThrow(UnavailableError);
    await expect(asked).rejects.toThrow(`error #0: ${why}`);
    await registry.close();
  });

  it.each([
    { nodes: 5 },
    { nodes: [{ key: 5 }] },
    { nodes: [{ key: '/tok/a', value: 7 }] },
    { nodes: [{ key: '/tok/a', createdIndex: 'x' }] },
    { key: [] },
    { value: 3 },
  ])('is a bad endpoint when a node has %j', async (wrong) => {
    await using server = await serving((_request, response) =>
      json(response, 200, { node: { ...node('', 'x', 4), ...wrong } }),
    );
    const registry = registryAt(server.url);
    await expect(registry.list(signal)).rejects.toThrow('discovery: bad discovery endpoint');
    await registry.close();
  });

  it.each([
    ['7x', '', 'strconv.ParseUint: parsing "7x": invalid syntax'],
    ['7', undefined, 'client: response body is empty'],
  ])('says what is wrong with an answer: index %j, body %j', async (index, body, words) => {
    await using server = await serving((_request, response) => {
      response.writeHead(200, { 'x-etcd-index': index });
      response.end(body === undefined ? '' : JSON.stringify({ node: node('_config/size', '3', 4) }));
    });
    const registry = registryAt(server.url);
    await expect(registry.size(signal)).rejects.toThrow(words);
    await registry.close();
  });

  it('is not asked all the time when its waits end at once', async () => {
    let answered = 0;
    await using server = await serving((_request, response) => {
      if (++answered === 3) json(response, 200, { node: node('m', 'm', 10) });
      else response.end();
    });
    const registry = registryAt(server.url);
    const begun = performance.now();
    for await (const { id } of registry.watch(7, signal)) {
      expect(id).toBe('m');
      break;
    }
    expect(performance.now() - begun).toBeGreaterThan(150);
    await registry.close();
  });

  it('follows a redirect to where the service is', async () => {
    await using server = await serving((_request, response) =>
      json(response, 200, { node: node('_config/size', '1', 4) }),
    );
    await using gate = await serving((request, response) =>
      response.writeHead(307, { location: `${new URL(server.url).origin}${request.url}` }).end(),
    );
    const registry = registryAt(gate.url);
    expect(await registry.size(signal)).toBe('1');
    await registry.close();
  });

  it('is unavailable, not wrong, when it cannot be reached or has no leader', async () => {
    const down = await serving(() => {});
    await down[Symbol.asyncDispose]();
    const registry = registryAt(down.url);
    await expect(registry.size(signal)).rejects.toMatchObject({ code: 'ERR_DISCOVERY_UNAVAILABLE' });
    await using headless = await serving((_request, response) => json(response, 503, { message: 'no leader' }));
    const other = registryAt(headless.url);
    await expect(other.size(signal)).rejects.toMatchObject({ code: 'ERR_DISCOVERY_UNAVAILABLE' });
    await Promise.all([registry.close(), other.close()]);
  });

  it('goes through an HTTP proxy, whose scheme may be left out', async () => {
    await using proxy = await serving((_request, response) =>
      json(response, 200, { node: node('_config/size', '2', 4) }),
    );
    const registry = v2Registry({
      url: 'http://discovery.invalid/v2/keys/tok',
      proxy: new URL(proxy.url).host,
      clock: osClock,
    });
    expect(await registry.size(signal)).toBe('2');
    expect(proxy.asked[0]).toBe('GET http://discovery.invalid/v2/keys/tok/_config/size');
    await registry.close();
  });

  it.each(['discovery.etcd.io/tok', 'ftp://a/tok', ''])('refuses the URL %j', (url) => {
    expect(() => registryAt(url)).toThrow('discovery: invalid URL');
  });
});
