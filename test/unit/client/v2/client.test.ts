import { describe, expect, it } from 'vitest';
import { V2Client } from '../../../../src/client/v2/client.js';
import { ClusterError, DeadlineError, V2CallError, V2Error } from '../../../../src/client/v2/errors.js';
import type { V2ClientOptions } from '../../../../src/client/v2/types.js';
import type { HttpAnswer, HttpAsk } from '../../../../src/lib/http-client.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { readBody } from '../../../support/read-body.js';

interface Canned {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}
type Reply = (ask: HttpAsk) => Canned | Promise<Canned>;

/** A client whose servers are a function. */
function clientOf(reply: Reply, options: Partial<V2ClientOptions> = {}) {
  const clock = new ManualClock();
  const asked: HttpAsk[] = [];
  const client = new V2Client(
    { endpoints: ['http://a:1', 'http://b:2', 'http://c:3'], ...options },
    {
      clock,
      // Leaves the order as it is.
      random: { below: (bound) => bound - 1, uint64: () => 0n },
      http: () => ({
        async ask(ask): Promise<HttpAnswer> {
          asked.push(ask);
          const { status = 200, headers = {}, body = '{}' } = await reply(ask);
          const chunks = bytes(body);
          const fields = Object.entries(headers);
          return { status, headers, fields, body: chunks, read: readBody(chunks), discard() {} };
        },
        close: async () => {},
      }),
    },
  );
  return { client, clock, asked, urls: () => asked.map(({ method, url }) => `${method} ${url}`) };
}

async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

const refused = (): never => {
  throw Object.assign(new Error('dial tcp 127.0.0.1:1: connect: connection refused'), { code: 'ECONNREFUSED' });
};
const never = ({ signal }: HttpAsk): Promise<Canned> =>
  new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
const members = (...urls: string[]) => ({ body: JSON.stringify({ members: [{ id: '1', clientURLs: urls }] }) });

describe('a v2 client', () => {
  it('goes on to the next endpoint, and stays with the one that answered', async () => {
    const { client, urls } = clientOf(({ url }) => (url.startsWith('http://a') ? refused() : {}));
    await client.keys.get('/x');
    await client.keys.get('/x');
    expect(urls().map((url) => url.slice(11, 12))).toEqual(['a', 'b', 'b']);
  });

  it('counts 5xx as an endpoint that fails, and tells of all of them', async () => {
    const { client } = clientOf(({ url }) => {
      if (url.startsWith('http://a')) return refused();
      return { status: url.startsWith('http://b') ? 503 : 502 };
    });
    const error = await client.keys.get('/x').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ClusterError);
    expect(error).toMatchObject({
      message:
        'client: etcd cluster is unavailable or misconfigured; error #0: dial tcp 127.0.0.1:1: connect: ' +
        'connection refused\n' +
        '; error #1: client: etcd member http://b:2 has no leader\n' +
        '; error #2: client: etcd member http://c:3 returns server error [Bad Gateway]\n',
    });
  });

  it('never tries again what could happen twice, and begins the next call elsewhere', async () => {
    const { client, urls } = clientOf(({ url }) => (url.startsWith('http://a') ? refused() : {}));
    await expect(client.keys.delete('/x')).rejects.toThrow(/^dial tcp/);
    await client.keys.create('/x', 'v');
    expect(urls()).toEqual(['DELETE http://a:1/v2/keys/x', 'PUT http://b:2/v2/keys/x?prevExist=false']);
  });

  it('sends what etcdctl sends', async () => {
    const { client, asked, urls } = clientOf(() => ({}), {
      endpoints: ['http://a:1/sub/'],
      username: 'u',
      password: 'p',
    });
    await client.keys.get('sp ace//ü?x#y');
    await client.keys.set('/k', 'v 2', { ttlSeconds: 5, prevValue: 'a&b', prevIndex: -1 });
    await client.keys.set('/d/', 'unused', { dir: true, prevExist: true });
    await client.keys.refresh('/k', 7);
    await client.keys.createInOrder('/q', 'x');
    await client.keys.delete('/k', { recursive: true, dir: true, prevIndex: 3 });
    expect(urls()).toEqual([
      'GET http://a:1/sub/v2/keys/sp%20ace/%C3%BC%3Fx%23y?quorum=false&recursive=false&sorted=false',
      'PUT http://a:1/sub/v2/keys/k?prevIndex=18446744073709551615&prevValue=a%26b',
      'PUT http://a:1/sub/v2/keys/d/?dir=true&prevExist=true',
      'PUT http://a:1/sub/v2/keys/k?prevExist=true',
      'POST http://a:1/sub/v2/keys/q',
      'DELETE http://a:1/sub/v2/keys/k?dir=true&prevIndex=3&recursive=true',
    ]);
    expect(asked.map(({ body }) => body)).toEqual([
      undefined,
      'ttl=5&value=v+2',
      '',
      'refresh=true&ttl=7',
      'value=x',
      undefined,
    ]);
    expect(asked[0]?.headers?.authorization).toBe(`Basic ${Buffer.from('u:p').toString('base64')}`);
  });

  it('throws refusals with code, cause and index', async () => {
    const { client } = clientOf(() => ({
      status: 404,
      body: '{"errorCode":100,"message":"Key not found","cause":"/x","index":7}',
    }));
    const error = await client.keys.get('/x').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(V2Error);
    expect(error).toMatchObject({ code: 100, cause: '/x', index: 7, message: '100: Key not found (/x) [7]' });
  });

  it('says so when what answers is no etcd', async () => {
    const { client } = clientOf(() => ({ status: 404, body: '404 page not found\n' }));
    await expect(client.keys.get('/x')).rejects.toThrow(/^client: response is invalid json/);
    await expect(client.members.list()).rejects.toThrow('unexpected status code 404');
  });

  it.each([
    ['an action of another type', '{"action":5}'],
    ['a node of another type', '{"action":"get","node":"x"}'],
    ['children of another type', '{"action":"get","node":{"nodes":[1]}}'],
    ['an index below nought', '{"action":"get","node":{"key":"/k","modifiedIndex":-1}}'],
    ['an index of over 64 bits', '{"action":"get","node":{"key":"/k","createdIndex":99999999999999999999}}'],
    ['a TTL of another type', '{"action":"get","node":{"key":"/k","ttl":"x"}}'],
    ['a moment that is none', '{"action":"get","node":{"key":"/k","expiration":"soon"}}'],
    ['no object', '[]'],
  ])('takes no answer about keys with %s', async (_, body) => {
    const { client } = clientOf(() => ({ body }));
    await expect(client.keys.get('/k')).rejects.toThrow('client: response is invalid json. The endpoint is probably');
  });

  it('takes an index that is no number for what it is', async () => {
    const { client } = clientOf(() => ({ headers: { 'x-etcd-index': 'zz' } }));
    await expect(client.keys.get('/k')).rejects.toThrow('strconv.ParseUint: parsing "zz": invalid syntax');
  });

  it.each([
    ['a list that is none', '{"members":"x"}', 'string into Go struct field .Members of type []client.Member'],
    ['a number', '5', 'number into Go value of type struct { Members []client.Member }'],
    [
      'an id that is a number',
      '{"members":[{"id":5}]}',
      'number into Go struct field Member.Members.id of type string',
    ],
  ])('takes no answer about members with %s', async (_, body, why) => {
    const { client } = clientOf(() => ({ body }));
    await expect(client.members.list()).rejects.toThrow(`json: cannot unmarshal ${why}`);
  });

  it.each([
    ['a number', '{"role":5}', 'number into Go struct field Role.role of type string'],
    [
      'patterns that are no list',
      '{"permissions":{"kv":{"read":"x"}}}',
      'string into Go struct field rwPermission.permissions.kv.read of type []string',
    ],
  ])('takes no role with %s', async (_, body, why) => {
    const { client } = clientOf(() => ({ body }));
    await expect(client.auth.role('r')).rejects.toThrow(`json: cannot unmarshal ${why}`);
  });

  it('takes a user with roles or with their names, and none with neither', async () => {
    const roles: unknown[] = [['a'], [{ role: 'b' }], [5]];
    const { client } = clientOf(() => ({ body: JSON.stringify({ user: 'u', roles: roles.shift() }) }));
    expect((await client.auth.user('u')).roles).toEqual(['a']);
    expect((await client.auth.user('u')).roles).toEqual(['b']);
    const why = 'json: cannot unmarshal number into Go struct field User.roles of type string';
    await expect(client.auth.user('u')).rejects.toThrow(why);
  });

  it('takes refusals about members and users in the words of the server', async () => {
    const { client } = clientOf(() => ({ status: 409, body: '{"message":"membership: peerURL exists"}' }));
    await expect(client.members.add(['http://1.1.1.1:1'])).rejects.toThrow(
      new V2CallError(409, 'membership: peerURL exists'),
    );
    await expect(client.auth.enable()).rejects.toThrow('membership: peerURL exists');
  });

  it.each<[string, Canned, string]>([
    ['an empty answer', { body: '' }, 'client: response body is empty'],
    ['no JSON', { body: 'sorry' }, 'client: response is invalid json'],
    ['JSON that is no object', { body: '[1]' }, 'client: response is invalid json'],
    ['a redirection to nowhere', { status: 307 }, 'location header not set'],
    ['a refusal that is no JSON object', { status: 404, body: '7' }, 'client: response is invalid json'],
  ])('takes %s for no event', async (_name, reply, message) => {
    const { client } = clientOf(() => reply, { endpoints: ['http://a:1'] });
    await expect(client.keys.get('/x')).rejects.toThrow(message);
  });

  it('takes figures from who gives them alone, in the words of Go where it is no JSON', async () => {
    const replies: Canned[] = [
      { status: 403, body: '{"message":"not current leader"}' },
      { body: '[1]' },
      { body: 'sorry' },
      { body: '{"name":"n"}' },
    ];
    const { client, urls } = clientOf(() => replies.shift() ?? {}, { endpoints: ['http://a:1'] });
    await expect(client.stats.leader()).rejects.toThrow(new V2CallError(403, 'not current leader'));
    await expect(client.stats.self()).rejects.toThrow('json: cannot unmarshal');
    await expect(client.stats.store()).rejects.toThrow("invalid character 's' looking for beginning of value");
    expect(await client.stats.self()).toEqual({ name: 'n' });
    const [leader, self, store] = ['leader', 'self', 'store'].map((name) => `GET http://a:1/v2/stats/${name}`);
    expect(urls()).toEqual([leader, self, store, self]);
  });

  it('asks nobody where there is no time, nor anybody who is gone', async () => {
    const { client, asked } = clientOf(() => ({}));
    for (const timeoutMs of [0, -1])
      await expect(client.keys.get('/x', { timeoutMs })).rejects.toBeInstanceOf(DeadlineError);
    const reason = new Error('enough');
    await expect(client.keys.get('/x', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(asked).toEqual([]);
  });

  it('goes up in a path as a folder does, and from then on to other endpoints', async () => {
    const { client, urls } = clientOf(() => ({}));
    await client.keys.get('/a/b/../c/./d//');
    await client.keys.get('/../../x');
    client.setEndpoints(['http://z:9']);
    await client.keys.get('/x');
    expect(urls().map((url) => url.replace(/\?.*/, ''))).toEqual([
      'GET http://a:1/v2/keys/a/c/d/',
      'GET http://a:1/x',
      'GET http://z:9/v2/keys/x',
    ]);
  });

  it('gives an endpoint its time, and the call as a whole another', async () => {
    const { client, clock } = clientOf(never, { endpoints: ['http://a:1'], requestTimeoutMs: 2000 });
    const slow = client.keys.get('/x').catch((error: unknown) => error);
    await clock.advance(2000);
    expect(await slow).toMatchObject({ errors: [{ message: 'client: endpoint http://a:1 exceeded header timeout' }] });
    const late = client.keys.get('/x', { timeoutMs: 1000 }).catch((error: unknown) => error);
    await clock.advance(1000);
    expect(await late).toBeInstanceOf(DeadlineError);
    expect(clock.pending).toBe(0);
  });

  it('watches from where the last event left off, and ends with its signal', async () => {
    const stop = new AbortController();
    const events = [{ modifiedIndex: 5 }, { modifiedIndex: 9 }].map((node) => ({
      body: JSON.stringify({ action: 'set', node }),
    }));
    const { client, urls } = clientOf((ask) => events.shift() ?? never(ask), { requestTimeoutMs: 2000 });
    const seen: number[] = [];
    const watching = (async () => {
      for await (const { node } of client.keys.watch('/d', { afterIndex: 3, recursive: true, signal: stop.signal })) {
        seen.push(node?.modifiedIndex ?? 0);
        if (seen.length === 2) stop.abort(new Error('enough'));
      }
    })();
    await expect(watching).rejects.toThrow('enough');
    expect(seen).toEqual([5, 9]);
    expect(urls().map((url) => /waitIndex=(\d+)/.exec(url)?.[1])).toEqual(['4', '6']);
  });

  it('takes the endpoints that members publish', async () => {
    const { client } = clientOf(() => members('http://x:1', 'http://y:2'));
    await client.sync();
    expect([...client.endpoints].sort()).toEqual(['http://x:1', 'http://y:2']);
    const { client: alone } = clientOf(() => members());
    await expect(alone.sync()).rejects.toThrow('client: no endpoints available');
  });

  it('follows redirects, though not for ever', async () => {
    let left = 3;
    const { client, urls } = clientOf(() => (left-- > 0 ? { status: 301, headers: { location: '/v2/keys/y' } } : {}));
    await client.keys.get('/x');
    expect(urls().at(-1)).toBe('GET http://a:1/v2/keys/y');
    const { client: lost } = clientOf(() => ({ status: 301, headers: { location: '/z' } }), {
      endpoints: ['http://a:1'],
    });
    await expect(lost.keys.get('/x')).rejects.toThrow('client: too many redirects');
    const locations = ['', 'http://[::1'];
    const { client: astray } = clientOf(() => ({ status: 302, headers: { location: locations.shift() ?? '' } }), {
      endpoints: ['http://a:1'],
    });
    await expect(astray.keys.get('/x')).rejects.toThrow('location header not set');
    await expect(astray.keys.get('/x')).rejects.toThrow('location header not valid URL: http://[::1');
  });
});
