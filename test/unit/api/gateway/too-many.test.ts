/** Calls of the gateway that wait for others: how many, and in how many bytes. */
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { CallSlots } from '../../../../src/api/gateway/call-slots.js';
import { LocalCalls } from '../../../../src/api/gateway/local-calls.js';
import { Code, GrpcError, type ServerStream } from '../../../../src/grpc/types.js';
import { BodyTooLargeError } from '../../../../src/lib/http.js';
import { osClock } from '../../../../src/lib/os/clock.js';
import { KV, Watch } from '../../../../src/proto/gen/etcdserverpb.js';
import { gatewayOver } from '../../../support/posted-to-gateway.js';

const refusal = (): GrpcError => new GrpcError(Code.Unknown, 'etcdserver: too many requests');

describe('calls beyond those that run at once', () => {
  const someCall = () => new AbortController();

  it('wait in their order, so many of them', async () => {
    const slots = new CallSlots(1, refusal, 2);
    expect(slots.take(someCall())).toBeUndefined();
    const ran: number[] = [];
    const gone = someCall();
    const first = slots.take(someCall())?.then(() => ran.push(1));
    const second = slots.take(gone);
    await expect(slots.take(someCall())).rejects.toThrow('etcdserver: too many requests');
    gone.abort();
    await expect(second).rejects.toThrow('context canceled');
    const third = slots.take(someCall())?.then(() => ran.push(3));
    await expect(slots.take(someCall())).rejects.toThrow('etcdserver: too many requests');
    slots.giveBack();
    await first;
    slots.giveBack();
    await third;
    expect(ran).toEqual([1, 3]);
    slots.giveBack();
    expect(slots.take(someCall())).toBeUndefined();
  });
});

describe('a body that there is no room for beside others', () => {
  const calls = new LocalCalls({ clock: osClock, observer: {}, onError: () => {}, maxCalls: 1, refusal });
  calls.add(KV.put as never, (() => expect.unreachable()) as never);
  const watch = async ({ messages }: ServerStream<unknown, unknown>): Promise<void> => {
    for await (const _ of messages) expect.unreachable();
  };
  calls.add(Watch.watch as never, watch as never);
  const post = gatewayOver(calls);

  it.each(['/v3/kv/put', '/v3/watch'])('is one request too many: %s', async (target) => {
    const body = (async function* () {
      yield Buffer.from('{');
      throw new BodyTooLargeError('too many bytes of requests wait');
    })();
    const response = await post(target, body);
    expect(typeof response.body === 'string' ? response.body : await text(response.body as never)).toContain(
      'etcdserver: too many requests',
    );
  });
});
