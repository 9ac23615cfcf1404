/** The v2 API over v3 keys: the answers of an etcd 3.4 that was asked the same, where it gives any. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../../../src/client/client.js';
import { type ClusterPlace, type LocalCluster, startCluster } from '../../support/cluster.js';
import { V2Http } from '../../support/v2-http.js';

let cluster: LocalCluster;
let served: ClusterPlace;
let http: V2Http;
let client: Client;

beforeAll(async () => {
  cluster = await startCluster({ members: 1, flags: ['--enable-v2', '--experimental-enable-v2v3=/pfx'] });
  served = cluster.only;
  http = new V2Http(served.endpoint);
  client = new Client({ endpoints: [served.endpoint] });
});
afterAll(async () => {
  http?.[Symbol.dispose]();
  await client?.close();
  await cluster?.[Symbol.asyncDispose]();
});

async function ask(method: string, path: string, form?: string): Promise<string> {
  const { status, body } = await http.call({ method, target: `/v2/keys${path}`, form });
  return `${status} ${body.trim()}`;
}

const refusal = (status: number, code: number, message: string, cause: string, index: number): string =>
  `${status} {"errorCode":${code},"message":"${message}"${cause === '' ? '' : `,"cause":"${cause}"`},"index":${index}}`;

describe('the v2 API over v3 keys', () => {
  it('answers as etcd 3.4 does', async () => {
    const conversation: [method: string, path: string, form: string | undefined, answer: string][] = [
      ['GET', '/', undefined, '200 {"action":"get","node":{"dir":true}}'],
      ['GET', '/nope', undefined, refusal(404, 100, 'Key not found', '/nope', 0)],
      [
        'PUT',
        '/a',
        'value=1',
        '201 {"action":"set","node":{"key":"/a","value":"1","modifiedIndex":1,"createdIndex":1}}',
      ],
      [
        'PUT',
        '/a',
        'value=2',
        '200 {"action":"set","node":{"key":"/a","value":"2","modifiedIndex":2,"createdIndex":1},' +
          '"prevNode":{"key":"/a","value":"1","modifiedIndex":1,"createdIndex":1}}',
      ],
      [
        'GET',
        '/a?wait=true&quorum=true',
        undefined,
        '200 {"action":"get","node":{"key":"/a","value":"2","modifiedIndex":2,"createdIndex":1}}',
      ],
      [
        'PUT',
        '/d/e/f',
        'value=3',
        '201 {"action":"set","node":{"key":"/d/e/f","value":"3","modifiedIndex":3,"createdIndex":3}}',
      ],
      [
        'GET',
        '/?recursive=true',
        undefined,
        '200 {"action":"get","node":{"dir":true,"nodes":[{"key":"/a","value":"2","modifiedIndex":2,' +
          '"createdIndex":1},{"key":"/d","dir":true,"nodes":[{"key":"/d/e","dir":true,"nodes":[{"key":"/d/e/f",' +
          '"value":"3","modifiedIndex":3,"createdIndex":3}],"modifiedIndex":3,"createdIndex":3}],' +
          '"modifiedIndex":3,"createdIndex":3}]}}',
      ],
      [
        'GET',
        '/d?quorum=true',
        undefined,
        '200 {"action":"get","node":{"key":"/d","dir":true,"nodes":[{"key":"/d/e","dir":true,"modifiedIndex":3,' +
          '"createdIndex":3}],"modifiedIndex":3,"createdIndex":3}}',
      ],
      ['PUT', '/d', 'value=3', refusal(403, 102, 'Not a file', '/d', 3)],
      ['PUT', '/a', 'dir=true', refusal(400, 104, 'Not a directory', '/a', 3)],
      ['PUT', '/a/b', 'value=x', refusal(400, 104, 'Not a directory', '/a/b', 3)],
      ['PUT', '/ttl', 'value=1&ttl=5', refusal(500, 300, 'Raft Internal Error', 'TTLs are unsupported', 0)],
      ['PUT', '/a', 'value=1&prevExist=false', refusal(412, 105, 'Key already exists', '/a', 3)],
      ['PUT', '/nn', 'value=1&prevExist=true', refusal(403, 102, 'Not a file', '/nn', 3)],
      [
        'PUT',
        '/a',
        'value=3&prevExist=true',
        '200 {"action":"update","node":{"key":"/a","value":"3","modifiedIndex":4,"createdIndex":1},' +
          '"prevNode":{"key":"/a","value":"2","modifiedIndex":2,"createdIndex":1}}',
      ],
      ['PUT', '/a', 'value=4&prevValue=9', refusal(412, 101, 'Compare failed', '[9 != 3]', 4)],
      ['PUT', '/a', 'value=4&prevIndex=1', refusal(412, 101, 'Compare failed', '[1 != 5]', 4)],
      [
        'PUT',
        '/a',
        'value=4&prevIndex=4',
        '200 {"action":"compareAndSwap","node":{"key":"/a","value":"4","modifiedIndex":5,"createdIndex":1},' +
          '"prevNode":{"key":"/a","value":"3","modifiedIndex":4,"createdIndex":1}}',
      ],
      ['PUT', '/zz', 'value=4&prevIndex=4', refusal(404, 100, 'Key not found', '/zz', 5)],
      ['DELETE', '/a?prevValue=1', undefined, refusal(412, 101, 'Compare failed', '[1 != 4]', 5)],
      [
        'DELETE',
        '/a?prevValue=4',
        undefined,
        '200 {"action":"compareAndDelete","node":{"key":"/a","modifiedIndex":6,"createdIndex":1},' +
          '"prevNode":{"key":"/a","value":"4","modifiedIndex":5,"createdIndex":1}}',
      ],
      ['DELETE', '/a', undefined, refusal(404, 100, 'Key not found', '/a', 7)],
      ['DELETE', '/d', undefined, refusal(403, 102, 'Not a file', '/d', 7)],
      ['DELETE', '/d?dir=true', undefined, refusal(403, 108, 'Directory not empty', '/d', 7)],
      ['DELETE', '/nope?recursive=true', undefined, refusal(412, 105, 'Key already exists', '/nope', 7)],
      ['PUT', '/', 'value=1', refusal(400, 107, 'Root is read only', '', 0)],
      ['PUT', '/', 'value=1&ttl=5', refusal(500, 300, 'Raft Internal Error', 'TTLs are unsupported', 0)],
      ['PUT', '/', 'value=1&ttl=5&prevExist=true', refusal(400, 107, 'Root is read only', '', 0)],
      ['PUT', '/', 'value=1&ttl=5&prevExist=false', refusal(400, 107, 'Root is read only', '', 0)],
      ['PUT', '/', 'value=1&ttl=5&prevValue=1', refusal(400, 107, 'Root is read only', '', 0)],
    ];
    for (const [method, path, form, answer] of conversation) {
      expect(await ask(method, path, form), `${method} ${path}`).toBe(answer);
    }
  });

  it('keeps keys where etcd 3.4 does, of any depth, and takes them all away', async () => {
    const deep = `/${Array.from({ length: 40 }, (_, at) => `l${at}`).join('/')}`;
    expect(await ask('PUT', deep, 'value=%ff%00')).toMatch(/^201 /);
    const { kvs } = await client.kv.get('/pfx/041/k//1', { prefix: true });
    expect(kvs.map(({ key }) => Buffer.from(key).toString())).toEqual([`/pfx/041/k//1${deep}`]);
    expect(Buffer.from(kvs[0]?.value ?? []).toString('hex')).toBe('ff00');
    expect(await ask('GET', '/l0?recursive=true')).toContain('/l39"');
    // A neighbour whose name begins alike stays.
    await ask('PUT', '/l00', 'value=here');
    expect(await ask('DELETE', '/l0?recursive=true')).toMatch(/^200 /);
    expect(await ask('GET', deep)).toMatch(/^404 /);
    expect(await ask('GET', '/l00')).toContain('"value":"here"');
  });

  it('keeps the value that a directory is made with, and does not show it', async () => {
    expect(await ask('PUT', '/kept', 'dir=true&value=x')).not.toContain('"value"');
    const { kvs } = await client.kv.get('/pfx/002/k//1/kept/');
    expect(kvs.map(({ value }) => Buffer.from(value).toString())).toEqual(['x']);
  });

  it('makes in-order keys, though many ask at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, at) =>
        fetch(`http://${served.endpoint}/v2/keys/queue`, {
          method: 'POST',
          body: new URLSearchParams({ value: String(at) }),
        }).then((response) => response.json() as Promise<{ node: { key: string; createdIndex: number } }>),
      ),
    );
    for (const { node } of answers) expect(node.key).toBe(`/queue/${String(node.createdIndex).padStart(20, '0')}`);
    expect(new Set(answers.map(({ node }) => node.key)).size).toBe(10);
  });

  it(
    'tells watchers, from old indexes too, of files made in new directories and of whole ' + 'directories that go',
    async () => {
      const begun = await http.call({ method: 'PUT', target: '/v2/keys/w/x/y', form: 'value=1' });
      const index = Number(begun.headers['x-etcd-index']);
      await ask('PUT', '/w/_hidden', 'value=1');
      await ask('PUT', '/other', 'value=1');
      await client.kv.put('/pfx/not-of-v2', 'x');
      await ask('DELETE', '/w?recursive=true');
      const leaving = new AbortController();
      const target = `/v2/keys/w?wait=true&recursive=true&stream=true&waitIndex=${index}`;
      const stream = await fetch(`http://${served.endpoint}${target}`, { signal: leaving.signal });
      let text = '';
      const decoder = new TextDecoder();
      for await (const chunk of stream.body ?? []) {
        text += decoder.decode(chunk);
        if (text.split('\n').length > 2) break;
      }
      leaving.abort();
      const told = text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(told).toMatchObject([
        { action: 'set', node: { key: '/w/x/y', value: '1', modifiedIndex: index } },
        { action: 'delete', node: { key: '/w', dir: true }, prevNode: { key: '/w', dir: true } },
      ]);
    },
  );

  it('says that a compacted index is gone', async () => {
    const revision = (await client.kv.get('x')).header?.revision ?? 0;
    await client.kv.compact(revision);
    const cause = `the requested history has been cleared [${revision - 1}/1]`;
    expect(await ask('GET', '/w?wait=true&waitIndex=1')).toBe(
      refusal(400, 401, 'The event in requested index is outdated and cleared', cause, revision - 1),
    );
  });
});
