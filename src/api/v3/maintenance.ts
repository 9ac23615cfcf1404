/** Maintenance: alarms, status, hashes, defragmentation, snapshots, moving the leader. */
import { createHash } from 'node:crypto';
import { differenceOf } from '../../lib/emulate.js';
import { EtcdError } from '../../member/etcd-error.js';
import {
  AlarmRequest_AlarmAction as AlarmAction,
  type AlarmResponse,
  type Maintenance,
} from '../../proto/gen/etcdserverpb.js';
import type { MemberFace } from './face.js';
import { onlyMessage } from './range-stream.js';
import type { Handlers } from './service.js';

export function maintenanceHandlers(member: MemberFace): Omit<Handlers<typeof Maintenance>, 'downgrade'> {
  return {
    /** Listing reads local state: an entry for it would make a later start read the log for nothing (etcd #14429). */
    async alarm(request) {
      if (request.action === AlarmAction.GET) {
        return { header: member.header(member.currentRevision), alarms: member.alarms(request) };
      }
      const response = (await member.propose({ alarm: request })) as AlarmResponse;
      return { ...response, header: member.header(response.header?.revision ?? 0) };
    },

    status: () => member.status(),

    async defragment() {
      await member.defragment();
      return { header: member.header(member.currentRevision) };
    },

    async hash() {
      const hash = await member.hash();
      return { header: member.header(member.currentRevision), hash };
    },

    async hashKV(request) {
      const hash = await member.hashKv(request.revision);
      return {
        header: member.header(hash.currentRevision),
        hash: hash.hash,
        compactRevision: hash.compactRevision,
        hashRevision: differenceOf('hashkvHasRevision', member.emulate) ? hash.revision : 0,
      };
    },

    /** The database file in chunks, then one of 32 bytes: SHA-256 of all before. */
    async snapshot(stream) {
      await onlyMessage(stream.messages);
      const { snapshot, storageVersion } = await member.snapshot();
      try {
        const digest = createHash('sha256');
        let left = snapshot.sizeBytes;
        const send = async (blob: Uint8Array): Promise<void> => {
          const message = {
            header: member.header(member.currentRevision),
            remainingBytes: left,
            blob,
            version: storageVersion,
          };
          if (!stream.send(message)) await stream.drained();
        };
        for await (const chunk of snapshot.chunks()) {
          digest.update(chunk);
          left -= chunk.length;
          await send(chunk);
        }
        await send(digest.digest());
      } finally {
        snapshot.close();
      }
    },

    async moveLeader(request) {
      if (!member.hasLeader) throw new EtcdError('noLeader');
      await member.moveLeader(request.targetID);
      return { header: member.header(member.currentRevision) };
    },
  };
}
