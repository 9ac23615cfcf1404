/** Messages of other members until the core takes them: in order, bounded, proposals only to a leader. */
import { describe, expect, it } from 'vitest';
import { Inbox } from '../../../../src/member/loop/inbox.js';
import { type Message, MessageType, makeEntry, makeMessage, NONE } from '../../../../src/raftpb/types.js';
import { settle } from '../../../support/manual-clock.js';

function core() {
  const stepped: (number | undefined)[] = [];
  return { lead: NONE, stepped, step: ({ index }: Message) => void stepped.push(index) };
}

const message = (index: number, type: MessageType = MessageType.MsgHeartbeat, bytes = 0): Message =>
  makeMessage({ type, index, entries: bytes === 0 ? [] : [makeEntry({ data: Buffer.alloc(bytes) })] });
const proposal = (index: number): Message => message(index, MessageType.MsgProp);
const never = (): boolean => false;

describe('the inbox', () => {
  it('hands over what came in its order, as much as there is time for', async () => {
    const inbox = new Inbox();
    const node = core();
    expect(inbox.isReady(node)).toBe(false);
    const done: number[] = [];
    for (const index of [1, 2, 3]) void inbox.put(message(index)).then(() => done.push(index));
    expect(inbox.isReady(node)).toBe(true);
    inbox.take(node, () => node.stepped.length === 2);
    await settle();
    expect([node.stepped, done]).toEqual([
      [1, 2],
      [1, 2],
    ]);
    inbox.take(node, never);
    expect(node.stepped).toEqual([1, 2, 3]);
    expect(inbox.isReady(node)).toBe(false);
  });

  it('keeps proposals for a leader, in their order and before what comes later', async () => {
    const inbox = new Inbox();
    const node = core();
    const taken = Promise.all([inbox.put(proposal(1)), inbox.put(proposal(2)), inbox.put(message(3))]);
    inbox.take(node, never);
    await taken;
    expect(node.stepped).toEqual([3]);
    expect(inbox.isReady(node)).toBe(false);
    inbox.take(node, never);
    expect(node.stepped).toEqual([3]);
    node.lead = 7n;
    expect(inbox.isReady(node)).toBe(true);
    void inbox.put(proposal(4));
    inbox.take(node, never);
    expect(node.stepped).toEqual([3, 1, 2, 4]);
    inbox.take(node, never);
    expect(node.stepped).toEqual([3, 1, 2, 4]);
  });

  it('refuses more than 4096 messages, those that wait for a leader among them', async () => {
    const inbox = new Inbox();
    const node = core();
    for (let index = 0; index < 2000; index++) void inbox.put(proposal(index));
    inbox.take(node, never);
    for (let index = 0; index < 2096; index++) void inbox.put(message(index));
    await expect(inbox.put(message(0))).rejects.toThrow('too many raft messages are waiting');
    inbox.take(node, never);
    node.lead = 7n;
    inbox.take(node, never);
    expect(node.stepped.length).toBe(4096);
    inbox.put(message(0)).catch(() => expect.unreachable());
  });

  it('refuses more than 128 MB, but takes one message of any size', async () => {
    const inbox = new Inbox();
    const node = core();
    const half = 64 * 1024 * 1024;
    void inbox.put(message(1, MessageType.MsgApp, half));
    void inbox.put(message(2, MessageType.MsgApp, half - 2 * 128));
    await expect(inbox.put(message(3))).rejects.toThrow('too many raft messages are waiting');
    inbox.take(node, never);
    void inbox.put(message(4, MessageType.MsgApp, 2 * half));
    await expect(inbox.put(message(5))).rejects.toThrow('too many raft messages are waiting');
    inbox.take(node, never);
    expect(node.stepped).toEqual([1, 2, 4]);
  });

  it('that is closed refuses what waits and what comes', async () => {
    const inbox = new Inbox();
    const node = core();
    const waiting = inbox.put(message(1));
    inbox.close();
    await expect(waiting).rejects.toMatchObject({ row: 'stopped' });
    await expect(inbox.put(message(2))).rejects.toMatchObject({ row: 'stopped' });
    inbox.take(node, never);
    expect(node.stepped).toEqual([]);
  });
});
