import { beforeEach, describe, expect, it } from 'vitest';
import type { Client } from '../../../src/client/client.js';
import { WatchCanceledError } from '../../../src/client/errors.js';
import type { Watch, WatchBatch } from '../../../src/client/watch-types.js';
import { Code, GrpcError } from '../../../src/grpc/types.js';
import { ResponseHeader, WatchResponse } from '../../../src/proto/gen/etcdserverpb.js';
import { Event, KeyValue } from '../../../src/proto/gen/mvccpb.js';
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

const header = (revision: number) => ResponseHeader.create({ revision });
const event = (key: string, modRevision: number) =>
  Event.create({ kv: KeyValue.create({ key: Buffer.from(key), modRevision }) });
const created = (watch: number, revision: number) =>
  WatchResponse.create({ header: header(revision), watchId: BigInt(watch), created: true });
const events = (watch: number, revision: number, ...list: ReturnType<typeof event>[]) =>
  WatchResponse.create({ header: header(revision), watchId: BigInt(watch), events: list });

/** The stream that is open now, after what led to it has run its course. */
async function openStream(): Promise<FakeStream> {
  await clock.advance(200);
  const stream = channel.streams.at(-1);
  if (stream === undefined) throw new Error('no stream was opened');
  return stream;
}

const requests = (stream: FakeStream) =>
  stream.sent.map((message) => (message as { requestUnion: unknown }).requestUnion);
const keysOf = (batch: IteratorResult<WatchBatch>) =>
  batch.done === true ? 'done' : batch.value.events.map(({ kv }) => Buffer.from(kv?.key ?? []).toString());

describe('a watch', () => {
  it('hands out events as they come', async () => {
    const watch = client.watch('k', { prefix: true, prevKv: true, revision: 5 });
    const stream = await openStream();
    expect(requests(stream)).toMatchObject([
      { case: 'createRequest', value: { startRevision: 5, prevKv: true, rangeEnd: Uint8Array.of(108) } },
    ]);
    stream.answer(created(0, 9));
    stream.answer(events(0, 9, event('k1', 5), event('k2', 6)));
    expect(keysOf(await watch.next())).toEqual(['k1', 'k2']);
    await expect(watch.started).resolves.toBe(9);
    const next = watch.next();
    stream.answer(events(0, 10, event('k3', 10)));
    expect(keysOf(await next)).toEqual(['k3']);
  });

  it('goes on behind its last event after the stream was lost', async () => {
    const watch = client.watch('k');
    const first = await openStream();
    first.answer(created(0, 3));
    first.answer(events(0, 4, event('k', 4)));
    expect(keysOf(await watch.next())).toEqual(['k']);
    channel.lose();
    const second = await openStream();
    expect(second).not.toBe(first);
    expect(requests(second)).toMatchObject([{ case: 'createRequest', value: { startRevision: 5 } }]);
    second.answer(created(7, 20));
    second.answer(events(7, 20, event('k', 20)));
    expect(keysOf(await watch.next())).toEqual(['k']);
  });

  it('without a revision goes on from where it began, when nothing happened before the loss', async () => {
    client.watch('k');
    const first = await openStream();
    first.answer(created(0, 3));
    await settle();
    channel.lose();
    expect(requests(await openStream())).toMatchObject([{ case: 'createRequest', value: { startRevision: 4 } }]);
  });

  it('goes on behind what progress reports have told it', async () => {
    const watch = client.watch('k', { progressNotify: true });
    const first = await openStream();
    first.answer(created(0, 3));
    first.answer(events(0, 50));
    expect(await watch.next()).toMatchObject({ value: { events: [], header: { revision: 50 } } });
    channel.lose();
    expect(requests(await openStream())).toMatchObject([{ case: 'createRequest', value: { startRevision: 51 } }]);
  });

  it('joins what the server has split', async () => {
    const watch = client.watch('k', { fragment: true });
    const stream = await openStream();
    stream.answer(created(0, 3));
    stream.answer({ ...events(0, 5, event('k1', 5)), fragment: true });
    stream.answer({ ...events(0, 5, event('k2', 5)), fragment: true });
    stream.answer(events(0, 5, event('k3', 5)));
    expect(keysOf(await watch.next())).toEqual(['k1', 'k2', 'k3']);
  });

  it('forgets parts whose rest was lost with the stream: they come again as a whole', async () => {
    const watch = client.watch('k', { fragment: true, prefix: true });
    const first = await openStream();
    first.answer(created(0, 3));
    first.answer({ ...events(0, 5, event('k1', 5)), fragment: true });
    await settle();
    channel.lose();
    const second = await openStream();
    expect(requests(second)).toMatchObject([{ case: 'createRequest', value: { startRevision: 4 } }]);
    second.answer(created(0, 6));
    second.answer({ ...events(0, 6, event('k1', 5)), fragment: true });
    second.answer(events(0, 6, event('k2', 5)));
    expect(keysOf(await watch.next())).toEqual(['k1', 'k2']);
  });

  it.each([
    ['less and less often, where the server takes it and ends it at once', false],
    ['at once, where something came each time', true],
  ])('is asked for again %s', async (_what, hasEvents) => {
    client.watch('k');
    let seen = 0;
    /** How many streams are opened, and ended by the server, within 50 ms. */
    const round = async (): Promise<number> => {
      const before = seen;
      for (let step = 0; step < 25; step++) {
        await clock.advance(2);
        for (; seen < channel.streams.length; seen++) {
          const stream = channel.streams[seen];
          stream?.answer(created(0, seen + 3));
          if (hasEvents) stream?.answer(events(0, seen + 3, event('k', seen + 3)));
          stream?.fail(new GrpcError(Code.Unavailable, 'no more'));
        }
      }
      return seen - before;
    };
    for (let before = 0; before < 40; before++) await round();
    const later = await round();
    if (hasEvents) expect(later).toBeGreaterThanOrEqual(10);
    else expect(later).toBeLessThanOrEqual(1);
  });

  it('ends with an error when its history is gone', async () => {
    const watch = client.watch('k', { revision: 1 });
    const stream = await openStream();
    stream.answer(created(0, 9));
    stream.answer(WatchResponse.create({ header: header(0), watchId: 0n, canceled: true, compactRevision: 4 }));
    await expect(watch.next()).resolves.toMatchObject({ value: { canceled: true, compactRevision: 4 } });
    const end = await watch.next().catch((error: unknown) => error);
    expect(end).toBeInstanceOf(WatchCanceledError);
    expect(end).toMatchObject({
      compactRevision: 4,
      message: 'etcdserver: mvcc: required revision has been compacted',
    });
    await expect(watch.next()).resolves.toMatchObject({ done: true });
  });

  it('ends with the reason when it was refused', async () => {
    const watch = client.watch('k');
    const stream = await openStream();
    stream.answer(
      WatchResponse.create({
        header: header(9),
        watchId: -1n,
        created: true,
        canceled: true,
        cancelReason: 'etcdserver: permission denied',
      }),
    );
    await expect(watch.next()).rejects.toThrow('etcdserver: permission denied');
  });

  it.each<[string, (stream: FakeStream, watch: Watch) => void, string]>([
    [
      'was refused',
      (stream) =>
        stream.answer(
          WatchResponse.create({
            watchId: -1n,
            created: true,
            canceled: true,
            cancelReason: 'mvcc: watcher range is empty',
          }),
        ),
      'mvcc: watcher range is empty',
    ],
    ['was canceled before', (_stream, watch) => watch.cancel(), 'context canceled'],
    ['lost its client', () => void client.close(), 'context canceled'],
    [
      'lost its stream for good',
      (stream) => stream.fail(new GrpcError(Code.PermissionDenied, 'etcdserver: permission denied')),
      'etcdserver: permission denied',
    ],
  ])('says that it has not started when it %s', async (_name, act, message) => {
    const watch = client.watch('k');
    const stream = await openStream();
    act(stream, watch);
    await expect(watch.started).rejects.toThrowError(message);
  });

  it('says so too where it was over before it began', async () => {
    await expect(client.watch('k', { signal: AbortSignal.abort() }).started).rejects.toThrowError('context canceled');
    await client.close();
    await expect(client.watch('k').started).rejects.toThrowError('context canceled');
  });

  it('ends when the stream fails for good', async () => {
    const watch = client.watch('k');
    const stream = await openStream();
    stream.fail(new GrpcError(Code.Unauthenticated, 'etcdserver: invalid auth token'));
    await expect(watch.next()).rejects.toThrow('etcdserver: invalid auth token');
  });

  it('ends quietly when it is canceled, and tells the server', async () => {
    const other = client.watch('other');
    const watch = client.watch('k');
    const stream = await openStream();
    stream.answer(created(0, 3));
    stream.answer(created(1, 3));
    await settle();
    const next = watch.next();
    watch.cancel();
    await expect(next).resolves.toMatchObject({ done: true });
    expect(requests(stream).at(-1)).toEqual({ case: 'cancelRequest', value: { watchId: 1n } });
    other.cancel();
    await settle();
    expect(stream.isCanceled).toBe(true);
  });

  it('is canceled by leaving the loop', async () => {
    const watch = client.watch('k');
    const stream = await openStream();
    stream.answer(created(0, 3));
    stream.answer(events(0, 4, event('k', 4)));
    for await (const batch of watch) {
      expect(batch.events.length).toBe(1);
      break;
    }
    expect(stream.isCanceled).toBe(true);
  });

  it('ends when the client is closed', async () => {
    const watch = client.watch('k');
    await openStream();
    const next = watch.next();
    await client.close();
    await expect(next).resolves.toMatchObject({ done: true });
    await expect(client.watch('k').next()).resolves.toMatchObject({ done: true });
  });
});

describe('several watches', () => {
  it('share a stream', async () => {
    const one = client.watch('a');
    const two = client.watch('b');
    const stream = await openStream();
    expect(channel.streams.length).toBe(1);
    stream.answer(created(5, 3));
    stream.answer(created(6, 3));
    stream.answer(events(6, 4, event('b', 4)));
    stream.answer(events(5, 5, event('a', 5)));
    expect(keysOf(await two.next())).toEqual(['b']);
    expect(keysOf(await one.next())).toEqual(['a']);
  });

  it('join a stream that is open', async () => {
    client.watch('a');
    const stream = await openStream();
    stream.answer(created(0, 3));
    await settle();
    const late = client.watch('b', { revision: 2, noPut: true, noDelete: true });
    await openStream();
    expect(channel.streams.length).toBe(1);
    expect(requests(stream).at(-1)).toMatchObject({
      case: 'createRequest',
      value: { key: Buffer.from('b'), startRevision: 2, filters: [0, 1] },
    });
    stream.answer(created(1, 3));
    stream.answer(events(1, 3, event('b', 2)));
    expect(keysOf(await late.next())).toEqual(['b']);
  });

  it('of which one is given up before its answer leave the server none', async () => {
    const gone = client.watch('a', { noPut: true });
    const stays = client.watch('b', { noDelete: true });
    const stream = await openStream();
    expect(requests(stream)).toMatchObject([{ value: { filters: [0] } }, { value: { filters: [1] } }]);
    gone.cancel();
    stream.answer(created(0, 3));
    stream.answer(created(1, 3));
    stream.answer(events(1, 4, event('b', 4)));
    expect(keysOf(await stays.next())).toEqual(['b']);
    expect(requests(stream).slice(2)).toEqual([{ case: 'cancelRequest', value: { watchId: 0n } }]);
  });

  it('ask for progress once there is a stream', async () => {
    client.watch('a');
    client.watches.requestProgress();
    client.watches.requestProgress();
    const first = await openStream();
    const asked = ['createRequest', 'progressRequest', 'progressRequest'];
    expect(requests(first)).toMatchObject(asked.map((name) => ({ case: name })));
    channel.lose();
    expect(requests(await openStream())).toMatchObject([{ case: 'createRequest' }]);
  });

  it('each go on where they were', async () => {
    client.watch('a', { revision: 2 });
    client.watch('b');
    const first = await openStream();
    first.answer(created(0, 9));
    first.answer(created(1, 9));
    first.answer(events(0, 9, event('a', 7)));
    await settle();
    channel.lose();
    const second = await openStream();
    expect(requests(second)).toMatchObject([{ value: { startRevision: 8 } }, { value: { startRevision: 10 } }]);
  });

  it('are all told of progress that was asked for', async () => {
    const one = client.watch('a');
    const two = client.watch('b');
    const stream = await openStream();
    stream.answer(created(0, 3));
    stream.answer(created(1, 3));
    client.watches.requestProgress();
    expect(requests(stream).at(-1)).toMatchObject({ case: 'progressRequest' });
    stream.answer(events(-1, 12));
    for (const watch of [one, two])
      await expect(watch.next()).resolves.toMatchObject({ value: { header: { revision: 12 } } });
  });

  it('keep the server waiting while one has too much unread, and no longer', async () => {
    const slow = client.watch('k');
    const stream = await openStream();
    stream.answer(created(0, 3));
    const many = Array.from({ length: 10_001 }, (_, at) => event('k', 4 + at));
    stream.answer(events(0, 10_004, ...many));
    stream.answer(events(0, 20_000, event('late', 20_000)));
    await settle();
    expect(stream.unread).toBe(1);
    expect(keysOf(await slow.next())).toHaveLength(10_001);
    expect(keysOf(await slow.next())).toEqual(['late']);
    expect(stream.unread).toBe(0);
  });

  it('keep it waiting for none that has ended, whether its reader takes what it has or not', async () => {
    const [ended, canceled, open] = [client.watch('a'), client.watch('b'), client.watch('c')];
    const stream = await openStream();
    const many = (count: number) => Array.from({ length: count }, (_, at) => event('k', 4 + at));
    for (const id of [0, 1, 2]) stream.answer(created(id, 3));
    stream.answer(events(0, 9000, ...many(9000)));
    stream.answer({ ...events(0, 9000), canceled: true, cancelReason: 'why not' });
    stream.answer(events(1, 9000, ...many(9000)));
    await settle();
    canceled.cancel();
    stream.answer(events(2, 9000, ...many(9000)));
    await settle();
    expect(stream.unread).toBe(0);
    expect(keysOf(await ended.next())).toHaveLength(9000);
    await expect(ended.next()).rejects.toThrow('why not');
    stream.answer(events(2, 10_001, ...many(1001)));
    stream.answer(events(2, 10_002, event('late', 10_002)));
    await settle();
    expect(stream.unread).toBe(1);
    for (const length of [9000, 1001, 1]) expect(keysOf(await open.next())).toHaveLength(length);
  });
});
