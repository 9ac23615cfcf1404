/** Which version the cluster takes, when it may be downgraded, and when that has come to its end. */
import { describe, expect, it } from 'vitest';
import { decodeV2Request } from '../../../../src/datadir/v2-request-codec.js';
import type { EmulatedVersion } from '../../../../src/lib/emulate.js';
import { compareMinor, isOneMinorBelow, parseVersion } from '../../../../src/member/membership/minor-version.js';
import { Downgrade, type DowngradeDeps } from '../../../../src/member/services/downgrade.js';
import { Versions, type VersionsDeps } from '../../../../src/member/services/versions.js';
import { EtcdError } from '../../../../src/proto/etcd-error.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

describe('a version', () => {
  it('is three numbers, with what semver allows behind', () => {
    for (const text of ['3.5.30', '3.5.0-rc.1', '3.5.0+git', '3.5.0-alpha.0+x.1'])
      expect(parseVersion(text)).toEqual({ major: 3, minor: 5 });
    for (const text of ['', '3.5', 'v3.5.0', '3.5.0 ', '3.5.x', '-3.5.0', '3.5.0.0'])
      expect(parseVersion(text)).toBeUndefined();
  });

  it('is compared by its major and minor number alone; what is none is older than all', () => {
    const signs = (a: string, b: string) => [compareMinor(a, b), compareMinor(b, a)].map(Math.sign).map((n) => n + 0);
    expect(signs('3.5.1', '3.5.9')).toEqual([0, 0]);
    expect(signs('3.4.9', '3.5.0')).toEqual([-1, 1]);
    expect(signs('2.9.0', '3.0.0')).toEqual([-1, 1]);
    expect(signs('none', '0.0.0')).toEqual([-1, 1]);
    expect(signs('none', 'nothing')).toEqual([0, 0]);
  });

  it('is one below another of the same major number', () => {
    expect(isOneMinorBelow('3.5.0', '3.6.2')).toBe(true);
    for (const [to, from] of [
      ['3.5.0', '3.5.0'],
      ['3.6.0', '3.5.0'],
      ['3.4.0', '3.6.0'],
      ['2.5.0', '3.6.0'],
      ['none', '3.6.0'],
      ['3.5.0', 'none'],
      ['none', 'none'],
    ])
      expect(isOneMinorBelow(to ?? '', from ?? '')).toBe(false);
  });
});

interface Setting {
  /** Of the cluster, as agreed on. */
  readonly version?: string | undefined;
  readonly target?: string;
  readonly emulate?: EmulatedVersion;
  readonly nextClusterVersionCompatible?: boolean;
  /** What the others say of themselves; undefined: nothing. */
  readonly others?: readonly (string | undefined)[];
  readonly fails?: Error;
}

function versions({ version, target, emulate = '3.6', others = [], fails, ...more }: Setting) {
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const agreed: string[] = [];
  let ended = 0;
  const cluster = {
    localId: 1n,
    version,
    downgrade: { enabled: target !== undefined, targetVersion: target ?? '' },
    members: [1n, ...others.map((_, at) => BigInt(at + 2))].map((id) => ({
      id,
      peerURLs: ['http://x', `http://${id}`],
    })),
  };
  const made = new Versions({
    config: { emulate, downgradeCheckIntervalMs: 5000, ...more },
    cluster,
    leadership: { isEstablished: true, onFirstCommit: () => {} },
    calls: {
      version: async (url: string) => {
        const server = others[Number(url.slice(7)) - 2];
        if (server === undefined) throw new Error('connection refused');
        return { server, cluster: '' };
      },
    },
    proposals: {
      propose: async ({ request }: { request: { ver: string } }) => {
        if (fails !== undefined) throw fails;
        agreed.push(request.ver);
      },
      proposeV2: async (_id: bigint, request: Uint8Array) =>
        void agreed.push(`v2 ${Buffer.from(decodeV2Request(request).value)}`),
    },
    ids: { next: () => 1n },
    clock,
    logger,
    endDowngrade: async () => void ended++,
  } as unknown as VersionsDeps);
  const run = async (passMs = 0): Promise<string[]> => {
    if (passMs > 0) await clock.advance(passMs);
    made.tick(clock.monotonicMs());
    await clock.advance(0);
    return agreed;
  };
  return { run, logger, ended: () => ended, clock, cluster };
}

describe('the version of a cluster', () => {
  it.each<[string, Setting, string[]]>([
    ['is that of its only member', {}, ['3.6.0']],
    ['is the lowest at first', { others: ['3.5.9', '3.4.30'] }, ['3.4.0']],
    ['is the lowest that there is while somebody does not answer', { others: ['3.5.9', undefined] }, ['3.0.0']],
    ['is the lowest that there is while somebody answers nonsense', { others: ['new'] }, ['3.0.0']],
    ['is raised once all are newer', { version: '3.4.0', others: ['3.5.1'] }, ['3.5.0']],
    ['stays while one is not', { version: '3.5.0', others: ['3.5.1', '3.6.0'] }, []],
    ['stays while one does not answer', { version: '3.4.0', others: ['3.5.1', undefined] }, []],
    ['is not raised beyond its major number', { version: '2.3.0', others: ['3.5.1'] }, []],
    ['is not lowered by itself', { version: '3.6.0', others: ['3.5.1'] }, []],
    ['is lowered to what was asked for', { version: '3.6.0', target: '3.5.0', others: ['3.6.1'] }, ['3.5.0']],
    ['is lowered once', { version: '3.5.0', target: '3.5.0', others: ['3.6.1'] }, []],
    [
      'is lowered by 3.5 once a member has been',
      { version: '3.5.0', target: '3.4.0', others: ['3.4.30'], emulate: '3.5' },
      ['v2 3.4.0'],
    ],
    [
      'is not lowered by 3.5 to something else',
      { version: '3.5.0', target: '3.3.0', others: ['3.4.30'], emulate: '3.5' },
      [],
    ],
    [
      'is lowered by a 3.4 that may be in a newer cluster',
      { version: '3.5.0', others: ['3.5.30'], emulate: '3.4', nextClusterVersionCompatible: true },
      ['v2 3.4.0'],
    ],
    [
      'is not lowered by it by two',
      { version: '3.6.0', others: ['3.5.30'], emulate: '3.4', nextClusterVersionCompatible: true },
      [],
    ],
  ])('%s', async (_name, setting, agreed) => {
    expect(await versions(setting).run()).toEqual(agreed);
  });

  it('is looked at every four seconds', async () => {
    const { run } = versions({});
    await run();
    expect((await run(3999)).length).toBe(1);
    expect((await run(1)).length).toBe(2);
  });

  it.each([
    [new Error('no leader'), 'failed to update cluster version'],
    [new EtcdError('stopped'), 'aborting cluster version update; server is stopped'],
    [Object.assign(new Error('else'), { row: 'stopped' }), 'failed to update cluster version'],
  ])('that could not be agreed on (%s) is told, and agreed on later', async (fails, line) => {
    const { run, logger } = versions({ fails });
    await run();
    expect(logger.records.filter(({ level }) => level === 'warn').map(({ message }) => message)).toEqual([line]);
    await run(4000);
    expect(logger.records.filter(({ level }) => level === 'warn').length).toBe(2);
  });

  it('is asked for at each URL of a member until one answers', async () => {
    const { run, logger } = versions({ others: ['new', '3.6.1'] });
    await run();
    const failed = logger.records.filter(({ message }) => message === 'failed to get version');
    expect(failed.map(({ fields }) => fields)).toEqual([{ 'remote-member-id': '2', error: 'no version: new' }]);
    const unreached = logger.records.filter(({ message }) => message === 'failed to reach the peer URL');
    expect(unreached.map(({ fields }) => fields.address)).toEqual(['http://x/version', 'http://x/version']);
  });

  it.each<[string, Setting, number]>([
    ['once all have followed', { version: '3.5.0', target: '3.6.0', others: ['3.6.2', '3.6.9'] }, 1],
    ['not while one has not', { version: '3.5.0', target: '3.6.0', others: ['3.6.2', '3.5.0'] }, 0],
    ['not while one does not answer', { version: '3.5.0', target: '3.6.0', others: ['3.6.2', undefined] }, 0],
    ['not where none was asked for', { version: '3.6.0', others: ['3.6.2'] }, 0],
  ])('ends a downgrade %s', async (_name, setting, times) => {
    const { run, ended } = versions(setting);
    await run();
    await run();
    expect(ended()).toBe(times);
    await run(4000);
    await run(1000);
    expect(ended()).toBe(2 * times);
  });
});

describe('a downgrade', () => {
  function downgrade({ version = '3.6.0', target, emulate = '3.6' }: Setting = {}, linearizable = async () => {}) {
    const proposed: unknown[] = [];
    const logger = new RecordingLogger();
    const made = new Downgrade({
      config: { emulate },
      cluster: { version: version === '' ? undefined : version, downgrade: { enabled: target !== undefined } },
      reads: { linearizable },
      propose: async ({ request }: { request: unknown }) => void proposed.push(request),
      logger,
    } as unknown as DowngradeDeps);
    const run = (action: number, to: string) =>
      made.run({ action: action as never, version: to }).catch((error: EtcdError) => error.row ?? error.message);
    return { run, proposed, logger };
  }

  it.each<[string, Setting, string]>([
    ['3.5', {}, '3.6'],
    ['3.5.9', {}, '3.6'],
    ['3.4.0', {}, 'invalidDowngradeTargetVersion'],
    ['3.6.0', {}, 'invalidDowngradeTargetVersion'],
    ['3.7.0', {}, 'invalidDowngradeTargetVersion'],
    ['five', {}, 'wrongDowngradeVersionFormat'],
    ['', {}, 'wrongDowngradeVersionFormat'],
    ['3.5.0', { version: '' }, 'clusterVersionUnavailable'],
    ['3.5.0', { target: '3.5.0' }, 'downgradeInProgress'],
  ])('to %j of %j is checked before it begins, and when only that is asked', async (to, setting, answer) => {
    const { run, proposed, logger } = downgrade(setting);
    expect(await run(0, to)).toBe(answer);
    expect(proposed).toEqual([]);
    expect(await run(1, to)).toBe(answer);
    expect(proposed).toEqual(answer === '3.6' ? [{ enabled: true, ver: '3.5.0' }] : []);
    expect(logger.records.length).toBe(answer === '3.6' ? 0 : 1);
  });

  it('to what is no version is refused without a leader too', async () => {
    const { run } = downgrade({}, () => Promise.reject(new EtcdError('noLeader')));
    for (const action of [0, 1]) {
      expect(await run(action, 'five')).toBe('wrongDowngradeVersionFormat');
      expect(await run(action, '3.5')).toBe('noLeader');
    }
  });

  it('is not begun where members would die of it', async () => {
    const { run, proposed } = downgrade({ version: '3.4.0' });
    expect([await run(1, '3.3.0'), proposed]).toEqual(['notCapable', []]);
  });

  it('is called off where there is one; 3.6 takes it lightly where there is none', async () => {
    const { run, proposed } = downgrade({ target: '3.5.0' });
    expect([await run(2, ''), proposed]).toEqual(['3.6', [{ enabled: false, ver: '' }]]);
    const none = downgrade({});
    expect(await none.run(2, '')).toBe('3.6');
    expect(none.logger.records).toMatchObject([{ level: 'warn', message: 'failed to cancel downgrade' }]);
    const earlier = downgrade({ emulate: '3.5', version: '3.5.0', target: '3.4.0' });
    expect(await earlier.run(2, '')).toBe('3.5.0');
    expect(await downgrade({ emulate: '3.5' }).run(2, '')).toBe('noInflightDowngrade');
    expect(await run(7, '')).toBe('etcdserver: unknown method');
  });
});
