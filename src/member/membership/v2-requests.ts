/**
 * The two membership facts that 3.4 and 3.5 write into the log as bare v2 requests: a member's attributes and the
 * cluster version. Everything else in that form belongs to the v2 store.
 */

import { attributesFromJson, attributesToJson, type MemberAttributes } from '../../datadir/cluster-member.js';
import { attributesPathOf, VERSION_PATH } from '../../datadir/v2-membership.js';
import { encodeV2Request } from '../../datadir/v2-request-codec.js';
import type { MemberId, RequestId } from '../../lib/ids.js';
import { bytesOf, textOf } from '../../v2/json.js';
import { emptyRequest, type V2Request } from '../../v2/request.js';
import { CLUSTER_PREFIX } from '../../v2/tree.js';
import type { Cluster } from './cluster.js';

/** All of it is in there. */
const CLUSTER_FOLDER = `${CLUSTER_PREFIX}/`;
const attributesPath = /^\/0\/members\/([0-9a-f]{1,16})\/attributes$/;

export function attributesRequest(id: RequestId, memberId: MemberId, attributes: MemberAttributes): Uint8Array {
  return put(id, attributesPathOf(memberId), attributesToJson(attributes));
}

export function versionRequest(id: RequestId, version: string): Uint8Array {
  return put(id, VERSION_PATH, version);
}

function put(id: RequestId, path: string, text: string): Uint8Array {
  return encodeV2Request({ ...emptyRequest, id, method: 'PUT', path, value: bytesOf(text) });
}

/** True when it was one of the two; only a plain PUT is. */
export function applyV2Membership(cluster: Cluster, request: V2Request, options: { persist: boolean }): boolean {
  const { method, path, prevExist, prevIndex, prevValue } = request;
  if (!path.startsWith(CLUSTER_FOLDER)) return false;
  if (method !== 'PUT' || prevExist !== undefined || prevIndex > 0n || prevValue !== '') return false;
  const value = textOf(request.value);
  if (path === VERSION_PATH) {
    cluster.setVersion(value, options);
    return true;
  }
  const id = attributesPath.exec(path)?.[1];
  if (id === undefined) return false;
  cluster.updateAttributes(BigInt(`0x${id}`), attributesFromJson(value), options);
  return true;
}
