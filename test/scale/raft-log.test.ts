/**
 * The log in memory, the window of messages in flight and the frames that carry them, each over ten thousands of
 * entries, against plain lists: what is cut off in front, replaced behind, handed out and written while more comes.
 */
import { describe, expect, it } from 'vitest';
import type { Random } from '../../src/lib/random.js';
import { AppendFrameDecoder, AppendFrameEncoder } from '../../src/peer/append-frames.js';
import { MessageFrameDecoder, MessageFrameEncoder } from '../../src/peer/message-frames.js';
import { MemoryStorage } from '../../src/raft/log/memory-storage.js';
import { RaftLog } from '../../src/raft/log/raft-log.js';
import { Inflights } from '../../src/raft/tracker/inflights.js';
import { silentRaftLogger } from '../../src/raft/world/logger.js';
import { entriesSize } from '../../src/raftpb/sizes.js';
import { type Entry, type Message, MessageType, makeEntry, makeMessage } from '../../src/raftpb/types.js';
import { SCALED_TIMEOUT_MS, scaled, seeded, steps } from '../support/scale.js';

const textOf = (data: Uint8Array): string => Buffer.from(data).toString();

describe('the log', () => {
  it(
    'is what the list of terms says, however long',
    () =>
      seeded(async (random) => {
        const storage = new MemoryStorage();
        const log = new RaftLog(storage, silentRaftLogger, 100_000);
        /** Terms by index, from `compacted` on. */
        let terms = [0];
        let compacted = 0;
        let term = 1;
        const beingWritten: (readonly Entry[])[] = [];
        const last = (): number => compacted + terms.length - 1;
        const termAt = (index: number): number => terms[index - compacted] as number;
        const entryAt = (index: number): Entry =>
          makeEntry({ index, term: termAt(index), data: Buffer.from(`${index}`) });
        const assertEntries = (entries: readonly Entry[], from: number): void => {
          for (const [at, entry] of entries.entries())
            if (entry.index !== from + at || entry.term !== termAt(from + at) || textOf(entry.data) !== `${from + at}`)
              throw new Error(`entry ${from + at} is ${entry.index} of term ${entry.term}`);
        };
        for await (const _ of steps(scaled(6000))) {
          const kind = random.below(12);
          if (kind < 4) {
            const replaces = random.below(20) === 0;
            const previous = replaces ? Math.max(log.committed, last() - random.below(600)) : last();
            const previousTerm = termAt(previous);
            if (previous < last()) term++;
            terms.length = previous - compacted + 1;
            const count = random.below(random.below(30) === 0 ? 2000 : 40);
            for (let at = 0; at < count; at++) terms.push(term);
            const entries = Array.from({ length: count }, (_, at) => entryAt(previous + 1 + at));
            // Raft keeps what it has where a message brings nothing new.
            if (count === 0 && previous < log.lastIndex()) terms.push(...Array(log.lastIndex() - previous).fill(-1));
            else expect(log.maybeAppend({ index: previous, term: previousTerm }, entries, 0)).toBe(previous + count);
            if (terms.at(-1) === -1)
              for (let at = previous + 1; at <= last(); at++) terms[at - compacted] = log.term(at) as number;
          } else if (kind < 6) {
            beingWritten.push(log.nextUnstableEntries());
            log.acceptUnstable();
          } else if (kind < 8) {
            for (let count = random.below(3); count > 0; count--) {
              const batch = beingWritten.shift() ?? [];
              storage.append(batch);
              const final = batch.at(-1);
              if (final !== undefined) log.stableTo(final);
            }
          } else if (kind < 9) {
            log.commitTo(Math.min(last(), log.committed + random.below(3000)));
          } else if (kind < 10) {
            const from = log.applying + 1;
            const entries = log.nextCommittedEntries({ allowUnstable: random.below(2) === 0 });
            assertEntries(entries, from);
            const final = entries.at(-1);
            if (final === undefined) continue;
            log.acceptApplying(final.index, entriesSize(entries), { allowUnstable: true });
            log.appliedTo(final.index, entriesSize(entries));
          } else if (kind < 11) {
            const to = Math.min(log.applied, log.unstable.offset - 1, storage.lastIndex()) - random.below(2000);
            if (to <= compacted) continue;
            expect(storage.compact(to)).toBeUndefined();
            terms = terms.slice(to - compacted);
            compacted = to;
          } else {
            const low = compacted + 1 + random.below(terms.length);
            const high = low + random.below(last() + 2 - low);
            const most = random.below(4) === 0 ? Number.POSITIVE_INFINITY : random.below(20_000);
            if (low > last()) continue;
            const entries = log.slice(low, high, most) as readonly Entry[];
            assertEntries(entries, low);
            if (entries.length < high - low)
              expect(entriesSize([...entries, entryAt(low + entries.length)])).toBeGreaterThan(most);
            if (entries.length > 1) expect(entriesSize(entries)).toBeLessThanOrEqual(most);
          }
          expect(log.lastIndex()).toBe(last());
          expect(log.firstIndex()).toBe(compacted + 1);
          for (let looks = 0; looks < 5; looks++) {
            const index = compacted + random.below(terms.length);
            if (log.term(index) !== termAt(index)) throw new Error(`term of ${index}`);
          }
        }
      }),
    SCALED_TIMEOUT_MS,
  );
});

describe('the window of messages in flight', () => {
  it.each([1, 3, 4, 5, 256, 512, 4096])(
    'of %i is a list, wherever its ring stands',
    (capacity) =>
      seeded(async (random) => {
        let window = new Inflights(capacity, 0);
        let list: number[] = [];
        let last = 0;
        for await (const _ of steps(scaled(1500))) {
          const kind = random.below(20);
          if (kind < 11) {
            for (let count = random.below(capacity); count > 0 && !window.full; count--) {
              last += 1 + random.below(3);
              window.add(last, 1);
              list.push(last);
            }
          } else if (kind < 18) {
            const to = last - random.below(capacity * 2 + 1);
            window.freeUpTo(to);
            list = list.filter((index) => index > to);
          } else if (kind < 19) window = window.clone();
          else if (random.below(20) === 0) {
            window.reset();
            list = [];
          }
          expect(window.count).toBe(list.length);
          expect(window.full).toBe(list.length === capacity);
        }
      }),
    SCALED_TIMEOUT_MS,
  );
});

describe.each(['3.5', '3.7'] as const)('frames between members of %s', (version) => {
  const entries = (random: Random, first: number, term: number): Entry[] =>
    Array.from({ length: random.below(random.below(60) === 0 ? 3000 : 5) }, (_, at) =>
      makeEntry({
        index: first + at,
        term,
        data: Buffer.alloc(random.below(random.below(300) === 0 ? 200_000 : 50), at),
      }),
    );

  it(
    'bring what was sent, cut anywhere',
    () =>
      seeded(async (random) => {
        const kinds = [
          [new AppendFrameEncoder(version), new AppendFrameDecoder(version, { local: 2n, remote: 1n })],
          [new MessageFrameEncoder(version), new MessageFrameDecoder(version)],
        ] as const;
        for (const [encoder, decoder] of kinds) {
          let term = 1;
          let index = 0;
          for await (const _ of steps(scaled(25))) {
            const sent: Message[] = [];
            for (let count = random.below(40); count > 0; count--) {
              const logTerm = term;
              if (random.below(15) === 0) {
                term++;
                index = Math.max(0, index - random.below(50));
              }
              const brought = entries(random, index + 1, term);
              sent.push(
                makeMessage({
                  ...{ type: MessageType.MsgApp, from: 1n, to: 2n, term, logTerm, index, entries: brought },
                  commit: Math.max(0, index - random.below(5)),
                }),
              );
              index += brought.length;
            }
            const bytes = Buffer.from(encoder.encode(sent));
            const got: Message[] = [];
            for (let at = 0; at < bytes.length; ) {
              const end = Math.min(bytes.length, at + 1 + random.below(random.below(4) === 0 ? 100_000 : 2000));
              decoder.push(Uint8Array.from(bytes.subarray(at, end)));
              at = end;
              for (let message = decoder.next(); message !== undefined; message = decoder.next()) got.push(message);
            }
            expect(got.length).toBe(sent.length);
            for (const [at, wanted] of sent.entries()) {
              const { term: of, logTerm, index: after, commit, entries: brought } = got[at] as Message;
              expect([of, logTerm, after, commit]).toEqual([wanted.term, wanted.logTerm, wanted.index, wanted.commit]);
              expect(brought.length).toBe(wanted.entries.length);
              for (const [place, entry] of wanted.entries.entries()) {
                const found = brought[place] as Entry;
                if (found.index !== entry.index || found.term !== entry.term || Buffer.compare(found.data, entry.data))
                  throw new Error(`entry ${entry.index} is ${found.index}`);
              }
            }
          }
        }
      }),
    SCALED_TIMEOUT_MS,
  );
});
