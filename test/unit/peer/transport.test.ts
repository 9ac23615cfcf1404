import { describe, expect, it } from 'vitest';
import type { HttpHandler } from '../../../src/api/http/types.js';
import type { Clock } from '../../../src/lib/clock.js';
import { osClock } from '../../../src/lib/os/clock.js';
import {
  type Message,
  MessageType,
  makeConfState,
  makeEntry,
  makeMessage,
  makeSnapshot,
} from '../../../src/raftpb/types.js';
import { type PeerNode, startPeerNode, until } from '../../support/peer-node.js';

const A = 0xa1n;
const B = 0xb2n;

function connect(...nodes: readonly PeerNode[]): void {
  for (const node of nodes)
    for (const other of nodes) if (other !== node) node.transport.addPeer(other.id, [other.url]);
}

const isConnected = (node: PeerNode): boolean =>
  ['stream MsgApp v2', 'stream Message'].every((kind) =>
    node.log.records.some(
      ({ message, fields }) =>
        message === 'established TCP streaming connection with remote peer' && fields['stream-writer-type'] === kind,
    ),
  );

const heartbeat = (from: bigint, to: bigint, commit: number): Message =>
  makeMessage({ type: MessageType.MsgHeartbeat, from, to, term: 3, commit });

const append = (from: bigint, to: bigint, index: number, count: number): Message =>
  makeMessage({
    type: MessageType.MsgApp,
    from,
    to,
    term: 3,
    logTerm: 3,
    index,
    commit: index,
    entries: Array.from({ length: count }, (_, at) =>
      makeEntry({ term: 3, index: index + 1 + at, data: Buffer.alloc(256, at) }),
    ),
  });

it('shows that it lives, and asks its peers how they are, with what it sends', async () => {
  let passedMs = 0;
  /** Whose own timers for that never fire. */
  const clock: Clock = {
    ...osClock,
    monotonicMs: () => osClock.monotonicMs() + passedMs,
    after: (delayMs, run) => (delayMs > 1000 ? () => {} : osClock.after(delayMs, run)),
  };
  await using a = await startPeerNode({ id: A, clock });
  let probes = 0;
  const counted: HttpHandler = async (_, { pathname }) => {
    if (pathname === '/raft/probing') probes++;
    return undefined;
  };
  await using b = await startPeerNode({ id: B, handlersBefore: [counted] });
  connect(a, b);
  await until(() => isConnected(a) && probes === 2, 'streams, and the first questions');
  passedMs = 2100;
  a.transport.send([heartbeat(A, B, 1)]);
  await until(() => probes === 4, 'the next questions');
  const ofConnections = async (): Promise<number | undefined> =>
    (await b.metrics.receivedBytes.get()).values.find(({ labels }) => labels.From === '0')?.value;
  await expect.poll(ofConnections, { timeout: 15_000 }).toBeGreaterThan(0);
});

describe('two transports', () => {
  it('carry messages in order over their streams', async () => {
    await using a = await startPeerNode({ id: A });
    await using b = await startPeerNode({ id: B });
    connect(a, b);
    await until(() => isConnected(a) && isConnected(b), 'streams');
    const sent: Message[] = [];
    for (let index = 0; index < 200; index++) sent.push(append(A, B, index * 3, 3), heartbeat(A, B, index));
    a.transport.send(sent);
    await until(() => b.receiver.messages.length === sent.length, 'all messages');
    const ofType = (type: number, list: readonly Message[]) => list.filter((each) => each.type === type);
    for (const type of [MessageType.MsgApp, MessageType.MsgHeartbeat])
      expect(ofType(type, b.receiver.messages)).toEqual(ofType(type, sent));
    expect(a.transport.activeSince(B)).toBeTypeOf('number');
    expect(a.receiver.unreachable).toEqual([]);
  });

  it('keep the order of what is sent piece by piece', async () => {
    await using a = await startPeerNode({ id: A });
    await using b = await startPeerNode({ id: B });
    connect(a, b);
    await until(() => isConnected(a) && isConnected(b), 'streams');
    for (let index = 0; index < 50; index++) a.transport.send([heartbeat(A, B, index)]);
    await until(() => b.receiver.messages.length === 50, 'all messages');
    expect(b.receiver.messages.map(({ commit }) => commit)).toEqual(Array.from({ length: 50 }, (_, index) => index));
  });

  it('hand on no more than so many messages at once, drop what is beyond, and go on when some are done', async () => {
    await using a = await startPeerNode({ id: A });
    await using b = await startPeerNode({ id: B });
    connect(a, b);
    await until(() => isConnected(a) && isConnected(b), 'streams');
    const busy: (() => void)[] = [];
    b.receiver.onMessage = () => new Promise((resolve) => busy.push(resolve));
    // A hundred thousand are more than fit onto a stack as arguments.
    const most = 4096;
    const burst = Array.from({ length: 100_000 }, (_, index) => heartbeat(A, B, index));
    a.transport.send(burst);
    const dropped = 'dropped internal Raft message since receiving buffer is full (overloaded network)';
    const isDropped = (): boolean => b.log.records.some(({ message }) => message === dropped);
    for (let at = 0; at < 50 && !isDropped(); at++) {
      a.transport.send(burst.slice(0, 1000));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(isDropped()).toBe(true);
    expect(busy).toHaveLength(most);
    // Proposals have room of their own.
    a.transport.send([makeMessage({ type: MessageType.MsgProp, from: A, to: B, entries: [makeEntry({})] })]);
    await until(() => b.receiver.messages.at(-1)?.type === MessageType.MsgProp, 'a proposal');
    for (const done of busy) done();
    b.receiver.onMessage = async () => {};
    const last = 123_456;
    await until(() => {
      a.transport.send([heartbeat(A, B, last)]);
      return b.receiver.messages.at(-1)?.commit === last;
    }, 'a message after the burst');
  });

  it('send a snapshot with its database', async () => {
    await using a = await startPeerNode({ id: A });
    await using b = await startPeerNode({ id: B });
    connect(a, b);
    const database = Buffer.alloc(5_000_000, 7);
    let closed = 0;
    const message = makeMessage({
      type: MessageType.MsgSnap,
      from: A,
      to: B,
      term: 3,
      snapshot: makeSnapshot({
        index: 60,
        term: 2,
        data: Buffer.from('{"Root":{}}'),
        confState: makeConfState({ voters: [A, B] }),
      }),
    });
    a.transport.sendSnapshot(message, {
      sizeBytes: database.length,
      async *chunks() {
        for (let at = 0; at < database.length; at += 65_536) yield database.subarray(at, at + 65_536);
      },
      close: () => closed++,
    });
    await until(() => a.receiver.outcomes.length === 1, 'outcome');
    expect(a.receiver.outcomes).toEqual([{ id: B, outcome: 'finished' }]);
    expect(b.receiver.snapshots).toHaveLength(1);
    expect(b.receiver.snapshots[0]?.message).toEqual(message);
    expect(b.receiver.snapshots[0]?.database.equals(database)).toBe(true);
    expect(closed).toBe(1);
  });
});
