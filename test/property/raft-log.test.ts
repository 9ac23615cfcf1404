/**
 * The log — storage and unstable tail, compacted, truncated, written piece by piece — against one plain array of terms.
 */

import { expect, test } from 'vitest';
import { MemoryStorage } from '../../src/raft/log/memory-storage.js';
import { RaftLog } from '../../src/raft/log/raft-log.js';
import { silentRaftLogger } from '../../src/raft/world/logger.js';
import { entriesSize } from '../../src/raftpb/sizes.js';
import { type Entry, makeEntry } from '../../src/raftpb/types.js';
import fc from '../support/drawn.js';

const step = fc.oneof(
  // A leader's append: `back` entries of the log are replaced by `count` of a newer term.
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      back: fc.nat(4),
      count: fc.integer({ min: 1, max: 5 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('repeat' as const), back: fc.nat(6), count: fc.nat(6) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('hand out' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('write' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('commit' as const), ahead: fc.nat(4) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('apply' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('compact' as const), back: fc.nat(3) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('read' as const), at: fc.nat(40), length: fc.nat(8), max: fc.nat(120) }),
  },
);

test('any sequence of appends, writes, commits and compactions leaves what the array says', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const storage = new MemoryStorage({ pack: 4, recent: 2 });
      const log = new RaftLog(storage, silentRaftLogger, 200);
      /** Terms by index; index 0 is before the log. */
      const terms = [0];
      let term = 1;
      let compacted = 0;
      const beingWritten: (readonly Entry[])[] = [];
      const entryAt = (index: number): Entry =>
        makeEntry({ index, term: terms[index] ?? 0, data: Buffer.from(`${terms[index]}/${index}`) });

      for (const each of steps) {
        const last = terms.length - 1;
        switch (each.do) {
          case 'append': {
            const previous = Math.max(last - each.back, log.committed);
            const previousTerm = terms[previous] ?? 0;
            if (previous < last) term++;
            terms.length = previous + 1;
            for (let count = 0; count < each.count; count++) terms.push(term);
            const entries = Array.from({ length: each.count }, (_, at) => entryAt(previous + 1 + at));
            expect(log.maybeAppend({ index: previous, term: previousTerm }, entries, 0)).toBe(previous + each.count);
            break;
          }
          case 'repeat': {
            // A late or repeated message that says what is there already changes nothing.
            const previous = Math.max(last - each.back, compacted);
            const entries = Array.from({ length: Math.min(each.count, last - previous) }, (_, at) =>
              entryAt(previous + 1 + at),
            );
            log.maybeAppend({ index: previous, term: terms[previous] ?? 0 }, entries, 0);
            break;
          }
          case 'hand out':
            beingWritten.push(log.nextUnstableEntries());
            log.acceptUnstable();
            expect(log.hasNextUnstableEntries).toBe(false);
            break;
          case 'write': {
            // Writes are done in order; one whose entries were replaced meanwhile vouches for nothing.
            const batch = beingWritten.shift() ?? [];
            storage.append(batch);
            const final = batch.at(-1);
            if (final !== undefined) log.stableTo(final);
            break;
          }
          case 'commit': {
            const index = Math.min(log.committed + each.ahead, last);
            log.commitTo(index);
            expect(log.committed).toBe(index);
            break;
          }
          case 'apply': {
            const before = log.applying;
            const entries = log.nextCommittedEntries({ allowUnstable: true });
            expect(entries).toEqual(entries.map((_, at) => entryAt(before + 1 + at)));
            expect(entries.length === 0).toBe(before === log.committed);
            const final = entries.at(-1);
            if (final === undefined) break;
            expect(entries.length === 1 || entriesSize(entries) <= 200).toBe(true);
            log.acceptApplying(final.index, entriesSize(entries), { allowUnstable: true });
            log.appliedTo(final.index, entriesSize(entries));
            break;
          }
          case 'compact': {
            const to = Math.min(log.applied, log.unstable.offset - 1) - each.back;
            if (to <= compacted) break;
            expect(storage.compact(to)).toBeUndefined();
            compacted = to;
            break;
          }
          case 'read': {
            const low = Math.max(1, Math.min(each.at, last));
            const high = Math.min(low + each.length, last + 1);
            if (last === 0 || low > high) break;
            const entries = log.slice(low, high, each.max);
            if (low <= compacted) {
              expect(entries).toBe('compacted');
            } else {
              expect(entries).toEqual((entries as Entry[]).map((_, at) => entryAt(low + at)));
              expect(entries.length).toBeGreaterThanOrEqual(Math.min(1, high - low));
              if (entries.length > 1) expect(entriesSize(entries as Entry[])).toBeLessThanOrEqual(each.max);
              // As many as fit.
              const next = low + entries.length;
              if (next < high) expect(entriesSize([...(entries as Entry[]), entryAt(next)])).toBeGreaterThan(each.max);
            }
            break;
          }
        }
        expect(log.lastIndex()).toBe(terms.length - 1);
        expect(log.firstIndex()).toBe(compacted + 1);
        expect(log.lastEntryId()).toEqual({ index: terms.length - 1, term: terms.at(-1) });
        for (let index = 0; index < terms.length + 2; index++) {
          const expected = index < compacted ? 'compacted' : (terms[index] ?? 'unavailable');
          expect(log.term(index)).toBe(expected);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('the place to look next is the highest that can agree', () => {
  const rising = fc.array(fc.nat(2), { minLength: 1, maxLength: 30 }).map((gaps) => {
    let term = 1;
    return gaps.map((gap) => (term += gap));
  });
  fc.assert(
    fc.property(rising, fc.nat(40), fc.nat(70), (terms, at, term) => {
      const log = new RaftLog(new MemoryStorage(), silentRaftLogger, Number.POSITIVE_INFINITY);
      log.append(terms.map((each, position) => makeEntry({ term: each, index: position + 1 })));
      const index = Math.min(at, terms.length);
      let slow = index;
      while (slow > 0 && (terms[slow - 1] ?? 0) > term) slow--;
      expect(log.findConflictByTerm({ index, term })).toEqual({ index: slow, term: slow === 0 ? 0 : terms[slow - 1] });
    }),
  );
});
