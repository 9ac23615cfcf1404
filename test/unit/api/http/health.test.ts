import { describe, expect, it } from 'vitest';
import { besideV2, HealthCounters, type HealthSource, healthHandler } from '../../../../src/api/http/health.js';
import type { HttpRequest } from '../../../../src/lib/http.js';
import { silentLogger } from '../../../../src/lib/logger.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

/** A member without a leader, whose reads by a quorum are late. */
function cutOff(servesV2: boolean, emulate: HealthSource['emulate'] = '3.5') {
  const source: HealthSource = {
    emulate,
    alarms: () => [],
    hasLeader: () => false,
    isLearner: () => false,
    servesV2,
    probe: async ({ serializable }) => {
      if (!serializable) throw new Error('etcdserver: request timed out');
    },
  };
  const handler = besideV2(healthHandler(source, silentLogger, new HealthCounters()), source);
  return async (path: string) => {
    const url = new URL(path, 'http://127.0.0.1');
    const response = await handler({ method: 'GET' } as HttpRequest, url);
    return [response?.status, String(response?.body).trim()];
  };
}

describe('the health of a member with alarms', () => {
  it('is logged with the first alarm that counts, whose it is, and the path without its query', async () => {
    const logger = new RecordingLogger();
    const source: HealthSource = {
      emulate: '3.5',
      alarms: () => [
        { name: 'NOSPACE', memberId: 5n },
        { name: 'CORRUPT', memberId: 7n },
      ],
      hasLeader: () => true,
      isLearner: () => false,
      servesV2: false,
      probe: async () => {},
    };
    const handler = healthHandler(source, logger, new HealthCounters());
    for (const path of ['/health', '/health?exclude=NOSPACE', '/readyz?verbose']) {
      await handler({ method: 'GET', target: path } as HttpRequest, new URL(path, 'http://127.0.0.1'));
    }
    const serving = 'serving /health false due to an alarm';
    expect(logger.records).toMatchObject([
      { message: serving, fields: { alarm: 'memberID:5 alarm:NOSPACE ' } },
      { message: '/health error' },
      { message: serving, fields: { alarm: 'memberID:7 alarm:CORRUPT ' } },
      { message: '/health error' },
      { message: 'Health check error', fields: { path: '/readyz' } },
    ]);
  });
});

describe('the health of a member without a leader', () => {
  it('is bad, and good where it is asked for its own part alone', async () => {
    const get = cutOff(false);
    expect(await get('/health')).toEqual([503, '{"health":"false","reason":"RAFT NO LEADER"}']);
    expect(await get('/health?serializable=true')).toEqual([200, '{"health":"true","reason":""}']);
  });

  it('is bad either way where the v2 API is served, by which it reads then', async () => {
    const get = cutOff(true);
    expect(await get('/health?serializable=true')).toEqual([
      503,
      '{"health":"false","reason":"QGET ERROR:etcdserver: request timed out"}',
    ]);
  });

  it('is all that clients of the v2 API can ask for before etcd 3.6', async () => {
    const livez = '/livez';
    expect(await cutOff(true, '3.5')(livez)).toEqual([undefined, 'undefined']);
    expect(await cutOff(true, '3.6')(livez)).toEqual([200, 'ok']);
    expect(await cutOff(false, '3.5')(livez)).toEqual([200, 'ok']);
  });
});

it('is read within a second through the v2 API, and otherwise within the time of a request', async () => {
  const asked: unknown[] = [];
  for (const servesV2 of [true, false]) {
    const source: HealthSource = {
      emulate: '3.5',
      alarms: () => [],
      hasLeader: () => true,
      isLearner: () => false,
      servesV2,
      probe: async (options) => {
        asked.push(options);
      },
    };
    const handler = healthHandler(source, silentLogger, new HealthCounters());
    await handler({ method: 'GET' } as HttpRequest, new URL('http://127.0.0.1/health'));
  }
  expect(asked).toEqual([{ serializable: false, timeoutMs: 1000 }, { serializable: false }]);
});

describe('the checks of a learner that serves', () => {
  const counters = new HealthCounters();
  const logger = new RecordingLogger();
  const handler = healthHandler(
    {
      emulate: '3.5',
      alarms: () => [{ name: 'NOSPACE', memberId: 5n }],
      hasLeader: () => true,
      isLearner: () => true,
      servesV2: false,
      probe: async ({ serializable }) => {
        if (!serializable) throw new Error('etcdserver: rpc not supported for learner');
      },
    },
    logger,
    counters,
  );
  const get = async (path: string, method = 'GET') => {
    const response = await handler({ method } as HttpRequest, new URL(path, 'http://127.0.0.1'));
    return [response?.status, String(response?.body)];
  };
  const failed =
    '[-]linearizable_read failed: etcdserver: rpc not supported for learner\n' +
    '[-]non_learner failed: not supported for learner\n';

  it.each([
    ['/livez', 200, 'ok\n'],
    ['/livez?verbose', 200, '[+]serializable_read ok\nok\n'],
    ['/livez?exclude=serializable_read&verbose', 200, 'ok\n'],
    ['/readyz', 503, `[+]data_corruption ok\n[+]serializable_read ok\n${failed}\n`],
    ['/readyz?exclude=data_corruption&exclude=serializable_read', 503, `${failed}\n`],
    ['/readyz?exclude=non_learner&exclude=linearizable_read', 200, 'ok\n'],
    ['/readyz/data_corruption', 200, 'ok\n'],
    ['/readyz/data_corruption?verbose', 200, '[+]data_corruption ok\nok\n'],
    ['/readyz/non_learner', 503, '[-]non_learner failed: not supported for learner\n\n'],
    ['/livez/serializable_read', 200, 'ok\n'],
  ])('%s is %d', async (path, status, body) => {
    expect(await get(path)).toEqual([status, body]);
  });

  it('are read, one by one, where they are of that kind', async () => {
    expect((await get('/readyz', 'POST'))[0]).toBe(405);
    for (const path of ['/livez/non_learner', '/readyz/nope', '/readyz/', '/livezx'])
      expect((await get(path))[0], path).toBeUndefined();
  });

  it('are told that cannot be left out, and counted by how they ended', async () => {
    logger.records.length = 0;
    counters.checks.clear();
    await get('/livez?exclude=non_learner&exclude=serializable_read');
    await get('/readyz/non_learner');
    await get('/readyz/non_learner');
    await get('/readyz/data_corruption');
    expect(logger.records[0]).toEqual({
      ...{ level: 'warn', message: 'some health checks cannot be excluded' },
      fields: { path: '/livez', checks: ['non_learner'] },
    });
    expect([...counters.checks.values()]).toEqual([
      { type: 'readyz', name: 'non_learner', isOk: false, success: 0, error: 2 },
      { type: 'readyz', name: 'data_corruption', isOk: true, success: 1, error: 0 },
    ]);
  });
});
