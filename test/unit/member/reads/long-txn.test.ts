/** Transactions that only read, in slices: what they answer, how much a turn reads of them, and when they end. */
import { describe, expect, it } from 'vitest';
import { AbandonedError } from '../../../../src/lib/caller.js';
import { joined, type Pieces } from '../../../../src/lib/pieces.js';
import { innerHeader } from '../../../../src/member/apply/txn.js';
import { longReadOnlyTxn, mayReadLong, touchesMany } from '../../../../src/member/reads/long-txn.js';
import {
  type Compare,
  type RequestOp,
  type RangeRequest_SortOrder as SortOrder,
  type RangeRequest_SortTarget as SortTarget,
  type TxnRequest,
  TxnResponse,
} from '../../../../src/proto/gen/etcdserverpb.js';
import { AppliedStore, bytes, del, nested, put, range, txn } from '../../../support/applied-store.js';
import { seededRandom } from '../../../support/seeded-random.js';

const everything = { rangeEnd: bytes('\0') };

/** A read whose turns the test makes. */
function reading(member: AppliedStore, request: TxnRequest) {
  const turns: (() => void)[] = [];
  const caller = { aborted: false };
  const held = { now: 0, most: 0 };
  const answer = longReadOnlyTxn(request, {
    store: member.store,
    clock: { soon: (run) => void turns.push(run) },
    header: innerHeader(member.store.currentRevision),
    caller,
    hold: (count) => {
      held.now += count;
      held.most = Math.max(held.most, held.now);
    },
  });
  answer.catch(() => {});
  const isOver = { yes: false };
  const end = (): void => {
    isOver.yes = true;
  };
  answer.then(end, end);
  const turn = async (): Promise<void> => {
    turns.shift()?.();
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  /** Turns it took, `between` any two of which something else happens. */
  const finish = async (between = (): void => {}): Promise<number> => {
    for (let count = 0; ; count++) {
      for (let i = 0; i < 20; i++) await Promise.resolve();
      if (isOver.yes) return count;
      between();
      await turn();
    }
  };
  return { answer, caller, held, turn, finish };
}

const bytesOf = (answer: Pieces): string => Buffer.from(joined<never>(answer)).toString('hex');

function filled(keys: number, valueBytes = 1): AppliedStore {
  const member = new AppliedStore();
  for (let key = 0; key < keys; key++) member.put(`k${String(key).padStart(6, '0')}`, 'v'.repeat(valueBytes));
  return member;
}

describe('a transaction of long ranges', () => {
  it('reads a thousand keys a turn at most, also where it compares them', async () => {
    const member = filled(5000);
    const twice = txn([], [range('k', everything), range('k', everything)]);
    const { answer, finish } = reading(member, twice);
    const turns = await finish();
    expect(turns).toBeGreaterThanOrEqual(10);
    expect(TxnResponse.decode(joined<never>(await answer)).responses).toHaveLength(2);
    const comparing = reading(member, txn([keyCompare(0)], [range('k', { ...everything, limit: 20 })]));
    expect(await comparing.finish()).toBeGreaterThanOrEqual(5);
  });

  it('ends at the next turn when its caller is gone, and holds nothing then', async () => {
    const member = filled(5000);
    const { answer, caller, held, turn } = reading(member, txn([], Array(100).fill(range('k', everything))));
    for (let i = 0; i < 8; i++) await turn();
    expect(held.now).toBeGreaterThan(0);
    caller.aborted = true;
    await turn();
    await expect(answer).rejects.toThrow(AbandonedError);
    expect(held.now).toBe(0);
    // No range holds a compaction up any more.
    void member.store.compact(member.store.currentRevision);
    expect(member.store.work(1)).toBe(true);
    for (let i = 0; i < 100 && member.store.work(1000); i++);
    expect(member.store.pendingWork).toBe('none');
  });

  it('holds what it has read, and no more of it than it may', async () => {
    const member = filled(50, 10_000);
    const { answer, held, finish } = reading(member, txn([], Array(4).fill(range('k', everything))));
    await finish();
    expect(held.most).toBeGreaterThan(4 * 50 * 10_000);
    expect(held.now).toBe(0);
    expect((await answer).size).toBeGreaterThan(4 * 50 * 10_000);
  });

  it('answers as of its beginning, whatever is written, deleted and compacted meanwhile', async () => {
    const member = filled(3000);
    const old = 1500;
    const request = txn(
      [keyCompare(0)],
      [range('k', everything), range('k', { ...everything, revision: old }), range('k000001')],
    );
    const expected = Buffer.from(TxnResponse.encode(member.applier.readOnlyTxn(request))).toString('hex');
    let writes = 0;
    const { answer, finish } = reading(member, request);
    await finish(() => {
      member.put(`k${String(writes * 100).padStart(6, '0')}`, 'other');
      member.apply('deleteRange', del(`k00${1000 + writes++}`).request.value);
      if (writes === 2) void member.store.compact(member.store.currentRevision);
      member.store.work(100);
    });
    expect(writes).toBeGreaterThan(5);
    expect(bytesOf(await answer)).toBe(expected);
  });

  it('is refused for the revisions of its branch alone', async () => {
    const member = filled(20);
    const future = range('k', { ...everything, revision: 1000 });
    const refused = reading(member, txn([], [range('k', everything), future]));
    await refused.finish();
    await expect(refused.answer).rejects.toMatchObject({ row: 'futureRevision' });
    const other = reading(member, txn([], [range('k', everything)], [future]));
    await other.finish();
    expect(TxnResponse.decode(joined<never>(await other.answer)).succeeded).toBe(true);
  });

  it('answers what the transaction in one step answers (drawn)', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(seed);
      const member = new AppliedStore();
      for (let i = 0; i < 40; i++) {
        const key = `k${random.below(12)}`;
        if (random.below(4) === 0) member.apply('deleteRange', del(key).request.value);
        else member.put(key, `${random.below(5)}`);
      }
      const some = (): RequestOp[] =>
        Array.from({ length: random.below(4) }, () =>
          range(`k${random.below(12)}`, {
            rangeEnd: bytes(['', '\0', 'k5', 'k0'][random.below(4)] ?? ''),
            limit: random.below(4),
            revision: random.below(3) === 0 ? 2 + random.below(20) : 0,
            countOnly: random.below(4) === 0,
            keysOnly: random.below(4) === 0,
            sortOrder: random.below(3) as SortOrder,
            sortTarget: random.below(5) as SortTarget,
            minModRevision: random.below(3) === 0 ? 10 : 0,
          }),
        );
      const request = txn(random.below(2) === 0 ? [] : [keyCompare(random.below(25))], some(), some());
      const expected = Buffer.from(TxnResponse.encode(member.applier.readOnlyTxn(request))).toString('hex');
      const { counts } = member.store;
      const before = { ...counts };
      member.applier.readOnlyTxn(request);
      const counted = { ranges: counts.ranges - before.ranges, txns: counts.txns - before.txns };
      const between = { ...counts };
      const { answer, finish } = reading(member, request);
      await finish();
      expect(bytesOf(await answer), `seed ${seed}`).toBe(expected);
      const countedNow = { ranges: counts.ranges - between.ranges, txns: counts.txns - between.txns };
      expect(countedNow, `counts, seed ${seed}`).toEqual(counted);
    }
  });
});

/** All keys were changed after the revision. */
const keyCompare = (revision: number): Compare => ({
  key: bytes('k'),
  rangeEnd: bytes('\0'),
  target: 2,
  result: 1,
  targetUnion: { case: 'modRevision' as const, value: revision },
});

describe('which transactions are taken for long', () => {
  it.each<[string, TxnRequest, boolean]>([
    ['single keys', txn([], [range('a'), range('b')]), false],
    ['a range of a few', txn([], [range('a', { ...everything, limit: 3 })]), false],
    ['a count', txn([], [range('a', { ...everything, countOnly: true })]), false],
    ['a range', txn([], [], [range('a', everything)]), true],
    ['a comparison of a range', txn([keyCompare(1)], []), true],
  ])('%s, to be read', (_, request, expected) => {
    expect(mayReadLong(request)).toBe(expected);
  });

  it.each<[string, TxnRequest, boolean]>([
    ['a put', txn([], [put('k', 'v')]), false],
    ['a range of all beside a put', txn([], [put('x', 'v'), range('k', everything)]), true],
    ['a range of the last thousand', txn([], [put('x', 'v'), range('k000001', everything)]), false],
    ['two ranges that are too much together', txn([], [range('k0', everything)], [range('k0009', everything)]), true],
    ['a count of all', txn([], [put('x', 'v'), range('k', { ...everything, countOnly: true })]), false],
    ['a deletion of all', txn([], [del('k', 'l')]), true],
    ['a deletion of all in a nested one', txn([], [nested({ failure: [del('k', 'l')] })]), true],
    ['a comparison of all', txn([keyCompare(1)], [put('x', 'v')]), true],
    ['an empty range', txn([], [del('k', 'a')]), false],
  ])('%s, to be written, in a store of 1001 keys', (_, request, expected) => {
    expect(touchesMany(request, filled(1001).store)).toBe(expected);
  });
});
