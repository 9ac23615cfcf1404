/** What a log entry asks for, as offline tools see it. */
import { InternalRaftRequest } from '../proto/gen/etcdserverpb.js';
import type { Entry } from '../raftpb/types.js';
import { EntryType } from '../raftpb/types.js';
import type { V2Request } from '../v2/request.js';
import { decodeV2Request, wrappedV2Request } from './v2-request-codec.js';

export type EntryRequest =
  /** Nothing: the entry that opens a leader's term. */
  | { readonly t: 'empty' }
  | { readonly t: 'conf-change' }
  /** A write of the v2 store; 3.4 and 3.5 also publish members and the cluster version in this form. */
  | { readonly t: 'v2'; readonly request: V2Request }
  | { readonly t: 'v3'; readonly request: InternalRaftRequest }
  | { readonly t: 'unknown'; readonly reason: string };

/** The two forms are distinguished as etcd does it: what is not the newer one is the older one. */
export function requestOf(entry: Entry): EntryRequest {
  if (entry.type !== EntryType.EntryNormal) return { t: 'conf-change' };
  if (entry.data.length === 0) return { t: 'empty' };
  try {
    const request = InternalRaftRequest.decode(entry.data);
    return request.v2 === undefined ? { t: 'v3', request } : { t: 'v2', request: wrappedV2Request(entry.data) };
  } catch {
    try {
      return { t: 'v2', request: decodeV2Request(entry.data) };
    } catch (error) {
      return { t: 'unknown', reason: error instanceof Error ? error.message : String(error) };
    }
  }
}
