import { readClusterVersion } from '../../backend/schema/cluster.js';
import type { BackendReader } from '../../backend/types.js';
import { type MembershipState, memberFromJson } from '../../datadir/cluster-member.js';
import { membershipFromV2Snapshot } from '../../datadir/v2-snapshot.js';
import type { Snapshot } from '../../raftpb/types.js';

/** Of the snapshot, whose entries are not replayed; of the database where a snapshot says nothing (3.7 may write such). */
export function membershipAt(snapshot: Snapshot | undefined, backend: BackendReader): MembershipState {
  if (snapshot === undefined) return { members: [], removed: [], version: undefined };
  return snapshot.data.length > 0 ? membershipFromV2Snapshot(snapshot.data) : membershipIn(backend);
}

export function membershipIn(backend: BackendReader): MembershipState {
  const members: MembershipState['members'][number][] = [];
  const removed: bigint[] = [];
  backend.range('members', new Uint8Array(0), undefined, 0, (_key, value) => {
    members.push(memberFromJson(Buffer.from(value).toString()));
  });
  backend.range('members_removed', new Uint8Array(0), undefined, 0, (key) => {
    removed.push(BigInt(`0x${Buffer.from(key).toString()}`));
  });
  return { members, removed, version: readClusterVersion(backend) };
}
