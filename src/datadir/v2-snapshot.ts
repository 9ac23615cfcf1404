/**
 * The v2 store's JSON inside a raft snapshot, as far as membership goes. 3.4 and 3.5 restore members, removed ids and
 * cluster version from it (3.6 and later from the database), so it must be there and right; 3.6 refuses an empty one.
 * Paths: `v2-membership.ts`; the whole form: `v2/snapshot.ts`.
 */
import { JsonReader } from '../v2/json-reader.js';
import { saveStore } from '../v2/snapshot.js';
import { V2Store } from '../v2/store.js';
import { attributesFromJson, type ClusterMember, type MembershipState } from './cluster-member.js';
import { storeMembership } from './v2-membership.js';

interface Node {
  readonly Value: string;
  readonly Children: Readonly<Record<string, Node>> | null;
}

/** Of a store that holds nothing else. */
export function membershipToV2Snapshot(state: MembershipState): Uint8Array {
  const v2 = new V2Store();
  storeMembership(v2, state);
  return saveStore(v2);
}

/**
 * Throws SyntaxError for what is not such a store; unknown nodes are passed over. What clients keep stands behind the
 * membership, and is not looked at: it may be large.
 */
export function membershipFromV2Snapshot(data: Uint8Array): MembershipState {
  const cluster = membershipNode(new JsonReader(data))?.Children;
  const members = Object.entries(cluster?.members?.Children ?? {}).map(([id, node]) => memberOf(id, node));
  return {
    members: members.sort((a, b) => (a.id < b.id ? -1 : 1)),
    removed: Object.keys(cluster?.removed_members?.Children ?? {})
      .map((id) => BigInt(`0x${id}`))
      .sort((a, b) => (a < b ? -1 : 1)),
    version: cluster?.version?.Value,
  };
}

function membershipNode(reader: JsonReader): Node | undefined {
  for (const name of ['Root', 'Children', '0']) {
    if (!hasField(reader, name) || (name === 'Children' && reader.isNull())) return undefined;
  }
  return reader.value() as Node;
}

/** Opens the object that comes, and reads it up to the value of `wanted`. */
function hasField(reader: JsonReader, wanted: string): boolean {
  reader.open();
  for (let name = reader.name(true); name !== undefined; name = reader.name(false)) {
    if (name === wanted) return true;
    reader.skip();
  }
  return false;
}

function memberOf(id: string, node: Node): ClusterMember {
  const raft = JSON.parse(node.Children?.raftAttributes?.Value ?? '{}') as { peerURLs?: string[]; isLearner?: boolean };
  const attributes = attributesFromJson(node.Children?.attributes?.Value ?? '{}');
  return { id: BigInt(`0x${id}`), peerURLs: raft.peerURLs ?? [], isLearner: raft.isLearner === true, ...attributes };
}
