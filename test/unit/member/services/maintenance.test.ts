/** What an operator asks of one member: hashes of its data, a smaller file, a copy of it. */
import { beforeEach, describe, expect, it } from 'vitest';
import { AbandonedError, type Caller } from '../../../../src/lib/caller.js';
import type { EmulatedVersion } from '../../../../src/lib/emulate.js';
import { Maintenance, type MaintenanceDeps } from '../../../../src/member/services/maintenance.js';
import { AlarmType } from '../../../../src/proto/gen/etcdserverpb.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

let logger: RecordingLogger;
let nowMs: number;
let asked: string[];
let done: string[];
let failing: Error | undefined;
let storageVersion: string | undefined;

beforeEach(() => {
  logger = new RecordingLogger();
  nowMs = 0;
  asked = [];
  done = [];
  failing = undefined;
  storageVersion = undefined;
});

/** Each thing that is asked of the store takes 40 ms. */
async function answering<T>(name: string, answer: T): Promise<T> {
  asked.push(name);
  nowMs += 40;
  if (failing !== undefined) throw failing;
  return answer;
}

function maintaining(emulate: EmulatedVersion = '3.5'): Maintenance {
  const outside: string[] = [];
  const maintenance = new Maintenance({
    emulate,
    clock: { monotonicMs: () => nowMs },
    backend: {
      get: (_bucket: string, key: Uint8Array) =>
        Buffer.from(key).toString() === 'storageVersion' && storageVersion !== undefined
          ? Buffer.from(storageVersion)
          : undefined,
      commit: async () => void asked.push('commit'),
      hash: (ignore: (bucket: string, key: Uint8Array) => boolean, caller?: Caller) => {
        for (const key of ['consistent_index', 'term', 'scheduledCompactRev'])
          if (ignore('meta', Buffer.from(key))) outside.push(key);
        return answering(`hash without ${outside}${caller === undefined ? '' : ' for a caller'}`, 7);
      },
      defrag: () => answering(`defrag, ${maintenance.defragsRunning} running`, undefined),
      snapshot: () => answering('snapshot', { sizeBytes: 2048 }),
    },
    store: {
      compactRevision: 9,
      hashKV: (revision: number, { computed }: { computed?: boolean }) =>
        answering(`hashKV ${revision}${computed === true ? ' computed' : ''}`, { hash: 1, revision }),
    },
    storeWork: { wake: () => void asked.push('wake') },
    alarms: { list: () => [{ memberID: 5n, alarm: AlarmType.NOSPACE }] },
    logger,
  } as unknown as MaintenanceDeps);
  maintenance.onDone = (what, tookMs) => void done.push(`${what} ${tookMs}`);
  return maintenance;
}

describe('a hash of the database', () => {
  it('is of what is committed, but for what changes without a write; 3.4 takes the term along', async () => {
    expect(await maintaining().hash({ aborted: false })).toBe(7);
    expect(asked).toEqual(['commit', 'hash without consistent_index,term for a caller']);
    expect(done).toEqual(['hash 40']);
    asked.length = 0;
    await maintaining('3.4').hash();
    expect(asked).toEqual(['commit', 'hash without consistent_index']);
  });

  it('is not begun for a caller that has gone', async () => {
    await expect(maintaining().hash({ aborted: true })).rejects.toThrow(AbandonedError);
    expect([asked, done]).toEqual([['commit'], []]);
  });
});

describe('a hash of the keys', () => {
  it('is one that a compaction has left where there is such, and lets the store get to work', async () => {
    expect(await maintaining().hashKv(9)).toEqual({ hash: 1, revision: 9 });
    expect(asked).toEqual(['hashKV 9', 'wake']);
    expect(done).toEqual(['hashKv 40']);
  });

  it('is computed anew where that is asked for, and always by 3.4, which has none once compacted', async () => {
    await maintaining().hashKv(9, { computed: true });
    await maintaining('3.4').hashKv(10);
    await maintaining('3.4').hashKv(8);
    await maintaining('3.4').hashKv(0);
    expect(asked.filter((what) => what !== 'wake')).toEqual([
      'hashKV 9 computed',
      'hashKV 10 computed',
      'hashKV 8 computed',
      'hashKV 0 computed',
    ]);
    asked.length = 0;
    await expect(maintaining('3.4').hashKv(9)).rejects.toThrow(
      'etcdserver: mvcc: required revision has been compacted',
    );
    expect(asked).toEqual([]);
  });
});

describe('a defragmentation', () => {
  it('is counted while it runs, timed, and told of at both ends', async () => {
    const maintenance = maintaining();
    await maintenance.defragment();
    expect([asked, done, maintenance.defragsRunning]).toEqual([['defrag, 1 running'], ['defrag 40'], 0]);
    expect(logger.records.map(({ message }) => message)).toEqual(['starting defragment', 'finished defragment']);
  });

  it('that fails is not counted any more, nor is its time', async () => {
    const maintenance = maintaining();
    failing = new Error('no space left on device');
    await expect(maintenance.defragment()).rejects.toThrow(failing);
    expect([done, maintenance.defragsRunning]).toEqual([[], 0]);
    expect(logger.records.map(({ message }) => message)).toEqual(['starting defragment']);
  });
});

describe('a snapshot', () => {
  const records = () => logger.records.map(({ message, fields }) => ({ message, fields }));
  const size = { 'total-bytes': 2048, size: '2.0 kB' };

  it('is told of as it begins to be sent and when it has been', async () => {
    const { snapshot, sent } = await maintaining().snapshot();
    expect(snapshot.sizeBytes).toBe(2048);
    expect(done).toEqual(['snapshot 40']);
    expect(records()).toEqual([{ message: 'sending database snapshot to client', fields: size }]);
    nowMs += 1500;
    sent();
    expect(records().slice(1)).toEqual([
      {
        message: 'sending database sha256 checksum to client',
        fields: { 'total-bytes': 2048, 'checksum-size': 32 },
      },
      { message: 'successfully sent database snapshot to client', fields: { ...size, took: '1.5s' } },
    ]);
  });

  it('has the version of its storage, which is told of from 3.6 on', async () => {
    storageVersion = '3.6.0';
    expect((await maintaining('3.5').snapshot()).storageVersion).toBe('3.6.0');
    const { storageVersion: version, sent } = await maintaining('3.6').snapshot();
    sent();
    expect(version).toBe('3.6.0');
    expect(records().map(({ fields }) => fields['storage-version'])).toEqual([undefined, '3.6.0', undefined, '3.6.0']);
    storageVersion = undefined;
    expect((await maintaining('3.6').snapshot()).storageVersion).toBe('');
  });
});

it('alarms are named with their members', () => {
  expect(maintaining().namedAlarms()).toEqual([{ name: 'NOSPACE', memberId: 5n }]);
});
