/**
 * The buckets `members` and `members_removed`: who belongs to the cluster, and who no longer does.
 *
 *     members           id, hex without padding   JSON of the member
 *     members_removed   id, hex without padding   text, `removed`
 *
 * 3.6 and later start from them; 3.4 and 3.5 write them and start from the v2 store. Source: etcd's
 * server/storage/schema/membership.go.
 */
import type { MemberId } from '../../lib/ids.js';
import type { BackendReader, BackendWriter } from '../types.js';

const ALL = new Uint8Array(0);
const REMOVED: Uint8Array = Buffer.from('removed');

const memberKey = (id: MemberId): Uint8Array => Buffer.from(id.toString(16));

export function putMember(backend: BackendWriter, id: MemberId, json: string): void {
  backend.put('members', memberKey(id), Buffer.from(json));
}

/** For good: an id is never used again. */
export function removeMember(backend: BackendWriter, id: MemberId): void {
  backend.delete('members', memberKey(id));
  backend.put('members_removed', memberKey(id), REMOVED);
}

/** The members' JSON, in the order of their keys. */
export function readMembers(backend: BackendReader): string[] {
  const found: string[] = [];
  backend.range('members', ALL, undefined, 0, (_key, json) => {
    found.push(Buffer.from(json).toString());
  });
  return found;
}

export function readRemovedMembers(backend: BackendReader): MemberId[] {
  const found: MemberId[] = [];
  backend.range('members_removed', ALL, undefined, 0, (key) => {
    found.push(BigInt(`0x${Buffer.from(key).toString()}`));
  });
  return found;
}
