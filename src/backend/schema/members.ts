/**
 * The bucket `members`: who belongs to the cluster.
 *
 *     id, hex without padding   JSON of the member
 *
 * 3.6 and later start from it; 3.4 and 3.5 write it and start from the v2 store. Source: etcd's
 * server/storage/schema/membership.go.
 */
import type { MemberId } from '../../lib/ids.js';
import type { BackendReader, BackendWriter } from '../types.js';

const ALL = new Uint8Array(0);

const memberKey = (id: MemberId): Uint8Array => Buffer.from(id.toString(16));

export function putMember(backend: BackendWriter, id: MemberId, json: string): void {
  backend.put('members', memberKey(id), Buffer.from(json));
}

export function deleteMember(backend: BackendWriter, id: MemberId): void {
  backend.delete('members', memberKey(id));
}

/** The members' JSON, in the order of their keys. */
export function readMembers(backend: BackendReader): string[] {
  const found: string[] = [];
  backend.range('members', ALL, undefined, 0, (_key, json) => {
    found.push(Buffer.from(json).toString());
  });
  return found;
}
