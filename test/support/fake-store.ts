/**
 * A cluster of one, as far as the client library's own algorithms need it: keys with revisions and leases,
 * transactions, watches, one fake channel. Not a store: no history, so watches from the past replay what the tests kept
 * in `events`.
 */
import { Client } from '../../src/client/client.js';
import type { GrpcError } from '../../src/grpc/types.js';
import type {
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  TxnRequest,
  WatchRequest,
} from '../../src/proto/gen/etcdserverpb.js';
import {
  type Compare,
  RangeResponse,
  type RequestOp,
  ResponseHeader,
  type ResponseOp,
  WatchResponse,
} from '../../src/proto/gen/etcdserverpb.js';
import { Event, Event_EventType, KeyValue } from '../../src/proto/gen/mvccpb.js';
import { FakeChannel, type FakeStream, type SeenCall } from './fake-channel.js';
import { ManualClock } from './manual-clock.js';
import { seededRandom } from './seeded-random.js';

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

interface StoreWatch {
  readonly stream: FakeStream;
  readonly id: bigint;
  readonly key: string;
  readonly end: string;
  /** The first revision that was not handed out yet. */
  next: number;
}

export class FakeStore {
  readonly clock = new ManualClock();
  readonly keys = new Map<string, KeyValue>();
  readonly #asked: SeenCall[] = [];
  readonly #events: Event[] = [];
  readonly #watches: StoreWatch[] = [];
  readonly #channels: FakeChannel[] = [];
  #revision = 1;
  #leases = 100n;
  #lost: { readonly method: string; readonly error: () => GrpcError } | undefined;

  /** A client of its own connection. */
  client(): Client {
    return new Client(
      { endpoints: ['store'] },
      {
        clock: this.clock,
        random: seededRandom(3),
        connect: () => {
          const channel = new FakeChannel('store', (call) => this.#answer(call));
          this.#channels.push(channel);
          return channel;
        },
      },
    );
  }

  /** Requests of a method, as they came. */
  asked(method: string): unknown[] {
    return this.#callsOf(method).map(({ request }) => request);
  }

  /** How long each of them was to be waited for. */
  timeoutsOf(method: string): (number | undefined)[] {
    return this.#callsOf(method).map(({ timeoutMs }) => timeoutMs);
  }

  #callsOf(method: string): SeenCall[] {
    return this.#asked.filter(({ path }) => path.endsWith(`/${method}`));
  }

  put(key: string, value: string): void {
    this.#put({ key: Buffer.from(key), value: Buffer.from(value), lease: 0n });
    this.#revision++;
  }

  /** Deletes all keys of a lease, as its end does. */
  endLease(lease: bigint): void {
    for (const [key, kv] of this.keys) if (kv.lease === lease) this.#delete(key);
    this.#revision++;
  }

  /** The next call of this method is carried out, and its answer lost: the caller gets what `error` returns. */
  loseAnswer(method: string, error: () => GrpcError): void {
    this.#lost = { method, error };
  }

  /** Takes up new watches and hands out events: what the server would do by itself. */
  async turn(): Promise<void> {
    for (let i = 0; i < 4; i++) {
      await this.clock.advance(1);
      for (const channel of this.#channels) for (const stream of channel.streams) this.#serve(stream);
      for (const watch of this.#watches) this.#deliver(watch);
    }
    await this.clock.advance(1);
  }

  #serve(stream: FakeStream): void {
    for (const message of stream.sent.splice(0)) {
      if (stream.path.endsWith('/LeaseKeepAlive')) {
        stream.answer({ header: this.#header(), ID: (message as { ID: bigint }).ID, TTL: 60 });
        continue;
      }
      if (!stream.path.endsWith('/Watch')) continue;
      const { requestUnion } = message as WatchRequest;
      if (requestUnion.case === 'cancelRequest') {
        const at = this.#watches.findIndex(({ id }) => id === requestUnion.value.watchId);
        if (at >= 0) this.#watches.splice(at, 1);
      }
      if (requestUnion.case !== 'createRequest') continue;
      const { key, rangeEnd, startRevision } = requestUnion.value;
      const id = BigInt(this.#watches.length);
      const next = startRevision === 0 ? this.#revision + 1 : startRevision;
      this.#watches.push({ stream, id, key: latin1(key), end: latin1(rangeEnd), next });
      stream.answer(WatchResponse.create({ header: this.#header(), watchId: id, created: true }));
    }
  }

  #deliver(watch: StoreWatch): void {
    const events = this.#events.filter(
      ({ kv }) => kv !== undefined && kv.modRevision >= watch.next && isIn(latin1(kv.key), watch.key, watch.end),
    );
    if (events.length === 0) return;
    watch.next = this.#revision + 1;
    watch.stream.answer(WatchResponse.create({ header: this.#header(), watchId: watch.id, events }));
  }

  #header(): ResponseHeader {
    return ResponseHeader.create({ revision: this.#revision });
  }

  #answer(call: SeenCall): unknown {
    const { path, request } = call;
    this.#asked.push(call);
    const method = path.slice(path.lastIndexOf('/') + 1);
    const answer = this.#carryOut(method, request);
    const lost = this.#lost;
    if (lost?.method !== method) return answer;
    this.#lost = undefined;
    throw lost.error();
  }

  #carryOut(method: string, request: unknown): unknown {
    switch (method) {
      case 'LeaseGrant':
        return { header: this.#header(), ID: ++this.#leases, TTL: 60, error: '' };
      case 'LeaseRevoke':
        this.endLease((request as { ID: bigint }).ID);
        return { header: this.#header() };
      case 'Range':
        return this.#range(request as RangeRequest);
      case 'Put':
        this.#put(request as PutRequest);
        this.#revision++;
        return { header: this.#header(), prevKv: undefined };
      case 'DeleteRange':
        return this.#deleteRange(request as DeleteRangeRequest, true);
      case 'Txn':
        return this.#txn(request as TxnRequest);
      default:
        throw new Error(`the fake store does not know ${method}`);
    }
  }

  #range(request: RangeRequest): RangeResponse {
    let kvs = [...this.keys.values()].filter((kv) =>
      isIn(latin1(kv.key), latin1(request.key), latin1(request.rangeEnd)),
    );
    if (request.maxCreateRevision > 0) kvs = kvs.filter((kv) => kv.createRevision <= request.maxCreateRevision);
    const byKey = (a: KeyValue, b: KeyValue) => Buffer.compare(a.key, b.key);
    const byCreation = (a: KeyValue, b: KeyValue) => a.createRevision - b.createRevision;
    kvs.sort(request.sortTarget === 2 ? byCreation : byKey);
    if (request.sortOrder === 2) kvs.reverse();
    const count = kvs.length;
    if (request.limit > 0) kvs = kvs.slice(0, request.limit);
    return RangeResponse.create({ header: this.#header(), kvs, count, more: count > kvs.length });
  }

  #txn({ compare, success, failure }: TxnRequest): unknown {
    const succeeded = compare.every((it) => this.#holds(it));
    const before = this.#events.length;
    const responses = (succeeded ? success : failure).map((it) => this.#do(it));
    if (this.#events.length > before) this.#revision++;
    return { header: this.#header(), succeeded, responses };
  }

  #holds({ key, targetUnion }: Compare): boolean {
    if (targetUnion.case !== 'createRevision') throw new Error('the fake store compares creation revisions only');
    return (this.keys.get(latin1(key))?.createRevision ?? 0) === targetUnion.value;
  }

  #do({ request }: RequestOp): ResponseOp {
    switch (request.case) {
      case 'requestPut':
        this.#put(request.value);
        return { response: { case: 'responsePut', value: { header: undefined, prevKv: undefined } } };
      case 'requestRange':
        return { response: { case: 'responseRange', value: this.#range(request.value) } };
      case 'requestDeleteRange':
        this.#deleteRange(request.value, false);
        return { response: { case: 'responseDeleteRange', value: { header: undefined, deleted: 0, prevKvs: [] } } };
      default:
        throw new Error('the fake store has no nested transactions');
    }
  }

  /** At the revision after the present one, which the caller makes the present one. */
  #put({ key, value, lease }: Pick<PutRequest, 'key' | 'value' | 'lease'>): void {
    const name = latin1(key);
    const before = this.keys.get(name);
    const modRevision = this.#revision + 1;
    const kv = KeyValue.create({
      key,
      value,
      lease,
      modRevision,
      createRevision: before?.createRevision ?? modRevision,
      version: (before?.version ?? 0) + 1,
    });
    this.keys.set(name, kv);
    this.#events.push(Event.create({ kv }));
  }

  #deleteRange({ key, rangeEnd }: DeleteRangeRequest, ownRevision: boolean): unknown {
    const names = [...this.keys.keys()].filter((name) => isIn(name, latin1(key), latin1(rangeEnd)));
    for (const name of names) this.#delete(name);
    if (ownRevision && names.length > 0) this.#revision++;
    return { header: this.#header(), deleted: names.length, prevKvs: [] };
  }

  #delete(name: string): void {
    this.keys.delete(name);
    const kv = KeyValue.create({ key: Buffer.from(name, 'latin1'), modRevision: this.#revision + 1 });
    this.#events.push(Event.create({ type: Event_EventType.DELETE, kv }));
  }
}

function isIn(name: string, key: string, end: string): boolean {
  if (end === '') return name === key;
  return name >= key && (end === '\0' || name < end);
}
