/**
 * Ids that follow from what a cluster was started with, so that members compute the same ones without talking. As
 * etcd's server/etcdserver/api/membership/member.go and cluster.go. `0` is reserved for "none".
 */

import { createHash } from 'node:crypto';
import type { ClusterId, MemberId } from '../lib/ids.js';

/** Of a member named at bootstrap. `peerURLs` in any order, normalised as `scheme://host:port`. */
export function bootstrapMemberId(peerURLs: readonly string[], clusterToken: string): MemberId {
  return firstEightBytes([...peerURLs].sort().join('') + clusterToken);
}

/** Of a member added later: the second in which it was added stands in place of the token. */
export function addedMemberId(peerURLs: readonly string[], unixSeconds: number): MemberId {
  return firstEightBytes([...peerURLs].sort().join('') + String(unixSeconds));
}

/** Fixed at bootstrap; later changes of the membership keep it. */
export function clusterId(memberIds: readonly MemberId[]): ClusterId {
  const bytes = Buffer.alloc(8 * memberIds.length);
  const ascending = [...memberIds].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  for (const [at, id] of ascending.entries()) bytes.writeBigUInt64BE(id, 8 * at);
  return firstEightBytes(bytes);
}

function firstEightBytes(of: string | Uint8Array): bigint {
  return createHash('sha1').update(of).digest().readBigUInt64BE(0);
}
