/**
 * What real etcd answered to watch requests, against the hub with the handler's share (created and cancelled answers)
 * played by the test.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { refusalReasons } from '../../../src/api/v3/watch.js';
import type { WatchMessage, WatchStreamHandle } from '../../../src/mvcc/watch/types.js';
import { Event, type KeyValue } from '../../../src/proto/gen/mvccpb.js';
import { bytes, type Parts, put, work, write } from './support.js';
import { openHub, openStream, settle, type Watching } from './watch-support.js';

type Case = [string, WireRequest[], Record<string, unknown>[] | 'no response'];
interface WireRequest {
  create_request?: {
    key: string;
    range_end?: string;
    start_revision?: string;
    watch_id?: string;
    prev_kv?: boolean;
    filters?: string[];
  };
  cancel_request?: { watch_id: string };
  progress_request?: object;
}
const recorded = JSON.parse(
  readFileSync(new URL('../../fixtures/mvcc/watch-behaviour.json', import.meta.url), 'utf8'),
) as Record<string, [string, ...unknown[]][]>;

/** The recording's store: one key put six times, compacted at 5. */
async function prepare({ store }: Parts): Promise<void> {
  for (let index = 0; index < 6; index++) put(store, 'k', String(index));
  void store.compact(5);
  work(store);
}

const base64 = (data: Uint8Array) => Buffer.from(data).toString('base64');

function kvJson(kv: KeyValue): object {
  return {
    key: base64(kv.key),
    ...(kv.createRevision !== 0 && { create_revision: String(kv.createRevision) }),
    mod_revision: String(kv.modRevision),
    ...(kv.version !== 0 && { version: String(kv.version) }),
    ...(kv.value.length !== 0 && { value: base64(kv.value) }),
  };
}

function toJson(message: WatchMessage): object {
  return {
    header: message.revision === 0 ? {} : { revision: String(message.revision) },
    ...(message.watchId !== 0n && { watch_id: String(message.watchId) }),
    ...(message.canceled && { canceled: true }),
    ...(message.compactRevision !== 0 && { compact_revision: String(message.compactRevision) }),
    ...(message.events.length > 0 && {
      events: message.events.map((encoded) => {
        const { type, kv, prevKv } = Event.decode(encoded);
        return {
          ...(type === 1 && { type: 'DELETE' }),
          kv: kvJson(kv as KeyValue),
          ...(prevKv !== undefined && { prev_kv: kvJson(prevKv) }),
        };
      }),
    }),
  };
}

function handle(parts: Watching, stream: WatchStreamHandle, request: WireRequest): object[] {
  const header = { revision: String(parts.store.currentRevision) };
  const withId = (id: bigint) => (id === 0n ? {} : { watch_id: String(id) });
  if (request.create_request !== undefined) {
    const { key, range_end = '', start_revision = '0', watch_id = '0', prev_kv, filters = [] } = request.create_request;
    const made = stream.watch({
      key: Buffer.from(key, 'base64'),
      rangeEnd: Buffer.from(range_end, 'base64'),
      startRevision: Number(start_revision),
      watchId: BigInt(watch_id),
      prevKv: prev_kv === true,
      noPut: filters.includes('NOPUT'),
      noDelete: filters.includes('NODELETE'),
    });
    if (made.t === 'created') return [{ header, ...withId(made.watchId), created: true }];
    return [{ header, ...withId(-1n), created: true, canceled: true, cancel_reason: refusalReasons[made.reason] }];
  }
  if (request.cancel_request !== undefined) {
    const id = BigInt(request.cancel_request.watch_id);
    return stream.cancel(id) ? [{ header, ...withId(id), canceled: true }] : [];
  }
  stream.requestProgress();
  return [];
}

describe.each(Object.entries(recorded))('watches as etcd %s answers them', (version, all) => {
  const cases = all.filter((it): it is Case => it.length === 3);
  test.each(cases)('%s', async (name, requests, responses) => {
    const parts = openHub(undefined, { refuseNegativeStart: version !== '3.4.23' });
    await prepare(parts);
    const stream = openStream(parts.hub);
    const answers: object[] = [];
    for (const request of requests) answers.push(...handle(parts, stream, request));
    settle(parts.hub);
    if (name.startsWith('txn')) {
      write(parts.store, (txn) => {
        txn.put(bytes('k1'), bytes('1'), 0n);
        txn.put(bytes('k2'), bytes('2'), 0n);
        txn.deleteRange(bytes('k'), undefined);
      });
    }
    for (let message = stream.take(); message !== undefined; message = stream.take()) answers.push(toJson(message));
    expect(answers).toEqual(responses === 'no response' ? [] : responses);
  });

  test('has all recorded cases', () => {
    expect(cases.length).toBe(12);
  });
});
