/** Transactions that write and look at more than a thousand keys: how many are under way at once, and who waits. */
import { describe, expect, it } from 'vitest';
import { AnswerQueue } from '../../../src/api/v3/answer-queue.js';
import { kvHandlers } from '../../../src/api/v3/kv.js';
import type { CallConnection } from '../../../src/grpc/types.js';
import { AbandonedError } from '../../../src/lib/caller.js';
import type { StoreOperation } from '../../../src/member/apply/operation.js';
import { touchesMany } from '../../../src/member/reads/long-txn.js';
import { ResponseHeader, type TxnRequest, TxnResponse } from '../../../src/proto/gen/etcdserverpb.js';
import { AppliedStore, bytes, put, range, txn } from '../../support/applied-store.js';
import { ManualClock } from '../../support/manual-clock.js';

const everything = { rangeEnd: bytes('\0') };

function filled(keys: number): AppliedStore {
  const store = new AppliedStore();
  for (let key = 0; key < keys; key++) store.put(`k${key}`, 'v');
  return store;
}

/** Proposals that end when the test says so, in a member of so many keys. */
function harness(keys: number) {
  const { store } = filled(keys);
  const clock = new ManualClock();
  const proposed: { readonly operation: StoreOperation; end(): void }[] = [];
  const member = {
    emulate: '3.5',
    limits: { maxTxnOps: 128 },
    clock,
    space: { fits: () => true },
    reads: { touchesMany: (request: TxnRequest) => touchesMany(request, store) },
    header: (revision: number) => ResponseHeader.create({ revision }),
    propose: (operation: StoreOperation) =>
      new Promise((resolve) => proposed.push({ operation, end: () => resolve(TxnResponse.create()) })),
  };
  const guard = { as: (_call: unknown, run: (identity: undefined) => unknown) => Promise.resolve(run(undefined)) };
  const heavyWrites = new AnswerQueue(clock, { bytes: 0 });
  const queues = { answers: new AnswerQueue(clock, { bytes: 0 }), heavyWrites };
  const handlers = kvHandlers(member as never, guard as never, queues);
  const call = () => ({ aborted: false, connection: {} as CallConnection });
  const begin = (request: TxnRequest, caller = call()): Promise<unknown> => {
    const answer = Promise.resolve(handlers.txn(request, caller as never));
    answer.catch(() => {});
    return answer;
  };
  return { begin, call, clock, heavyWrites, proposed };
}

const settle = async (clock: ManualClock): Promise<void> => {
  for (let turn = 0; turn < 4; turn++) await clock.advance(5);
};

const heavy = (key: string): TxnRequest => txn([], [put(key), range('k', everything)]);

describe('transactions that write and look at many keys', () => {
  it('are proposed four at a time, however many ask, each when one has ended', async () => {
    const { begin, clock, heavyWrites, proposed } = harness(1001);
    const all = Array.from({ length: 10 }, (_, at) => begin(heavy(`w${at}`)));
    await settle(clock);
    expect(proposed).toHaveLength(4);
    expect(heavyWrites.waiting).toBe(6);
    for (let ended = 0; ended < 6; ended++) {
      proposed[ended]?.end();
      await settle(clock);
      expect(proposed).toHaveLength(5 + ended);
    }
    for (const { end } of proposed) end();
    await Promise.all(all);
    expect(heavyWrites.waiting).toBe(0);
  });

  it('do not hold up others, which are proposed at once', async () => {
    const { begin, clock, proposed } = harness(1001);
    for (let at = 0; at < 8; at++) void begin(heavy(`w${at}`));
    for (let at = 0; at < 20; at++) void begin(txn([], [put(`s${at}`), range('k1')]));
    await settle(clock);
    expect(proposed).toHaveLength(24);
  });

  it('of a caller that is gone are never proposed, and make room for the next', async () => {
    const { begin, call, clock, proposed } = harness(1001);
    for (let at = 0; at < 4; at++) void begin(heavy(`w${at}`));
    const gone = call();
    const left = begin(heavy('left'), gone);
    const next = begin(heavy('next'));
    await settle(clock);
    gone.aborted = true;
    proposed[0]?.end();
    await settle(clock);
    await expect(left).rejects.toThrow(AbandonedError);
    expect(proposed).toHaveLength(5);
    proposed[4]?.end();
    await next;
  });
});
