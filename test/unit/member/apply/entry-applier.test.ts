import { describe, expect, it } from 'vitest';
import type { Backend } from '../../../../src/backend/types.js';
import type { Applier } from '../../../../src/member/apply/applier.js';
import { EntryApplier, type EntryApplierDeps } from '../../../../src/member/apply/entry-applier.js';
import { encodeOperation } from '../../../../src/member/apply/entry-data.js';
import type { Operation } from '../../../../src/member/apply/operation.js';
import { Cluster } from '../../../../src/member/membership/cluster.js';
import { CompactedError } from '../../../../src/mvcc/errors.js';
import { EtcdError } from '../../../../src/proto/etcd-error.js';
import {
  AlarmRequest_AlarmAction as Action,
  AlarmRequest,
  AlarmType,
  DowngradeVersionTestRequest,
  PutRequest,
  RequestHeader,
} from '../../../../src/proto/gen/etcdserverpb.js';
import {
  Attributes,
  ClusterMemberAttrSetRequest,
  ClusterVersionSetRequest,
  DowngradeInfoSetRequest,
} from '../../../../src/proto/gen/membershippb.js';
import { confChangeCodec } from '../../../../src/raftpb/codec.js';
import {
  ConfChangeType,
  type Entry,
  EntryType,
  makeConfChange,
  makeConfState,
  makeEntry,
} from '../../../../src/raftpb/types.js';
import { V2Store } from '../../../../src/v2/store.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

const START = { backendIndex: 0, snapshotIndex: 0, snapshotTerm: 0, confState: makeConfState({ voters: [1n] }) };

function applying(more: Partial<EntryApplierDeps> = {}) {
  const logger = new RecordingLogger();
  const clock = new ManualClock();
  const written: string[] = [];
  let beforeCommit: () => void = () => {};
  const backend = {
    createBucket() {},
    onBeforeCommit(hook: () => void) {
      beforeCommit = hook;
    },
    put: (bucket: string, key: Uint8Array) => written.push(`${bucket}/${Buffer.from(key).toString('latin1')}`),
    get: () => undefined,
    range() {},
    delete() {},
  } as unknown as Backend;
  const stored: { kind: string; index: number }[] = [];
  const awaited: number[] = [];
  const results: (readonly [bigint, unknown])[] = [];
  const changes: unknown[] = [];
  let firstCommits = 0;
  const cluster = new Cluster(9n, 1n, backend, new V2Store(), new RecordingLogger(), '3.5');
  const entries = new EntryApplier({
    node: { applyConfChange: () => makeConfState({ voters: [1n, 2n] }) } as unknown as EntryApplierDeps['node'],
    backend,
    cluster,
    v2: new V2Store(),
    applier: {
      apply: ({ kind }: Operation, { index, isAwaited }: { index: number; isAwaited: boolean }) => {
        stored.push({ kind, index });
        if (isAwaited) awaited.push(index);
        return { ok: true, value: kind };
      },
    } as unknown as Applier,
    waiters: { isAwaited: (id) => id === 2n, settle: (id, outcome) => results.push([id, outcome]) },
    clock,
    logger,
    warningApplyDurationMs: 100,
    maxLearners: 1,
    leadership: { firstCommit: () => firstCommits++ },
    onConfChange: (change) => changes.push(change),
    onDowngraded: () => changes.push('downgraded'),
    start: START,
    ...more,
  });
  const commit = (): string[] => {
    written.length = 0;
    beforeCommit();
    return [...written];
  };
  return {
    entries,
    cluster,
    stored,
    awaited,
    results,
    changes,
    commit,
    logger,
    clock,
    firstCommits: () => firstCommits,
  };
}

const put = (index: number): Entry =>
  makeEntry({
    index,
    term: 1,
    data: encodeOperation(RequestHeader.create({ ID: BigInt(index) }), {
      kind: 'put',
      request: PutRequest.create({ key: Buffer.from('k'), value: Buffer.from('v') }),
    }),
  });

describe('committed entries', () => {
  it('reach the store in order, each once, and whoever waits hears of it', () => {
    const { entries, stored, awaited, results } = applying();
    entries.apply([put(1), put(2)]);
    entries.apply([put(2), put(3)]);
    expect(stored).toEqual([1, 2, 3].map((index) => ({ kind: 'put', index })));
    expect(results.map(([id]) => id)).toEqual([1n, 2n, 3n]);
    expect(awaited).toEqual([2]);
    expect(entries.applied).toBe(3);
  });

  it('of a kind that nobody knows end it: neither they nor what comes after them is done', () => {
    const { entries, stored, results } = applying();
    // A request in field 2000.
    const future = makeEntry({ index: 2, term: 1, data: Buffer.from([0x82, 0x7d, 0x00]) });
    expect(() => entries.apply([put(1), future, put(3)])).toThrow('the entry has a request in field 2000');
    expect(stored).toEqual([{ kind: 'put', index: 1 }]);
    expect(results).toHaveLength(1);
  });

  it('that the database has already are not applied to it again', () => {
    const { entries, stored, results } = applying({ start: { ...START, backendIndex: 2 } });
    entries.apply([put(1), put(2), put(3)]);
    expect(stored).toEqual([{ kind: 'put', index: 3 }]);
    expect(results).toHaveLength(3);
  });

  it('move the consistent index in the transaction of what they changed, forward alone', () => {
    const { entries, commit } = applying({ start: { ...START, backendIndex: 2 } });
    entries.apply([put(1), put(2)]);
    expect(commit()).toEqual([]);
    entries.apply([put(3)]);
    expect(commit()).toEqual(['meta/consistent_index', 'meta/term']);
  });

  it('go on behind a leader’s snapshot, and reach its database from where that stands', () => {
    const { entries, stored, commit } = applying();
    const confState = makeConfState({ voters: [3n] });
    entries.restore({ data: new Uint8Array(0), metadata: { index: 10, term: 4, confState } }, 12);
    expect([entries.applied, entries.appliedTerm, entries.confState]).toEqual([10, 4, confState]);
    entries.apply([put(10), put(11), put(12)]);
    expect([stored, commit()]).toEqual([[], []]);
    entries.apply([put(13)]);
    expect(stored).toEqual([{ kind: 'put', index: 13 }]);
    expect([entries.appliedTerm, commit()]).toEqual([1, ['meta/consistent_index', 'meta/term']]);
  });

  it('that are empty are the first of a term', () => {
    const { entries, firstCommits, results } = applying();
    entries.apply([makeEntry({ index: 1, term: 1 })]);
    expect(firstCommits()).toBe(1);
    expect(results).toEqual([]);
  });

  it('of the configuration change core, membership and the configuration that is stored', () => {
    const told: bigint[] = [];
    const applyConfChange = ({ nodeId }: { nodeId: bigint }) => {
      told.push(nodeId);
      return makeConfState({ voters: [1n, 2n] });
    };
    const node = { applyConfChange } as unknown as EntryApplierDeps['node'];
    const { entries, results, changes, commit } = applying({ node });
    const member = { id: 2, peerURLs: ['http://127.0.0.1:2'], isPromote: false };
    const change = makeConfChange({
      id: 7n,
      type: ConfChangeType.ConfChangeAddNode,
      nodeId: 2n,
      context: Buffer.from(JSON.stringify(member)),
    });
    const data = confChangeCodec['3.5'].encode(change);
    entries.apply([makeEntry({ index: 1, term: 1, type: EntryType.EntryConfChange, data })]);
    expect(changes).toHaveLength(1);
    expect(entries.confState.voters).toEqual([1n, 2n]);
    expect(results).toMatchObject([[7n, { ok: true, value: [{ id: 2n }] }]]);
    expect(commit()).toContain('meta/confState');
    entries.apply([makeEntry({ index: 2, term: 1, type: EntryType.EntryConfChange, data })]);
    expect(results[1]).toMatchObject([7n, { ok: false, error: { row: 'memberExists' } }]);
    // The core waits for one that is refused, too: it hears that nobody changes.
    expect(told).toEqual([2n, 0n]);
    expect(changes).toHaveLength(1);
  });

  it('that lower the version of the cluster tell of it, those that raise it do not', () => {
    const { entries, changes } = applying();
    for (const [at, ver] of ['3.7.0', '3.7.0', '3.6.0', '3.7.0'].entries()) {
      const request = ClusterVersionSetRequest.create({ ver });
      const data = encodeOperation(RequestHeader.create({ ID: 1n }), { kind: 'clusterVersionSet', request });
      entries.apply([makeEntry({ index: at + 1, term: 1, data })]);
      expect(changes).toEqual(at < 2 ? [] : ['downgraded']);
    }
  });

  it('of the membership, in the form of 3.6, change it before the database has seen them and after', () => {
    const { entries, cluster, stored } = applying({ start: { ...START, backendIndex: 2 } });
    cluster.restore({
      members: [{ id: 5n, peerURLs: ['http://m:1'], isLearner: false, name: '', clientURLs: [] }],
      removed: [],
      version: undefined,
    });
    const of = (index: number, operation: Operation) =>
      makeEntry({ index, term: 1, data: encodeOperation(RequestHeader.create({ ID: 1n }), operation) });
    const named = (name: string) =>
      ClusterMemberAttrSetRequest.create({
        memberID: 5n,
        memberAttributes: Attributes.create({ name, clientUrls: ['http://c:1'] }),
      });
    const downgrade = (enabled: boolean) => DowngradeInfoSetRequest.create({ enabled, ver: '3.4.0' });
    entries.apply([
      of(1, { kind: 'clusterMemberAttrSet', request: named('m5') }),
      of(2, { kind: 'downgradeInfoSet', request: downgrade(true) }),
    ]);
    expect(cluster.get(5n)).toMatchObject({ name: 'm5', clientURLs: ['http://c:1'], peerURLs: ['http://m:1'] });
    expect(cluster.downgrade).toEqual({ enabled: true, targetVersion: '3.4.0' });
    entries.apply([
      of(3, { kind: 'clusterMemberAttrSet', request: ClusterMemberAttrSetRequest.create({ memberID: 5n }) }),
      of(4, { kind: 'downgradeInfoSet', request: downgrade(false) }),
      of(5, { kind: 'downgradeVersionTest', request: DowngradeVersionTestRequest.create({ ver: '3.4.0' }) }),
    ]);
    expect(cluster.get(5n)?.name).toBe('m5');
    expect(cluster.downgrade).toEqual({ enabled: false, targetVersion: '' });
    expect(stored).toEqual([]);
  });

  it('that are refused are logged as failed, but for what is compacted already, and are not slow', () => {
    const errors = [new EtcdError('keyNotFound'), new CompactedError(1, 2)];
    const applier = { apply: () => ({ ok: false, error: errors.shift() }) } as unknown as Applier;
    const { entries, logger } = applying({ applier });
    entries.apply([put(1), put(2)]);
    expect(entries.slowCount).toBe(0);
    expect(logger.records).toMatchObject([
      {
        message: 'failed to apply request',
        fields: { took: '0s', response: '', error: new EtcdError('keyNotFound').message },
      },
    ]);
  });

  it('that raise or drop an alarm are logged, those that ask for alarms are not', () => {
    const alarms = [{ memberID: 0xabn, alarm: AlarmType.NOSPACE }];
    const applier = { apply: () => ({ ok: true, value: { alarms } }) } as unknown as Applier;
    const { entries, logger } = applying({ applier });
    for (const [at, action] of [Action.GET, Action.ACTIVATE, Action.DEACTIVATE].entries()) {
      const request = AlarmRequest.create({ action, memberID: 0xabn, alarm: AlarmType.NOSPACE });
      const data = encodeOperation(RequestHeader.create({ ID: 1n }), { kind: 'alarm', request });
      entries.apply([makeEntry({ index: at + 1, term: 1, data })]);
    }
    const fields = { alarm: 'NOSPACE', from: 'ab' };
    expect(logger.records).toEqual([
      { level: 'warn', message: 'alarm raised', fields },
      { level: 'warn', message: 'alarm disarmed', fields },
    ]);
  });

  it('that take long are logged', () => {
    const clock = new ManualClock();
    const slow = {
      apply: () => {
        void clock.advance(150);
        return { ok: true, value: { header: { clusterId: 0n, memberId: 0n, revision: 2, raftTerm: 0 } } };
      },
    };
    let nowMs = 0;
    const { entries, logger } = applying({
      applier: slow as unknown as Applier,
      clock: { ...clock, monotonicMs: () => (nowMs += 150), wallMs: () => 0 } as unknown as ManualClock,
    });
    entries.apply([put(1)]);
    expect(entries.slowCount).toBe(1);
    expect(logger.records).toMatchObject([
      { message: 'apply request took too long', fields: { took: '150ms', response: 'size:4' } },
    ]);
  });
});
