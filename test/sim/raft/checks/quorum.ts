/** Quorums by plain counting, apart from the core's own arithmetic. */
import type { ConfState, NodeId } from '../../../../src/raftpb/types.js';

function isMajority(voters: readonly NodeId[], have: ReadonlySet<number>): boolean {
  let count = 0;
  for (const id of voters) if (have.has(Number(id))) count++;
  return count * 2 > voters.length;
}

/** Whether `have` holds a majority of the voters, and of the outgoing ones if there are any. */
export const hasQuorum = (conf: ConfState, have: ReadonlySet<number>): boolean =>
  isMajority(conf.voters, have) && (conf.votersOutgoing.length === 0 || isMajority(conf.votersOutgoing, have));

/**
 * Whether every quorum of `a` shares a node with every one of `b`: no set is a quorum of `a` while its complement is
 * one of `b`.
 */
export function quorumsOverlap(a: ConfState, b: ConfState): boolean {
  const ids = [...new Set([...a.voters, ...a.votersOutgoing, ...b.voters, ...b.votersOutgoing])].map(Number);
  for (let subset = 0; subset < 1 << ids.length; subset++) {
    const inside = new Set(ids.filter((_, at) => (subset >> at) & 1));
    const outside = new Set(ids.filter((_, at) => !((subset >> at) & 1)));
    if (hasQuorum(a, inside) && hasQuorum(b, outside)) return false;
  }
  return true;
}
