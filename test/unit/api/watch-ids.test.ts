/**
 * Watch ids are 64-bit numbers that clients choose: each is answered as it came, never the nearest number that
 * JavaScript has.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WatchRequest, WatchResponse } from '../../../src/proto/gen/etcdserverpb.js';
import { type ClusterPlace, type LocalCluster, startCluster } from '../../support/cluster.js';

let cluster: LocalCluster;
let served: ClusterPlace;
beforeAll(async () => {
  cluster = await startCluster({ members: 1 });
  served = cluster.only;
});
afterAll(() => cluster[Symbol.asyncDispose]());

/** Lines of a stream that JSON comes on. */
async function* lines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let text = '';
  for await (const chunk of body) {
    text += Buffer.from(chunk).toString();
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      yield text.slice(0, end);
      text = text.slice(end + 1);
    }
  }
}

const ids = ['9007199254740993', '9223372036854775807', '-9223372036854775808', '-9007199254740993', '4294967296', '7'];

describe('watch ids', () => {
  it.each(ids)('are exact on the wire: %s', (text) => {
    const watchId = BigInt(text);
    const request = { requestUnion: { case: 'cancelRequest' as const, value: { watchId } } };
    expect(WatchRequest.decode(WatchRequest.encode(request)).requestUnion).toEqual(request.requestUnion);
    const answer = WatchResponse.create({ watchId, created: true });
    expect(WatchResponse.decode(WatchResponse.encode(answer)).watchId).toBe(watchId);
  });

  it('that JavaScript takes for one number are two watches', async () => {
    const { hub } = served.running.member;
    using stream = disposable(hub.openStream({ onReady: () => {}, maxResponseBytes: 1e6 }));
    const watch = (watchId: bigint) =>
      stream.it.watch({ key: Buffer.from('k'), rangeEnd: new Uint8Array(0), startRevision: 0, watchId });
    expect(watch(2n ** 53n)).toEqual({ t: 'created', watchId: 9_007_199_254_740_992n });
    expect(watch(2n ** 53n + 1n)).toEqual({ t: 'created', watchId: 9_007_199_254_740_993n });
    expect(watch(2n ** 53n + 1n)).toEqual({ t: 'refused', reason: 'duplicate-id' });
    expect(stream.it.cancel(2n ** 53n + 1n)).toBe(true);
    expect(stream.it.size).toBe(1);
  });

  it.each(ids)('come with answers and events as they were given: %s', async (watch_id) => {
    const end = new AbortController();
    const response = await fetch(`http://${served.endpoint}/v3/watch`, {
      method: 'POST',
      body: JSON.stringify({ create_request: { key: 'aw==', watch_id } }),
      signal: end.signal,
    });
    try {
      const answers = lines(response.body as unknown as AsyncIterable<Uint8Array>);
      const next = async () => JSON.parse(String((await answers.next()).value)).result;
      expect(await next()).toMatchObject({ watch_id, created: true });
      await fetch(`http://${served.endpoint}/v3/kv/put`, { method: 'POST', body: '{"key":"aw==","value":"dg=="}' });
      expect(await next()).toMatchObject({ watch_id, events: [{ kv: { key: 'aw==' } }] });
    } finally {
      end.abort();
    }
  });
});

function disposable<T extends { close(): void }>(it: T): Disposable & { readonly it: T } {
  return { it, [Symbol.dispose]: () => it.close() };
}
