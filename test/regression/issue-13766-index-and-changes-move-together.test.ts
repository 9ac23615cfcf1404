/**
 * etcd 3.5.0 to 3.5.2 could save the consistent index of an entry in a commit before the one with its changes: a kill
 * in between lost them (#13766). Here every state that the database file ever had on disk is opened: what it holds is
 * what its index says.
 */
import { expect, test } from 'vitest';
import { openBackend } from '../../src/backend/backend.js';
import { mainOf } from '../../src/backend/schema/key.js';
import { readConsistentIndex } from '../../src/backend/schema/meta.js';
import { silentLogger } from '../../src/lib/logger.js';
import { diskWith } from '../support/disk-files.js';
import { InProcessMember, memberConfig } from '../support/in-process-member.js';
import { ManualClock } from '../support/manual-clock.js';
import { MemoryDisk } from '../support/memory-disk.js';
import { requestOf } from '../support/store-model.js';

const db = '/data/member/snap/db';

test('the consistent index on disk is that of the changes on disk, after every sync', async () => {
  const disk = new MemoryDisk();
  await using opened = await InProcessMember.open(disk, memberConfig('/data', { snapshotCount: 7 }));
  const { member } = opened;
  const states: Buffer[] = [];
  disk.beforeChange = (what, path) => {
    if (what === 'sync' && path === db) states.push(disk.content(db));
  };
  /** Revision after the entry of an index was applied. */
  const revisionAt = new Map<number, number>();
  for (let round = 0; round < 40; round++) {
    const batch = Array.from({ length: 1 + (round % 5) }, (_, i) =>
      opened.run(member.propose(requestOf({ t: 'put', key: `k${round}`, value: `${i}` }))).then(() => {
        revisionAt.set(member.maintenance.status().raftAppliedIndex, member.currentRevision);
      }),
    );
    await Promise.all(batch);
    await opened.clock.advance(round % 3 === 0 ? 110 : 40);
  }
  disk.beforeChange = () => {};
  const compared = states.filter((state) => {
    const backend = openBackend({
      disk: diskWith(new Map([[db, state]])),
      clock: new ManualClock(),
      path: db,
      logger: silentLogger,
    });
    const revision = revisionAt.get(readConsistentIndex(backend));
    let newest = 1;
    backend.range('key', new Uint8Array(0), undefined, 0, (key) => {
      newest = mainOf(key);
    });
    if (revision === undefined) return false;
    expect(newest).toBe(revision);
    return true;
  });
  expect(compared.length).toBeGreaterThan(10);
});
