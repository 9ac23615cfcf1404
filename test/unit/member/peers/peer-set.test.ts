/** Whom a member is connected to, as the membership changes. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { ClusterMember } from '../../../../src/datadir/cluster-member.js';
import { PeerSet, type PeerSetDeps } from '../../../../src/member/peers/peer-set.js';
import { ConfChangeType, makeConfChange } from '../../../../src/raftpb/types.js';

const {
  ConfChangeAddNode: ADD,
  ConfChangeRemoveNode: REMOVE,
  ConfChangeUpdateNode: UPDATE,
  ConfChangeAddLearnerNode: ADD_LEARNER,
} = ConfChangeType;

const urlOf = (id: bigint, port = 2380): string => `http://${id}:${port}`;
const member = (id: bigint, port?: number): ClusterMember => ({
  id,
  name: '',
  peerURLs: [urlOf(id, port)],
  clientURLs: [],
  isLearner: false,
});

/** What the transport was told. */
let told: string[];
let members: ClusterMember[];
let removed: bigint[];
let initialMembers: ClusterMember[];

beforeEach(() => {
  told = [];
  members = [];
  removed = [];
  initialMembers = [];
});

function peerSet(): PeerSet {
  const deps = {
    transport: {
      start: (local: object) => told.push(`start ${Object.values(local).join(' ')}`),
      addPeer: (id: bigint, urls: readonly string[]) => told.push(`add ${id} ${urls}`),
      updatePeer: (id: bigint, urls: readonly string[]) => told.push(`update ${id} ${urls}`),
      removePeer: (id: bigint) => told.push(`remove ${id}`),
    },
    cluster: {
      id: 9n,
      localId: 1n,
      get members() {
        return members;
      },
      get: (id: bigint) => members.find((each) => each.id === id),
      isRemoved: (id: bigint) => removed.includes(id),
    },
    get initialMembers() {
      return initialMembers;
    },
    peerUrls: [urlOf(1n)],
    receiver: {},
  };
  return new PeerSet(deps as unknown as PeerSetDeps);
}

const change = (type: ConfChangeType, nodeId: bigint) => makeConfChange({ type, nodeId });

describe('a member that starts', () => {
  it('connects to the others that its flags or its log name, not to itself and not to those removed', () => {
    initialMembers = [member(1n), member(2n)];
    members = [member(1n), member(3n), member(4n)];
    removed = [4n];
    peerSet().start();
    expect(told).toEqual(['start 1 9 http://1:2380', 'add 2 http://2:2380', 'add 3 http://3:2380']);
  });
});

describe('a change of the membership', () => {
  it('connects to who was added, at its new URLs to who has moved, no more to who was removed', () => {
    members = [member(1n), member(2n), member(3n)];
    const peers = peerSet();
    peers.applied(change(ADD, 2n));
    peers.applied(change(ADD_LEARNER, 3n));
    members = [member(1n), member(2n, 7000), member(3n)];
    peers.applied(change(UPDATE, 2n));
    members = [member(1n), member(2n, 7000)];
    removed = [3n];
    peers.applied(change(REMOVE, 3n));
    expect(told).toEqual(['add 2 http://2:2380', 'add 3 http://3:2380', 'update 2 http://2:7000', 'remove 3']);
  });

  it('of this member, or of one that is not there any more, connects to nobody', () => {
    members = [member(1n)];
    const peers = peerSet();
    for (const type of [ADD, ADD_LEARNER, UPDATE, REMOVE]) peers.applied(change(type, 1n));
    for (const type of [ADD, ADD_LEARNER, UPDATE]) peers.applied(change(type, 2n));
    expect(told).toEqual([]);
  });
});

describe('the membership of a snapshot', () => {
  it('keeps connections to those who stay, at the URLs that they have now', () => {
    initialMembers = [member(2n), member(3n)];
    const peers = peerSet();
    peers.start();
    told = [];
    members = [member(1n), member(2n, 7000), member(4n)];
    peers.reconnect();
    expect(told).toEqual(['update 2 http://2:7000', 'remove 3', 'add 4 http://4:2380']);
    told = [];
    members = [member(1n), member(4n)];
    peers.reconnect();
    expect(told).toEqual(['remove 2', 'update 4 http://4:2380']);
  });
});
