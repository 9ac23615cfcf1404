/** Peer URLs as a request names them. */
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../../src/lib/logger.js';
import { Cluster } from '../../../../src/member/membership/cluster.js';
import { LeaderTransfer, type LeaderTransferDeps } from '../../../../src/member/membership/leader-transfer.js';
import { checkedPeerUrls } from '../../../../src/member/membership/peer-urls.js';
import type { V2Store } from '../../../../src/v2/store.js';
import { MemoryBackend } from '../../../support/memory-backend.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

it('are checked, freed of blanks and sorted', () => {
  expect(checkedPeerUrls([' http://b:2 ', 'https://a:1', 'unix:///run/x', 'unixs://h:1/y'])).toEqual([
    'http://b:2',
    'https://a:1',
    'unix:///run/x',
    'unixs://h:1/y',
  ]);
});

it.each([
  [],
  ['http://a'],
  ['http://a:1/'],
  ['http://a:1/x'],
  ['ftp://a:1'],
  ['a:1'],
  ['http://a:1', 'http://[::1'],
  [''],
])('none or bad ones are refused', (...urls) => {
  expect(() => checkedPeerUrls(urls)).toThrow(expect.objectContaining({ row: 'memberBadUrls' }));
});

describe('leadership before a member stops', () => {
  function stopping(options: { isLeader?: boolean; voters?: number; target?: bigint; fails?: Error }) {
    const logger = new RecordingLogger();
    const moved: (bigint | number)[] = [];
    const transfer = new LeaderTransfer({
      cluster: {
        localId: 1n,
        voters: Array(options.voters ?? 3),
        get: (id: bigint) => (id < 4n ? { isLearner: id === 3n } : undefined),
      },
      connections: { longestConnectedVoter: options.target },
      leadership: {
        isLeader: options.isLeader ?? true,
        lead: 1n,
        transfer: async (to: bigint, timeoutMs: number) => {
          if (options.fails !== undefined) throw options.fails;
          moved.push(to, timeoutMs);
        },
      },
      logger,
      timeoutMs: 700,
    } as unknown as LeaderTransferDeps);
    return { transfer, moved, logger };
  }

  it.each<[string, Parameters<typeof stopping>[0], (bigint | number)[], string | undefined]>([
    ['goes to who is connected for longest', { target: 2n }, [2n, 700], undefined],
    ['goes to the other of two', { target: 2n, voters: 2 }, [2n, 700], undefined],
    ['is not handed on by who has none', { isLeader: false, target: 2n }, [], 'local server is not leader'],
    ['stays with who is alone', { voters: 1, target: 2n }, [], 'single voting member cluster'],
    ['stays where nobody is connected', {}, [], 'leadership transfer failed'],
    ['stays where nobody takes it', { target: 2n, fails: new Error('late') }, [], 'leadership transfer failed'],
  ])('%s', async (_name, options, moved, line) => {
    const { transfer, moved: seen, logger } = stopping(options);
    await transfer.handOver();
    expect(seen).toEqual(moved);
    expect(logger.records.map(({ message }) => message)).toEqual(
      line === undefined ? [] : [expect.stringContaining(line)],
    );
  });

  it('goes to a voter that was named, and to nobody else', async () => {
    const { transfer, moved } = stopping({});
    await transfer.move(2n);
    expect(moved).toEqual([2n, 700]);
    for (const id of [3n, 4n]) await expect(transfer.move(id)).rejects.toMatchObject({ row: 'badLeaderTransferee' });
    const follower = stopping({ isLeader: false }).transfer;
    await expect(follower.move(2n)).rejects.toMatchObject({ row: 'notLeader' });
  });
});

it('the members that a snapshot brings replace all, those that were removed among them', () => {
  const backend = new MemoryBackend();
  backend.createBucket('cluster');
  const cluster = new Cluster(9n, 1n, backend, {} as V2Store, silentLogger, '3.5');
  const member = (id: bigint) => ({ id, name: '', peerURLs: [], clientURLs: [], isLearner: false });
  cluster.restore({ members: [member(4n)], removed: [6n], version: '3.4.0' });
  cluster.restore({ members: [member(5n), member(2n)], removed: [9n, 8n], version: '3.5.0' });
  expect(cluster.state).toEqual({ members: [member(2n), member(5n)], removed: [8n, 9n], version: '3.5.0' });
  expect([6n, 8n, 9n].map((id) => cluster.isRemoved(id))).toEqual([false, true, true]);
});
