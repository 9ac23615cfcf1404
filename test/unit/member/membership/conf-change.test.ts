/** Changes of the configuration as they are applied: which are refused, what the others do, and what is written. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type ClusterMember, memberToJson } from '../../../../src/datadir/cluster-member.js';
import type { EmulatedVersion } from '../../../../src/lib/emulate.js';
import { silentLogger } from '../../../../src/lib/logger.js';
import { Cluster } from '../../../../src/member/membership/cluster.js';
import { applyChange, refusal } from '../../../../src/member/membership/conf-change.js';
import { type ConfChange, ConfChangeType } from '../../../../src/raftpb/types.js';
import { V2Store } from '../../../../src/v2/store.js';
import { MemoryBackend } from '../../../support/memory-backend.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

const { ConfChangeAddNode, ConfChangeAddLearnerNode, ConfChangeRemoveNode, ConfChangeUpdateNode } = ConfChangeType;

const member = (id: bigint, port: number, more: Partial<ClusterMember> = {}): ClusterMember =>
  ({ id, peerURLs: [`http://x:${port}`], isLearner: false, name: '', clientURLs: [], ...more }) as ClusterMember;

let backend: MemoryBackend;
let cluster: Cluster;

const change = (type: ConfChangeType, of: ClusterMember, extra = ''): ConfChange =>
  ({ id: 1n, type, nodeId: of.id, context: Buffer.from(memberToJson(of).replace(/\}$/, `${extra}}`)) }) as ConfChange;
const promotion = (id: bigint): ConfChange =>
  ({
    id: 1n,
    type: ConfChangeAddNode,
    nodeId: id,
    context: Buffer.from(`{"id":${id},"peerURLs":null,"isPromote":true}`),
  }) as ConfChange;
const outcome = (tried: ConfChange, maxLearners = 1): string => refusal(cluster, tried, { maxLearners })?.row ?? 'ok';
const stored = (): string[] =>
  ['members', 'members_removed'].flatMap((bucket) => {
    const found: string[] = [];
    backend.range(bucket as never, new Uint8Array(0), undefined, 0, (key, value) => {
      found.push(`${bucket} ${Buffer.from(key).toString()} ${Buffer.from(value).toString()}`);
    });
    return found;
  });

beforeEach(() => {
  backend = new MemoryBackend();
  for (const bucket of ['meta', 'cluster', 'members', 'members_removed'] as const) backend.createBucket(bucket);
  cluster = new Cluster(9n as never, 1n as never, backend, new V2Store(), silentLogger, '3.5');
  for (const each of [member(1n, 1), member(2n, 2)]) cluster.add(each, { persist: true });
  cluster.add(member(3n, 3, { isLearner: true }), { persist: true });
});

describe('a change is refused', () => {
  it('that removes the last voter, whatever learners there are', () => {
    cluster.remove(2n as never, { persist: true });
    expect(outcome(change(ConfChangeRemoveNode, member(1n, 1)))).toBe('memberNotEnoughStarted');
    expect(outcome(change(ConfChangeRemoveNode, member(3n, 3)))).toBe('ok');
  });

  it.each<[string, () => ConfChange, string]>([
    ['that adds a new member', () => change(ConfChangeAddNode, member(4n, 4)), 'ok'],
    ['that adds one that is there', () => change(ConfChangeAddNode, member(2n, 4)), 'memberExists'],
    ['that adds a URL of another', () => change(ConfChangeAddNode, member(4n, 2)), 'peerUrlExists'],
    ['that adds a learner too many', () => change(ConfChangeAddLearnerNode, member(4n, 4)), 'tooManyLearners'],
    ['that promotes a learner', () => promotion(3n), 'ok'],
    ['that promotes a voter', () => promotion(2n), 'memberNotLearner'],
    ['that promotes nobody', () => promotion(8n), 'memberNotFound'],
    ['that removes a member', () => change(ConfChangeRemoveNode, member(2n, 2)), 'ok'],
    ['that removes nobody', () => change(ConfChangeRemoveNode, member(8n, 2)), 'memberNotFound'],
    ['that removes a learner', () => change(ConfChangeRemoveNode, member(3n, 3)), 'ok'],
    ['that moves a member', () => change(ConfChangeUpdateNode, member(2n, 7)), 'ok'],
    ['that moves it to where it is', () => change(ConfChangeUpdateNode, member(2n, 2)), 'ok'],
    ['that moves it to where another is', () => change(ConfChangeUpdateNode, member(2n, 1)), 'peerUrlExists'],
    ['that moves nobody', () => change(ConfChangeUpdateNode, member(8n, 7)), 'memberNotFound'],
  ])('%s: as it should', (_, make, expected) => {
    expect(outcome(make())).toBe(expected);
  });

  it('that brings back who was removed', () => {
    cluster.remove(2n as never, { persist: true });
    expect(outcome(change(ConfChangeAddNode, member(2n, 2)))).toBe('memberNotFound');
    expect(outcome(change(ConfChangeRemoveNode, member(2n, 2)))).toBe('memberNotFound');
    expect(outcome(promotion(2n))).toBe('memberNotFound');
  });

  it('a learner, where as many are allowed as there are', () => {
    expect(outcome(change(ConfChangeAddLearnerNode, member(4n, 4)), 2)).toBe('ok');
    cluster.promote(3n as never, { persist: true });
    expect(outcome(change(ConfChangeAddLearnerNode, member(4n, 4)))).toBe('ok');
  });
});

describe('a change', () => {
  const ids = (list: readonly ClusterMember[]): string => list.map(({ id }) => id).join(' ');

  it('adds, promotes, moves and removes', () => {
    const persist = { persist: true };
    applyChange(cluster, change(ConfChangeAddNode, member(4n, 4, { name: 'm4' })), persist);
    expect([ids(cluster.members), ids(cluster.voters)]).toEqual(['1 2 3 4', '1 2 4']);
    applyChange(cluster, promotion(3n), persist);
    expect(ids(cluster.voters)).toBe('1 2 3 4');
    expect(cluster.get(3n as never)?.peerURLs).toEqual(['http://x:3']);
    applyChange(cluster, change(ConfChangeUpdateNode, member(4n, 40)), persist);
    expect(cluster.get(4n as never)).toEqual(member(4n, 40, { name: 'm4' }));
    applyChange(cluster, change(ConfChangeRemoveNode, member(2n, 2)), persist);
    expect([ids(cluster.members), cluster.isRemoved(2n as never), cluster.isRemoved(3n as never)]).toEqual([
      '1 3 4',
      true,
      false,
    ]);
    expect(stored()).toEqual([
      'members 1 {"id":1,"peerURLs":["http://x:1"]}',
      'members 3 {"id":3,"peerURLs":["http://x:3"]}',
      'members 4 {"id":4,"peerURLs":["http://x:40"],"name":"m4"}',
      expect.stringMatching(/^members_removed 2 /),
    ]);
  });

  it.each([true, false])('is in the v2 store too, where 3.4 and 3.5 look for it, written or not (%s)', (persist) => {
    const at = (path: string) => cluster.v2.valueAt(`/0/${path}`);
    const facts = () => [at('members/4/raftAttributes'), at('members/4/attributes'), at('removed_members/4')];
    const added = cluster.v2.index;
    applyChange(cluster, change(ConfChangeAddLearnerNode, member(4n, 4, { isLearner: true })), { persist });
    expect(facts()).toEqual(['{"peerURLs":["http://x:4"],"isLearner":true}', undefined, undefined]);
    cluster.updateAttributes(4n as never, { name: 'm4', clientURLs: ['http://c:4'] }, { persist });
    applyChange(cluster, promotion(4n), { persist });
    expect(facts()).toEqual(['{"peerURLs":["http://x:4"]}', '{"name":"m4","clientURLs":["http://c:4"]}', undefined]);
    applyChange(cluster, change(ConfChangeUpdateNode, member(4n, 40)), { persist });
    expect(at('members/4/raftAttributes')).toBe('{"peerURLs":["http://x:40"]}');
    applyChange(cluster, change(ConfChangeRemoveNode, member(4n, 40)), { persist });
    expect(facts()).toEqual([undefined, undefined, '']);
    cluster.setVersion('3.5.0', { persist });
    expect(at('version')).toBe('3.5.0');
    // One index each, two for the removal: members count alike.
    expect(cluster.v2.index - added).toBe(7);
  });

  it('that moves a learner leaves it one, whatever it says', () => {
    applyChange(cluster, change(ConfChangeUpdateNode, member(3n, 30)), { persist: true });
    expect(cluster.get(3n as never)).toEqual(member(3n, 30, { isLearner: true }));
  });

  it('that is applied again after a restart changes memory alone', () => {
    const before = stored();
    for (const again of [change(ConfChangeAddNode, member(4n, 4)), promotion(3n)])
      applyChange(cluster, again, { persist: false });
    applyChange(cluster, change(ConfChangeRemoveNode, member(2n, 2)), { persist: false });
    expect(ids(cluster.members)).toBe('1 3 4');
    expect(stored()).toEqual(before);
  });

  it('from before a start is logged as ignored from 3.6 on, but for a promotion that the bucket does not have', () => {
    const [before, persist] = [stored(), { persist: false }];
    const replay = (emulate: EmulatedVersion): string[] => {
      const logger = new RecordingLogger();
      const again = new Cluster(9n as never, 1n as never, backend, new V2Store(), logger, emulate);
      for (const id of [1n, 2n]) again.add(member(id, Number(id)), persist);
      again.add(member(3n, 3, { isLearner: true }), persist);
      applyChange(again, promotion(3n), persist);
      applyChange(again, change(ConfChangeRemoveNode, member(2n, 2)), persist);
      return logger.records.map(({ message }) => message);
    };
    const added = (message: string): string[] => Array.from({ length: 3 }, () => message);
    expect(replay('3.5')).toEqual([...added('added member'), 'promote member', 'removed member']);
    expect(stored()).toEqual(before);
    const ignored = added('ignore already added member');
    const removed = 'ignore already removed member';
    expect(replay('3.6')).toEqual([...ignored, 'Forcibly apply member promotion request in v3store', removed]);
    expect(stored()).toEqual([...before.slice(0, 2), 'members 3 {"id":3,"peerURLs":["http://x:3"]}']);
    expect(replay('3.6')).toEqual([...ignored, 'ignore already promoted member in v3store', removed]);
  });

  it('of the version is told by every member, and what it enables once for each', () => {
    const logger = new RecordingLogger();
    const again = new Cluster(9n as never, 1n as never, backend, new V2Store(), logger, '3.6');
    const told = (): string[] =>
      logger.records.splice(0).map(({ message, fields }) => `${message} ${fields['cluster-version'] ?? ''}`.trim());
    again.setVersion('3.5.0', { persist: true });
    expect(told()).toEqual(['set initial cluster version 3.5', 'enabled capabilities for version 3.5']);
    again.setVersion('3.5.0', { persist: true });
    expect(told()).toEqual([]);
    again.setVersion('3.6.0', { persist: true });
    expect(told()).toEqual([
      'updated cluster version',
      'enabled capabilities for version 3.6',
      'cluster version differs from storage version. 3.6.0',
      'updated storage version',
    ]);
    again.restore({ members: [member(1n, 1)], removed: [], version: '3.6.0' });
    expect(told()).toEqual(['recovered/added member from store', 'set cluster version from store 3.6']);
  });

  it.each<[EmulatedVersion, string, unknown[]]>([
    [
      '3.7',
      '3.6.0',
      [
        ['updated cluster version', { from: '3.7', to: '3.6' }],
        ['cluster version differs from storage version.', { 'cluster-version': '3.6.0', 'storage-version': '3.7.0' }],
        ['updated storage version', { 'new-storage-version': '3.6.0' }],
        ['The server is ready to downgrade', { 'target-version': '3.6.0', 'server-version': '3.7.3' }],
      ],
    ],
    [
      '3.5',
      '3.4.0',
      [
        ['The server is ready to downgrade', { 'target-version': '3.4.0', 'server-version': '3.5.30' }],
        ['updated cluster version', { from: '3.5', to: '3.4' }],
      ],
    ],
  ])('of the version in a downgrade of %s is told, and when a member is ready for it', (emulate, target, told) => {
    const logger = new RecordingLogger();
    const lowered = new Cluster(9n as never, 1n as never, backend, new V2Store(), logger, emulate);
    lowered.setVersion(`${emulate}.0`, { persist: true });
    logger.records.length = 0;
    lowered.setDowngrade({ enabled: true, targetVersion: target }, { persist: true });
    lowered.setVersion(target, { persist: true });
    const records = logger.records.map(({ message, fields }) => {
      const { 'cluster-id': _cluster, 'local-member-id': _local, ...own } = fields;
      return [message, own];
    });
    expect(records.filter(([message]) => !String(message).startsWith('enabled'))).toEqual(told);

    const after = new RecordingLogger();
    const lower = target.slice(0, 3) as EmulatedVersion;
    const restarted = new Cluster(9n as never, 1n as never, backend, new V2Store(), after, lower);
    restarted.restore({ members: [], removed: [], version: target });
    expect(after.records.at(-1)).toMatchObject({
      message: 'cluster is downgrading to target version',
      fields: { 'target-cluster-version': target },
    });
    expect('determined-cluster-version' in (after.records.at(-1)?.fields ?? {})).toBe(lower === '3.4');
  });

  it('is logged where the bucket is corrected, of a member that publishes itself as well', () => {
    const logger = new RecordingLogger();
    const again = new Cluster(9n as never, 1n as never, backend, new V2Store(), logger, '3.6');
    again.add(member(1n, 1), { persist: false });
    backend.put('members', Buffer.from('1'), Buffer.from(memberToJson(member(1n, 1, { isLearner: true }))));
    again.updateAttributes(1n as never, { name: 'one', clientURLs: [] }, { persist: true });
    expect(logger.records.map(({ message }) => message)).toContain('Syncing member in v3store');
    expect(stored()[0]).toBe('members 1 {"id":1,"peerURLs":["http://x:1"],"name":"one"}');
  });

  it('of what a member says of itself is ignored for one that is not there', () => {
    cluster.updateAttributes(2n as never, { name: 'two', clientURLs: ['http://c'] }, { persist: true });
    expect(cluster.get(2n as never)).toEqual(member(2n, 2, { name: 'two', clientURLs: ['http://c'] }));
    cluster.updateAttributes(8n as never, { name: 'eight', clientURLs: [] }, { persist: true });
    expect(ids(cluster.members)).toBe('1 2 3');
    expect(stored()).toHaveLength(3);
  });

  it.each<[string, () => void]>([
    ['made', () => applyChange(cluster, change(ConfChangeRemoveNode, member(2n, 2)), { persist: true })],
    ['published', () => cluster.updateAttributes(1n as never, { name: '', clientURLs: [] }, { persist: true })],
  ])('rids the bucket, once it is %s, of members that nobody knows, and of learners that vote', (_, happen) => {
    cluster.remove(3n as never, { persist: true });
    cluster.promote(1n as never, { persist: true });
    const known = stored().filter((line) => line.startsWith('members '));
    backend.put('members', Buffer.from('7'), Buffer.from(memberToJson(member(7n, 1))));
    backend.put('members', Buffer.from('1'), Buffer.from(memberToJson(member(1n, 1, { isLearner: true }))));
    applyChange(cluster, change(ConfChangeUpdateNode, member(2n, 2)), { persist: false });
    expect(stored()).toHaveLength(known.length + 2);
    happen();
    expect(stored().filter((line) => /^members [17]/.test(line))).toEqual(known.slice(0, 1));
  });

  it('is undone by the membership of a snapshot', () => {
    const state = { ...cluster.state };
    cluster.remove(2n as never, { persist: false });
    cluster.setVersion('3.5.0', { persist: true });
    expect(cluster.state).toMatchObject({ removed: [2n], version: '3.5.0' });
    cluster.restore(state);
    expect(cluster.state).toEqual(state);
    expect([cluster.isRemoved(2n as never), cluster.version, cluster.local?.id]).toEqual([false, undefined, 1n]);
  });
});
