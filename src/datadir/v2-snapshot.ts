/**
 * The v2 store's JSON inside a raft snapshot, as far as membership goes. 3.4 and 3.5 restore members, removed ids and cluster version from it (3.6 and later from
 * the database), so it must be there and right; 3.6 refuses an empty one. Only `Root` is ever read; the history is written as a fresh store has it.
 * facts: "ids and hashes 6".
 *
 *     /0/members/<hex>/raftAttributes  {"peerURLs":[…],"isLearner":true?}     /0/removed_members/<hex>  ""
 *     /0/members/<hex>/attributes      {"name":"…","clientURLs":[…]}          /0/version                3.5.0
 */
import { attributesFromJson, attributesToJson, type ClusterMember, type MembershipState } from './cluster-member.js';

interface Node {
  readonly Path: string;
  readonly CreatedIndex: number;
  readonly ModifiedIndex: number;
  readonly ExpireTime: string;
  readonly Value: string;
  readonly Children: Readonly<Record<string, Node>> | null;
}

const NEVER = '0001-01-01T00:00:00Z';
const HISTORY_SLOTS = 1000;

export function membershipToV2Snapshot(state: MembershipState): Uint8Array {
  let index = 0;
  const leaf = (Path: string, Value: string): Node => {
    index++;
    return { Path, CreatedIndex: index, ModifiedIndex: index, ExpireTime: NEVER, Value, Children: null };
  };
  const folder = (Path: string, Children: Readonly<Record<string, Node>>): Node => ({
    Path,
    CreatedIndex: 0,
    ModifiedIndex: 0,
    ExpireTime: NEVER,
    Value: '',
    Children,
  });
  const memberFolder = (member: ClusterMember): Node => {
    const path = `/0/members/${member.id.toString(16)}`;
    const raftAttributes = JSON.stringify({
      peerURLs: member.peerURLs,
      ...(member.isLearner ? { isLearner: true } : {}),
    });
    const published = member.name !== '' || member.clientURLs.length > 0;
    return folder(path, {
      ...(published ? { attributes: leaf(`${path}/attributes`, attributesToJson(member)) } : {}),
      raftAttributes: leaf(`${path}/raftAttributes`, raftAttributes),
    });
  };
  const hex = (id: bigint): string => id.toString(16);
  const members = state.members.map((member) => [hex(member.id), memberFolder(member)]);
  const removed = state.removed.map((id) => [hex(id), leaf(`/0/removed_members/${hex(id)}`, '')]);
  const cluster = folder('/0', {
    members: folder('/0/members', Object.fromEntries(members)),
    ...(removed.length > 0 ? { removed_members: folder('/0/removed_members', Object.fromEntries(removed)) } : {}),
    ...(state.version === undefined ? {} : { version: leaf('/0/version', state.version) }),
  });
  return Buffer.from(
    JSON.stringify({
      Root: folder('/', { '0': cluster, '1': folder('/1', {}) }),
      WatcherHub: {
        EventHistory: {
          Queue: { Events: Array(HISTORY_SLOTS).fill(null), Size: 0, Front: 0, Back: 0, Capacity: HISTORY_SLOTS },
          StartIndex: index + 1,
          LastIndex: index,
        },
      },
      CurrentIndex: index,
      Stats: noStats,
      CurrentVersion: 2,
    }),
  );
}

/** Throws SyntaxError for what is not such a store; unknown nodes are passed over. */
export function membershipFromV2Snapshot(data: Uint8Array): MembershipState {
  const store = JSON.parse(Buffer.from(data).toString()) as { Root?: Node };
  const cluster = store.Root?.Children?.['0']?.Children;
  const members = Object.entries(cluster?.members?.Children ?? {}).map(([id, node]) => memberOf(id, node));
  return {
    members: members.sort((a, b) => (a.id < b.id ? -1 : 1)),
    removed: Object.keys(cluster?.removed_members?.Children ?? {})
      .map((id) => BigInt(`0x${id}`))
      .sort((a, b) => (a < b ? -1 : 1)),
    version: cluster?.version?.Value,
  };
}

function memberOf(id: string, node: Node): ClusterMember {
  const raft = JSON.parse(node.Children?.raftAttributes?.Value ?? '{}') as { peerURLs?: string[]; isLearner?: boolean };
  const attributes = attributesFromJson(node.Children?.attributes?.Value ?? '{}');
  return { id: BigInt(`0x${id}`), peerURLs: raft.peerURLs ?? [], isLearner: raft.isLearner === true, ...attributes };
}

const noStats = {
  getsSuccess: 0,
  getsFail: 0,
  setsSuccess: 0,
  setsFail: 0,
  deleteSuccess: 0,
  deleteFail: 0,
  updateSuccess: 0,
  updateFail: 0,
  createSuccess: 0,
  createFail: 0,
  compareAndSwapSuccess: 0,
  compareAndSwapFail: 0,
  compareAndDeleteSuccess: 0,
  compareAndDeleteFail: 0,
  expireCount: 0,
  watchers: 0,
};
