/**
 * The bucket `alarm`: the record is its key.
 *
 *     marshalled AlarmMember { memberID, alarm }   nothing
 *
 * Source: etcd's server/storage/schema/alarm.go.
 */
import { AlarmMember } from '../../proto/gen/etcdserverpb.js';
import type { BackendReader, BackendWriter } from '../types.js';

const NOTHING = new Uint8Array(0);

export function putAlarm(backend: BackendWriter, alarm: AlarmMember): void {
  backend.put('alarm', AlarmMember.encode(alarm), NOTHING);
}

export function deleteAlarm(backend: BackendWriter, alarm: AlarmMember): void {
  backend.delete('alarm', AlarmMember.encode(alarm));
}

export function readAlarms(backend: BackendReader, visit: (alarm: AlarmMember) => void): void {
  backend.range('alarm', NOTHING, undefined, 0, (key) => visit(decodeAlarm(key)));
}

/** The bytes are borrowed. */
export const decodeAlarm = (key: Uint8Array): AlarmMember => AlarmMember.decode(Uint8Array.from(key));
