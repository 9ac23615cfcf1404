/** What goes into the log from here: the bounds, who waits, and what becomes of those that nobody waits for. */
import { describe, expect, it } from 'vitest';
import type { Proposal } from '../../../../src/member/loop/proposal-queue.js';
import { ProposalQueue } from '../../../../src/member/loop/proposal-queue.js';
import { Proposals, type ProposalsDeps } from '../../../../src/member/writes/proposals.js';
import { Waiters } from '../../../../src/member/writes/waiters.js';
import type { Outcome } from '../../../../src/proto/etcd-error.js';
import { AlarmType, PutRequest } from '../../../../src/proto/gen/etcdserverpb.js';
import { proposalDropped } from '../../../../src/raft/errors.js';
import { ConfChangeType, NO_BYTES } from '../../../../src/raftpb/types.js';
import { ManualClock, settle } from '../../../support/manual-clock.js';

function proposing(more: Partial<Record<keyof ProposalsDeps, unknown>> = {}) {
  const clock = new ManualClock();
  const queue = new ProposalQueue();
  const state = { lag: 0, uncommitted: 0, given: [] as Proposal[] };
  const waiters = new Waiters<Outcome<unknown>>();
  let last = 0n;
  const proposals = new Proposals({
    ids: { next: () => ++last },
    waiters,
    loop: {
      propose: (proposal: Proposal) => {
        state.given.push(proposal);
        queue.add(proposal);
      },
      forgetAbandoned: () => queue.forgetAbandoned(),
    },
    backend: {
      get pendingOperations() {
        return state.uncommitted;
      },
    },
    clock,
    maxRequestBytes: 1000,
    timeoutMs: 7000,
    applyLag: () => state.lag,
    prioritizesRevokes: true,
    timeoutError: (startMs: number) => new Error(`began at ${startMs - 1_000_000}`),
    ...more,
  } as unknown as ProposalsDeps);
  const told = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      (value) => String(value),
      (error) => error.row ?? error.code ?? error.message,
    );
  const put = (size = 0, caller = { aborted: false }) =>
    told(proposals.propose({ kind: 'put', request: PutRequest.create({ value: Buffer.alloc(size) }) }, { caller }));
  const revoke = () => told(proposals.propose({ kind: 'leaseRevoke', request: { ID: 1n } } as never));
  return { clock, queue, state, waiters, proposals, put, revoke, told };
}

const core = (options: { isLeader?: boolean; lead?: bigint; error?: typeof proposalDropped } = {}) => {
  const appends: number[][] = [];
  const node = {
    lead: options.lead ?? 1n,
    isLeader: options.isLeader ?? true,
    proposeAll: (data: readonly Uint8Array[]) => {
      appends.push(data.map(({ length }) => length));
      return options.error;
    },
    proposeConfChange: () => {
      appends.push([-1]);
      return options.error;
    },
  };
  return { node: node as never, appends };
};

describe('a proposal', () => {
  it('is answered with what apply gives it', async () => {
    const { put, waiters, proposals } = proposing();
    const [first, second] = [put(), put()];
    expect(proposals.pending).toBe(2);
    waiters.settle(2n as never, { ok: true, value: 'second' });
    waiters.settle(1n as never, { ok: false, error: new Error('first refused') });
    expect(await Promise.all([first, second])).toEqual(['first refused', 'second']);
    expect(proposals.pending).toBe(0);
  });

  it('that has its result is one that nobody waits for', async () => {
    const { put, waiters, state } = proposing();
    const answer = put();
    expect(state.given.map(({ isAbandoned }) => isAbandoned)).toEqual([false]);
    waiters.settle(1n as never, { ok: true, value: 'done' });
    expect(state.given.map(({ isAbandoned }) => isAbandoned)).toEqual([true]);
    expect(await answer).toBe('done');
  });

  it('may be a change of the configuration, under an id of its own, answered with the members', async () => {
    const { proposals, waiters, state, told } = proposing();
    const change = { type: ConfChangeType.ConfChangeRemoveNode, nodeId: 7n, context: NO_BYTES };
    const answer = told(proposals.proposeChange(change as never));
    expect(state.given.map(({ content }) => content)).toEqual([{ ...change, id: 1n }]);
    waiters.settle(1n as never, { ok: true, value: 'the members' });
    expect(await answer).toBe('the members');
  });

  it('tells its trace when it is proposed and when there is a result, or what kept it from one', async () => {
    const { proposals, waiters, told, state, clock } = proposing();
    const traced = async (size = 0): Promise<{ heard: string[]; answer: Promise<string> }> => {
      const heard: string[] = [];
      const none = (): never => {
        throw new Error('spans are for those who call');
      };
      const trace = {
        ...{ enter: none, leave: none, begin: none },
        event: (name: string) => void heard.push(name),
        failed: (error: Error) => void heard.push((error as { row?: string }).row ?? error.message),
      };
      const request = PutRequest.create({ value: Buffer.alloc(size) });
      const answer = told(proposals.propose({ kind: 'put', request }, { trace }));
      return { heard, answer };
    };
    const outcomes: (readonly [size: number, lag: number, end: (id: bigint) => void, heard: readonly string[]])[] = [
      [0, 0, (id) => waiters.settle(id as never, { ok: true, value: 1 }), ['Receive raft result']],
      [0, 0, (id) => waiters.settle(id as never, { ok: false, error: new Error('no') }), ['Receive raft result']],
      [0, 0, () => state.given.at(-1)?.refused(new Error('dropped')), ['dropped']],
      [0, 0, () => proposals.tick(clock.monotonicMs() + 7001), ['contextDeadlineExceeded']],
    ];
    let id = 0n;
    for (const [size, lag, end, expected] of outcomes) {
      state.lag = lag;
      const { heard, answer } = await traced(size);
      end(++id);
      await answer;
      expect(heard).toEqual(['Send raft proposal', ...expected]);
    }
    const large = await traced(1001);
    await large.answer;
    expect(large.heard).toEqual(['requestTooLarge']);
    state.lag = 5001;
    const late = await traced();
    await late.answer;
    expect(late.heard).toEqual(['tooManyRequests']);
    state.lag = 0;
    const waiting = await traced();
    proposals.stop(new Error('stopped'));
    await waiting.answer;
    expect(waiting.heard).toEqual(['Send raft proposal', 'stopped']);
  });

  it('is refused where it is too large, or cannot be stored', async () => {
    const { put, proposals, told, state } = proposing();
    expect(await put(1001)).toBe('requestTooLarge');
    const request = { name: 'x'.repeat(40_000), password: '', options: undefined, hashedPassword: '' };
    expect(await told(proposals.propose({ kind: 'authUserAdd', request }))).toBe('requestTooLarge');
    // Within the bound of requests, and no key of a bucket all the same.
    const { proposals: others, state: theirs } = proposing({ maxRequestBytes: 1_000_000 });
    expect(await told(others.propose({ kind: 'authUserAdd', request }))).toBe('requestTooLarge');
    const alarm = { action: 7 as never, alarm: AlarmType.NOSPACE, memberID: 1n };
    expect(await told(others.propose({ kind: 'alarm', request: alarm }))).toBe('unknownAlarm');
    expect([state.given, theirs.given]).toEqual([[], []]);
  });

  it('may be as large as a request may be, to the byte', () => {
    const { put, state } = proposing();
    for (let size = 950; size <= 1000; size++) void put(size);
    const sizes = state.given.map(({ content }) => (content as Uint8Array).length);
    expect(sizes.at(-1)).toBe(1000);
    expect(sizes.length).toBeLessThan(51);
  });

  it('that ends tells whether the log took it, and how long it took', async () => {
    const { put, proposals, queue, waiters, clock } = proposing();
    const ended: unknown[] = [];
    proposals.onEnded = (...what) => void ended.push(what);
    const taken = put();
    queue.take(core().node);
    await clock.advance(40);
    waiters.settle(1n as never, { ok: true, value: 1 });
    const refused = put();
    queue.take(core({ error: proposalDropped }).node);
    const large = put(1001);
    await Promise.all([taken, refused, large]);
    // One that is too large has ended well, as etcd counts.
    expect(ended).toEqual([
      ['put', true, 40],
      ['put', false, 0],
      ['put', true, 0],
    ]);
  });

  it('is one too many where apply lags, revocations later than others', async () => {
    const { put, revoke, state } = proposing();
    state.lag = 5001;
    expect(await put()).toBe('tooManyRequests');
    state.lag = 5000;
    void put();
    expect(state.given).toHaveLength(1);
    state.lag = 10_000;
    void revoke();
    expect(state.given).toHaveLength(2);
    state.lag = 10_001;
    expect(await revoke()).toBe('tooManyRequests');
    const plain = proposing({ prioritizesRevokes: false });
    plain.state.lag = 5001;
    expect(await plain.revoke()).toBe('tooManyRequests');
  });

  it('is one too many where the backend holds too much, or too many bytes wait for their result', async () => {
    const { put, state } = proposing();
    state.uncommitted = 100_001;
    expect(await put()).toBe('tooManyRequests');
    state.uncommitted = 100_000;
    void put();
    expect(state.given).toHaveLength(1);

    const big = proposing({ maxRequestBytes: 2 ** 30 });
    const many = Buffer.alloc(200 * 1024 * 1024);
    const propose = (bytes = many.length) =>
      big.told(big.proposals.proposeV2(BigInt(big.state.given.length + 1) as never, many.subarray(0, bytes)));
    void propose();
    void propose();
    const left = (512 - 2 * 200) * 1024 * 1024;
    expect(await propose(left + 1)).toBe('tooManyRequests');
    void propose(left);
    expect(await propose(1)).toBe('tooManyRequests');
    big.waiters.settle(3n as never, { ok: true, value: 'done' });
    expect(await propose()).toBe('tooManyRequests');
    big.waiters.settle(1n as never, { ok: true, value: 'done' });
    void propose();
    await settle();
    expect(big.state.given).toHaveLength(4);
  });

  it('without a result in time says why; never taken by the core, its bare deadline', async () => {
    const { put, clock, queue, proposals } = proposing();
    const taken = put();
    queue.take(core().node);
    await clock.advance(1000);
    const waiting = put();
    await clock.advance(5999);
    proposals.tick(clock.monotonicMs());
    expect(proposals.failed).toBe(0);
    await clock.advance(1);
    proposals.tick(clock.monotonicMs());
    expect(await taken).toBe('began at 0');
    expect(proposals.failed).toBe(1);
    await clock.advance(1000);
    proposals.tick(clock.monotonicMs());
    expect(await waiting).toBe('contextDeadlineExceeded');
    expect(proposals.failed).toBe(2);
  });

  it('whose caller is gone is not proposed any more, and gives back what it held', async () => {
    const { put, clock, queue, proposals } = proposing();
    const caller = { aborted: false };
    const gone = put(10, caller);
    caller.aborted = true;
    proposals.tick(clock.monotonicMs());
    expect(await gone).toBe('ERR_ABANDONED');
    const { node, appends } = core();
    const other = { aborted: false };
    const late = put(10, other);
    void put(20);
    other.aborted = true;
    queue.take(node);
    expect(await late).toBe('ERR_ABANDONED');
    expect(appends.map((sizes) => sizes.length)).toEqual([1]);
  });

  it('that was taken is awaited until its caller goes or it has its result', async () => {
    const { put, queue, waiters } = proposing();
    const caller = { aborted: false };
    const answers = [put(0, caller), put()];
    queue.take(core().node);
    const awaited = () => [1n, 2n].map((id) => waiters.isAwaited(id as never));
    expect(awaited()).toEqual([true, true]);
    caller.aborted = true;
    expect(awaited()).toEqual([false, true]);
    for (const id of [1n, 2n]) waiters.settle(id as never, { ok: true, value: 'done' });
    expect(awaited()).toEqual([false, false]);
    await Promise.all(answers);
  });

  it('that the core drops is refused', async () => {
    const { put, queue, proposals } = proposing();
    const dropped = put();
    queue.take(core({ error: proposalDropped }).node);
    expect(await dropped).toBe(proposalDropped.message);
    expect(proposals.failed).toBe(1);
  });

  it('is refused when the member stops, those that wait too', async () => {
    const { put, proposals, told } = proposing();
    const waiting = put();
    proposals.stop(new Error('stopping'));
    expect(await waiting).toBe('stopping');
    expect(await put()).toBe('stopped');
    const change = { type: ConfChangeType.ConfChangeRemoveNode, nodeId: 1n, context: NO_BYTES };
    expect(await told(proposals.proposeChange(change as never))).toBe('stopped');
  });
});

describe('what is proposed in a turn', () => {
  const proposal = (content: Uint8Array | object, isAbandoned = false): Proposal & { said: string[] } => {
    const said: string[] = [];
    return {
      content: content as Uint8Array,
      isAbandoned,
      said,
      dropped: () => said.push('dropped'),
      taken: () => said.push('taken'),
      refused: (error) => said.push(error.message),
    };
  };
  const change = { type: 0 };

  it('waits for a leader', () => {
    const queue = new ProposalQueue();
    const one = proposal(Buffer.alloc(1));
    queue.add(one);
    const { node, appends } = core({ lead: 0n });
    expect(queue.isReady({ lead: 0n } as never)).toBe(false);
    queue.take(node);
    expect([appends, one.said]).toEqual([[], []]);
    expect(queue.isReady({ lead: 1n } as never)).toBe(true);
    queue.take(core().node);
    expect(one.said).toEqual(['taken']);
    expect(queue.isReady({ lead: 1n } as never)).toBe(false);
  });

  it('is one append, but for changes of the configuration, which keep their place', () => {
    const queue = new ProposalQueue();
    for (const content of [Buffer.alloc(1), Buffer.alloc(2), change, Buffer.alloc(3)]) queue.add(proposal(content));
    const { node, appends } = core();
    queue.take(node);
    expect(appends).toEqual([[1, 2], [-1], [3]]);
  });

  it('is at most 4096 entries, and no more than the entry that goes beyond 16 MiB', () => {
    const queue = new ProposalQueue();
    for (let count = 0; count < 5000; count++) queue.add(proposal(Buffer.alloc(0), count < 100));
    const first = core();
    queue.take(first.node);
    queue.take(first.node);
    expect(first.appends.map((sizes) => sizes.length)).toEqual([4096, 804]);

    const large = Buffer.alloc(6 * 1024 * 1024);
    for (let count = 0; count < 4; count++) queue.add(proposal(large));
    const second = core();
    queue.take(second.node);
    queue.take(second.node);
    expect(second.appends.map((sizes) => sizes.length)).toEqual([3, 1]);
  });

  it('goes to a leader elsewhere in messages of a mebibyte', () => {
    const queue = new ProposalQueue();
    for (const size of [400_000, 400_000, 400_000, 2_000_000, 1]) queue.add(proposal(Buffer.alloc(size)));
    const { node, appends } = core({ isLeader: false });
    queue.take(node);
    expect(appends).toEqual([[400_000, 400_000], [400_000], [2_000_000], [1]]);
  });

  it('forgets those that nobody waits for, and refuses the others at its end', () => {
    const queue = new ProposalQueue();
    const [gone, wanted] = [proposal(Buffer.alloc(1), true), proposal(Buffer.alloc(1))];
    for (const each of [gone, wanted]) queue.add(each);
    queue.forgetAbandoned();
    expect([gone.said, wanted.said]).toEqual([['dropped'], []]);
    queue.close();
    expect(wanted.said).toEqual(['etcdserver: server stopped']);
    expect(queue.isReady({ lead: 1n } as never)).toBe(false);
  });
});
