/** What other members may send, and what this one answers them. */
import { beforeEach, describe, expect, it } from 'vitest';
import { PeerAnswers, type PeerAnswersDeps } from '../../../../src/member/peers/peer-answers.js';
import { Receiver, type ReceiverDeps } from '../../../../src/member/peers/receiver.js';
import { EtcdError } from '../../../../src/proto/etcd-error.js';
import { type Message, MessageType, makeMessage } from '../../../../src/raftpb/types.js';
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
    onRemoved: () => events.push('removed'),
  } as unknown as ReceiverDeps);
});

const of = (changes: Partial<Message>): Message =>
  makeMessage({ type: MessageType.MsgHeartbeat, from: OTHER, to: SELF, ...changes });
const nothing = async function* (): AsyncGenerator<Uint8Array> {};

describe('a message of another member', () => {
  it('is counted and goes to the loop', async () => {
    await receiver.process(of({}));
    expect(events).toEqual(['counted 2', 'received 2']);
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
  const member = (id: bigint) => ({ id, name: '', peerURLs: [], clientURLs: [], isLearner: false });

  it('is refused in words that it knows where this member does not lead', async () => {
    const rejecting = (error: Error) => {
      const work = () => Promise.reject(error);
      return answers({ leases: { renewHere: work, timeToLiveHere: work } });
    };
    const follower = rejecting(new EtcdError('notLeader'));
    await expect(follower.renewLease(7n)).rejects.toMatchObject({ name: 'NotPrimaryError' });
    await expect(follower.leaseTimeToLive(7n, { keys: false })).rejects.toMatchObject({ name: 'NotPrimaryError' });
    for (const error of [
      new EtcdError('timeoutWaitAppliedIndex'),
      Object.assign(new Error('x'), { row: 'notLeader' }),
    ]) {
      await expect(rejecting(error).renewLease(7n)).rejects.toBe(error);
      await expect(rejecting(error).leaseTimeToLive(7n, { keys: true })).rejects.toBe(error);
    }
  });

  it('of a lease that is not there says so', async () => {
    const renewing = (ttl: number) => answers({ leases: { renewHere: async () => ttl } });
    expect(await renewing(5).renewLease(7n)).toBe(5);
    await expect(renewing(0).renewLease(7n)).rejects.toMatchObject({ row: 'leaseNotFound' });
  });

  it('of the members is answered from the flags until the log names some', () => {
    const initialMembers = [member(4n)];
    expect(answers({ cluster: { members: [] }, initialMembers }).members()).toEqual(initialMembers);
    expect(answers({ cluster: { members: [member(5n)] }, initialMembers }).members()).toEqual([member(5n)]);
  });
});
