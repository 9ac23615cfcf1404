/** Who is connected, and what a request that timed out learns of it. */
import { describe, expect, it } from 'vitest';
import type { ClusterMember } from '../../../../src/datadir/cluster-member.js';
import type { Leadership } from '../../../../src/member/loop/leadership.js';
import type { Cluster } from '../../../../src/member/membership/cluster.js';
import { Connections, timeoutError } from '../../../../src/member/membership/connections.js';

/** Member 1 is this one; of the others since when they are connected, in order. Learners last. */
function connected(sinceMs: readonly (number | undefined)[], learners = 0): Connections {
  const members = [undefined, ...sinceMs].map((_, at): ClusterMember => {
    return { id: BigInt(at + 1), isLearner: at > sinceMs.length - learners, name: '', peerURLs: [], clientURLs: [] };
  });
  const voters = members.filter(({ isLearner }) => !isLearner);
  const cluster = { localId: 1n, members, voters } as unknown as Cluster;
  return new Connections({ activeSince: (id) => sinceMs[Number(id) - 2] }, cluster);
}

describe('connections', () => {
  it('count from before a moment, this member always', () => {
    const connections = connected([99, 100, undefined]);
    expect(connections.countSince(100, connections.cluster.members)).toBe(2);
    expect(connections.countSince(101, connections.cluster.members)).toBe(3);
    expect(connections.isConnectedSince(2n, 100)).toBe(true);
    expect(connections.isConnectedSince(3n, 100)).toBe(false);
    expect(connections.isConnectedSince(4n, 100)).toBe(false);
    expect(connections.activeCount).toBe(2);
  });

  it('make a quorum with more than half', () => {
    expect(connected([1, undefined]).hasQuorumSince(10)).toBe(true);
    expect(connected([undefined, undefined]).hasQuorumSince(10)).toBe(false);
    expect(connected([1, undefined, undefined]).hasQuorumSince(10)).toBe(false);
    expect(connected([1, 1, undefined]).hasQuorumSince(10)).toBe(true);
    expect(connected([]).hasQuorumSince(10)).toBe(true);
  });

  it('name the voter that has been there for longest', () => {
    expect(connected([30, 10, 20]).longestConnectedVoter).toBe(3n);
    expect(connected([30, 20, 10], 1).longestConnectedVoter).toBe(3n);
    expect(connected([undefined, undefined]).longestConnectedVoter).toBeUndefined();
  });
});

describe('a request that timed out', () => {
  const told = (startMs: number, leadership: Partial<Leadership>, sinceMs: readonly (number | undefined)[] = [1, 1]) =>
    timeoutError(
      {
        connections: connected(sinceMs),
        leadership: { hasLeader: true, ...leadership } as Leadership,
        electionTimeoutMs: 1000,
      },
      startMs,
    ).row;

  it('learns of a leader that failed where one was elected meanwhile', () => {
    const elected = { electedMs: 5000, lead: 1n };
    expect([2999, 3000, 3001, 4999, 5000, 5001].map((startMs) => told(startMs, elected))).toEqual([
      'timeout',
      'timeout',
      'timeoutDueToLeaderFail',
      'timeoutDueToLeaderFail',
      'timeout',
      'timeout',
    ]);
  });

  it('learns of a lost connection, to the leader or of the leader to its quorum', () => {
    expect(told(100, { lead: 2n })).toBe('timeout');
    expect(told(100, { lead: 2n }, [undefined, 1])).toBe('timeoutDueToConnectionLost');
    expect(told(100, { lead: 2n }, [100, 1])).toBe('timeoutDueToConnectionLost');
    expect(told(100, { lead: 1n }, [undefined, 1])).toBe('timeout');
    expect(told(100, { lead: 1n }, [undefined, undefined])).toBe('timeoutDueToConnectionLost');
    expect(told(100, { lead: 0n, hasLeader: false }, [undefined, undefined])).toBe('timeout');
  });
});
