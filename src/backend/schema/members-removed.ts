/**
 * The bucket `members_removed`: who no longer belongs to the cluster, for good, since no id is used again.
 *
 *     id, hex without padding   text, `removed`
 *
 * Source: etcd's server/storage/schema/membership.go.
 */
import type { MemberId } from '../../lib/ids.js';
import type { BackendReader, BackendWriter } from '../types.js';

const ALL = new Uint8Array(0);
const REMOVED: Uint8Array = Buffer.from('removed');

export function putRemovedMember(backend: BackendWriter, id: MemberId): void {
  backend.put('members_removed', Buffer.from(id.toString(16)), REMOVED);
}

export function readRemovedMembers(backend: BackendReader): MemberId[] {
  const found: MemberId[] = [];
  backend.range('members_removed', ALL, undefined, 0, (key) => {
    found.push(BigInt(`0x${Buffer.from(key).toString()}`));
  });
  return found;
}
