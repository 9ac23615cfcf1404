/**
 * The two membership facts that 3.4 and 3.5 write into the log as bare v2 requests: a member's attributes and the cluster version. Everything else in that form
 * belongs to the v2 store.
 */

import { attributesFromJson, attributesToJson, type MemberAttributes } from '../../datadir/cluster-member.js';
import { Request } from '../../proto/gen/etcdserverpb.js';
import type { Cluster } from './cluster.js';

const attributesPath = /^\/0\/members\/([0-9a-f]{1,16})\/attributes$/;
const versionPath = '/0/version';

export function attributesRequest(ID: bigint, memberId: bigint, attributes: MemberAttributes): Uint8Array {
  const Path = `/0/members/${memberId.toString(16)}/attributes`;
  return Request.encode(Request.create({ ID, Method: 'PUT', Path, Val: attributesToJson(attributes) }));
}

export function versionRequest(ID: bigint, version: string): Uint8Array {
  return Request.encode(Request.create({ ID, Method: 'PUT', Path: versionPath, Val: version }));
}

export function applyV2Membership(cluster: Cluster, request: Request, how: { persist: boolean }): void {
  if (request.Method !== 'PUT') return;
  const id = attributesPath.exec(request.Path)?.[1];
  if (request.Path === versionPath) cluster.setVersion(request.Val, how);
  else if (id !== undefined) cluster.updateAttributes(BigInt(`0x${id}`), attributesFromJson(request.Val), how);
}
