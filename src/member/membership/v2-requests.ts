/**
 * The two membership facts that 3.4 and 3.5 write into the log as bare v2 requests: a member's attributes and the
 * cluster version. Everything else in that form belongs to the v2 store.
 */

import { attributesFromJson, attributesToJson, type MemberAttributes } from '../../datadir/cluster-member.js';
import { ATTRIBUTES_PATH, attributesPathOf, VERSION_PATH } from '../../datadir/v2-membership.js';
import { encodeV2Request } from '../../datadir/v2-request-codec.js';
import type { MemberId, RequestId } from '../../lib/ids.js';
import { bytesOf, textOf } from '../../v2/json.js';
import { emptyRequest, type V2Request } from '../../v2/request.js';
import { CLUSTER_PREFIX } from '../../v2/tree.js';
import type { Cluster } from './cluster.js';

/** All of it is in there. */
const CLUSTER_FOLDER = `${CLUSTER_PREFIX}/`;

export function attributesRequest(id: RequestId, memberId: MemberId, attributes: MemberAttributes): Uint8Array {
  return put(id, attributesPathOf(memberId), attributesToJson(attributes));
}

export function versionRequest(id: RequestId, version: string): Uint8Array {
  return put(id, VERSION_PATH, version);
}

function put(id: RequestId, path: string, text: string): Uint8Array {
  return encodeV2Request({ ...emptyRequest, id, method: 'PUT', path, value: bytesOf(text) });
}

type MembershipFact =
  | { readonly t: 'version'; readonly version: string }
  | { readonly t: 'attributes'; readonly id: MemberId; readonly attributes: MemberAttributes };

/** What `request` says of the membership, if it does; only a plain PUT can. Throws where it cannot be read. */
export function membershipFactIn(request: V2Request): MembershipFact | undefined {
  const { method, path, prevExist, prevIndex, prevValue } = request;
  if (!path.startsWith(CLUSTER_FOLDER)) return undefined;
  if (method !== 'PUT' || prevExist !== undefined || prevIndex > 0n || prevValue !== '') return undefined;
  const value = textOf(request.value);
  if (path === VERSION_PATH) return { t: 'version', version: value };
  const id = ATTRIBUTES_PATH.exec(path)?.[1];
  return id === undefined
    ? undefined
    : { t: 'attributes', id: BigInt(`0x${id}`), attributes: attributesFromJson(value) };
}

/** True when it was one of the two. */
export function applyV2Membership(cluster: Cluster, request: V2Request, options: { persist: boolean }): boolean {
  const fact = membershipFactIn(request);
  if (fact === undefined) return false;
  if (fact.t === 'version') cluster.setVersion(fact.version, options);
  else cluster.updateAttributes(fact.id, fact.attributes, options);
  return true;
}
