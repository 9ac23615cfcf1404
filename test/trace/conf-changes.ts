/** `v1 l2 r3 u4`: how traces write configuration changes. */
import { type ConfChangeSingle, ConfChangeType } from '../../src/raftpb/types.js';

const types: Readonly<Record<string, ConfChangeType>> = {
  v: ConfChangeType.ConfChangeAddNode,
  l: ConfChangeType.ConfChangeAddLearnerNode,
  r: ConfChangeType.ConfChangeRemoveNode,
  u: ConfChangeType.ConfChangeUpdateNode,
};

/** Throws for a token that is none. */
export function parseConfChanges(text: string): ConfChangeSingle[] {
  const tokens = text.trim().split(/\s+/);
  if (tokens[0] === '') return [];
  return tokens.map((token) => {
    if (token.length < 2) throw new Error(`unknown token ${token}`);
    const type = types[token[0] ?? ''];
    if (type === undefined) throw new Error(`unknown input: ${token}`);
    return { type, nodeId: BigInt(token.slice(1)) };
  });
}
