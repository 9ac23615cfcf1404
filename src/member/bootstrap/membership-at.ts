import { readClusterVersion } from '../../backend/schema/cluster.js';
import { readMembers } from '../../backend/schema/members.js';
import { readRemovedMembers } from '../../backend/schema/members-removed.js';
import type { BackendReader } from '../../backend/types.js';
import { type MembershipState, memberFromJson } from '../../datadir/cluster-member.js';
import { membershipFromV2Snapshot } from '../../datadir/v2-snapshot.js';
import type { Snapshot } from '../../raftpb/types.js';

/**
 * Of the snapshot, whose entries are not replayed; of the database where a snapshot says nothing (3.7 may write such).
 */
export function membershipAt(snapshot: Snapshot | undefined, backend: BackendReader): MembershipState {
  if (snapshot === undefined) return { members: [], removed: [], version: undefined };
  return snapshot.data.length > 0 ? membershipFromV2Snapshot(snapshot.data) : membershipIn(backend);
}

export function membershipIn(backend: BackendReader): MembershipState {
  const members = readMembers(backend).map(memberFromJson);
  return { members, removed: readRemovedMembers(backend), version: readClusterVersion(backend) };
}
