/** What other members may send, and what this one answers them. */
import { beforeEach, describe, expect, it } from 'vitest';
import { encodeV2Request } from '../../../../src/datadir/v2-request-codec.js';
import { encodeOperation } from '../../../../src/member/apply/entry-data.js';
import { PeerAnswers, type PeerAnswersDeps } from '../../../../src/member/peers/peer-answers.js';
import { Receiver, type ReceiverDeps } from '../../../../src/member/peers/receiver.js';
import { CompactedError, FutureRevisionError } from '../../../../src/mvcc/errors.js';
import { EtcdError } from '../../../../src/proto/etcd-error.js';
import { CompactionRequest, RequestHeader } from '../../../../src/proto/gen/etcdserverpb.js';
import { confChangeCodec } from '../../../../src/raftpb/codec.js';
import {
  type ConfChangeType,
  type Message,
  MessageType,
  makeConfChange,
  makeEntry,
  makeMessage,
} from '../../../../src/raftpb/types.js';
import { bytesOf } from '../../../../src/v2/json.js';
import { emptyRequest } from '../../../../src/v2/request.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

const SELF = 1n;
const OTHER = 2n;
const REMOVED = 3n;

let events: string[];
let logger: RecordingLogger;
let receiver: Receiver;

beforeEach(() => {
  events = [];
  logger = new RecordingLogger();
  const note = (what: string) => (id: unknown, more?: unknown) =>
    void events.push(
      `${what} ${typeof id === 'object' ? (id as Message).from : id}${more === undefined ? '' : ` ${more}`}`,
    );
  receiver = new Receiver({
    cluster: { localId: SELF, isRemoved: (id: bigint) => id === REMOVED },
    loop: {
      receive: async (message: Message) => note('received')(message),
      reportUnreachable: note('unreachable'),
      reportSnapshot: note('snapshot'),
    },
    v2Stats: { received: note('counted'), failed: note('failed') },
    logger,
    receiveSnapshot: async (message: Message) => note('database')(message),
    onHeartbeat: () => events.push('heard'),
    onRemoved: () => events.push('removed'),
  } as unknown as ReceiverDeps);
});

const of = (changes: Partial<Message>): Message =>
  makeMessage({ type: MessageType.MsgHeartbeat, from: OTHER, to: SELF, ...changes });
const NORMAL = makeEntry({
  data: encodeOperation(RequestHeader.create({ ID: 7n }), {
    kind: 'compaction',
    request: CompactionRequest.create({}),
  }),
});
/** Of a field that no version has. */
const UNKNOWN = makeEntry({ data: Buffer.from('0807c2b80200', 'hex') });
const joint = makeEntry({ type: 2 });
const attributes = (value: string) =>
  makeEntry({
    data: encodeV2Request({ ...emptyRequest, method: 'PUT', path: '/0/members/4/attributes', value: bytesOf(value) }),
  });
const changing = ({ type = 0, nodeId, context = '' }: { type?: ConfChangeType; nodeId: bigint; context?: string }) => {
  const change = makeConfChange({ type, nodeId, context: Buffer.from(context) });
  return { type: MessageType.MsgProp, entries: [makeEntry({ type: 1, data: confChangeCodec['3.5'].encode(change) })] };
};
const nothing = async function* (): AsyncGenerator<Uint8Array> {};

describe('a message of another member', () => {
  it('is counted and goes to the loop, a heartbeat after what it wakes this one for', async () => {
    await receiver.process(of({ type: MessageType.MsgHeartbeatResp }));
    expect(events.splice(0)).toEqual(['counted 2', 'received 2']);
    await receiver.process(of({}));
    expect(events).toEqual(['counted 2', 'heard', 'received 2']);
  });

  it.each<[string, Partial<Message>, string, string | undefined]>([
    ['a removed member', { from: REMOVED }, 'from removed member', 'rejected Raft message from removed member'],
    ['one that means another', { to: OTHER }, 'to mismatch member', 'rejected Raft message to mismatch member'],
    ['one that says what only we may', { type: MessageType.MsgHup }, 'MsgHup is no message', undefined],
    ['one that beats for itself', { type: MessageType.MsgBeat }, 'MsgBeat is no message', undefined],
  ])('of %s is refused, and so is its database', async (_name, changes, message, logged) => {
    await expect(receiver.process(of(changes))).rejects.toThrow(message);
    await expect(receiver.processSnapshot(of(changes), nothing())).rejects.toThrow(message);
    expect(events).toEqual([]);
    expect(logger.records.map((record) => record.message)).toEqual(logged === undefined ? [] : [logged, logged]);
  });

  it.each<[string, Partial<Message>, string]>([
    ['a proposal', { type: MessageType.MsgProp, entries: [NORMAL, UNKNOWN] }, 'unimplemented apply: the entry has a'],
    ['an append', { type: MessageType.MsgApp, entries: [NORMAL, UNKNOWN] }, 'unimplemented apply: the entry has a'],
    ['an append', { type: MessageType.MsgApp, entries: [makeEntry({ data: Buffer.from('0aff', 'hex') })] }, 'wireType'],
    ['an append', { type: MessageType.MsgApp, entries: [attributes('{')] }, 'JSON'],
    ['an append', { type: MessageType.MsgApp, entries: [attributes('null')] }, 'null'],
    ['a proposal', { type: MessageType.MsgProp, entries: [joint] }, 'in a form that no member proposes'],
    ['a proposal', changing({ nodeId: 4n, context: '{"id":' }), 'JSON'],
    ['a proposal', changing({ nodeId: 4n, context: '{"peerURLs":[]}' }), 'member without an id'],
    ['a proposal', changing({ nodeId: 4n, context: '{"id":5}' }), 'a configuration change of 4 that describes 5'],
    ['a proposal', changing({ nodeId: 4n, context: '{"id":4,"isLearner":true}' }), 'a learner as a voter'],
    ['a proposal', changing({ type: 3, nodeId: 4n, context: '{"id":4}' }), 'a learner as a voter'],
    ['a proposal', changing({ type: 3, nodeId: 4n, context: '{"id":4,"isPromote":true}' }), 'a learner as a voter'],
    ['a read', { type: MessageType.MsgReadIndex, entries: [makeEntry({ data: Buffer.alloc(7) })] }, 'has 7 bytes'],
    ['a read', { type: MessageType.MsgReadIndexResp, entries: [] }, 'has 0 bytes'],
  ])('that would end this one as %s is refused: %#', async (_name, changes, message) => {
    await expect(receiver.process(of(changes))).rejects.toThrow(message);
    expect(events).toEqual([]);
    expect(logger.records.map((record) => record.message)).toEqual([
      'rejected Raft message with entries that cannot be applied',
    ]);
  });

  it.each<[string, Partial<Message>]>([
    ['an entry of each form', { type: MessageType.MsgApp, entries: [makeEntry(), NORMAL, attributes('{"name":"x"}')] }],
    ['a removal', changing({ type: 1, nodeId: 4n })],
    ['a promotion', changing({ nodeId: 4n, context: '{"id":4,"peerURLs":null,"isPromote":true}' })],
    ['a learner', changing({ type: 3, nodeId: 4n, context: '{"id":4,"isLearner":true}' })],
    ['a move of a learner', changing({ type: 2, nodeId: 4n, context: '{"id":4,"isLearner":true}' })],
    ['a read', { type: MessageType.MsgReadIndex, entries: [makeEntry({ data: Buffer.alloc(8) })] }],
  ])('is taken with %s', async (_name, changes) => {
    await receiver.process(of(changes));
    expect(events).toEqual(['counted 2', 'received 2']);
  });

  it('brings a snapshot with its database or not at all', async () => {
    const snapshot = of({ type: MessageType.MsgSnap });
    await expect(receiver.process(snapshot)).rejects.toThrow('snapshot without its database');
    expect(events).toEqual([]);
    await receiver.processSnapshot(snapshot, nothing());
    expect(events).toEqual(['database 2']);
  });

  it('that does not get through is the loop’s to know', () => {
    receiver.reportUnreachable(OTHER);
    receiver.reportSnapshot(OTHER, 'failed');
    receiver.reportRemoved();
    expect(events).toEqual(['failed 2', 'unreachable 2', 'snapshot 2 failed', 'removed']);
    expect([receiver.isRemoved(REMOVED), receiver.isRemoved(OTHER)]).toEqual([true, false]);
  });
});

describe('what another member asks', () => {
  const answers = (deps: object): PeerAnswers => new PeerAnswers(deps as PeerAnswersDeps);
  const { signal } = new AbortController();
  const member = (id: bigint) => ({ id, name: '', peerURLs: [], clientURLs: [], isLearner: false });

  it('is refused in words that it knows where this member does not lead', async () => {
    const rejecting = (error: Error) => {
      const work = () => Promise.reject(error);
      return answers({ leases: { renewHere: work, timeToLiveHere: work } });
    };
    const follower = rejecting(new EtcdError('notLeader'));
    await expect(follower.renewLease(7n, signal)).rejects.toMatchObject({ name: 'NotPrimaryError' });
    await expect(follower.leaseTimeToLive(7n, { keys: false })).rejects.toMatchObject({ name: 'NotPrimaryError' });
    for (const error of [
      new EtcdError('timeoutWaitAppliedIndex'),
      Object.assign(new Error('x'), { row: 'notLeader' }),
    ]) {
      await expect(rejecting(error).renewLease(7n, signal)).rejects.toBe(error);
      await expect(rejecting(error).leaseTimeToLive(7n, { keys: true })).rejects.toBe(error);
    }
  });

  it('of a lease that is not there says so', async () => {
    const renewing = (ttl: number) => answers({ leases: { renewHere: async () => ttl } });
    expect(await renewing(5).renewLease(7n, signal)).toBe(5);
    await expect(renewing(0).renewLease(7n, signal)).rejects.toMatchObject({ row: 'leaseNotFound' });
  });

  it('of the members is answered from the flags until the log names some', () => {
    const initialMembers = [member(4n)];
    expect(answers({ cluster: { members: [] }, initialMembers }).members()).toEqual(initialMembers);
    expect(answers({ cluster: { members: [member(5n)] }, initialMembers }).members()).toEqual([member(5n)]);
  });

  it('to promote a learner is done for whoever may administer the cluster, by the token that came along', async () => {
    const done: string[] = [];
    const promoting = (allowed: string) =>
      answers({
        authentication: {
          identify: async ({ token, commonName }: { token: string | undefined; commonName: undefined }) =>
            `user of ${token} ${commonName}`,
        },
        auth: {
          access: {
            checkRoot: (user: string) => {
              if (user !== allowed) throw new EtcdError('permissionDenied');
            },
          },
        },
        changes: {
          promoteHere: async (id: bigint) => {
            done.push(`promoted ${id}`);
            return [member(id)];
          },
        },
      });
    await expect(promoting('user of t1 undefined').promoteMember(4n, 't2')).rejects.toMatchObject({
      row: 'permissionDenied',
    });
    expect(done).toEqual([]);
    expect(await promoting('user of t1 undefined').promoteMember(4n, 't1')).toEqual([member(4n)]);
    expect(done).toEqual(['promoted 4']);
  });

  it('of a hash is answered with its revision, or refused in the words that others look for', async () => {
    const found = { revision: 12, currentRevision: 15, hash: 77, compactRevision: 3 };
    const hashing = (hashKv: (revision: number) => Promise<unknown>) => answers({ maintenance: { hashKv } });
    expect(await hashing(async (revision) => ({ ...found, revision })).hashKv(12)).toEqual({
      currentRevision: 15,
      hash: 77,
      compactRevision: 3,
      hashRevision: 12,
    });
    for (const [error, row] of [
      [new CompactedError(5, 7), 'compacted'],
      [new FutureRevisionError(20, 7), 'futureRevision'],
    ] as const) {
      await expect(hashing(() => Promise.reject(error)).hashKv(1)).rejects.toMatchObject({ row });
    }
    const other = new Error('disk');
    await expect(hashing(() => Promise.reject(other)).hashKv(1)).rejects.toBe(other);
  });

  it('of a downgrade is answered from what is applied, once that is all', async () => {
    const cluster = { id: 0xc1n, downgrade: { enabled: false, targetVersion: '' } };
    const linearizable = async (): Promise<void> => {
      cluster.downgrade = { enabled: true, targetVersion: '3.4.0' };
    };
    const asked = answers({
      cluster,
      reads: { linearizable },
      emulate: '3.6',
      applied: { untilCommitted: async () => true },
    });
    expect(await asked.downgradeEnabled()).toBe(true);
    expect([asked.clusterIdHex, asked.emulate, await asked.caughtUp()]).toEqual(['c1', '3.6', true]);
  });
});
