import { describe, expect, it } from 'vitest';
import type { Leadership } from '../../../../src/member/loop/leadership.js';
import type { Cluster } from '../../../../src/member/membership/cluster.js';
import { Publisher, type PublisherDeps } from '../../../../src/member/services/publisher.js';
import type { Proposals } from '../../../../src/member/writes/proposals.js';
import { RequestIds } from '../../../../src/member/writes/request-ids.js';
import { memberConfig } from '../../../support/in-process-member.js';
import { settle } from '../../../support/manual-clock.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

function publishing(emulate: '3.5' | '3.6') {
  const logger = new RecordingLogger();
  const proposed: unknown[] = [];
  const state = { hasLeader: true, fails: false };
  const take = async (what: unknown): Promise<void> => {
    if (state.fails) throw new Error('etcdserver: request timed out');
    proposed.push(what);
  };
  const publisher = new Publisher({
    config: memberConfig('/data', { emulate, name: 'm', advertiseClientUrls: ['http://127.0.0.1:2379'] }),
    cluster: { localId: 0xabcn, id: 0xdefn } as Cluster,
    logger,
    ids: new RequestIds(1n, 0),
    leadership: state as unknown as Leadership,
    proposals: {
      propose: take,
      proposeV2: (_id: bigint, bytes: Uint8Array) => take(Buffer.from(bytes).toString('latin1')),
    } as unknown as Proposals,
  } satisfies PublisherDeps);
  const tick = async (nowMs = 0): Promise<void> => {
    publisher.tick(nowMs);
    await settle();
  };
  return { publisher, proposed, state, tick, logger };
}

describe('what a member says of itself', () => {
  it('waits for a leader', async () => {
    const { proposed, state, tick, logger } = publishing('3.6');
    state.hasLeader = false;
    for (const nowMs of [100, 7099, 7100, 14_100]) await tick(nowMs);
    expect(proposed).toEqual([]);
    const fields = {
      'local-member-id': 'abc',
      'local-member-attributes': '{Name:m ClientURLs:[http://127.0.0.1:2379]}',
      'publish-timeout': '7s',
      error: 'etcdserver: request timed out',
    };
    const message = 'failed to publish local member to cluster through raft';
    expect(logger.records).toEqual(Array(2).fill({ level: 'warn', message, fields }));
  });

  it('is a request of its own from 3.6 on', async () => {
    const { publisher, proposed, tick } = publishing('3.6');
    await tick();
    expect(proposed).toEqual([
      {
        kind: 'clusterMemberAttrSet',
        request: { memberID: 0xabcn, memberAttributes: { name: 'm', clientUrls: ['http://127.0.0.1:2379'] } },
      },
    ]);
    await publisher.published;
  });

  it('is a request of the v2 API before', async () => {
    const { proposed, tick } = publishing('3.5');
    await tick();
    expect(proposed[0]).toContain('/0/members/abc/attributes');
    expect(proposed[0]).toContain('{"name":"m","clientURLs":["http://127.0.0.1:2379"]}');
  });

  it('is tried again until it is applied, then once', async () => {
    const { publisher, proposed, state, tick, logger } = publishing('3.6');
    state.fails = true;
    await tick();
    await tick();
    expect(logger.records.map(({ message }) => message)).toEqual(
      Array(2).fill('failed to publish local member to cluster through raft'),
    );
    state.fails = false;
    await tick();
    await tick();
    expect(proposed).toHaveLength(1);
    await publisher.published;
  });

  it('is given up when the member stops', async () => {
    const { publisher } = publishing('3.6');
    publisher.stop(new Error('etcdserver: server stopped'));
    await expect(publisher.published).rejects.toThrow('etcdserver: server stopped');
  });
});
