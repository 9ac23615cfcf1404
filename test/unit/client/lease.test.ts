import { beforeEach, describe, expect, it } from 'vitest';
import type { Client } from '../../../src/client/client.js';
import { Code, GrpcError } from '../../../src/grpc/types.js';
import { LeaseKeepAliveResponse } from '../../../src/proto/gen/etcdserverpb.js';
import type { FakeChannel, FakeStream } from '../../support/fake-channel.js';
import { fakeClient } from '../../support/fake-client.js';
import { type ManualClock, settle } from '../../support/manual-clock.js';

let clock: ManualClock;
let channel: FakeChannel;
let client: Client;

beforeEach(() => {
  ({ client, clock } = fakeClient((made) => {
    channel = made;
  }));
});

const renewal = (ID: bigint, TTL: number) => LeaseKeepAliveResponse.create({ ID, TTL });

async function openStream(): Promise<FakeStream> {
  await settle();
  const stream = channel.streams.at(-1);
  if (stream === undefined) throw new Error('no stream was opened');
  return stream;
}

describe('a lease that is kept alive', () => {
  it('is renewed when a third of its time has passed', async () => {
    const kept = client.keepAlive(7n);
    const stream = await openStream();
    expect(stream.sent).toEqual([{ ID: 7n }]);
    stream.answer(renewal(7n, 9));
    await expect(kept.next()).resolves.toMatchObject({ value: { TTL: 9 } });
    await clock.advance(2500);
    expect(stream.sent.length).toBe(1);
    await clock.advance(500);
    expect(stream.sent.length).toBe(2);
  });

  it('is over when the server no longer knows it', async () => {
    const kept = client.keepAlive(7n);
    const stream = await openStream();
    stream.answer(renewal(7n, 9));
    stream.answer(renewal(7n, 0));
    await expect(kept.next()).resolves.toMatchObject({ value: { TTL: 9 } });
    await expect(kept.next()).resolves.toMatchObject({ done: true });
    await settle();
    expect(clock.pending).toBe(0);
  });

  it('is over when it was not answered for as long as it lives', async () => {
    const kept = client.keepAlive(7n);
    const stream = await openStream();
    stream.answer(renewal(7n, 3));
    await kept.next();
    const next = kept.next();
    await clock.advance(3600);
    await expect(next).resolves.toMatchObject({ done: true });
  });

  it('is over in time when no server can be reached', async () => {
    const cut = fakeClient((made) => {
      made.isReachable = false;
    });
    const next = cut.client.keepAlive(7n).next();
    await cut.clock.advance(10_000);
    await expect(next).resolves.toMatchObject({ done: true });
  });

  it('is renewed over a new stream when the old one was lost', async () => {
    const kept = client.keepAlive(7n);
    const first = await openStream();
    first.answer(renewal(7n, 30));
    await kept.next();
    channel.lose();
    await clock.advance(20_000);
    const second = channel.streams.at(-1);
    expect(second).not.toBe(first);
    expect(second?.sent).toContainEqual({ ID: 7n });
  });

  it('asks a server that does not answer again when another third has passed, not each half second', async () => {
    client.keepAlive(7n);
    const stream = await openStream();
    stream.answer(renewal(7n, 90));
    await clock.advance(30_000);
    expect(stream.sent.length).toBe(2);
    await clock.advance(29_500);
    expect(stream.sent.length).toBe(2);
    await clock.advance(500);
    expect(stream.sent.length).toBe(3);
    channel.lose();
    await clock.advance(500);
    expect((await openStream()).sent).toEqual([{ ID: 7n }]);
  });

  it('costs one renewal for several readers, and ends with the last', async () => {
    const one = client.keepAlive(7n);
    const two = client.keepAlive(7n);
    const stream = await openStream();
    expect(stream.sent.length).toBe(1);
    stream.answer(renewal(7n, 9));
    for (const reader of [one, two]) await expect(reader.next()).resolves.toMatchObject({ value: { TTL: 9 } });
    one.cancel();
    await settle();
    expect(stream.isCanceled).toBe(false);
    two.cancel();
    await settle();
    expect(stream.isCanceled).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('is over when its client is closed, and at once after that', async () => {
    const kept = client.keepAlive(7n);
    await openStream();
    const next = kept.next();
    await client.close();
    await expect(next).resolves.toMatchObject({ done: true });
    const late = client.keepAlive(8n);
    await expect(late.next()).resolves.toMatchObject({ done: true });
    late.cancel();
    await settle();
    expect(clock.pending).toBe(0);
  });

  it('is given up by leaving the loop', async () => {
    const kept = client.keepAlive(7n);
    const stream = await openStream();
    stream.answer(renewal(7n, 9));
    for await (const { TTL } of kept) {
      expect(TTL).toBe(9);
      break;
    }
    await expect(kept.next()).resolves.toMatchObject({ done: true });
    await settle();
    expect(stream.isCanceled).toBe(true);
  });

  it('does not pile up renewals that nobody reads', async () => {
    const kept = client.keepAlive(7n);
    const stream = await openStream();
    for (let i = 0; i < 50; i++) stream.answer(renewal(7n, 9));
    stream.answer(renewal(7n, 0));
    await settle();
    let count = 0;
    for await (const _ of kept) count++;
    expect(count).toBe(16);
  });
});

it.each([
  [undefined, 5000],
  [0, 5000],
  [700, 1700],
])('a lease whose first renewal has %s ms to connect is given up after %d ms', async (dialTimeoutMs, longestMs) => {
  ({ client, clock } = fakeClient(
    (made) => {
      channel = made;
    },
    dialTimeoutMs === undefined ? {} : { dialTimeoutMs },
  ));
  let isOver = false;
  const kept = client.keepAlive(7n);
  void kept.next().then(({ done }) => {
    isOver = done === true;
  });
  await clock.advance(longestMs - 1);
  expect(isOver).toBe(false);
  // Looked at in rounds of half a second.
  await clock.advance(501);
  expect(isOver).toBe(true);
});

describe('renewing once', () => {
  it('gives the new time', async () => {
    const once = client.lease.keepAliveOnce(7n);
    (await openStream()).answer(renewal(7n, 9));
    await expect(once).resolves.toMatchObject({ TTL: 9 });
    expect((await openStream()).isCanceled).toBe(true);
  });

  it('fails when there is no such lease', async () => {
    const once = client.lease.keepAliveOnce(7n);
    const failed = expect(once).rejects.toThrow('etcdserver: requested lease not found');
    (await openStream()).answer(renewal(7n, 0));
    await failed;
  });

  it('goes on over another stream where one was lost or ended, until it is given up', async () => {
    const once = client.lease.keepAliveOnce(7n);
    (await openStream()).fail(new GrpcError(Code.Unavailable, 'error reading from server: EOF'));
    await clock.advance(1);
    (await openStream()).fail(undefined);
    await clock.advance(1);
    expect(channel.streams.length).toBe(3);
    (await openStream()).answer(renewal(7n, 9));
    await expect(once).resolves.toMatchObject({ TTL: 9 });
    const stop = new AbortController();
    const given = client.lease.keepAliveOnce(7n, { signal: stop.signal });
    (await openStream()).fail(undefined);
    await settle();
    stop.abort();
    await expect(given).rejects.toMatchObject({ code: Code.Canceled, message: 'context canceled' });
    expect(channel.streams.length).toBe(4);
    expect(clock.pending).toBe(0);
  });

  it.each([
    [Code.PermissionDenied, 'etcdserver: permission denied'],
    [Code.Unavailable, 'etcdserver: rpc not supported for learner'],
    [Code.Unavailable, 'etcdserver: no leader'],
  ])('fails at once where etcd says why: %i %s', async (code, message) => {
    const once = client.lease.keepAliveOnce(7n);
    const failed = expect(once).rejects.toThrow(message);
    (await openStream()).fail(new GrpcError(code, message));
    await failed;
  });
});
