/** What members ask of each other beside raft: our questions, our answers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { peerMembersHandler } from '../../../src/api/http/peer.js';
import { peerDowngradeHandler } from '../../../src/api/http/peer-downgrade.js';
import { peerHashKvHandler } from '../../../src/api/http/peer-hash-kv.js';
import { peerLeasesHandler } from '../../../src/api/http/peer-leases.js';
import { peerPromoteHandler } from '../../../src/api/http/peer-promote.js';
import { versionHandler } from '../../../src/api/http/version.js';
import { silentLogger } from '../../../src/lib/logger.js';
import { NotPrimaryError } from '../../../src/member/services/leases.js';
import { EtcdError } from '../../../src/proto/etcd-error.js';
import { LeaseInternalRequest, LeaseInternalResponse } from '../../../src/proto/gen/leasepb.js';
import { type PeerNode, startPeerNode } from '../../support/peer-node.js';
import { rawRequest } from '../../support/raw-http.js';

const member = {
  id: 9_107_413_352_869_551_782n,
  peerURLs: ['http://127.0.0.1:1'],
  isLearner: false,
  name: 'a',
  clientURLs: ['http://127.0.0.1:2'],
};
const MEMBER_JSON =
  '{"id":9107413352869551782,"peerURLs":["http://127.0.0.1:1"],"name":"a","clientURLs":["http://127.0.0.1:2"]}';

let node: PeerNode;
let asker: PeerNode;
let inTime = true;
let isPrimary = true;
let readFails = false;
const tokens: (string | undefined)[] = [];

beforeAll(async () => {
  const source = {
    emulate: '3.6' as const,
    clusterIdHex: 'c1',
    promoteMember: async (id: bigint, token: string | undefined) => {
      tokens.push(token);
      if (id === 1n) throw new EtcdError('learnerNotReady');
      if (id === 2n) throw new EtcdError('timeout');
      if (id === 3n) throw new EtcdError('permissionDenied');
      return [member];
    },
    caughtUp: async () => inTime,
    renewLease: async (id: bigint) => {
      if (id === 404n) throw new EtcdError('leaseNotFound');
      if (id === 400n) throw new Error('not the leader');
      return 100;
    },
    leaseTimeToLive: async (id: bigint, { keys }: { keys: boolean }) => {
      if (!isPrimary) throw new NotPrimaryError();
      if (id === 404n) return undefined;
      return { ttlSeconds: 99, grantedTtlSeconds: 100, keys: keys ? [Buffer.from('k')] : [] };
    },
    downgradeEnabled: async () => {
      if (readFails) throw new Error('etcdserver: request timed out');
      return true;
    },
    hashKv: async (revision: number) => {
      if (revision === 1) throw new EtcdError('compacted');
      return { currentRevision: 12, hash: 77, compactRevision: 5, hashRevision: revision === 0 ? 12 : revision };
    },
    members: () => [member],
    serverVersion: '3.6.16',
    clusterVersion: () => '3.6.0',
    storageVersion: () => '3.6.0',
  };
  node = await startPeerNode({
    id: 0xa1n,
    emulate: '3.6',
    handlers: [
      peerMembersHandler(source),
      versionHandler(source),
      peerPromoteHandler(source, silentLogger),
      peerLeasesHandler(source),
      peerHashKvHandler(source, silentLogger),
      peerDowngradeHandler(source),
    ],
  });
  asker = await startPeerNode({ id: 0xb2n });
});
afterAll(async () => {
  await asker[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
});

const signal = (): AbortSignal => AbortSignal.timeout(5000);

describe('a member asks another', () => {
  it('who the members are', async () => {
    const { json, clusterId } = await asker.transport.calls.members(node.url, signal());
    expect([json, clusterId]).toEqual([`[${MEMBER_JSON}]\n`, 0xc1n]);
  });

  it('which versions run', async () => {
    expect(await asker.transport.calls.version(node.url, signal())).toEqual({ server: '3.6.16', cluster: '3.6.0' });
  });

  it('whether the cluster is being downgraded', async () => {
    expect(await asker.transport.calls.downgradeEnabled(node.url, signal())).toBe(true);
    readFails = true;
    await expect(asker.transport.calls.downgradeEnabled(node.url, signal())).rejects.toMatchObject({
      status: 500,
      body: 'failed linearized read: etcdserver: request timed out',
    });
    readFails = false;
  });

  it('to promote a learner, in the name of whoever asked', async () => {
    expect(await asker.transport.calls.promote(node.url, member.id, 'a.token', signal())).toBe(`[${MEMBER_JSON}]\n`);
    expect(tokens).toEqual(['a.token']);
    const refusal = async (id: bigint) => {
      const failed = asker.transport.calls.promote(node.url, id, undefined, signal());
      return failed.then(String, ({ status, body }: { status: number; body: string }) => [status, body]);
    };
    expect(await refusal(1n)).toEqual([
      412,
      'etcdserver: can only promote a learner member which is in sync with leader',
    ]);
    expect(await refusal(2n)).toEqual([408, 'etcdserver: request timed out']);
    expect(await refusal(3n)).toEqual([500, 'etcdserver: permission denied']);
  });

  it('for the hash of its keys', async () => {
    expect(await asker.transport.calls.hashKv(node.url, 0, signal())).toEqual({
      currentRevision: 12,
      compactRevision: 5,
      hash: 77,
    });
    await expect(asker.transport.calls.hashKv(node.url, 1, signal())).rejects.toMatchObject({
      status: 400,
      body: 'mvcc: required revision has been compacted',
    });
    const raw = await rawRequest({
      port: node.port,
      method: 'GET',
      path: '/members/hashkv',
      body: Buffer.from('{"revision":9}'),
    });
    expect(raw.body).toBe('{"header":{"revision":12},"hash":77,"compact_revision":5,"hash_revision":9}');
  });

  it.each(['', 'x', '{"revision":"9"}', '{"revision":1e99}', '[1'])(
    'for a hash with a body of %j: refused',
    async (body) => {
      const raw = await rawRequest({
        port: node.port,
        method: 'GET',
        path: '/members/hashkv',
        body: Buffer.from(body),
      });
      expect(raw).toMatchObject({ status: 400, body: 'error unmarshalling request\n' });
    },
  );

  it('to renew a lease', async () => {
    expect(await asker.transport.calls.renewLease(node.url, 777n, signal())).toBe(100);
    expect(await asker.transport.calls.renewLease(node.url, -777n, signal())).toBe(100);
    expect(await asker.transport.calls.renewLease(node.url, 404n, signal())).toBe(0);
    await expect(asker.transport.calls.renewLease(node.url, 400n, signal())).rejects.toMatchObject({
      status: 400,
      body: 'not the leader',
    });
    inTime = false;
    await expect(asker.transport.calls.renewLease(node.url, 777n, signal())).rejects.toMatchObject({
      status: 408,
      body: 'waiting for node to catch up its applied index has timed out',
    });
    inTime = true;
  });

  it('how long a lease lives', async () => {
    const ask = async (ID: bigint, keys: boolean) => {
      const request = LeaseInternalRequest.encode({ LeaseTimeToLiveRequest: { ID, keys } });
      const answer = await asker.transport.calls.leaseTimeToLive(node.url, request, signal());
      return LeaseInternalResponse.decode(answer).LeaseTimeToLiveResponse;
    };
    expect(await ask(777n, true)).toMatchObject({ ID: 777n, TTL: 99, grantedTTL: 100 });
    expect((await ask(777n, true))?.keys.map((key) => Buffer.from(key).toString())).toEqual(['k']);
    expect((await ask(777n, false))?.keys).toEqual([]);
    await expect(ask(404n, false)).rejects.toMatchObject({ status: 404, body: 'lease not found' });
    isPrimary = false;
    await expect(ask(777n, false)).rejects.toMatchObject({ status: 500, body: 'not a primary lessor' });
    isPrimary = true;
  });

  it('nothing with a body that is larger than any question (etcd #22147)', async () => {
    const raw = await rawRequest({
      port: node.port,
      method: 'POST',
      path: '/leases',
      body: Buffer.alloc(100_000),
    });
    expect(raw).toMatchObject({ status: 400, body: 'error reading body\n' });
  });

  it('and hears the reason of the system when nobody is there', async () => {
    await expect(asker.transport.calls.version('http://127.0.0.1:1', signal())).rejects.toThrow(
      'dial tcp 127.0.0.1:1: connect: connection refused',
    );
  });
});
