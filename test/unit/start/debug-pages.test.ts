/** Pages for operators, as a served member answers them. */
import { beforeAll, describe, expect, test } from 'vitest';
import { type ClusterPlace, prepareCluster } from '../../support/cluster.js';
import { buildPrograms, ourProgram } from '../../support/member-process.js';

beforeAll(buildPrograms, 120_000);

async function get(home: ClusterPlace, path: string, init?: RequestInit) {
  const response = await fetch(`http://${home.endpoint}${path}`, init);
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
}

describe('pages for operators', { timeout: 60_000 }, () => {
  test('figures always, profiles only where they are asked for', async () => {
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    await using _ = await home.run(ourProgram('etcd'));
    const vars = await get(home, '/debug/vars');
    expect(vars).toMatchObject({ status: 200, type: 'application/json; charset=utf-8' });
    expect(JSON.parse(vars.body)).toMatchObject({
      cmdline: expect.arrayContaining(['--name=m']),
      memstats: { Alloc: expect.any(Number) },
      'raft.status': { raftState: 'StateLeader', term: 2, leadtransferee: '0' },
    });
    expect(await get(home, '/debug/vars', { method: 'POST' })).toMatchObject({ status: 405 });
    for (const path of ['/debug/pprof/', '/debug/requests', '/config/local/log'])
      expect(await get(home, path), path).toMatchObject({ status: 404 });
  });

  test('profiles that V8 takes under the paths of Go’s', async () => {
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    await using _ = await home.run(ourProgram('etcd'), ['--enable-pprof']);
    expect(await get(home, '/debug/pprof/')).toMatchObject({ status: 200, type: 'text/html; charset=utf-8' });
    expect((await get(home, '/debug/pprof/cmdline')).body.split('\0')).toContain('--enable-pprof');
    expect((await get(home, '/debug/pprof/goroutine?debug=1')).body).toMatch(/^goroutine profile: total \d+\n/);
    const [cpu, busy] = await Promise.all([
      get(home, '/debug/pprof/profile?seconds=1'),
      get(home, '/debug/pprof/profile?seconds=1'),
    ]);
    // One at a time, as Go's.
    const [taken, refused] = cpu.status === 200 ? [cpu, busy] : [busy, cpu];
    expect(JSON.parse(taken.body)).toMatchObject({ nodes: expect.any(Array), samples: expect.any(Array) });
    expect(refused).toMatchObject({
      status: 500,
      body: 'Could not enable profile profiling: cpu profiling already in use\n',
    });
    expect(JSON.parse((await get(home, '/debug/pprof/allocs?seconds=1')).body)).toHaveProperty('head');
    expect(JSON.parse((await get(home, '/debug/pprof/heap')).body)).toHaveProperty('snapshot');
    expect(JSON.parse((await get(home, '/debug/pprof/trace?seconds=1')).body)).toHaveProperty('traceEvents');
    expect((await get(home, '/debug/pprof/heap?debug=1')).body).toContain('heap_size_limit');
    expect(await get(home, '/debug/pprof/nope')).toMatchObject({ status: 404, body: 'Unknown profile\n' });
    expect((await get(home, '/debug/pprof/profile?seconds=-1')).status).toBe(400);
  });

  test('calls of late with the log at debug, and its level while it runs', async () => {
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    const flags = ['--log-level', 'debug', '--emulate-version', '3.4'];
    await using member = await home.run(ourProgram('etcd'), flags);
    const client = home.client();
    await client.kv.put('a', 'b');
    await client.close();
    expect((await get(home, '/debug/requests')).body).toContain('etcdserverpb.KV/Put');
    expect((await get(home, '/debug/events')).status).toBe(200);
    const put = (body: string) => get(home, '/config/local/log', { method: 'PUT', body });
    expect(await put('{"Level":"foo"}')).toMatchObject({ status: 400, body: '{"message":"Invalid log level foo"}' });
    expect(await put('{"Level":"ERROR"}')).toMatchObject({ status: 204, body: '' });
    const quiet = member.output.length;
    await get(home, '/health');
    expect(member.output.slice(quiet)).not.toContain('/health OK');
    expect(await put('{"level":"4"}')).toMatchObject({ status: 204 });
    await get(home, '/health');
    await expect.poll(() => member.output.slice(quiet)).toContain('/health OK');
  });
});
