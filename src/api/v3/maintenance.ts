/** Maintenance: alarms, status, hashes, defragmentation, snapshots, moving the leader. */
import { createHash } from 'node:crypto';
import type { ServerStream } from '../../grpc/types.js';
import { AtOnce } from '../../lib/at-once.js';
import { differenceOf } from '../../lib/emulate.js';
import { EtcdError } from '../../proto/etcd-error.js';
import {
  AlarmRequest_AlarmAction as AlarmAction,
  type Maintenance,
  type SnapshotResponse,
} from '../../proto/gen/etcdserverpb.js';
import type { MemberFace } from './face.js';
import type { Guard } from './guard.js';
import { onlyMessage } from './range-stream.js';
import type { Handlers } from './service.js';

/** Each reads the whole database, in slices of every turn of the event loop. */
const HASHES_AT_ONCE = 8;
/** Each holds a view of the database, a chunk of it, and what its connection has not taken yet. */
const SNAPSHOTS_AT_ONCE = 32;
/** One is made at a time; the others wait for it. */
const DEFRAGMENTATIONS_AT_ONCE = 8;

export function maintenanceHandlers(member: MemberFace, guard: Guard): Handlers<typeof Maintenance> {
  const alarmHeader = (revision: number) =>
    differenceOf('alarmHasHeader', member.emulate) ? member.header(revision) : undefined;
  const atOnce = (most: number): AtOnce => new AtOnce(most, () => new EtcdError('tooManyRequests'));
  const hashes = atOnce(HASHES_AT_ONCE);
  const snapshots = atOnce(SNAPSHOTS_AT_ONCE);
  const defragmentations = atOnce(DEFRAGMENTATIONS_AT_ONCE);
  return {
    /** A listing goes through the log as well, as in etcd: it is never behind what others were told. */
    async alarm(request, call) {
      const identity = await guard.forAlarm(call, { looks: request.action === AlarmAction.GET });
      const response = await member.propose({ kind: 'alarm', request }, { identity, caller: call, trace: call.trace });
      return { ...response, header: alarmHeader(response.header?.revision ?? 0) };
    },

    async status(_request, call) {
      if (differenceOf('statusForAllUsers', member.emulate)) await guard.known(call);
      else await guard.root(call);
      return member.maintenance.status();
    },

    async defragment(_request, call) {
      await guard.rootForMaintenance(call);
      await defragmentations.run(() => member.maintenance.defragment(call));
      return { header: undefined };
    },

    async hash(_request, call) {
      await guard.rootForMaintenance(call);
      const hash = await hashes.run(() => member.maintenance.hash(call));
      return { header: member.header(member.currentRevision), hash };
    },

    async hashKV(request, call) {
      await guard.rootForMaintenance(call);
      const hash = await member.maintenance.hashKv(request.revision, { caller: call });
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
      await guard.rootForMaintenance(stream);
      await snapshots.run(() => sendSnapshot(member, stream));
    },

    async downgrade(request, call) {
      await guard.root(call);
      const version = await member.downgrade.run(request);
      return { header: member.header(member.currentRevision), version };
    },

    async moveLeader(request, call) {
      await guard.root(call);
      await member.leaderTransfer.move(request.targetID);
      return { header: undefined };
    },
  };
}

async function sendSnapshot(member: MemberFace, stream: ServerStream<unknown, SnapshotResponse>): Promise<void> {
  const { snapshot, storageVersion, sent } = await member.maintenance.snapshot(stream);
  try {
    const digest = createHash('sha256');
    let left = snapshot.sizeBytes;
    const send = async (blob: Uint8Array): Promise<void> => {
      const message = { header: undefined, remainingBytes: left, blob, version: storageVersion };
      if (!stream.send(message)) await stream.drained();
    };
    for await (const chunk of snapshot.chunks()) {
      digest.update(chunk);
      left -= chunk.length;
      await send(chunk);
    }
    await send(digest.digest());
    sent();
  } finally {
    snapshot.close();
  }
}
