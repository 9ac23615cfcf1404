/**
 * What a normal entry's data can be, by version: nothing (a new leader's first entry), an InternalRaftRequest, or, written by 3.4 to 3.6, a bare v2 Request. The
 * two are told apart only because the wrong parse fails: field 2 of a Request is text such as "PUT", which is no valid message. facts: "semantics 9".
 */
import { InternalRaftRequest, Request } from '../../proto/gen/etcdserverpb.js';

export type EntryData =
  | { readonly t: 'empty' }
  | { readonly t: 'request'; readonly request: InternalRaftRequest }
  | { readonly t: 'v2'; readonly request: Request };

export function decodeEntryData(data: Uint8Array): EntryData {
  if (data.length === 0) return { t: 'empty' };
  let request: InternalRaftRequest;
  try {
    request = InternalRaftRequest.decode(data);
  } catch {
    return { t: 'v2', request: Request.decode(data) };
  }
  return request.v2 === undefined ? { t: 'request', request } : { t: 'v2', request: request.v2 };
}

/** The key under which somebody may wait for the result. */
export function requestId(request: InternalRaftRequest): bigint {
  return request.header === undefined || request.header.ID === 0n ? request.ID : request.header.ID;
}
