/** Requests that were made by hand to real members' peer ports, and their answers: ours are the same. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { peerMembersHandler } from '../../../src/api/http/peer.js';
import { peerDowngradeHandler } from '../../../src/api/http/peer-downgrade.js';
import { peerHashKvHandler } from '../../../src/api/http/peer-hash-kv.js';
import { peerLeasesHandler } from '../../../src/api/http/peer-leases.js';
import { peerPromoteHandler } from '../../../src/api/http/peer-promote.js';
import { versionHandler } from '../../../src/api/http/version.js';
import { fullVersionOf } from '../../../src/lib/emulate.js';
import { silentLogger } from '../../../src/lib/logger.js';
import { EtcdError } from '../../../src/proto/etcd-error.js';
import { messageCodec } from '../../../src/raftpb/codec.js';
import { MessageType, makeMessage } from '../../../src/raftpb/types.js';
import { type PeerNode, startPeerNode } from '../../support/peer-node.js';
import { rawRequest } from '../../support/raw-http.js';

interface Probe {
  readonly label: string;
  readonly method: string;
  readonly path: string;
  /** Left out in one probe: as in all others. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly status: number;
  readonly contentType?: string;
  readonly allow?: string;
  readonly clusterIdHeader: boolean;
  readonly serverVersionHeader?: boolean;
  readonly responseBody: string;
  readonly note?: string;
}

const probes = JSON.parse(
  readFileSync(new URL('../../fixtures/peer/peer-probes.json', import.meta.url), 'utf8'),
) as Readonly<Record<string, readonly Probe[]>>;

const bytesOf = (hex: string | undefined): Buffer | undefined =>
  hex === undefined ? undefined : Buffer.from(hex.replace('hex:', ''), 'hex');

function varintIn(hex: string): bigint {
  // 08 08: type. 10: to.
  let value = 0n;
  let shift = 0n;
  for (const byte of Buffer.from(hex.slice('hex:080810'.length), 'hex')) {
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) break;
    shift += 7n;
  }
  return value;
}

describe.each(['3.4', '3.5'] as const)('the peer port of %s', (emulate) => {
  const recorded = probes[fullVersionOf[emulate]] ?? [];
  const self = varintIn(recorded.find(({ label }) => label === 'POST /raft without headers')?.body ?? '');
  const clusterId = 0xc0ffeen;
  let node: PeerNode;

  beforeAll(async () => {
    const source = {
      emulate,
      clusterIdHex: clusterId.toString(16),
      promoteMember: async (id: bigint) => {
        throw new EtcdError(id === self ? 'memberNotLearner' : 'memberNotFound');
      },
      caughtUp: async () => true,
      renewLease: async () => {
        throw new EtcdError('leaseNotFound');
      },
      leaseTimeToLive: async () => undefined,
      downgradeEnabled: async () => false,
      hashKv: async (revision: number) => {
        if (revision > 1) throw new EtcdError('futureRevision');
        return { currentRevision: 1, hash: 1084519789, compactRevision: -1, hashRevision: 1 };
      },
      members: () => [],
      serverVersion: fullVersionOf[emulate],
      clusterVersion: () => `${emulate}.0`,
      storageVersion: () => undefined,
    };
    node = await startPeerNode({
      id: self,
      clusterId,
      emulate,
      handlers: [
        peerMembersHandler(source),
        versionHandler(source),
        peerPromoteHandler(source, silentLogger),
        peerLeasesHandler(source),
        peerHashKvHandler(source, silentLogger),
        peerDowngradeHandler(source),
      ],
    });
  });
  afterAll(() => node[Symbol.asyncDispose]());

  it.each(recorded.filter(({ label }) => !label.startsWith('MsgProp')))('$label', async (probe) => {
    const filled = (text: string): string =>
      text
        .replace('<cluster id>', clusterId.toString(16))
        .replace('<self>', self.toString(16))
        .replace('<self decimal>', String(self));
    const usual = {
      'X-Server-From': '1',
      'X-Server-Version': fullVersionOf[emulate],
      'X-Min-Cluster-Version': '3.0.0',
      'X-Etcd-Cluster-ID': '<cluster id>',
    };
    const headers = Object.fromEntries(
      Object.entries(probe.headers ?? usual).map(([name, value]) => [name, filled(value)]),
    );
    const toAnother = messageCodec[emulate].encode(
      makeMessage({ type: MessageType.MsgHeartbeat, from: 1n, to: self + 1n }),
    );
    const body = probe.headers === undefined ? toAnother : bytesOf(probe.body);
    const answer = await rawRequest({
      port: node.port,
      method: probe.method,
      path: filled(probe.path),
      headers,
      ...(body !== undefined && { body }),
    });
    expect({
      status: answer.status,
      contentType: answer.headers['content-type'],
      allow: answer.headers.allow,
      clusterId: answer.headers['x-etcd-cluster-id'],
      version: answer.headers['x-server-version'],
      body: answer.body,
      whole: answer.whole,
    }).toEqual({
      status: probe.status,
      contentType: probe.contentType,
      allow: probe.allow,
      clusterId: probe.clusterIdHeader ? clusterId.toString(16) : undefined,
      version: probe.serverVersionHeader === true ? fullVersionOf[emulate] : undefined,
      body: probe.responseBody === '<json array>\\n' ? '[]\n' : probe.responseBody,
      whole: !(probe.note ?? '').includes('without terminating chunk'),
    });
  });

  it('every probe was made', () => {
    expect(recorded.length).toBeGreaterThan(30);
  });
});
