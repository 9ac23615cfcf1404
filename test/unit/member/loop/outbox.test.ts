/** Messages on their way to other members. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Outbox, type OutboxDeps } from '../../../../src/member/loop/outbox.js';
import { type Message, MessageType, makeMessage } from '../../../../src/raftpb/types.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

const { MsgApp, MsgAppResp, MsgHeartbeat, MsgSnap } = MessageType;

let clock: ManualClock;
let logger: RecordingLogger;
let sent: string[];
let outbox: Outbox;
let leaderChanged: () => void;

const shown = ({ type, to, index }: Message): string =>
  `${Object.keys(MessageType).find((name) => MessageType[name as keyof typeof MessageType] === type)} ${to} ${index}`;

beforeEach(() => {
  clock = new ManualClock();
  logger = new RecordingLogger();
  sent = [];
  outbox = new Outbox({
    send: (messages: readonly Message[]) => sent.push(messages.map(shown).join(', ')),
    sendSnapshot: (message: Message) => sent.push(`database: ${shown(message)}`),
    isRemoved: (id: bigint) => id === 9n,
    leadership: {
      onChange: (listener: () => void) => {
        leaderChanged = listener;
      },
    },
    clock,
    logger,
    heartbeatIntervalMs: 100,
  } as unknown as OutboxDeps);
});

const message = (type: MessageType, to: bigint, index = 0): Message => makeMessage({ type, to, index });

describe('messages of a turn', () => {
  it('go out at once and in order, of several acknowledgements to one member the newest alone', () => {
    outbox.send([
      message(MsgAppResp, 2n, 1),
      message(MsgApp, 2n, 5),
      message(MsgAppResp, 3n, 1),
      message(MsgApp, 3n, 6),
      message(MsgAppResp, 2n, 2),
    ]);
    expect(sent).toEqual(['MsgApp 2 5, MsgAppResp 3 1, MsgApp 3 6, MsgAppResp 2 2']);
  });

  it('do not go to members that were removed, and snapshots go their own way', () => {
    outbox.send([message(MsgSnap, 2n), message(MsgApp, 9n), message(MsgSnap, 9n)]);
    outbox.send([]);
    expect(sent).toEqual(['database: MsgSnap 2 0']);
  });
});

describe('heartbeats', () => {
  it('that go out later than twice their interval are told of, for each member by itself', async () => {
    outbox.send([message(MsgHeartbeat, 2n), message(MsgHeartbeat, 3n)]);
    await clock.advance(200);
    outbox.send([message(MsgHeartbeat, 2n)]);
    expect([outbox.lateHeartbeats, logger.records]).toEqual([0, []]);
    await clock.advance(50);
    outbox.send([message(MsgHeartbeat, 2n), message(MsgHeartbeat, 3n)]);
    expect(outbox.lateHeartbeats).toBe(1);
    expect(logger.records).toEqual([
      {
        level: 'warn',
        message:
          'leader failed to send out heartbeat on time; took too long, leader is overloaded likely from slow disk',
        fields: {
          to: '3',
          'heartbeat-interval': '100ms',
          'expected-duration': '200ms',
          'exceeded-duration': '50ms',
        },
      },
    ]);
  });

  it('of an earlier leadership say nothing about this one', async () => {
    outbox.send([message(MsgHeartbeat, 2n)]);
    leaderChanged();
    await clock.advance(10_000);
    outbox.send([message(MsgHeartbeat, 2n)]);
    expect(outbox.lateHeartbeats).toBe(0);
  });
});
