/** Answers that come in pieces: of a range, of a snapshot. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Client } from '../../../src/client/client.js';
import { EtcdError } from '../../../src/client/errors.js';
import { Code, GrpcError } from '../../../src/grpc/types.js';
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

async function openStream(): Promise<FakeStream> {
  await settle();
  const stream = channel.streams.at(-1);
  if (stream === undefined) throw new Error('no stream was opened');
  return stream;
}

/** What is read to the end, or up to an error, which comes last. */
async function all(pieces: AsyncIterable<unknown>): Promise<unknown[]> {
  const read: unknown[] = [];
  try {
    for await (const piece of pieces) read.push(piece);
  } catch (error) {
    read.push(error);
  }
  return read;
}

describe('a range in pieces', () => {
  const piece = (count: number) => ({ rangeResponse: { count } });

  it('is asked for once and read to its end', async () => {
    const reading = all(client.kv.getStream('k', { prefix: true, limit: 7 }));
    const stream = await openStream();
    expect(stream.path).toBe('/etcdserverpb.KV/RangeStream');
    expect(stream.sent).toMatchObject([{ key: Buffer.from('k'), rangeEnd: Uint8Array.of(108), limit: 7 }, 'end']);
    stream.answer(piece(1));
    stream.answer({});
    stream.answer(piece(2));
    stream.fail(undefined);
    expect(await reading).toEqual([{ count: 1 }, { count: 2 }]);
    expect(clock.pending).toBe(0);
  });

  it('is late when its time is up, what was read before it included', async () => {
    const reading = all(client.kv.getStream('k', { timeoutMs: 500 }));
    const stream = await openStream();
    stream.answer(piece(1));
    await clock.advance(499);
    expect(stream.isCanceled).toBe(false);
    await clock.advance(1);
    expect(await reading).toMatchObject([
      { count: 1 },
      { code: Code.DeadlineExceeded, message: 'context deadline exceeded' },
    ]);
    expect(clock.pending).toBe(0);
  });

  it.each([0, -1])('is late at once where it has %d ms', async (timeoutMs) => {
    const [error] = await all(client.kv.getStream('k', { timeoutMs }));
    expect(error).toMatchObject({ code: Code.DeadlineExceeded, message: 'context deadline exceeded' });
    expect(channel.streams).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('ends when its caller gives it up, before or underway', async () => {
    const message = 'context canceled';
    expect(await all(client.kv.getStream('k', { signal: AbortSignal.abort() }))).toMatchObject([{ message }]);
    const stop = new AbortController();
    const reading = all(client.kv.getStream('k', { signal: stop.signal, timeoutMs: 1000 }));
    const stream = await openStream();
    stop.abort();
    expect(await reading).toMatchObject([{ code: Code.Canceled, message }]);
    expect(stream.isCanceled).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('gives the stream back when its reader has enough', async () => {
    const pieces = client.kv.getStream('k', { timeoutMs: 1000 });
    const first = pieces.next();
    const stream = await openStream();
    stream.answer(piece(1));
    expect(await first).toMatchObject({ value: { count: 1 } });
    await pieces.return(undefined);
    expect(stream.isCanceled).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('fails in the words of the client', async () => {
    const reading = all(client.kv.getStream('k'));
    (await openStream()).fail(new GrpcError(Code.Unavailable, 'error reading from server: EOF'));
    const [error] = await reading;
    expect(error).toBeInstanceOf(EtcdError);
    expect(error).toMatchObject({ message: 'rpc error: code = Unavailable desc = error reading from server: EOF' });
  });
});

describe('a snapshot', () => {
  it('is asked for and read to its end', async () => {
    const reading = all(client.maintenance.snapshot());
    const stream = await openStream();
    expect(stream.sent).toEqual([{}, 'end']);
    stream.answer({ blob: 'one' });
    stream.answer({ blob: 'two' });
    stream.fail(undefined);
    expect(await reading).toEqual([{ blob: 'one' }, { blob: 'two' }]);
  });

  it('gives the stream back when its reader has enough', async () => {
    const pieces = client.maintenance.snapshot();
    const first = pieces.next();
    const stream = await openStream();
    stream.answer({ blob: 'one' });
    await first;
    await pieces.return(undefined);
    expect(stream.isCanceled).toBe(true);
  });

  it('fails in the words of the client, and when it is given up', async () => {
    const broken = all(client.maintenance.snapshot());
    (await openStream()).fail(new GrpcError(Code.ResourceExhausted, 'etcdserver: too many requests'));
    const [error] = await broken;
    expect(error).toBeInstanceOf(EtcdError);
    expect(error).toMatchObject({ message: 'etcdserver: too many requests' });
    const stop = new AbortController();
    const given = all(client.maintenance.snapshot({ signal: stop.signal }));
    await openStream();
    stop.abort();
    expect(await given).toMatchObject([{ code: Code.Canceled }]);
  });
});
