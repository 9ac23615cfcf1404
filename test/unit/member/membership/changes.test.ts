/** Changes of the membership as a member proposes them, and promotions as a leader judges them. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type ClusterMember, memberFromJson } from '../../../../src/datadir/cluster-member.js';
import { addedMemberId } from '../../../../src/datadir/ids.js';
import { type ChangesDeps, MembershipChanges } from '../../../../src/member/membership/changes.js';
import type { LeaderTask } from '../../../../src/member/membership/leader-calls.js';
import { PeerCallError } from '../../../../src/peer/types.js';
import { EtcdError } from '../../../../src/proto/etcd-error.js';
import type { ConfChange } from '../../../../src/raftpb/types.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

const SELF = 1n;
const LEARNER = 0x1fn;
const MEMBERS: readonly ClusterMember[] = [
  { id: SELF, name: 'a', peerURLs: ['http://a:1'], clientURLs: [], isLearner: false },
];

let clock: ManualClock;
let logger: RecordingLogger;
let proposed: Omit<ConfChange, 'id'>[];
/** What the guard was asked, and what it refuses. */
let asked: string[];
let refused: string | undefined;
let isLeader: boolean;
let isCaughtUp: boolean;
/** Of whom how much of the log is known to be there. */
let matches: Map<bigint, number>;
let task: LeaderTask<readonly ClusterMember[]> | undefined;
let promotions: unknown[][];

beforeEach(() => {
  clock = new ManualClock(1_700_000_000_999);
  logger = new RecordingLogger();
  proposed = [];
  asked = [];
  refused = undefined;
  isLeader = true;
  isCaughtUp = true;
  matches = new Map([
    [SELF, 100],
    [LEARNER, 90],
  ]);
  task = undefined;
  promotions = [];
});

function changes(): MembershipChanges {
  const guarding = (what: string) => (of: bigint | ClusterMember) => {
    asked.push(`${what} ${typeof of === 'bigint' ? of : of.id}`);
    if (refused === what) throw new EtcdError('unhealthy');
  };
  const deps = {
    clock,
    logger,
    node: { status: () => ({ id: SELF, progress: new Map([...matches].map(([id, match]) => [id, { match }])) }) },
    leadership: {
      localId: SELF,
      get isLeader() {
        return isLeader;
      },
    },
    applied: { untilCommitted: async () => isCaughtUp },
    guard: {
      checkAdd: guarding('add'),
      checkRemove: guarding('remove'),
      checkUpdate: guarding('update'),
      checkPromote: guarding('promote'),
    },
    proposeChange: async (change: Omit<ConfChange, 'id'>) => {
      proposed.push(change);
      return MEMBERS;
    },
    leaderCalls: {
      run: async (given: LeaderTask<readonly ClusterMember[]>) => {
        task = given;
        return [];
      },
    },
    calls: {
      promote: async (...of: unknown[]) => {
        promotions.push(of);
        return '[{"id":31,"peerURLs":["http://l:1"],"name":"l"}]';
      },
    },
  };
  return new MembershipChanges(deps as unknown as ChangesDeps);
}

const rowOf = (work: () => Promise<unknown>): Promise<string> =>
  work().then(
    () => 'ok',
    (error: EtcdError) => error.row ?? error.message,
  );
const contextOf = (change: Omit<ConfChange, 'id'> | undefined): string => Buffer.from(change?.context ?? []).toString();

describe('a member that is added', () => {
  it.each([
    [false, 0, 'ConfChangeAddNode'],
    [true, 3, 'ConfChangeAddLearnerNode'],
  ])('has an id of its URLs and the second, whether it is a learner (%s)', async (isLearner, type, name) => {
    const each = changes();
    const urls = each.checkUrls([' http://b:1', 'http://a:1']);
    const { member, members } = await each.add(urls, { isLearner });
    expect(member).toEqual({
      id: addedMemberId(['http://a:1', 'http://b:1'], 1_700_000_000),
      peerURLs: ['http://a:1', 'http://b:1'],
      isLearner,
      name: '',
      clientURLs: [],
    });
    expect(members).toBe(MEMBERS);
    expect(proposed).toMatchObject([{ type, nodeId: member.id }]);
    expect(memberFromJson(contextOf(proposed[0]))).toEqual(member);
    expect(logger.records).toEqual([
      {
        level: 'info',
        message: 'applied a configuration change through raft',
        fields: {
          'local-member-id': '1',
          'raft-conf-change': name,
          'raft-conf-change-node-id': member.id.toString(16),
        },
      },
    ]);
  });
});

describe('a change that could cost the quorum', () => {
  it.each<[string, (each: MembershipChanges) => Promise<unknown>]>([
    ['add', (each) => each.add(each.checkUrls(['http://b:1']), { isLearner: false })],
    ['remove', async (each) => each.remove(LEARNER)],
    ['promote', (each) => each.promoteHere(LEARNER)],
  ])('is not proposed: %s', async (what, propose) => {
    refused = what;
    expect(await rowOf(() => propose(changes()))).toBe('unhealthy');
    expect(asked).toHaveLength(1);
    expect(proposed).toEqual([]);
  });
});

describe('a member that goes or moves', () => {
  it('is named by its id, and by its new URLs in order', async () => {
    expect(await changes().remove(0xabn)).toBe(MEMBERS);
    expect(await changes().update(0xabn, ['http://b:1', 'http://a:1'])).toBe(MEMBERS);
    expect(proposed.map(({ type, nodeId }) => [type, nodeId])).toEqual([
      [1, 0xabn],
      [2, 0xabn],
    ]);
    expect(contextOf(proposed[0])).toBe('');
    expect(memberFromJson(contextOf(proposed[1]))).toMatchObject({ id: 0xabn, peerURLs: ['http://a:1', 'http://b:1'] });
    expect(asked).toEqual(['remove 171']);
  });

  it('to where nobody could be reached is refused, first for being unknown', async () => {
    expect(await rowOf(() => changes().update(0xabn, ['ftp://a:1']))).toBe('memberBadUrls');
    refused = 'update';
    expect(await rowOf(() => changes().update(0xabn, []))).toBe('unhealthy');
    expect(proposed).toEqual([]);
  });
});

describe('a learner is promoted by the leader', () => {
  it('where it has nine tenths of the log, as a change that names it alone', async () => {
    const each = changes();
    expect(await each.promoteHere(LEARNER)).toBe(MEMBERS);
    expect(proposed).toMatchObject([{ type: 0, nodeId: LEARNER }]);
    expect(contextOf(proposed[0])).toBe('{"id":31,"peerURLs":null,"isPromote":true}');
    expect([each.promotions, each.promotionsFailed.size]).toEqual([1, 0]);
    matches.set(LEARNER, 89);
    expect(await rowOf(() => each.promoteHere(LEARNER))).toBe('learnerNotReady');
    expect(each.promotions).toBe(1);
  });

  it.each<[string, () => void, string | undefined]>([
    ['memberNotFound', () => matches.delete(LEARNER), 'membership: ID not found'],
    [
      'learnerNotReady',
      () => matches.set(LEARNER, 0),
      'etcdserver: can only promote a learner member which is in sync with leader',
    ],
    [
      'timeoutWaitAppliedIndex',
      () => {
        isCaughtUp = false;
      },
      'etcdserver: request timed out, waiting for the applied index took too long',
    ],
    ['notLeader', () => matches.delete(SELF), undefined],
    [
      'notLeader',
      () => {
        isLeader = false;
      },
      undefined,
    ],
  ])('and otherwise not, which is counted by its reason: %s', async (row, prepare, reason) => {
    prepare();
    const each = changes();
    expect(await rowOf(() => each.promoteHere(LEARNER))).toBe(row);
    expect(await rowOf(() => each.promoteHere(LEARNER))).toBe(row);
    expect([...each.promotionsFailed]).toEqual(reason === undefined ? [] : [[reason, 2]]);
    expect(proposed).toEqual([]);
  });
});

describe('a learner that another member leads', () => {
  const tasked = async (): Promise<LeaderTask<readonly ClusterMember[]>> => {
    await changes().promote(LEARNER, 'token');
    if (task === undefined) throw new Error('the leader is asked');
    return task;
  };

  it('is promoted there, by the token of who asks', async () => {
    const { here, there } = await tasked();
    const { signal } = new AbortController();
    expect(await there('http://leader:1', signal)).toMatchObject([{ id: 31n, name: 'l', peerURLs: ['http://l:1'] }]);
    expect(promotions).toEqual([['http://leader:1', LEARNER, 'token', signal]]);
    expect(await here()).toBe(MEMBERS);
  });

  it.each<[number, string, string | undefined]>([
    [404, 'membership: ID not found', 'memberNotFound'],
    [412, 'etcdserver: can only promote a learner member which is in sync with leader', 'learnerNotReady'],
    [412, 'membership: can only promote a learner member', 'memberNotLearner'],
    [412, 'etcdserver: something else', undefined],
    [500, 'etcdserver: can only promote a learner member which is in sync with leader', undefined],
  ])('is refused for good where the leader says so, %d %s', async (status, body, row) => {
    const { refusalOf } = await tasked();
    expect((refusalOf(new PeerCallError(status, body)) as EtcdError | undefined)?.row).toBe(row);
    expect(refusalOf(Object.assign(new Error(body), { status, body }))).toBeUndefined();
  });
});
