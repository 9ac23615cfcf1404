import { describe, expect, it } from 'vitest';
import { failpointService } from '../../../../src/api/http/failpoints.js';
import { FailpointSet } from '../../../../src/lib/failpoints/failpoints.js';
import type { HttpResponse } from '../../../../src/lib/http.js';

function server() {
  const points = new FailpointSet(
    {
      panic(message): never {
        throw new Error(message);
      },
      sleepNow: () => {},
      sleep: async () => {},
      print: () => {},
      break: () => {},
    },
    { below: () => 0, uint64: () => 0n },
  );
  const service = failpointService(points);
  const call = async (method: string, target: string, body = ''): Promise<HttpResponse> =>
    service({
      method,
      target,
      protocol: 'HTTP/1.1',
      headers: {},
      body: (async function* () {
        yield Buffer.from(body);
      })(),
      peer: { address: '', tls: undefined },
      signal: new AbortController().signal,
      isGone: false,
    });
  return { points, call };
}

describe('gofail’s protocol', () => {
  it('lists every point, sorted, with what it is set to', async () => {
    const { call } = server();
    await call('PUT', '/beforeCommit', '3*off');
    const { status, body } = await call('GET', '/');
    expect(status).toBe(200);
    const lines = String(body).trimEnd().split('\n');
    expect(lines).toContain('beforeCommit=3*off');
    expect(lines).toContain('raftBeforeSave=');
    expect(lines).toEqual([...lines].sort());
  });

  it('sets, shows, counts and clears one', async () => {
    const { points, call } = server();
    expect(await call('PUT', '/walBeforeSync', 'return("x")')).toMatchObject({ status: 204, body: '' });
    points.hit('walBeforeSync');
    expect(await call('GET', '/walBeforeSync')).toMatchObject({ status: 200, body: 'return("x")\n' });
    expect(await call('GET', '/walBeforeSync/count')).toMatchObject({ status: 200, body: '1' });
    expect(await call('DELETE', '/walBeforeSync')).toMatchObject({ status: 204 });
    expect(await call('DELETE', '/walBeforeSync')).toMatchObject({
      status: 400,
      body: 'failed to delete failpoint failpoint: failpoint is disabled\n',
    });
    expect(await call('GET', '/walBeforeSync')).toMatchObject({
      status: 404,
      body: 'failed to GET: failpoint: failpoint is disabled\n',
    });
    expect((await call('GET', '/walBeforeSync/count')).status).toBe(500);
  });

  it('sets several at once', async () => {
    const { points, call } = server();
    expect((await call('PUT', '/failpoints', 'beforeCommit=off;afterCommit=return(2)')).status).toBe(204);
    expect(points.hit('afterCommit')).toBe('2');
    expect(await call('PUT', '/failpoints', 'beforeCommit')).toMatchObject({
      status: 400,
      body: 'fail to parse failpoint: bad failpoint "beforeCommit"\n',
    });
  });

  it.each([
    ['PUT', '/nowhere', 'off', 400, 'fail to set failpoint: failpoint: failpoint does not exist\n'],
    ['PUT', '/beforeCommit', 'what', 400, 'fail to set failpoint: failpoint: could not parse terms\n'],
    ['GET', '/nowhere', '', 404, 'failed to GET: failpoint: failpoint does not exist\n'],
    ['GET', '/nowhere/count', '', 404, 'failed to GET: failpoint: failpoint does not exist\n'],
    ['DELETE', '/nowhere', '', 400, 'failed to delete failpoint failpoint: failpoint does not exist\n'],
    ['POST', '/beforeCommit', 'off', 405, 'Method not allowed\n'],
    ['PUT', '*', 'off', 400, 'malformed request URI\n'],
    ['PUT', '/beforeCommit', 'x'.repeat(100_000), 400, 'failed ReadAll in PUT\n'],
  ])('%s %s is refused in its words', async (method, target, body, status, answer) => {
    const { call } = server();
    expect(await call(method, target, body)).toMatchObject({ status, body: answer });
  });
});
