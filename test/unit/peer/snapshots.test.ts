import { describe, expect, it } from 'vitest';
import { type DatabaseSource, SnapshotSaveError } from '../../../src/peer/types.js';
import { type Message, MessageType, makeConfState, makeMessage, makeSnapshot } from '../../../src/raftpb/types.js';
import { freePort } from '../../support/free-port.js';
import { type PeerNode, startPeerNode, until } from '../../support/peer-node.js';

const A = 0xa1n;
const B = 0xb2n;

const confState = makeConfState({ voters: [A, B] });

const snapshotTo = (to: bigint): Message =>
  makeMessage({
    type: MessageType.MsgSnap,
    from: A,
    to,
    term: 3,
    snapshot: makeSnapshot({ index: 60, term: 2, confState }),
  });

class Source implements DatabaseSource {
  closed = 0;
  given = 0;

  constructor(
    readonly breaksAt = Number.POSITIVE_INFINITY,
    readonly sizeBytes = 1_000_000,
  ) {}

  async *chunks(): AsyncGenerator<Uint8Array> {
    const chunk = Buffer.alloc(100_000, 1);
    for (; this.given < this.sizeBytes; this.given += chunk.length) {
      if (this.given >= this.breaksAt) throw new Error('the disk is gone');
      yield chunk;
    }
  }

  close(): void {
    this.closed++;
  }
}

const logged = (node: PeerNode, message: string) => node.log.records.find((record) => record.message === message);

describe('a snapshot', () => {
  it('that breaks off while it is read is not taken', async () => {
    await using a = await startPeerNode({ id: A });
    await using b = await startPeerNode({ id: B });
    a.transport.addPeer(B, [b.url]);
    const source = new Source(500_000);
    a.transport.sendSnapshot(snapshotTo(B), source);
    await until(() => a.receiver.outcomes.length > 0, 'the outcome');
    expect(a.receiver.outcomes).toEqual([{ id: B, outcome: 'failed' }]);
    expect(a.receiver.unreachable).toContain(B);
    expect(source.closed).toBe(1);
    await until(() => logged(b, 'failed to save incoming database snapshot') !== undefined, 'the other side to notice');
    expect(b.receiver.snapshots).toEqual([]);
    const failures = await b.metrics.snapshotReceiveFailures.get();
    expect(failures.values).toEqual([{ labels: { From: 'a1' }, value: 1 }]);
    const sending = await a.metrics.snapshotSending.get();
    expect(sending.values).toEqual([{ labels: { To: 'b2' }, value: 0 }]);
  });

  it('may be larger than all that requests may hold together', async () => {
    await using a = await startPeerNode({ id: A });
    await using b = await startPeerNode({ id: B });
    a.transport.addPeer(B, [b.url]);
    let taken = 0;
    b.receiver.processSnapshot = async (_message, database) => {
      for await (const chunk of database) taken += chunk.length;
    };
    const source = new Source(undefined, 300_000_000);
    a.transport.sendSnapshot(snapshotTo(B), source);
    await until(() => a.receiver.outcomes.length > 0, 'the outcome');
    expect(a.receiver.outcomes).toEqual([{ id: B, outcome: 'finished' }]);
    expect(taken).toBe(source.sizeBytes);
  }, 60_000);

  it.each([
    [new SnapshotSaveError('no space left on device'), 'failed to save incoming database snapshot'],
    [new Error('stopped'), 'failed to process Raft message'],
  ])('that the member does not take (%s) is reported', async (error, message) => {
    await using a = await startPeerNode({ id: A });
    await using b = await startPeerNode({ id: B });
    b.receiver.onSnapshot = async () => {
      throw error;
    };
    a.transport.addPeer(B, [b.url]);
    const source = new Source();
    a.transport.sendSnapshot(snapshotTo(B), source);
    await until(() => a.receiver.outcomes.length > 0, 'the outcome');
    expect(a.receiver.outcomes).toEqual([{ id: B, outcome: 'failed' }]);
    expect(source.closed).toBe(1);
    expect(logged(b, message)?.fields.error).toBe(error.message);
    expect(logged(a, 'failed to send database snapshot')?.fields.error).toContain('Internal Server Error');
  });

  it('for a removed member, or from one, fills no disk', async () => {
    await using a = await startPeerNode({ id: A });
    await using b = await startPeerNode({ id: B });
    b.receiver.removed.add(A);
    a.transport.addPeer(B, [b.url]);
    a.transport.sendSnapshot(snapshotTo(B), new Source());
    await until(() => a.receiver.outcomes.length > 0, 'the outcome');
    expect(a.receiver.outcomes).toEqual([{ id: B, outcome: 'failed' }]);
    expect(b.receiver.snapshots).toEqual([]);
  });

  it('is sent to 16 peers at a time at most, and to none that is unknown', async () => {
    await using a = await startPeerNode({ id: A });
    await using b = await startPeerNode({ id: B });
    let release: () => void = () => {};
    const hold = new Promise<void>((resolve) => {
      release = resolve;
    });
    b.receiver.onSnapshot = () => hold;
    const ids = Array.from({ length: 17 }, (_, index) => BigInt(0x100 + index));
    for (const id of ids) a.transport.addPeer(id, [`http://127.0.0.1:${await freePort()}`]);
    const held = ids.map(() => {
      const source = new Source();
      const chunks = source.chunks.bind(source);
      source.chunks = async function* () {
        await hold;
        yield* chunks();
      };
      return source;
    });
    for (const [index, id] of ids.entries()) a.transport.sendSnapshot(snapshotTo(id), held[index] as Source);
    expect(a.receiver.outcomes).toEqual([{ id: ids[16], outcome: 'failed' }]);
    expect(held.filter(({ closed }) => closed > 0)).toHaveLength(1);
    const unknown = new Source();
    a.transport.sendSnapshot(snapshotTo(0xfffn), unknown);
    expect(unknown.closed).toBe(1);
    expect(a.receiver.outcomes.at(-1)).toEqual({ id: 0xfffn, outcome: 'failed' });
    release();
  });

  it('under way ends with its transport', async () => {
    const a = await startPeerNode({ id: A });
    await using b = await startPeerNode({ id: B });
    a.transport.addPeer(B, [b.url]);
    const source = new Source();
    let asked = false;
    source.chunks = async function* () {
      yield Buffer.alloc(10);
      asked = true;
      await new Promise(() => {});
    };
    a.transport.sendSnapshot(snapshotTo(B), source);
    await until(() => asked, 'the transfer');
    await a[Symbol.asyncDispose]();
    expect(source.closed).toBe(1);
    expect(a.receiver.outcomes).toEqual([{ id: B, outcome: 'failed' }]);
  });
});
