/** What one body or many bring at once is taken over several turns, so that others are heard in between. */
import { describe, expect, it } from 'vitest';
import { LocalCalls } from '../../../../src/api/gateway/local-calls.js';
import type { ServerStream } from '../../../../src/grpc/types.js';
import { Intake } from '../../../../src/lib/intake.js';
import { KV, RangeResponse, Watch, type WatchRequest, WatchResponse } from '../../../../src/proto/gen/etcdserverpb.js';
import { KeyValue } from '../../../../src/proto/gen/mvccpb.js';
import { busyClock } from '../../../support/busy-clock.js';
import { settle } from '../../../support/manual-clock.js';
import { gatewayOver } from '../../../support/posted-to-gateway.js';

/** Each look at the clock is a millisecond later; a turn begins when the test says so. */
function turningClock() {
  const turns: (() => void)[] = [];
  return {
    clock: { ...busyClock(), soon: (run: () => void) => void turns.push(run) },
    async nextTurn(): Promise<void> {
      for (const run of turns.splice(0)) run();
      for (let i = 0; i < 100; i++) await settle();
    },
  };
}

const REQUESTS = 1000;
/** Ten requests a stream and turn are few beside a piece of a body, which holds thousands. */
const FEW = 100;

function watching(clock: ReturnType<typeof turningClock>['clock']) {
  const seen = { requests: 0, answers: 0 };
  const calls = new LocalCalls({
    clock,
    observer: {},
    onError: (error) => expect.unreachable(String(error)),
    maxCalls: Number.POSITIVE_INFINITY,
    refusal: () => expect.unreachable(),
  });
  const handler = async (stream: ServerStream<WatchRequest, WatchResponse>) => {
    for await (const _ of stream.messages) {
      seen.requests++;
      stream.send(WatchResponse.create({ created: true }));
      await stream.drained();
    }
  };
  calls.add(Watch.watch as never, handler as never);
  const postBody = gatewayOver(calls);
  const post = async (): Promise<void> => {
    const body = (async function* () {
      yield Buffer.from('{"create_request":{"key":"YQ=="}}\n'.repeat(REQUESTS));
    })();
    const response = await postBody('/v3/watch', body);
    for await (const _ of response.body as AsyncIterable<Uint8Array>) seen.answers++;
  };
  return { seen, post };
}

describe('requests that come all at once through the gateway', () => {
  it.each([1, 5])('are taken and answered over many turns (%i streams)', async (streams) => {
    const { clock, nextTurn } = turningClock();
    const { seen, post } = watching(clock);
    const done = Promise.all(Array.from({ length: streams }, post));
    let turns = 0;
    for (let before = 0; seen.answers < streams * REQUESTS; turns++) {
      expect(turns).toBeLessThan(streams * REQUESTS);
      await nextTurn();
      expect(seen.requests + seen.answers - before).toBeLessThan(FEW);
      before = seen.requests + seen.answers;
    }
    await done;
    expect(turns).toBeGreaterThan((streams * REQUESTS) / FEW);
  });
});

describe('a long answer', () => {
  function ranging(clock: ReturnType<typeof turningClock>['clock'], sizeBytes: number) {
    const backlog = { bytes: 0 };
    const calls = new LocalCalls({
      clock,
      observer: {},
      onError: (error) => expect.unreachable(String(error)),
      maxCalls: 1,
      refusal: () => expect.unreachable(),
    });
    const kvs = Array.from({ length: sizeBytes / 1000 }, () => KeyValue.create({ value: Buffer.alloc(1000) }));
    calls.add(KV.range as never, (() => RangeResponse.encode(RangeResponse.create({ kvs }))) as never);
    const caller = { isGone: false };
    const body = (async function* () {
      yield Buffer.from('{}');
    })();
    const answer = gatewayOver(calls, { caller, backlog })('/v3/kv/range', body);
    return { answer, backlog, caller };
  }

  it('is written over many turns, and counts meanwhile with what waits to be sent', async () => {
    const { clock, nextTurn } = turningClock();
    const { answer, backlog } = ranging(clock, 20_000_000);
    let isWritten = false;
    void answer.then(() => {
      isWritten = true;
    });
    let turns = 0;
    await settle();
    for (; !isWritten; turns++) {
      expect(backlog.bytes).toBeGreaterThan(20_000_000);
      await nextTurn();
    }
    expect(turns).toBeGreaterThan(10);
    expect(backlog.bytes).toBe(0);
    const { kvs } = JSON.parse(Buffer.from((await answer).body as Uint8Array).toString()) as { kvs: unknown[] };
    expect(kvs).toHaveLength(20_000);
  });

  it('ends with its caller', async () => {
    const { clock, nextTurn } = turningClock();
    const { answer, backlog, caller } = ranging(clock, 20_000_000);
    await settle();
    caller.isGone = true;
    await nextTurn();
    expect((await answer).status).toBe(499);
    expect(backlog.bytes).toBe(0);
  });
});

describe('an intake', () => {
  it('admits those who wait in rotation, each as often as the others', async () => {
    const { clock, nextTurn } = turningClock();
    const intake = new Intake(clock, 6, 1);
    const taken = [0, 0, 0];
    for (const at of taken.keys())
      void (async () => {
        for (;;) {
          await intake.admits();
          taken[at] = (taken[at] ?? 0) + 1;
        }
      })();
    for (let turn = 0; turn < 100; turn++) await nextTurn();
    expect(Math.max(...taken) - Math.min(...taken)).toBeLessThanOrEqual(6);
    expect(Math.min(...taken)).toBeGreaterThan(100);
  });
});
