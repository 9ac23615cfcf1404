import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseJson } from '../../../../src/api/gateway/json/parse.js';
import { readProtoJson } from '../../../../src/api/gateway/json/protojson.js';
import { schemaOf } from '../../../../src/api/gateway/json/schema.js';
import { sizeOfMessage } from '../../../../src/api/gateway/json/size.js';
import { KV, PutRequest, TxnRequest } from '../../../../src/proto/gen/etcdserverpb.js';
import { type ClusterPlace, type LocalCluster, startCluster } from '../../../support/cluster.js';

let cluster: LocalCluster;
let served: ClusterPlace;
beforeAll(async () => {
  cluster = await startCluster({ members: 1 });
  served = cluster.only;
});
afterAll(() => cluster[Symbol.asyncDispose]());

const base64 = (text: string): string => Buffer.from(text).toString('base64');

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

async function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`http://${served.endpoint}${path}`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers,
  });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

/** Lines of a stream as they come; `send` adds to the request's body, `close` goes away. */
function openStream(path: string) {
  const [host = '', port = ''] = served.endpoint.split(':');
  const lines: unknown[] = [];
  let wake: () => void = () => {};
  let held = '';
  const request = httpRequest({ host, port: Number(port), path, method: 'POST' }, (response) => {
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      held += text;
      const parts = held.split('\n');
      held = parts.pop() ?? '';
      lines.push(...parts.map((part) => JSON.parse(part)));
      wake();
    });
    response.on('error', () => {});
  });
  request.on('error', () => {});
  request.flushHeaders();
  return {
    send: (value: unknown) => request.write(JSON.stringify(value)),
    async line(index: number): Promise<unknown> {
      while (lines.length <= index)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      return lines[index];
    },
    close: () => request.destroy(),
  };
}

describe('the JSON gateway', () => {
  it('puts and ranges with the spelling of etcd', async () => {
    const put = await post('/v3/kv/put', { key: base64('foo'), value: base64('bar') });
    expect(put.status).toBe(200);
    expect(put.headers.get('content-type')).toBe('application/json');
    expect(put.headers.get('grpc-metadata-content-type')).toBe('application/grpc');
    expect(put.headers.get('access-control-allow-origin')).toBe('*');
    const range = await post('/v3/kv/range', { key: base64('foo') });
    expect(range.body.replace(/("(?:cluster|member)_id":")\d+"/g, '$1…"')).toBe(
      '{"header":{"cluster_id":"…", "member_id":"…", "revision":"2", "raft_term":"2"}, "kvs":[{"key":"Zm9v", ' +
        '"create_revision":"2", "mod_revision":"2", "version":"1", "value":"YmFy"}], "count":"1"}',
    );
  });

  it('tells refusals with code, text and status', async () => {
    const { status, body } = await post('/v3/kv/range', '');
    expect([status, body]).toEqual([400, '{"code":3, "message":"etcdserver: key is not provided"}']);
    expect((await post('/v3/cluster/nothing', '')).status).toBe(404);
    const got = await fetch(`http://${served.endpoint}/v3/kv/range`);
    expect([got.status, await got.text()]).toEqual([501, '{"code":12, "message":"Method Not Allowed"}']);
  });

  it('serves the paths of earlier versions', async () => {
    expect((await post('/v3beta/kv/range', { key: base64('foo') })).status).toBe(200);
    expect((await post('/v3alpha/kv/range', { key: base64('foo') })).status).toBe(404);
  });

  it('refuses timeouts and binary headers that are none', async () => {
    const body = { key: base64('foo') };
    // More than a duration of Go's can be.
    expect((await post('/v3/kv/range', body, { 'Grpc-Timeout': '99999999H' })).status).toBe(504);
    expect((await post('/v3/kv/range', body, { 'Grpc-Timeout': '2562047H' })).status).toBe(200);
    expect((await post('/v3/kv/range', body, { 'Grpc-Timeout': 'junk' })).body).toBe(
      '{"code":3, "message":"invalid grpc-timeout: junk"}',
    );
    expect((await post('/v3/kv/range', body, { 'Grpc-Timeout': '1n' })).status).toBe(504);
    // What is late before it begins is not carried out.
    const late = await post('/v3/kv/put', { key: base64('late') }, { 'Grpc-Timeout': '-1S' });
    expect([late.status, late.body]).toEqual([504, '{"code":4, "message":"context deadline exceeded"}']);
    expect((await post('/v3/kv/range', { key: base64('late') })).body).not.toContain('kvs');
    expect((await post('/v3/lease/keepalive', { ID: '1' }, { 'Grpc-Timeout': '-1S' })).body).toBe(late.body);
    expect((await post('/v3/kv/range', body, { 'Grpc-Metadata-X-Bin': '%%' })).body).toBe(
      '{"code":3, "message":"invalid binary header Grpc-Metadata-X-Bin: illegal base64 data at input byte 0"}',
    );
  });

  it('refuses what no client of gRPC would send on, and leaves out the rest that cannot be printed', async () => {
    const body = { key: base64('foo') };
    const refusal = async (headers: Record<string, string>): Promise<unknown[]> => {
      const { status, body: said } = await post('/v3/kv/range', body, headers);
      return status === 200 ? [status] : [status, JSON.parse(said).message];
    };
    for (const name of ['authorization', 'x-forwarded-for', 'x-forwarded-host'])
      expect(await refusal({ [name]: 'a\xe9' })).toEqual([
        500,
        `header key "${name}" contains value with non-printable ASCII characters`,
      ]);
    expect(await refusal({ 'Grpc-Metadata-': 'a' })).toEqual([500, 'there is an empty key in the header']);
    expect(await refusal({ 'Grpc-Metadata-': '\xe9', 'Grpc-Metadata-A': '\xe9', Cookie: '\xe9' })).toEqual([200]);
  });

  it('reads the requests of a stream no further than its body can be read, and goes on', async () => {
    const [host = '', port = ''] = served.endpoint.split(':');
    const socket = connect({ host, port: Number(port) });
    let got = '';
    socket.on('data', (data) => {
      got += data;
    });
    const create = JSON.stringify({ create_request: { key: base64('cut') } });
    socket.write('POST /v3/watch HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    socket.write(`${create.length.toString(16)}\r\n${create}\r\n`);
    await expect.poll(() => got).toContain('"created":true');
    socket.write('no chunk\r\n');
    await post('/v3/kv/put', { key: base64('cut'), value: base64('1') });
    await expect.poll(() => got).toContain('"events"');
    socket.destroy();
  });

  it('refuses what is too large for a request, and for a message, in the words of each', async () => {
    const key = base64('big');
    const tooLarge = await post('/v3/kv/put', { key, value: base64('x'.repeat(1_600_000)) });
    expect([tooLarge.status, tooLarge.body]).toEqual([400, '{"code":3, "message":"etcdserver: request is too large"}']);
    const larger = await post('/v3/kv/put', { key, value: base64('x'.repeat(3_000_000)) });
    const text = 'grpc: received message larger than max (3000010 vs. 2097152)';
    expect([larger.status, larger.body]).toEqual([429, `{"code":8, "message":"${text}"}`]);
  });

  it('refuses as too large what is small and has hundreds of thousands of values', async () => {
    const values = Array.from({ length: 250_000 }, () => ({}));
    const txn = await post('/v3/kv/txn', { success: values });
    const tooMany = '{"code":3, "message":"etcdserver: too many operations in txn request"}';
    expect([txn.status, txn.body]).toEqual([400, tooMany]);
    const range = await post('/v3/kv/range', { whatever: values });
    expect([range.status, range.body]).toEqual([400, '{"code":3, "message":"etcdserver: request is too large"}']);
  });

  it.each([130, 1000])('refuses a transaction in %i others as too many operations', async (levels) => {
    const body = `${'{"success":[{"request_txn":'.repeat(levels)}{}${'}]}'.repeat(levels)}`;
    const txn = await post('/v3/kv/txn', body);
    const tooMany = '{"code":3, "message":"etcdserver: too many operations in txn request"}';
    expect([txn.status, txn.body]).toEqual([400, tooMany]);
  });

  it('says how large the message would be of a body that is too large to be held', async () => {
    const big = (bytes: number) => base64('x'.repeat(bytes));
    const put = (bytes: number) => ({ key: base64('big'), value: big(bytes) });
    const success = [4_000_000, 3_000_001, 100, 2_000_002].map((bytes) => ({ request_put: put(bytes) }));
    const compare = [{ key: base64('k'), range_end: big(1_000_000), target: 'VALUE', value: big(7) }];
    const whole = JSON.stringify({ compare, success });
    const schema = schemaOf('etcdserverpb.TxnRequest');
    const document = parseJson(whole);
    if (document === undefined) throw new Error('there is a document');
    const message = readProtoJson(document, schema, { textBytes: false });
    const size = TxnRequest.encode(message as never).length;
    expect(size).toBeGreaterThan(10_000_000);
    const cut = { text: new Map(), base64: new Map() };
    expect(sizeOfMessage(message, schema, { cut, textBytes: false })).toBe(size);
    const text = (bytes: number) => `grpc: received message larger than max (${bytes} vs. 2097152)`;
    expect((await post('/v3/kv/txn', whole)).body).toBe(`{"code":8, "message":"${text(size)}"}`);
    expect((await post('/v3/kv/put?text=1', { key: 'k', value: 'é'.repeat(5_000_000) })).status).toBe(429);
    expect((await post('/v3/kv/put?text=1', { key: 'k', value: 'v'.repeat(10_000_000) })).body).toContain(
      text(10_000_000 + 3 + 5),
    );
    // What is not part of the message, or no JSON.
    expect((await post('/v3/kv/put', { foo: big(9_000_000), key: base64('big') })).status).toBe(200);
    expect((await post('/v3/kv/put', ` ${' '.repeat(9_000_000)}`)).body).toContain('key is not provided');
    expect((await post('/v3/kv/put', `{"key":"${big(9_000_000)}"`)).body).toContain('unexpected EOF');
    // Of many small values no more than eight megabytes are looked at.
    const many = JSON.stringify({ success: Array.from({ length: 160_000 }, () => ({ request_put: put(10) })) });
    expect((await post('/v3/kv/txn', many)).body).toContain(text(many.length));
  });

  it('shows keys and values as text on request', async () => {
    await post('/v3/kv/put?text=1', { key: 'grüße', value: 'an <alle>' });
    const { body } = await post('/v3/kv/range?text=1', { key: 'grüße' });
    expect(JSON.parse(body).kvs[0]).toMatchObject({ key: 'grüße', value: 'an <alle>' });
    await served.connect().unary(KV.put, PutRequest.create({ key: Buffer.from('bin'), value: Buffer.of(0xff, 0) }));
    expect(JSON.parse((await post('/v3/kv/range?text=1', { key: 'bin' })).body).kvs[0].value).toEqual({
      base64: '/wA=',
    });
  });

  it('streams watches, with requests that come later and values beyond 64 KB (etcd #12402)', async () => {
    const watch = openStream('/v3/watch');
    watch.send({ create_request: { key: base64('w') } });
    expect(await watch.line(0)).toMatchObject({ result: { created: true } });
    const value = base64('v'.repeat(1_000_000));
    await post('/v3/kv/put', { key: base64('w'), value });
    expect(await watch.line(1)).toMatchObject({ result: { events: [{ kv: { key: base64('w'), value } }] } });
    watch.send({ cancel_request: { watch_id: 0 } });
    expect(await watch.line(2)).toMatchObject({ result: { canceled: true } });
    watch.close();
  });

  it('keeps leases alive, several requests in one body', async () => {
    const { ID } = JSON.parse((await post('/v3/lease/grant', { TTL: 100 })).body);
    const alive = await post('/v3/lease/keepalive', `{"ID":"${ID}"} {"ID":5}`);
    const lines = alive.body.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).result)).toMatchObject([{ ID, TTL: '100' }, { ID: '5' }]);
  });

  it('goes on with what came before a request that cannot be read', async () => {
    const watch = openStream('/v3/watch');
    watch.send({ create_request: { key: base64('g') } });
    expect(await watch.line(0)).toMatchObject({ result: { created: true } });
    watch.send('garbage');
    await post('/v3/kv/put', { key: base64('g'), value: base64('1') });
    expect(await watch.line(1)).toMatchObject({ result: { events: [{ kv: { key: base64('g') } }] } });
    watch.close();
  });

  it('makes no more calls at once than a connection has streams, and the next when one has ended', async () => {
    await using narrow = await startCluster({ members: 1, flags: ['--max-concurrent-streams=1'] });
    const url = `http://${narrow.only.endpoint}/v3`;
    const leaving = new AbortController();
    const create = JSON.stringify({ create_request: { key: base64('a') } });
    const watch = await fetch(`${url}/watch`, { method: 'POST', body: create, signal: leaving.signal });
    expect(watch.status).toBe(200);
    const range = (headers: Record<string, string> = {}) =>
      fetch(`${url}/kv/range`, { method: 'POST', body: JSON.stringify({ key: base64('a') }), headers });
    expect((await range({ 'Grpc-Timeout': '50m' })).status).toBe(504);
    const waiting = range();
    leaving.abort();
    expect((await waiting).status).toBe(200);
  });

  it('can be switched off', async () => {
    await using offCluster = await startCluster({ members: 1, flags: ['--enable-grpc-gateway=false'] });
    const off = offCluster.only;
    const response = await fetch(`http://${off.endpoint}/v3/kv/range`, { method: 'POST', body: '{}' });
    expect([response.status, await response.text()]).toEqual([404, '404 page not found\n']);
  });

  it('answers as 3.4 does when it is one', async () => {
    await using oldCluster = await startCluster({ members: 1, flags: ['--emulate-version=3.4'] });
    const old = oldCluster.only;
    const response = await fetch(`http://${old.endpoint}/v3/kv/range`, { method: 'POST', body: '{"key":5}' });
    const text = 'json: cannot unmarshal number into Go value of type []uint8';
    expect([response.status, await response.text()]).toEqual([400, `{"error":"${text}","message":"${text}","code":3}`]);
    const got = await fetch(`http://${old.endpoint}/v3/kv/range`);
    expect([got.status, await got.text()]).toEqual([405, 'Method Not Allowed\n']);
    const headers = { 'Grpc-Metadata-': 'a' };
    const unnamed = await fetch(`http://${old.endpoint}/v3/kv/range`, { method: 'POST', body: '{}', headers });
    expect([unnamed.status, await unnamed.text()]).toEqual([500, expect.stringContaining('RST_STREAM')]);
  });
});

describe('a stream without an answer', () => {
  const bare = { 'transfer-encoding': 'chunked' };
  const typed = { ...bare, 'content-type': 'application/json' };
  it.each([
    [
      '3.4',
      typed,
      '"grpc_code":2,"http_code":500,"message":"auth: user name is empty","http_status":"Internal Server Error"}}',
    ],
    ['3.5', bare, '"code":2,"message":"auth: user name is empty"}}\n'],
    ['3.7', bare, '"code":3,"message":"etcdserver: user name is empty"}}\n'],
  ])('comes in chunks, as %s sends it, empty or refused', async (version, headersOfEmpty, refusal) => {
    await using ownCluster = await startCluster({ members: 1, flags: [`--emulate-version=${version}`] });
    const own = ownCluster.only;
    const call = async (path: string, body: string) => {
      const response = await fetch(`http://${own.endpoint}${path}`, { method: 'POST', body });
      const names = ['content-type', 'content-length', 'transfer-encoding', 'grpc-metadata-content-type'];
      const headers = Object.fromEntries([...response.headers].filter(([name]) => names.includes(name)));
      return { status: response.status, headers, body: await response.text() };
    };
    expect(await call('/v3/lease/keepalive', '')).toEqual({ status: 200, headers: headersOfEmpty, body: '' });
    await call('/v3/auth/user/add', '{"name":"root","password":"secret"}');
    await call('/v3/auth/role/add', '{"name":"root"}');
    await call('/v3/auth/user/grant', '{"user":"root","role":"root"}');
    expect((await call('/v3/auth/enable', '{}')).status).toBe(200);
    const refused = await call('/v3/maintenance/snapshot', '{}');
    expect(refused.headers).toEqual(typed);
    expect(refused.body).toBe(`{"error":{${refusal}`);
    expect((await call('/v3/election/observe', '{"name":"eA=="}')).headers).toEqual(headersOfEmpty);
  });
});

describe('users at the gateway', () => {
  it('are named by a token in either header', async () => {
    await using ownCluster = await startCluster({ members: 1 });
    const own = ownCluster.only;
    const call = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
      const response = await fetch(`http://${own.endpoint}${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
        headers,
      });
      return { status: response.status, body: (await response.json()) as Record<string, string> };
    };
    await call('/v3/auth/user/add', { name: 'root', password: 'secret' });
    await call('/v3/auth/role/add', { name: 'root' });
    await call('/v3/auth/user/grant', { user: 'root', role: 'root' });
    expect((await call('/v3/auth/enable', {})).status).toBe(200);
    const nobody = await call('/v3/kv/put', { key: base64('a') });
    expect(nobody).toEqual({ status: 400, body: { code: 3, message: 'etcdserver: user name is empty' } });
    const { token = '' } = (await call('/v3/auth/authenticate', { name: 'root', password: 'secret' })).body;
    for (const headers of [
      { Authorization: token },
      { Authorization: `Bearer ${token}` },
      { 'Grpc-Metadata-Token': token },
    ])
      expect((await call('/v3/kv/put', { key: base64('a') }, headers)).status).toBe(200);
    const wrong = await call('/v3/kv/put', { key: base64('a') }, { Authorization: 'nonsense' });
    expect(wrong).toEqual({ status: 401, body: { code: 16, message: 'etcdserver: invalid auth token' } });
  });
});
