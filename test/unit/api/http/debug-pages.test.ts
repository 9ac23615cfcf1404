/** Pages for operators, each alone: calls of late, profiles, the level of the log; and targets as Go reads them. */
import { describe, expect, it } from 'vitest';
import { debugRequestsHandler, RequestLog } from '../../../../src/api/http/debug-requests.js';
import { debugVarsHandler } from '../../../../src/api/http/debug-vars.js';
import { type LoggedLevel, logLevelHandler } from '../../../../src/api/http/log-level.js';
import { type Profiler, pprofHandler } from '../../../../src/api/http/pprof.js';
import { readTarget, redirectOf } from '../../../../src/api/http/target.js';
import type { HttpHandler } from '../../../../src/api/http/types.js';
import { versionHandler } from '../../../../src/api/http/version.js';
import type { HttpRequest } from '../../../../src/lib/http.js';
import type { Status } from '../../../../src/raft/status.js';

async function ask(handler: HttpHandler, path: string, { method = 'GET', body = '', address = '127.0.0.1:9' } = {}) {
  const request = {
    method,
    target: path,
    peer: { address },
    signal: new AbortController().signal,
    body: (async function* () {
      yield Buffer.from(body);
    })(),
  } as unknown as HttpRequest;
  const response = await handler(request, new URL(path, 'http://etcd'));
  return response && { status: response.status, body: String(response.body), headers: response.headers };
}

describe('/debug/requests', () => {
  it('shows of each method how many calls there were, how they ended and how long they took', async () => {
    let nowMs = Date.parse('2026-01-01T00:00:00Z');
    const log = new RequestLog(() => nowMs);
    for (let at = 0; at < 12; at++) {
      nowMs += 1000;
      log.add('/b', at, at === 11 ? 'NotFound' : 'OK');
    }
    log.add('/a', 1.5, 'OK');
    const page = await ask(debugRequestsHandler(log), '/debug/requests');
    expect(page).toMatchObject({ status: 200, headers: { 'Content-Type': 'text/html; charset=utf-8' } });
    const parts = page?.body.split('<h2>').slice(1) ?? [];
    expect(parts.map((part) => part.split('\n').slice(0, 2))).toEqual([
      ['/a</h2>', '<p>1 calls, 0 failed, 1.500 ms on average</p>'],
      ['/b</h2>', '<p>12 calls, 1 failed, 5.500 ms on average</p>'],
    ]);
    const rows = [...(parts[1] ?? '').matchAll(/<tr><td>(.*)<\/td><td>(.*)<\/td><td>(.*)<\/td><\/tr>/g)];
    expect(rows).toHaveLength(10);
    expect(rows[0]?.slice(1)).toEqual(['2026-01-01T00:00:03.000Z', '0.002000', 'OK']);
    expect(rows[9]?.slice(1)).toEqual(['2026-01-01T00:00:12.000Z', '0.011000', 'NotFound']);
  });

  it.each([
    ['127.0.0.1:9', 200],
    ['127.9.9.9:9', 200],
    ['[::1]:9', 200],
    ['[::ffff:127.0.0.1]:9', 200],
    ['10.0.0.1:9', 401],
    ['[::ffff:10.0.0.1]:9', 401],
    ['[::2]:9', 401],
  ])('is for callers on the same machine: %s %d', async (address, status) => {
    const handler = debugRequestsHandler(new RequestLog(() => 0));
    for (const path of ['/debug/requests', '/debug/events'])
      expect((await ask(handler, path, { address }))?.status).toBe(status);
    expect(await ask(handler, '/debug/other', { address })).toBeUndefined();
  });
});

describe('/config/local/log', () => {
  const asked = async (body: string, method = 'PUT') => {
    const levels: LoggedLevel[] = [];
    const answer = await ask(
      logLevelHandler((level) => levels.push(level)),
      '/config/local/log',
      { method, body },
    );
    return [answer?.status, answer?.body, ...levels];
  };

  it.each<[string, LoggedLevel]>([
    ['{"Level":"DEBUG"}', 'debug'],
    ['{"level":"info"}', 'info'],
    ['{"LEVEL":"NOTICE"}', 'notice'],
    ['{"Level":"W"}', 'warn'],
    ['{"Level":"0"}', 'error'],
    ['{"Level":"CRITICAL"}', 'fatal'],
    ['{"Level":"INFO","level":"ERROR"}', 'error'],
  ])('sets the level that %s names', async (body, level) => {
    expect(await asked(body)).toEqual([204, '', level]);
  });

  it.each([
    ['', 'Invalid json body'],
    ['[]', 'Invalid json body'],
    ['{"Level":5}', 'Invalid json body'],
    ['null', 'Invalid log level '],
    ['{}', 'Invalid log level '],
    ['{"Level":"loud"}', 'Invalid log level loud'],
  ])('refuses %j', async (body, message) => {
    expect(await asked(body)).toEqual([400, JSON.stringify({ message })]);
  });

  it('is put', async () => {
    expect(await asked('{"Level":"INFO"}', 'GET')).toEqual([405, 'Method Not Allowed\n']);
    expect(
      await ask(
        logLevelHandler(() => {}),
        '/config/local',
      ),
    ).toBeUndefined();
  });
});

describe('/debug/pprof/', () => {
  const taken: unknown[] = [];
  const take = (kind: string) => async (seconds: number) => {
    taken.push([kind, seconds]);
    if (seconds === 13) throw new Error(`${kind} profiling already in use`);
    return kind;
  };
  const profiler: Profiler = {
    cpu: take('cpu'),
    allocations: take('allocations'),
    trace: take('trace'),
    heapSnapshot: async function* () {
      yield Buffer.from('snapshot');
    },
    heapFigures: () => ({ one: 1, two: 2 }),
    activeResources: () => ['a', 'b', 'b'],
  };
  const get = (path: string) => ask(pprofHandler(profiler, ['etcd', '--x']), path);

  it.each([
    ['profile', 'cpu', 30],
    ['profile?seconds=2', 'cpu', 2],
    ['trace', 'trace', 1],
    ['trace?seconds=600', 'trace', 600],
    ['allocs', 'allocations', 1],
    ['heap?seconds=3', 'allocations', 3],
  ])('%s takes %s for %d s', async (path, kind, seconds) => {
    taken.length = 0;
    expect(await get(`/debug/pprof/${path}`)).toMatchObject({ status: 200, body: kind });
    expect(taken).toEqual([[kind, seconds]]);
  });

  it.each([
    ['cmdline', 200, 'etcd\0--x'],
    ['symbol', 200, 'num_symbols: 0\n'],
    ['goroutine', 200, 'goroutine profile: total 3\n2 @ b\n1 @ a\n'],
    ['heap?debug=1', 200, 'heap profile:\n# one = 1\n# two = 2\n'],
    ['allocs?debug=1', 200, 'allocs profile:\n# one = 1\n# two = 2\n'],
    ['block', 200, 'block profile: total 0\n'],
    ['nope', 404, 'Unknown profile\n'],
    ['profile?seconds=0', 400, 'invalid value for "seconds" - must be a positive integer\n'],
    ['profile?seconds=601', 400, 'invalid value for "seconds" - must be a positive integer\n'],
    ['profile?seconds=x', 400, 'invalid value for "seconds" - must be a positive integer\n'],
    ['profile?seconds=13', 500, 'Could not enable profile profiling: cpu profiling already in use\n'],
  ])('%s is %d', async (path, status, body) => {
    expect(await get(`/debug/pprof/${path}`)).toMatchObject({ status, body });
  });

  it('lists what there is, and is a snapshot of the heap without a time', async () => {
    expect(await get('/debug/pprof')).toMatchObject({ status: 301, headers: { Location: '/debug/pprof/' } });
    const index = await get('/debug/pprof/');
    expect([...(index?.body ?? '').matchAll(/href="(\w+)"/g)].map(([, name]) => name)).toEqual([
      ...['allocs', 'block', 'cmdline', 'goroutine', 'heap', 'mutex', 'profile', 'threadcreate', 'trace'],
    ]);
    expect(await get('/debug/pprof/heap?debug=0')).toMatchObject({
      ...{ status: 200, headers: { 'Content-Disposition': 'attachment; filename="heap.heapsnapshot"' } },
    });
    expect(await get('/debug/other')).toBeUndefined();
  });
});

it.each([
  [undefined, undefined, '{"etcdserver":"3.5.30","etcdcluster":"not_decided"}'],
  ['3.5.0', undefined, '{"etcdserver":"3.5.30","etcdcluster":"3.5.0"}'],
  ['3.6.0', '3.6.0', '{"etcdserver":"3.5.30","etcdcluster":"3.6.0","storage":"3.6.0"}'],
])('/version of a cluster at %s with a store at %s', async (cluster, storage, body) => {
  const handler = versionHandler({
    serverVersion: '3.5.30',
    clusterVersion: () => cluster,
    storageVersion: () => storage,
  });
  expect(await ask(handler, '/version')).toMatchObject({ status: 200, body });
  expect(await ask(handler, '/version', { method: 'PUT' })).toMatchObject({ status: 405 });
  expect(await ask(handler, '/version/')).toBeUndefined();
});

it('/debug/vars has figures of the process and of raft, ids in hex, as Go lays them out', async () => {
  const handler = debugVarsHandler({
    commandLine: ['etcd', '--x'],
    descriptorLimit: () => 1024,
    memory: () => ({ Alloc: 1 }),
    raft: () =>
      ({
        ...{ id: 26n, applied: 7, leadTransferee: 0n },
        hardState: { term: 2, vote: 26n, commit: 9 },
        softState: { lead: 26n, raftState: 'StateLeader' },
        progress: new Map([[27n, { match: 5, next: 6, state: 'StateReplicate' }]]),
      }) as unknown as Status,
  });
  expect(await ask(handler, '/debug/vars')).toMatchObject({
    status: 200,
    body:
      '{\n"cmdline": ["etcd","--x"],\n"file_descriptor_limit": 1024,\n"memstats": {"Alloc":1},\n"raft.status": ' +
      '{"id":"1a","term":2,"vote":"1a","commit":9,"lead":"1a","raftState":"StateLeader","applied":7,"progress":' +
      '{"1b":{"match":5,"next":6,"state":"StateReplicate"}},"leadtransferee":"0"}\n}\n',
  });
  expect(await ask(handler, '/debug/vars', { method: 'POST' })).toMatchObject({ status: 405 });
  expect(await ask(handler, '/debug/varsx')).toBeUndefined();
});

describe('a target', () => {
  it.each<[string, { path: string; query: string } | undefined]>([
    ['/a/b?c=d?e', { path: '/a/b', query: 'c=d?e' }],
    ['/a', { path: '/a', query: '' }],
    ['?x', { path: '', query: 'x' }],
    ['http://host:1/a?b', { path: '/a', query: 'b' }],
    ['http://host:1?b', { path: '', query: 'b' }],
    ['/%41%2f%C3%a4?%41', { path: '/A/\xc3\xa4', query: '%41' }],
    ['/%4', undefined],
    ['/%zz', undefined],
    ['a/b', undefined],
    ['*', undefined],
  ])('%j is read as by Go', (target, read) => {
    expect(readTarget(target)).toEqual(read);
  });

  it.each<[string, string | undefined]>([
    ['/a/b', undefined],
    ['/a/', undefined],
    ['/a..b/.c', undefined],
    ['/', undefined],
    ['', '/'],
    ['//', '/'],
    ['/a//b', '/a/b'],
    ['/a/./b/', '/a/b/'],
    ['/a/../b', '/b'],
    ['/../..', '/'],
    ['/a/..//', '/'],
    ['/ä//"b"', '/%E4/%22b%22'],
  ])('%j that is not clean is elsewhere: %j', (path, location) => {
    const redirect = redirectOf({ path, query: 'x=1' }, { method: 'GET', emulate: '3.5' });
    const to = redirect?.headers && (redirect.headers as Record<string, string>).Location;
    expect(to).toBe(location === undefined ? undefined : `${location}?x=1`);
    const bare = redirectOf({ path, query: '' }, { method: 'GET', emulate: '3.5' });
    expect(bare?.headers && (bare.headers as Record<string, string>).Location).toBe(location);
  });
});
