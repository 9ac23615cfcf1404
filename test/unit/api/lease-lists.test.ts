/** Keys of a lease with thousands, and lists of thousands of leases: made for those who still wait, a few a turn. */
import { describe, expect, it } from 'vitest';
import { AnswerQueue } from '../../../src/api/v3/answer-queue.js';
import { leaseHandlers } from '../../../src/api/v3/lease.js';
import type { CallConnection } from '../../../src/grpc/types.js';
import type { LeaseId } from '../../../src/lib/ids.js';
import { LeaderCalls } from '../../../src/member/membership/leader-calls.js';
import { Leases, type LeasesDeps } from '../../../src/member/services/leases.js';
import {
  LeaseLeasesRequest,
  LeaseLeasesResponse,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
  ResponseHeader,
} from '../../../src/proto/gen/etcdserverpb.js';
import { AppliedStore } from '../../support/applied-store.js';
import { ManualClock } from '../../support/manual-clock.js';

const ID = 7n as LeaseId;
const header = ResponseHeader.create();

/** A leader with a lease of so many keys, and so many others; `made` are the lists it made. */
function harness({ keys = 0, others = 0 }: { keys?: number; others?: number }) {
  const clock = new ManualClock();
  const { lessor, auth, applier } = new AppliedStore();
  lessor.grant(ID, 100, clock.monotonicMs());
  for (let key = 0; key < keys; key++) lessor.attach(ID, `k${key}`);
  for (let id = 0; id < others; id++) lessor.grant(BigInt(100 + id) as LeaseId, 100, clock.monotonicMs());
  lessor.promote(clock.monotonicMs());
  const made = { keys: 0, leases: 0 };
  const remaining = lessor.remaining.bind(lessor);
  lessor.remaining = (...words) => {
    made.keys++;
    return remaining(...words);
  };
  const list = lessor.list.bind(lessor);
  lessor.list = () => {
    made.leases++;
    return list();
  };
  const leadership = { isLeader: true, onChange: () => {}, onFirstCommit: () => {} } as never;
  const leases = new Leases({
    lessor,
    clock,
    leadership,
    leaderCalls: new LeaderCalls({ cluster: {} as never, leadership, clock, timeoutMs: 7000 }),
    applied: { untilCommitted: () => Promise.resolve(true) } as never,
  } as Partial<LeasesDeps> as LeasesDeps);
  const member = { leases, auth, authorizer: applier.authorizer, currentRevision: 1, header: () => header };
  const answers = new AnswerQueue(clock, { bytes: 0 });
  const handlers = leaseHandlers(member as never, { known: async () => undefined } as never, answers);
  const call = () => ({ aborted: false, connection: {} as CallConnection });
  return {
    clock,
    made,
    answers,
    timeToLive: async (caller = call()) =>
      handlers.leaseTimeToLive(LeaseTimeToLiveRequest.create({ ID, keys: true }), caller as never),
    leases: async (caller = call()) => handlers.leaseLeases(LeaseLeasesRequest.create(), caller as never),
    call,
  };
}

const kinds = [
  { what: 'the keys of a lease', member: () => harness({ keys: 1001 }), ask: 'timeToLive', made: 'keys' },
  { what: 'leases', member: () => harness({ others: 1000 }), ask: 'leases', made: 'leases' },
] as const;

describe.each(kinds)('a long list of $what', ({ member, ask, made }) => {
  it('is not made for callers that are gone', async () => {
    const { [ask]: begin, call, clock, made: lists, answers } = member();
    const gone = Array.from({ length: 100 }, call);
    const all = gone.map((caller) => begin(caller));
    for (const answer of all) answer.catch(() => {});
    const last = begin();
    for (const caller of gone) caller.aborted = true;
    await clock.advance(5);
    await last;
    // As many as are made at once begin before anybody is asked.
    expect(lists[made]).toBeLessThanOrEqual(5);
    expect(answers.waiting).toBe(0);
  });

  it('comes to all who wait for it', async () => {
    const { [ask]: begin, clock, made: lists } = member();
    const all = Array.from({ length: 20 }, () => begin());
    await clock.advance(5);
    const answered = (await Promise.all(all)) as Uint8Array[];
    const lengths = answered.map((bytes) =>
      ask === 'leases'
        ? LeaseLeasesResponse.decode(bytes).leases.length
        : LeaseTimeToLiveResponse.decode(bytes).keys.length,
    );
    expect(new Set(lengths)).toEqual(new Set([1001]));
    expect(lists[made]).toBe(20);
  });
});

describe('a short list', () => {
  it('does not wait for long ones', async () => {
    const few = harness({ keys: 1000 });
    const hold = few.answers;
    for (let long = 0; long < 4; long++) void hold.run(few.call() as never, true, () => new Promise(() => {}));
    expect(await few.timeToLive()).toMatchObject({ ID, keys: { length: 1000 } });
    expect(await few.leases()).toMatchObject({ leases: [{ ID }] });
  });
});
