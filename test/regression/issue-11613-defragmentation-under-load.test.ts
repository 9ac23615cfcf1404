/**
 * Defragmentation while writes went on lost some of them (#11613, 3.4.4), and the database went on with other settings
 * than before: commits no longer came when they should (#13701).
 */
import { expect, test } from 'vitest';
import { diskWith, filesOf } from '../support/disk-files.js';
import { InProcessMember, memberConfig } from '../support/in-process-member.js';
import { MemoryDisk } from '../support/memory-disk.js';
import { describeMember, requestOf } from '../support/store-model.js';

const config = memberConfig('/data', { backendBatchIntervalMs: 300 });
const db = '/data/member/snap/db';

test('what is written while a database is defragmented is in it, hashes stay, and commits come as before', async () => {
  const disk = new MemoryDisk();
  const opened = await InProcessMember.open(disk, config);
  const { member } = opened;
  const put = (i: number): Promise<unknown> =>
    member.propose(requestOf({ t: 'put', key: `k${i % 50}`, value: `value ${i} `.repeat(30) }));
  await opened.run(Promise.all(Array.from({ length: 2000 }, (_, i) => put(i))));
  const revision = member.currentRevision;
  const { hash } = await opened.hashKv(revision);

  for (let round = 0; round < 3; round++) {
    let done = false;
    const defragmented = member.maintenance.defragment().then(() => {
      done = true;
    });
    const writes: Promise<unknown>[] = [];
    while (!done) {
      writes.push(put(writes.length));
      await Promise.resolve();
    }
    await opened.run(Promise.all([defragmented, ...writes]));
    expect(writes.length).toBeGreaterThan(3);
    expect((await opened.hashKv(revision)).hash).toBe(hash);
  }

  const syncs: number[] = [];
  disk.beforeChange = (what, path) => {
    // The file keeps the name it was made under here.
    if (what === 'sync' && path.startsWith(db)) syncs.push(opened.clock.monotonicMs());
  };
  for (let i = 0; i < 60; i++) {
    await opened.run(put(i));
    await opened.clock.advance(50);
  }
  disk.beforeChange = () => {};
  // Two syncs a commit, a commit in 300 ms or the 100 ms after that until it is looked at: 3 s have about ten of them,
  // not thirty.
  const commits = new Set(syncs).size;
  expect(commits).toBeGreaterThanOrEqual(7);
  expect(commits).toBeLessThanOrEqual(11);

  const before = describeMember(opened);
  await opened.clock.advance(500);
  await using again = await InProcessMember.open(diskWith(filesOf(disk)), config);
  expect(describeMember(again)).toBe(before);
  expect((await again.hashKv(revision)).hash).toBe(hash);
});
