/**
 * One call after the other at a member of ours and at a real one: by each, the same counters move by as much, those of
 * operations on keys, calls, messages, bytes, leases, watches, alarms and what is applied among them. What depends on a
 * clock, a disk or a runtime is left out, and what only one of the two has.
 */
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { ClientStream } from '../../src/grpc/types.js';
import type { Method } from '../../src/lib/codec.js';
import {
  AlarmRequest_AlarmAction as AlarmAction,
  AlarmType,
  Auth,
  Cluster,
  CompactionRequest,
  Compare,
  DeleteRangeRequest,
  KV,
  Lease,
  Maintenance,
  PutRequest,
  RangeRequest,
  type RequestOp,
  TxnRequest,
  Watch,
  WatchCreateRequest,
  type WatchRequest,
} from '../../src/proto/gen/etcdserverpb.js';
import { Election } from '../../src/proto/gen/v3electionpb.js';
import { Lock } from '../../src/proto/gen/v3lockpb.js';
import { bytes, login, pair, type Side, user } from '../support/answering-pair.js';
import { realReleases } from '../support/member-process.js';

type Act = (side: Side) => Promise<unknown>;

const call =
  <I>(method: Method<I, unknown>, request: I): Act =>
  (side) =>
    side.call(method, request);
const put = (more: Parameters<typeof PutRequest.create>[0] = {}): Act =>
  call(KV.put, PutRequest.create({ key: bytes('a'), value: bytes('1'), ...more }));
const range = (more: Parameters<typeof RangeRequest.create>[0] = {}): Act =>
  call(KV.range, RangeRequest.create({ key: bytes('a'), ...more }));
const txn = (more: Parameters<typeof TxnRequest.create>[0]): Act => call(KV.txn, TxnRequest.create(more));
const puts = (key: string, more: Parameters<typeof PutRequest.create>[0] = {}): RequestOp => ({
  request: { case: 'requestPut', value: PutRequest.create({ key: bytes(key), ...more }) },
});
const ranges = (key: string, revision = 0): RequestOp => ({
  request: { case: 'requestRange', value: RangeRequest.create({ key: bytes(key), revision }) },
});
const deletes = (key: string): RequestOp => ({
  request: { case: 'requestDeleteRange', value: DeleteRangeRequest.create({ key: bytes(key), prevKv: true }) },
});
const versionIs = (key: string, version: number): Compare =>
  Compare.create({ key: bytes(key), targetUnion: { case: 'version', value: version } });

/** All that a stream tells by its end. */
const told =
  <I>(method: Method<I, unknown>, ...requests: I[]): Act =>
  async (side) => {
    const stream = side.stream(method);
    for (const request of requests) stream.send(request);
    stream.end();
    for await (const _ of stream.messages);
  };

const alarm = (action: AlarmAction): Act =>
  call(Maintenance.alarm, { action, memberID: 123n, alarm: AlarmType.NOSPACE });

/** A watch that stays open from one step to the next. */
class OpenWatch {
  readonly #streams = new Map<Side, [ClientStream<WatchRequest, unknown>, AsyncIterator<unknown>]>();

  asked(requestUnion: WatchRequest['requestUnion'], answers: number): Act {
    return async (side) => {
      const [stream, messages] = this.#of(side);
      stream.send({ requestUnion });
      for (let at = 0; at < answers; at++) await messages.next();
    };
  }

  told(act: Act): Act {
    return async (side) => {
      await act(side);
      await this.#of(side)[1].next();
    };
  }

  #of(side: Side): [ClientStream<WatchRequest, unknown>, AsyncIterator<unknown>] {
    let open = this.#streams.get(side);
    if (open === undefined) {
      const stream = side.stream(Watch.watch);
      open = [stream, stream.messages[Symbol.asyncIterator]()];
      this.#streams.set(side, open);
    }
    return open;
  }
}

const created = (more: Parameters<typeof WatchCreateRequest.create>[0]): WatchRequest['requestUnion'] => ({
  case: 'createRequest',
  value: WatchCreateRequest.create(more),
});

function steps(version: string): readonly (readonly [string, Act])[] {
  const watch = new OpenWatch();
  return [
    ['a put', put()],
    ['a put that asks for what was there', put({ prevKv: true })],
    ['a put that keeps the value', put({ value: bytes(''), ignoreValue: true })],
    [
      'a put that keeps the value of a key that is not there',
      put({ key: bytes('no'), value: bytes(''), ignoreValue: true }),
    ],
    ['a put without a key', put({ key: bytes('') })],
    ['a put with a lease that is not there', put({ lease: 77n })],
    ['a put beyond the size of a request', put({ value: new Uint8Array(1_700_000) })],
    ['a put beyond the size of a message', put({ value: new Uint8Array(3_700_000) })],
    [
      'bytes that are no message',
      call({ ...KV.put, input: { ...KV.put.input, encode: () => Buffer.of(255, 255) } }, PutRequest.create()),
    ],
    ['a range', range()],
    ['a serializable range', range({ rangeEnd: bytes('z'), serializable: true })],
    ['a range in the future', range({ revision: 9999 })],
    ['a range without a key', range({ key: bytes('') })],
    ['a deletion', call(KV.deleteRange, DeleteRangeRequest.create({ key: bytes('a'), prevKv: true }))],
    ['a deletion of nothing', call(KV.deleteRange, DeleteRangeRequest.create({ key: bytes('a') }))],
    ['a transaction of everything', txn({ success: [puts('a'), ranges('a'), deletes('b'), puts('c')] })],
    ['a transaction of one put', txn({ success: [puts('a')] })],
    ['a transaction that compares and puts', txn({ compare: [versionIs('a', 2)], success: [puts('a')] })],
    [
      'one that compares twice and puts',
      txn({ compare: [versionIs('a', 3), versionIs('c', 1)], success: [puts('a')] }),
    ],
    [
      'one that does not hold and reads',
      txn({ compare: [versionIs('a', 99)], success: [puts('a')], failure: [ranges('a')] }),
    ],
    ['one that compares and reads', txn({ compare: [versionIs('a', 99)], failure: [ranges('a')] })],
    ['one that reads once', txn({ success: [ranges('a')] })],
    ['one that reads twice', txn({ success: [ranges('a'), ranges('c')] })],
    ['one that reads the future', txn({ success: [ranges('a', 9999)] })],
    ['one that writes and reads the future', txn({ success: [puts('a'), ranges('a', 9999)] })],
    ['an empty one', txn({})],
    [
      'a nested one',
      txn({
        success: [
          { request: { case: 'requestTxn', value: TxnRequest.create({ success: [puts('n'), ranges('n')] }) } },
          puts('m'),
        ],
      }),
    ],
    ['one that keeps a value', txn({ success: [puts('a', { ignoreValue: true })] })],
    ['one that keeps a value that is not there', txn({ success: [puts('no', { ignoreValue: true })] })],
    ['one with a lease that is not there', txn({ success: [puts('a', { lease: 99n })] })],
    ['a lease', call(Lease.leaseGrant, { ID: 5n, TTL: 1000 })],
    ['the same lease', call(Lease.leaseGrant, { ID: 5n, TTL: 1000 })],
    ['a lease for too long', call(Lease.leaseGrant, { ID: 6n, TTL: 9_000_000_001 })],
    ['a put with a lease', put({ key: bytes('leased'), lease: 5n })],
    ['what a lease has left', call(Lease.leaseTimeToLive, { ID: 5n, keys: true })],
    ['all leases', call(Lease.leaseLeases, {})],
    ['two renewals', told(Lease.leaseKeepAlive, { ID: 5n }, { ID: 99n })],
    ['the end of a lease', call(Lease.leaseRevoke, { ID: 5n })],
    ['the end of one that is not there', call(Lease.leaseRevoke, { ID: 5n })],
    ['a watch', watch.asked(created({ key: bytes('w'), rangeEnd: bytes('x') }), 1)],
    ['a watch of what was', watch.asked(created({ key: bytes('c'), startRevision: 2 }), 2)],
    ['an event', watch.told(put({ key: bytes('w') }))],
    ['progress', watch.asked({ case: 'progressRequest', value: {} }, 1)],
    ['the end of a watch', watch.asked({ case: 'cancelRequest', value: { watchId: 1n } }, 1)],
    ['the end of one that is not there', watch.asked({ case: 'cancelRequest', value: { watchId: 17n } }, 0)],
    ['a watch that is refused', watch.asked(created({ key: bytes('z'), rangeEnd: bytes('a') }), 1)],
    ['a compaction', call(KV.compact, CompactionRequest.create({ revision: 4, physical: true }))],
    ['the same compaction', call(KV.compact, CompactionRequest.create({ revision: 4 }))],
    ['a compaction of the future', call(KV.compact, CompactionRequest.create({ revision: 9999 }))],
    ['a range of what is compacted', range({ revision: 2 })],
    ['a hash', call(Maintenance.hashKV, { revision: 0 })],
    ['a defragmentation', call(Maintenance.defragment, {})],
    ['an alarm', alarm(AlarmAction.ACTIVATE)],
    ['a put in want of space', put()],
    ['the end of an alarm', alarm(AlarmAction.DEACTIVATE)],
    ['the end of one that is not there', alarm(AlarmAction.DEACTIVATE)],
    ['all members', call(Cluster.memberList, { linearizable: true })],
    ['the end of a member that is not there', call(Cluster.memberRemove, { ID: 3n })],
    ['a user', call(Auth.userAdd, user('root', 'r'))],
    ['the same user', call(Auth.userAdd, user('root', 'r'))],
    ['authentication without its root', call(Auth.authEnable, {})],
    ['the role of root', call(Auth.userGrantRole, { user: 'root', role: 'root' })],
    ['authentication', call(Auth.authEnable, {})],
    ['a put by nobody', put()],
    ['a transaction by nobody', txn({ success: [puts('a')] })],
    ['a wrong password', call(Auth.authenticate, { name: 'root', password: 'x' })],
    ['a password', login[1]],
    ['a range by root', range()],
    ...(version === '3.4' ? [] : [['whether there is authentication', call(Auth.authStatus, {})] as const]),
    ['no authentication', call(Auth.authDisable, {})],
    ['a lease for a lock', call(Lease.leaseGrant, { ID: 6n, TTL: 1000 })],
    ['a lock', call(Lock.lock, { name: bytes('l'), lease: 6n })],
    ['its end', call(Lock.unlock, { key: bytes('l/6') })],
    ['an election', call(Election.campaign, { name: bytes('e'), lease: 6n, value: bytes('v') })],
    ['a range through the gateway', (side) => side.post('/v3/kv/range', '{"key":"azA="}')],
    ['a put through the gateway', (side) => side.post('/v3/kv/put', '{"key":"azA=","value":"azA="}')],
    ['half a put through the gateway', (side) => side.post('/v3/kv/put', '{"key":"')],
    ['a lease through the gateway', (side) => side.post('/v3/lease/grant', '{"ID":"17","TTL":"500"}')],
    ['a renewal through the gateway', (side) => side.post('/v3/lease/keepalive', '{"ID":"17"}')],
  ];
}

const COMPARED = /^(etcd_|grpc_)/;
const LEFT_OUT = [
  // What takes time, and how much there is to it on a disk.
  /_bucket\{|_sum(\{|$)|_in_bytes$|duration_seconds_count$/,
  /_commit_|_wal_|_fsync_|_heartbeat_|_open_read_|_compaction_last/,
  /^etcd_mvcc_db_|^etcd_disk_|_pause_|_snap_|_slow_/,
  // The v2 store of a real one is looked at for each change of the members.
  /^etcd_debugging_store_/,
  // Elections and checks of health are ranges like others there.
  /request_duration.*type="Range"/,
];

type Scrape = ReadonlyMap<string, number>;

/** By how much each series of families that both have moved, at either. */
function movesOf(before: readonly Scrape[], after: readonly Scrape[]): Record<string, number>[] {
  const [theirs, ours] = after.map((scrape) => new Set([...scrape.keys()].map(familyOf)));
  const isShared = (name: string): boolean =>
    theirs?.has(familyOf(name)) === true && ours?.has(familyOf(name)) === true;
  return after.map((scrape, at) => {
    const moves = [...scrape]
      .filter(([name]) => COMPARED.test(name) && !LEFT_OUT.some((out) => out.test(name)) && isShared(name))
      .map(([name, now]): [string, number] => [name, now - (before[at]?.get(name) ?? 0)]);
    return Object.fromEntries(moves.filter(([, by]) => by !== 0));
  });
}

const familyOf = (series: string): string => series.split('{', 1)[0] ?? '';

describe.skipIf(realReleases.length === 0).each(realReleases)('beside a real $version', ({ version, real }) => {
  it('the same counters move by the same calls', async () => {
    await pair(version, real, async (sides) => {
      const scraped = () => Promise.all(sides.map((side) => side.metrics()));
      let before = await scraped();
      for (const [what, act] of steps(version)) {
        await Promise.all(sides.map((side) => act(side).catch(() => undefined)));
        // What follows an answer comes a little later, at either.
        const deadline = performance.now() + 5000;
        for (;;) {
          const after = await scraped();
          const [theirs, ours] = movesOf(before, after);
          if (isDeepStrictEqual(theirs, ours) || performance.now() > deadline) {
            expect({ [what]: ours }).toEqual({ [what]: theirs });
            before = after;
            break;
          }
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      }
    });
  }, 240_000);
});
