/**
 * The membership in the v2 store, where 3.4 and 3.5 look for it (3.6 and later believe the database). Every change of
 * the members changes these nodes, one index each, or two for a removal, as in etcd: so that the stores of all members,
 * whatever their version, count alike.
 *
 *     /0/members/<hex>/raftAttributes  {"peerURLs":[…],"isLearner":true?}     /0/removed_members/<hex>  ""
 *     /0/members/<hex>/attributes      {"name":"…","clientURLs":[…]}          /0/version                3.5.0
 */
import type { MemberId } from '../lib/ids.js';
import { bytesOf } from '../v2/json.js';
import { permanent, type V2Store } from '../v2/store.js';
import { CLUSTER_PREFIX } from '../v2/tree.js';
import { attributesToJson, type ClusterMember, type MemberAttributes, type MembershipState } from './cluster-member.js';

export const VERSION_PATH = `${CLUSTER_PREFIX}/version`;

/** With the member's id, in hex. */
export const ATTRIBUTES_PATH = /^\/0\/members\/([0-9a-f]{1,16})\/attributes$/;

export const attributesPathOf = (id: MemberId): string => `${memberPathOf(id)}/attributes`;

const memberPathOf = (id: MemberId): string => `${CLUSTER_PREFIX}/members/${id.toString(16)}`;
const removedPathOf = (id: MemberId): string => `${CLUSTER_PREFIX}/removed_members/${id.toString(16)}`;
const raftAttributesPathOf = (id: MemberId): string => `${memberPathOf(id)}/raftAttributes`;

/** No node of these has a TTL. */
const NO_TIME = 0n;

export function storeMember(v2: V2Store, member: ClusterMember): void {
  create(v2, raftAttributesPathOf(member.id), raftAttributesJson(member));
}

/** Addresses, or learner or voter, have changed. */
export function storeRaftAttributes(v2: V2Store, member: ClusterMember): void {
  set(v2, raftAttributesPathOf(member.id), raftAttributesJson(member));
}

export function storeAttributes(v2: V2Store, id: MemberId, attributes: MemberAttributes): void {
  set(v2, attributesPathOf(id), attributesToJson(attributes));
}

export function storeRemoval(v2: V2Store, id: MemberId): void {
  if (v2.has(memberPathOf(id))) v2.delete(memberPathOf(id), { dir: true, recursive: true }, NO_TIME);
  create(v2, removedPathOf(id), '');
}

export function storeVersion(v2: V2Store, version: string): void {
  set(v2, VERSION_PATH, version);
}

/** All of it, into a store that has none. */
export function storeMembership(v2: V2Store, state: MembershipState): void {
  for (const member of state.members) {
    storeMember(v2, member);
    const published = member.name !== '' || member.clientURLs.length > 0;
    if (published) storeAttributes(v2, member.id, member);
  }
  for (const id of state.removed) create(v2, removedPathOf(id), '');
  if (state.version !== undefined) storeVersion(v2, state.version);
}

function raftAttributesJson({ peerURLs, isLearner }: ClusterMember): string {
  return JSON.stringify({ peerURLs, ...(isLearner ? { isLearner: true } : {}) });
}

/** What is there already (the entries of a log that begins before the snapshot) is written over. */
function create(v2: V2Store, path: string, text: string): void {
  if (v2.has(path)) set(v2, path, text);
  else v2.create(path, { dir: false, value: bytesOf(text), unique: false }, permanent, NO_TIME);
}

function set(v2: V2Store, path: string, text: string): void {
  v2.set(path, { dir: false, value: bytesOf(text) }, permanent, NO_TIME);
}
