/** Traces of quorum arithmetic: `committed` and `vote` over a majority (cfg) or a joint configuration (cfg, cfgj). */
import {
  allVoters,
  describeJointAcked,
  type JointVoters,
  jointCommittedIndex,
  jointVoteResult,
} from '../../src/raft/quorum/joint.js';
import { describeIndex, sortedIds } from '../../src/raft/quorum/majority.js';
import type { Directive } from './datadriven.js';

export function quorumTrace({ command, args }: Directive): string {
  const valuesOf = (key: string): string[] =>
    args.filter((arg) => arg.key === key).flatMap(({ values }) => values.filter((value) => value !== ''));
  const idsOf = (key: string): bigint[] =>
    valuesOf(key)
      .filter((value) => value !== 'zero')
      .map(BigInt);
  const incoming = idsOf('cfg');
  const outgoing = idsOf('cfgj');
  const voters: JointVoters = { incoming: new Set(incoming), outgoing: new Set(outgoing) };
  const inputs = valuesOf(command === 'vote' ? 'votes' : 'idx');
  const everyone = allVoters(voters);
  if (everyone.size !== inputs.length) {
    const ids = sortedIds(everyone).map((id) => `${id}:{}`);
    const numbers: Readonly<Record<string, string>> = { _: '0', n: '1', y: '2' };
    return (
      `error: mismatched input (explicit or _) for voters map[${ids.join(' ')}]: ` +
      `[${inputs.map((each) => numbers[each] ?? each).join(' ')}]`
    );
  }
  // In the order of their first mention.
  const given = new Map([...everyone].map((id, position) => [id, inputs[position] ?? '_']));
  const swapped: JointVoters = { incoming: voters.outgoing, outgoing: voters.incoming };
  switch (command) {
    case 'committed': {
      const acked = (id: bigint): number | undefined => {
        const value = given.get(id) ?? '_';
        // An explicit 0 counts as nothing heard, as in the reference's test.
        return value === '_' || value === '0' ? undefined : Number(value);
      };
      const index = jointCommittedIndex(voters, acked);
      const mirrored = jointCommittedIndex(swapped, acked);
      const symmetry = mirrored === index ? '' : `${describeIndex(mirrored)} <-- via symmetry\n`;
      return `${describeJointAcked(voters, acked)}${symmetry}${describeIndex(index)}`;
    }
    case 'vote': {
      const votes = new Map([...given].filter(([, vote]) => vote !== '_').map(([id, vote]) => [id, vote === 'y']));
      const result = jointVoteResult(voters, votes);
      const mirrored = jointVoteResult(swapped, votes);
      return `${mirrored === result ? '' : `${mirrored} <-- via symmetry\n`}${result}`;
    }
    default:
      return 'unknown command';
  }
}
