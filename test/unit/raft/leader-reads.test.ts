/** Reads that come before a leader has committed anything of its term. */
import { expect, test } from 'vitest';
import { LeaderReads } from '../../../src/raft/leader-reads.js';
import { MessageType, makeEntry, makeMessage } from '../../../src/raftpb/types.js';

test('a leader keeps as many early reads as it can answer, and no more', () => {
  const answered: string[] = [];
  let committedTerm = 1;
  const reads = new LeaderReads({
    id: 1n,
    log: { committed: 3, termOrZero: () => committedTerm },
    tracker: { singleton: true, isVoter: () => true },
    mailbox: {
      send: ({ entries }: { entries: { data: Uint8Array }[] }) =>
        void answered.push(Buffer.from(entries[0]?.data ?? []).toString()),
    },
    option: 'safe',
  } as unknown as ConstructorParameters<typeof LeaderReads>[0]);
  for (let at = 0; at < 5000; at++) {
    const entries = [makeEntry({ data: Buffer.from(`${at}`) })];
    reads.take(makeMessage({ type: MessageType.MsgReadIndex, from: 2n, to: 1n, entries }), 2);
  }
  reads.release(2);
  expect(answered).toEqual([]);
  committedTerm = 2;
  reads.release(2);
  expect(answered).toEqual(Array.from({ length: 4096 }, (_, at) => `${at}`));
  reads.release(2);
  expect(answered).toHaveLength(4096);
});
