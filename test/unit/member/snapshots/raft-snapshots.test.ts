import { expect, it } from 'vitest';
import { openBolt } from '../../../../src/bolt/bolt.js';
import { silentLogger } from '../../../../src/lib/logger.js';
import { RaftSnapshots, type RaftSnapshotsDeps } from '../../../../src/member/snapshots/raft-snapshots.js';
import { SnapshotSaveError } from '../../../../src/peer/types.js';
import { MessageType, makeConfState, makeMessage } from '../../../../src/raftpb/types.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { MemoryDisk } from '../../../support/memory-disk.js';

const message = makeMessage({
  type: MessageType.MsgSnap,
  snapshot: { data: new Uint8Array(0), metadata: { index: 7, term: 2, confState: makeConfState() } },
});

/** A database that has applied entries up to 7. */
function database(): Buffer {
  const disk = new MemoryDisk();
  const bolt = openBolt(disk, '/db');
  const tx = bolt.beginWrite();
  tx.createBucket(Buffer.from('meta')).put(Buffer.from('consistent_index'), Buffer.from([0, 0, 0, 0, 0, 0, 0, 7]));
  tx.commit();
  bolt.close();
  return disk.content('/db');
}

it('a leader’s message goes to raft once its database is durable under its name, and else not', async () => {
  const disk = new MemoryDisk();
  disk.makeDir('/data/member/snap');
  const done: string[] = [];
  disk.beforeChange = (what, path) => void done.push(`${what} ${path.slice(path.lastIndexOf('/') + 1)}`);
  const snapshots = new RaftSnapshots({
    parts: { snapshots: { dbPath: (index: number) => `/data/member/snap/${index}.snap.db` }, start: {} },
    config: { dataDir: '/data' },
    ...{ disk, clock: new ManualClock(), logger: silentLogger },
    step: async (stepped: unknown) => void done.push(stepped === message ? 'raft' : 'another'),
  } as unknown as RaftSnapshotsDeps);
  async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  await expect(snapshots.receive(message, chunks(new Uint8Array(0)))).rejects.toBeInstanceOf(SnapshotSaveError);
  expect(done).not.toContain('raft');
  let saved = 0;
  snapshots.onDatabaseSave = () => saved++;
  await snapshots.receive(message, chunks(database()));
  expect(done.slice(-3)).toEqual(['rename 7.snap.db', 'sync snap', 'raft']);
  expect(saved).toBe(1);
});
