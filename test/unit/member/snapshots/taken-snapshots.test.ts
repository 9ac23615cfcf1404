import { expect, it } from 'vitest';
import type { Backend } from '../../../../src/backend/types.js';
import { silentLogger } from '../../../../src/lib/logger.js';
import type { Cluster } from '../../../../src/member/membership/cluster.js';
import { TakenSnapshots } from '../../../../src/member/snapshots/taken-snapshots.js';
import type { MemoryStorage } from '../../../../src/raft/log/memory-storage.js';
import { makeConfState } from '../../../../src/raftpb/types.js';
import type { SnapshotFiles, Wal } from '../../../../src/wal/types.js';

/** `fails`: the step that ends with an error. */
function taking(fails = '') {
  const events: string[] = [];
  const failed: unknown[] = [];
  const step =
    (name: string) =>
    (...[at]: unknown[]): void => {
      if (name === fails) throw new Error(`${name} failed`);
      events.push(typeof at === 'number' ? `${name} ${at}` : name);
    };
  const snapshots = new TakenSnapshots({
    backend: { commit: async () => step('commit')() } as unknown as Backend,
    cluster: { localId: 1n } as Cluster,
    wal: { saveSnapshot: step('marker'), releaseTo: step('release') } as unknown as Wal,
    snapshots: { save: step('file') } as unknown as SnapshotFiles,
    storage: {
      createSnapshot: step('memory'),
      compact: step('compact'),
      firstIndex: () => 1,
    } as unknown as MemoryStorage,
    logger: silentLogger,
    config: { emulate: '3.5', snapshotCount: 10, snapshotCatchupEntries: 5 },
    start: { snapshotIndex: 0 },
    v2Json: () => new Uint8Array(),
    holdsLog: () => false,
    purge: step('purge'),
    fail: (cause) => failed.push(cause),
  });
  const state = { applied: 0, appliedTerm: 1, confState: makeConfState() };
  const apply = async (applied: number): Promise<void> => {
    state.applied = applied;
    snapshots.afterApply(state);
    await snapshots.idle();
  };
  return { events, failed, apply, snapshots };
}

it('commits, writes the file, syncs its marker, and only then releases segments and entries', async () => {
  const { events, apply } = taking();
  await apply(10);
  expect(events).toEqual([]);
  await apply(11);
  expect(events).toEqual(['commit', 'file', 'marker', 'release 11', 'memory 11', 'compact 6']);
});

it.each(['commit', 'file', 'marker'])('releases nothing when the %s fails', async (fails) => {
  const { events, failed, apply } = taking(fails);
  await apply(11);
  expect(failed).toEqual([new Error(`${fails} failed`)]);
  expect(events.filter((event) => event.startsWith('release') || event.startsWith('compact'))).toEqual([]);
});

it('takes one that is forced with the next entry, and no further one', async () => {
  const { events, apply, snapshots } = taking();
  await apply(2);
  snapshots.force();
  await apply(3);
  await apply(4);
  expect(events).toEqual(['commit', 'file', 'marker', 'release 3', 'memory 3', 'compact 1']);
});

it('takes one that is forced while another is on its way', async () => {
  const { events, apply, snapshots } = taking();
  const first = apply(11);
  snapshots.force();
  await Promise.all([first, apply(12)]);
  expect(events.filter((event) => event.startsWith('release'))).toEqual(['release 11', 'release 12']);
});

it('has what is superfluous removed every half minute, up to the newest, ours or a leader’s', async () => {
  const { events, apply, snapshots } = taking();
  snapshots.tick(1000);
  snapshots.tick(30_999);
  snapshots.installed(8);
  snapshots.tick(31_000);
  await apply(20);
  snapshots.installed(9);
  snapshots.tick(61_000);
  expect(events.filter((event) => event.startsWith('purge'))).toEqual(['purge 0', 'purge 8', 'purge 20']);
  expect(snapshots.lastIndex).toBe(20);
});

it('does not write one that a leader’s has overtaken', async () => {
  const { events, apply, snapshots } = taking();
  const taken = apply(11);
  snapshots.installed(12);
  await taken;
  expect(events).toEqual(['commit']);
  await apply(23);
  expect(events.slice(1)).toEqual(['commit', 'file', 'marker', 'release 23', 'memory 23', 'compact 18']);
});
