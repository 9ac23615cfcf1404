/** What members ask each other over plain HTTP: hashes, leases, promotions, downgrades, who the members are. */
import { describe, expect, it } from 'vitest';
import { peerMembersHandler } from '../../../../src/api/http/peer.js';
import { peerDowngradeHandler } from '../../../../src/api/http/peer-downgrade.js';
import { type PeerHash, peerHashKvHandler } from '../../../../src/api/http/peer-hash-kv.js';
import { type PeerLease, type PeerLeaseSource, peerLeasesHandler } from '../../../../src/api/http/peer-leases.js';
import { peerPromoteHandler } from '../../../../src/api/http/peer-promote.js';
import type { HttpHandler } from '../../../../src/api/http/types.js';
import type { ClusterMember } from '../../../../src/datadir/cluster-member.js';
import type { EmulatedVersion } from '../../../../src/lib/emulate.js';
import type { HttpRequest } from '../../../../src/lib/http.js';
import type { LeaseId, MemberId } from '../../../../src/lib/ids.js';
import { NotPrimaryError } from '../../../../src/member/services/leases.js';
import type { wireErrors } from '../../../../src/proto/errors.js';
import { EtcdError } from '../../../../src/proto/etcd-error.js';
import { LeaseKeepAliveRequest, LeaseKeepAliveResponse } from '../../../../src/proto/gen/etcdserverpb.js';
import { LeaseInternalRequest, LeaseInternalResponse } from '../../../../src/proto/gen/leasepb.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

interface Sent {
  readonly method?: string;
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Status and body; undefined where the path is another's. */
async function ask(handler: HttpHandler, path: string, { method = 'GET', body = '', headers = {} }: Sent = {}) {
  const request = {
    method,
    target: path,
    headers,
    signal: new AbortController().signal,
    body: (async function* () {
      if (body.length > 0) yield Buffer.from(body);
    })(),
  } as unknown as HttpRequest;
  const response = await handler(request, new URL(path, 'http://etcd'));
  return response && { status: response.status, body: response.body, headers: response.headers };
}

const failing = (message: string) => async (): Promise<never> => {
  throw new Error(message);
};
const refusing = (row: keyof typeof wireErrors) => async (): Promise<never> => {
  throw new EtcdError(row);
};
const member: ClusterMember = {
  id: 0xffff_ffff_ffff_fff1n as MemberId,
  peerURLs: ['http://p:1'],
  name: 'm',
  clientURLs: ['http://c:1'],
  isLearner: false,
};

describe('/members', () => {
  const handler = peerMembersHandler({ clusterIdHex: 'c1', members: () => [member, member] });

  it('lists them, with ids as numbers of any size', async () => {
    const answer = await ask(handler, '/members');
    expect(answer).toMatchObject({ status: 200, headers: { 'X-Etcd-Cluster-Id': 'c1' } });
    expect(answer?.body).toMatch(/^\[\{"id":18446744073709551601,.*\},\{"id":18446744073709551601,.*\}\]\n$/);
  });

  it('is read alone, and nothing below it is', async () => {
    expect(await ask(handler, '/members', { method: 'POST' })).toMatchObject({
      status: 405,
      headers: { Allow: 'GET' },
    });
    expect(await ask(handler, '/members/x')).toBeUndefined();
  });
});

describe('/members/hashkv', () => {
  const hash: PeerHash = { currentRevision: 9, hash: 77, compactRevision: 3, hashRevision: 8 };
  function serving(hashKv: (revision: number) => Promise<PeerHash>, emulate: EmulatedVersion = '3.5') {
    const logger = new RecordingLogger();
    return { logger, handler: peerHashKvHandler({ emulate, clusterIdHex: 'c1', hashKv }, logger) };
  }

  it.each<[EmulatedVersion, string]>([
    ['3.4', '{"header":{"revision":9},"hash":77,"compact_revision":3}'],
    ['3.6', '{"header":{"revision":9},"hash":77,"compact_revision":3,"hash_revision":8}'],
  ])('in %s is the hash at the revision that is asked for, now without one', async (emulate, body) => {
    const asked: number[] = [];
    const { handler } = serving(async (revision) => {
      asked.push(revision);
      return hash;
    }, emulate);
    expect(await ask(handler, '/members/hashkv', { body: '{"revision":7}' })).toMatchObject({ status: 200, body });
    expect(await ask(handler, '/members/hashkv', { body: '{}' })).toMatchObject({ status: 200 });
    expect(asked).toEqual([7, 0]);
  });

  it('leaves out what is zero', async () => {
    const { handler } = serving(async () => ({ currentRevision: 0, hash: 0, compactRevision: 0, hashRevision: 0 }));
    expect(await ask(handler, '/members/hashkv', { body: '{}' })).toMatchObject({ body: '{"header":{}}' });
  });

  it.each<[Sent, number, string]>([
    [{ body: '' }, 400, 'error unmarshalling request\n'],
    [{ body: '{"revision":1.5}' }, 400, 'error unmarshalling request\n'],
    [{ body: '{"revision":"1"}' }, 400, 'error unmarshalling request\n'],
    [{ body: 'x'.repeat(64 * 1024 + 1) }, 400, 'error reading body\n'],
    [{ body: '{}', method: 'PUT' }, 405, 'Method Not Allowed\n'],
  ])('refuses %j', async (sent, status, body) => {
    expect(await ask(serving(async () => hash).handler, '/members/hashkv', sent)).toMatchObject({ status, body });
  });

  it('says why there is none, without etcd’s prefix, and logs it', async () => {
    const { handler, logger } = serving(refusing('compacted'));
    const text = 'mvcc: required revision has been compacted';
    expect(await ask(handler, '/members/hashkv', { body: '{"revision":2}' })).toMatchObject({
      ...{ status: 400, body: `${text}\n` },
    });
    expect(logger.records).toMatchObject([{ level: 'warn', fields: { 'requested-revision': 2, error: text } }]);
  });

  it('is for members of the same cluster, where the version looks', async () => {
    const headers = { 'x-etcd-cluster-id': 'other' };
    for (const [emulate, own, other] of [
      ['3.5', 200, 412],
      ['3.4', 200, 200],
    ] as const) {
      const { handler } = serving(async () => hash, emulate);
      const statuses = [
        await ask(handler, '/members/hashkv', { body: '{}', headers: { 'x-etcd-cluster-id': 'c1' } }),
        await ask(handler, '/members/hashkv', { body: '{}', headers: { 'x-etcd-cluster-id': '' } }),
        await ask(handler, '/members/hashkv', { body: '{}', headers }),
      ].map((answer) => answer?.status);
      expect(statuses, emulate).toEqual([own, own, other]);
    }
  });
});

describe('/leases', () => {
  const lease: PeerLease = { ttlSeconds: 7, grantedTtlSeconds: 10, keys: [Buffer.from('k')] };
  const serving = (source: Partial<PeerLeaseSource> = {}): HttpHandler =>
    peerLeasesHandler({
      caughtUp: async () => true,
      renewLease: async () => 10,
      leaseTimeToLive: async () => lease,
      ...source,
    });
  const renewal = LeaseKeepAliveRequest.encode({ ID: 5n as LeaseId });
  const question = (keys: boolean): Uint8Array =>
    LeaseInternalRequest.encode({ LeaseTimeToLiveRequest: { ID: 5n as LeaseId, keys } });
  const post = (handler: HttpHandler, path: string, body: Uint8Array | string) =>
    ask(handler, path, { method: 'POST', body });

  it('renews one, and tells its time and keys', async () => {
    const asked: unknown[] = [];
    const handler = serving({
      renewLease: async (id) => {
        asked.push(id);
        return 10;
      },
      leaseTimeToLive: async (id, options) => {
        asked.push([id, options]);
        return lease;
      },
    });
    const renewed = await post(handler, '/leases', renewal);
    expect(renewed).toMatchObject({ status: 200, headers: { 'Content-Type': 'application/protobuf' } });
    expect(LeaseKeepAliveResponse.decode(renewed?.body as Uint8Array)).toMatchObject({ ID: 5n, TTL: 10 });
    const told = await post(handler, '/leases/internal', question(true));
    const { LeaseTimeToLiveResponse } = LeaseInternalResponse.decode(told?.body as Uint8Array);
    expect(LeaseTimeToLiveResponse).toMatchObject({ ID: 5n, TTL: 7, grantedTTL: 10, keys: lease.keys });
    await post(handler, '/leases/internal', question(false));
    expect(asked).toEqual([5n, [5n, { keys: true }], [5n, { keys: false }]]);
  });

  const malformed = [400, 'error unmarshalling request\n'];
  const gone = [404, 'lease not found\n'];
  const late = [408, 'waiting for node to catch up its applied index has timed out\n'];
  it.each<[string, HttpHandler, string, Uint8Array | string, unknown[]]>([
    ['no renewal', serving(), '/leases', Buffer.of(0xff), malformed],
    ['no question', serving(), '/leases/internal', Buffer.of(0xff), malformed],
    ['an empty question', serving(), '/leases/internal', '', malformed],
    ['too much', serving(), '/leases', Buffer.alloc(64 * 1024 + 1), [400, 'error reading body\n']],
    ['a renewal of none', serving({ renewLease: refusing('leaseNotFound') }), '/leases', renewal, gone],
    ['a renewal elsewhere', serving({ renewLease: failing('not me') }), '/leases', renewal, [400, 'not me\n']],
    ['a late renewal', serving({ caughtUp: async () => false }), '/leases', renewal, late],
    [
      'a question of none',
      serving({ leaseTimeToLive: async () => undefined }),
      '/leases/internal',
      question(true),
      gone,
    ],
    ['a late question', serving({ caughtUp: async () => false }), '/leases/internal', question(true), late],
    [
      'a question elsewhere',
      serving({
        leaseTimeToLive: async () => {
          throw new NotPrimaryError();
        },
      }),
      '/leases/internal',
      question(true),
      [500, `${new NotPrimaryError().message}\n`],
    ],
    [
      'a question that fails',
      serving({ leaseTimeToLive: failing('x') }),
      '/leases/internal',
      question(true),
      [400, 'x\n'],
    ],
  ])('answers %s', async (_what, handler, path, body, wanted) => {
    const answer = await post(handler, path, body);
    expect([answer?.status, answer?.body]).toEqual(wanted);
  });

  it('is posted to', async () => {
    expect(await ask(serving(), '/leases')).toMatchObject({ status: 405, body: 'Method Not Allowed\n' });
    expect(await ask(serving(), '/leases/other')).toBeUndefined();
  });
});

describe('/members/promote/', () => {
  type Promote = (id: MemberId, token: string | undefined) => Promise<readonly ClusterMember[]>;
  function serving(promoteMember: Promote) {
    const logger = new RecordingLogger();
    return { logger, handler: peerPromoteHandler({ clusterIdHex: 'c1', promoteMember }, logger) };
  }
  const post = (handler: HttpHandler, id: string, headers = {}) =>
    ask(handler, `/members/promote/${id}`, { method: 'POST', headers });

  it('promotes the member of a decimal id for whom the token names, and lists the members', async () => {
    const asked: unknown[] = [];
    const { handler } = serving(async (...all) => {
      asked.push(all.slice(0, 2));
      return [member];
    });
    const answer = await post(handler, '18446744073709551615', { authorization: 't' });
    expect(answer).toMatchObject({ status: 200, headers: { 'X-Etcd-Cluster-Id': 'c1' } });
    expect(answer?.body).toMatch(/^\[\{"id":18446744073709551601,.*\}\]\n$/);
    expect(asked).toEqual([[0xffff_ffff_ffff_ffffn, 't']]);
  });

  it.each(['', 'x', '-1', '18446744073709551616', '1x'])('knows no member %j', async (id) => {
    const { handler } = serving(async () => [member]);
    expect(await post(handler, id)).toMatchObject({ status: 404, body: `member ${id} not found in cluster\n` });
  });

  it.each<[keyof typeof wireErrors, number, string]>([
    ['memberNotFound', 404, 'membership: ID not found'],
    ['memberNotLearner', 412, 'membership: can only promote a learner member'],
    ['learnerNotReady', 412, 'etcdserver: can only promote a learner member which is in sync with leader'],
    ['timeout', 408, 'etcdserver: request timed out'],
    ['timeoutDueToLeaderFail', 408, 'etcdserver: request timed out, possibly due to previous leader failure'],
    ['permissionDenied', 500, 'etcdserver: permission denied'],
  ])('tells %s apart from others', async (row, status, text) => {
    const { handler, logger } = serving(refusing(row));
    expect(await post(handler, '26')).toMatchObject({ status, body: `${text}\n` });
    expect(logger.records).toMatchObject([{ message: 'failed to promote a member', fields: { 'member-id': '1a' } }]);
  });

  it('is posted to', async () => {
    const { handler } = serving(async () => [member]);
    expect(await ask(handler, '/members/promote/1')).toMatchObject({ status: 405, headers: { Allow: 'POST' } });
    expect(await ask(handler, '/members/promot')).toBeUndefined();
  });
});

describe('/downgrade/enabled', () => {
  const serving = (downgradeEnabled: () => Promise<boolean>, emulate: EmulatedVersion = '3.5') =>
    peerDowngradeHandler({ emulate, clusterIdHex: 'c1', downgradeEnabled });

  it('is told by versions that know of it', async () => {
    for (const isOn of [true, false])
      expect(
        await ask(
          serving(async () => isOn),
          '/downgrade/enabled',
        ),
      ).toMatchObject({
        ...{ status: 200, body: String(isOn), headers: { 'X-Etcd-Cluster-Id': 'c1' } },
      });
    expect(
      await ask(
        serving(async () => true, '3.4'),
        '/downgrade/enabled',
      ),
    ).toBeUndefined();
    expect(
      await ask(
        serving(async () => true),
        '/downgrade/other',
      ),
    ).toBeUndefined();
  });

  it('needs a read of the whole cluster, and a GET', async () => {
    expect(await ask(serving(failing('no leader')), '/downgrade/enabled')).toMatchObject({
      ...{ status: 500, body: 'failed linearized read: no leader\n' },
    });
    expect(
      await ask(
        serving(async () => true),
        '/downgrade/enabled',
        { method: 'PUT' },
      ),
    ).toMatchObject({ status: 405 });
  });
});
