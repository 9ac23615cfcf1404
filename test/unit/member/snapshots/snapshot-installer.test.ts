/** A leader's snapshot in the place of log and database: in which order, and what a failure in between leaves. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { AuthStore } from '../../../../src/auth/store.js';
import { openBackend } from '../../../../src/backend/backend.js';
import { bucketNames } from '../../../../src/backend/buckets.js';
import type { FileBackend } from '../../../../src/backend/options.js';
import { putMember } from '../../../../src/backend/schema/members.js';
import { readConsistentIndex, writeConsistentIndex } from '../../../../src/backend/schema/meta.js';
import { memberToJson } from '../../../../src/datadir/cluster-member.js';
import { Lessor } from '../../../../src/lease/lessor.js';
import type { Failpoints } from '../../../../src/lib/failpoints/failpoints.js';
import { silentLogger } from '../../../../src/lib/logger.js';
import type { Alarms } from '../../../../src/member/apply/alarms.js';
import type { Cluster } from '../../../../src/member/membership/cluster.js';
import { SnapshotInstaller } from '../../../../src/member/snapshots/snapshot-installer.js';
import { MvccStore } from '../../../../src/mvcc/store.js';
import type { MemoryStorage } from '../../../../src/raft/log/memory-storage.js';
import { makeConfState, makeHardState, type Snapshot } from '../../../../src/raftpb/types.js';
import type { SnapshotFiles, Wal } from '../../../../src/wal/types.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { MemoryDisk } from '../../../support/memory-disk.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

const INDEX = 10;
const snapshot: Snapshot = {
  data: new Uint8Array(0),
  metadata: { index: INDEX, term: 3, confState: makeConfState({ voters: [1n] }) },
};
const path = `/snap/${INDEX}.snap.db`;
const names = (store: MvccStore): string[] => {
  const found: string[] = [];
  store.backend.range('key', new Uint8Array(0), undefined, 0, (_, record) => {
    found.push(Buffer.from(record).toString('latin1').includes('new') ? 'new' : 'old');
  });
  return found;
};

/** How the clock goes while keys and leases are read: 0 = it stands still, as if reading took no time. */
let stepMs: number;
let clock: ManualClock;
let disk: MemoryDisk;
let logger: RecordingLogger;
let events: string[];
let failing: string | undefined;

const event = (name: string): void => {
  if (name === failing) throw new Error(`${name} failed`);
  events.push(name);
};

beforeEach(() => {
  stepMs = 0;
  clock = new ManualClock();
  let nowMs = 0;
  clock.monotonicMs = () => {
    nowMs += stepMs;
    return nowMs;
  };
  disk = new MemoryDisk();
  disk.makeDir('/snap');
  logger = new RecordingLogger();
  events = [];
  failing = undefined;
});

function open(file: string): { backend: FileBackend; lessor: Lessor; store: MvccStore } {
  const backend = openBackend({ disk, clock, path: file, logger: silentLogger });
  for (const name of bucketNames) backend.createBucket(name);
  const lessor = new Lessor(backend, { minTtlSeconds: 2, electionTimeoutMs: 1000, expiredRetryMs: 7000 });
  const store = MvccStore.open({ backend, leases: lessor });
  lessor.setKeyDeleter(() => store.write());
  return { backend, lessor, store };
}

function put({ store, lessor }: ReturnType<typeof open>, key: string, lease: bigint): void {
  lessor.grant(lease, 60, 0);
  const txn = store.write();
  txn.put(Buffer.from(key), Buffer.from(key), lease);
  txn.end();
}

/** A member with a key and a lease, beside a database that its leader sent, with others. */
async function receiving({ received = true, index = INDEX, failpoints = undefined as Failpoints | undefined } = {}) {
  if (received) {
    const leader = open(path);
    put(leader, 'new', 7n);
    writeConsistentIndex(leader.backend, { index, term: 3 });
    const member = { id: 5n, name: 'e', peerURLs: ['http://e:1'], clientURLs: [], isLearner: false };
    putMember(leader.backend, 5n, memberToJson(member));
    await leader.backend.close();
  }
  const own = open('/snap/db');
  put(own, 'old', 4n);
  await own.backend.commit();
  const told: unknown[] = [];
  const restored: string[] = [];
  const seen = (name: string): void => {
    // Leases and keys are the new ones before anybody else looks; all have the new backend.
    restored.push(`${name}: ${own.lessor.list().map(({ id }) => id)} ${names(own.store)}`);
  };
  const installer = new SnapshotInstaller({
    ...own,
    ...{ disk, clock, logger, failpoints },
    snapshots: {
      dbPath: () => path,
      save: () => event('file'),
      releaseDbs: (upTo: number) => event(`release databases to ${upTo}`),
    } as unknown as SnapshotFiles,
    wal: {
      saveSnapshot: (marker: unknown) => {
        told.push(marker);
        event('marker');
      },
      save: (...state: unknown[]) => {
        told.push(state);
        event('state');
      },
      syncAll: () => event('sync'),
      releaseTo: (upTo: number) => event(`release segments to ${upTo}`),
    } as unknown as Wal,
    storage: { applySnapshot: () => event('memory') } as unknown as MemoryStorage,
    alarms: { restore: () => seen('alarms') } as unknown as Alarms,
    auth: { restore: (from: FileBackend) => seen(`auth ${readConsistentIndex(from)}`) } as unknown as AuthStore,
    v2: {
      v2Json: () => new Uint8Array(0),
      *restoreInSteps() {
        yield;
        return () => seen('v2');
      },
    },
    cluster: {
      restore: ({ members }: { members: readonly { id: bigint }[] }) => seen(`members ${members.map(({ id }) => id)}`),
      correctBucket: () => seen('bucket'),
    } as unknown as Cluster,
    entries: { applied: 2 },
    snapshotIndex: () => 1,
    appliedRestored: (of, backendIndex) => seen(`applied ${of.metadata.index} ${backendIndex}`),
    membershipRestored: () => seen('connections'),
  });
  return { ...own, installer, restored, told };
}

describe('the log begins with a snapshot', () => {
  const steps = ['file', 'marker', 'state', 'sync', 'memory', `release segments to ${INDEX}`];

  it('once file, marker and hard state are durable, in this order, and gives up segments last', async () => {
    const { installer, told } = await receiving();
    const hardState = makeHardState({ term: 3, commit: INDEX });
    installer.persist(snapshot, hardState);
    expect(events).toEqual(steps);
    expect(told).toEqual([snapshot.metadata, [hardState, []]]);
  });

  it.each(['file', 'marker', 'state', 'sync'])('not where the %s fails, and nothing comes after that', async (step) => {
    const { installer } = await receiving();
    failing = step;
    expect(() => installer.persist(snapshot, makeHardState())).toThrow(`${step} failed`);
    expect(events).toEqual(steps.slice(0, steps.indexOf(step)));
  });
});

describe('a snapshot that is installed', () => {
  it('replaces leases and keys first, then who rests on them, and last tells whom to connect to', async () => {
    const { installer, restored, store, lessor } = await receiving();
    await installer.install(snapshot);
    const rest = ['alarms', 'auth 10', 'v2', 'members 5', 'bucket', 'applied 10 10', 'connections'];
    expect(restored).toEqual(rest.map((name) => `${name}: 7 new`));
    expect([lessor.leaseOf('new'), lessor.leaseOf('old'), store.currentRevision]).toEqual([7n, 0n, 2]);
    expect(disk.list('/snap')).toEqual(['db']);
    expect(events).toEqual([`release databases to ${INDEX}`]);
    expect(installer.installing).toBe(0);
    expect(logger.records[0]).toMatchObject({
      message: 'applying snapshot',
      fields: { 'current-snapshot-index': 1, 'current-applied-index': 2, 'incoming-leader-snapshot-index': INDEX },
    });
  });

  it('whose database is ahead has members that the log will bring: the bucket is left as it is', async () => {
    const { installer, restored } = await receiving({ index: INDEX + 1 });
    await installer.install(snapshot);
    expect(restored.map((name) => name.split(':')[0])).toEqual([
      ...['alarms', 'auth 11', 'v2', 'members 5', 'applied 10 11', 'connections'],
    ]);
  });

  it('without a database is refused, and has changed nothing', async () => {
    const { installer, restored, store } = await receiving({ received: false });
    await expect(installer.install(snapshot)).rejects.toThrow(
      "failed to find database snapshot file (snap: snapshot file doesn't exist)",
    );
    expect([restored, events, names(store), installer.installing]).toEqual([[], [], ['old'], 0]);
  });

  it('whose database is none is refused, has changed nothing, and is not being installed any more', async () => {
    const { installer, restored, store } = await receiving({ received: false });
    disk.setContent(path, Buffer.alloc(65_536, 'x'));
    await expect(installer.install(snapshot)).rejects.toThrow('not a bbolt database');
    expect([restored, events, names(store), installer.installing]).toEqual([[], [], ['old'], 0]);
  });

  it('gives others a turn each five milliseconds where it takes so long to read', async () => {
    const pausesOf = async (step: number): Promise<number> => {
      const { installer, backend } = await receiving();
      let pauses = 0;
      stepMs = step;
      clock.soon = (run) => {
        if (installer.installing > 0) pauses++;
        queueMicrotask(run);
      };
      await installer.install(snapshot);
      await backend.close();
      return pauses;
    };
    const whenQuick = await pausesOf(0);
    // Leases, keys, their index, the v2 store.
    expect((await pausesOf(5)) - whenQuick).toBeGreaterThanOrEqual(3);
  });

  it.each(['applyBeforeOpenSnapshot', 'applyAfterOpenSnapshot'])('waits at %s', async (name) => {
    const waited: string[] = [];
    const failpoints = {
      hit: () => undefined,
      wait: async (at: string) => void waited.push(at),
    } as unknown as Failpoints;
    const { installer } = await receiving({ failpoints });
    await installer.install(snapshot);
    expect(waited).toContain(name);
  });
});

describe('a member that stops while a snapshot is installed', () => {
  it('leaves its database as it was, and the one received where the next start finds it', async () => {
    const { installer, restored, store } = await receiving();
    // Each step of reading takes long: it is between two of them that the member stops.
    stepMs = 10;
    const installing: number[] = [];
    clock.soon = (run) => {
      installing.push(installer.installing);
      installer.stop();
      queueMicrotask(run);
    };
    await installer.install(snapshot);
    expect(installing).toEqual([1]);
    expect([restored, events, names(store), installer.installing]).toEqual([[], [], ['old'], 0]);
    expect(disk.list('/snap')).toEqual([`${INDEX}.snap.db`, 'db']);
  });

  it('does so also when all has been read', async () => {
    const stopping = {
      hit: () => undefined,
      wait: async (at: string) => void (at === 'applyAfterOpenSnapshot' && stop()),
    };
    const { installer, restored, store } = await receiving({ failpoints: stopping as unknown as Failpoints });
    const stop = (): void => installer.stop();
    await installer.install(snapshot);
    expect([restored, events, names(store)]).toEqual([[], [], ['old']]);
  });
});
