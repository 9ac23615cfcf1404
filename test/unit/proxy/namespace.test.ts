import { describe, expect, it } from 'vitest';
import {
  LeaseTimeToLiveResponse,
  RangeRequest,
  RangeResponse,
  RangeStreamResponse,
  type RequestOp,
  type ResponseOp,
  TxnRequest,
  TxnResponse,
  type WatchRequest,
  WatchResponse,
} from '../../../src/proto/gen/etcdserverpb.js';
import { Event, Event_EventType, KeyValue } from '../../../src/proto/gen/mvccpb.js';
import { CampaignRequest, CampaignResponse, ResignRequest } from '../../../src/proto/gen/v3electionpb.js';
import { LockRequest, LockResponse } from '../../../src/proto/gen/v3lockpb.js';
import { forwardedMethods } from '../../../src/proxy/grpc/forward.js';
import { Namespace } from '../../../src/proxy/grpc/namespace.js';
import { translations } from '../../../src/proxy/grpc/translation.js';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const show = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const NONE = latin1('');
const ns = (prefix: string): Namespace => new Namespace(latin1(prefix));

describe('a namespace', () => {
  it.each([
    // prefix, key, end → key, end
    ['ns/', 'a', '', 'ns/a', ''],
    ['ns/', 'a', 'c', 'ns/a', 'ns/c'],
    ['ns/', 'a', '\0', 'ns/a', 'ns0'],
    ['ns/', '\0', '\0', 'ns/\0', 'ns0'],
    ['a\xff', 'k', '\0', 'a\xffk', 'b'],
    ['\xff\xff', 'k', '\0', '\xff\xffk', '\0'],
    ['ns/', '', 'c', '', 'ns/c'],
  ])('of %j turns [%j, %j) into [%j, %j)', (prefix, key, rangeEnd, outKey, outEnd) => {
    const out = ns(prefix).addInterval(RangeRequest.create({ key: latin1(key), rangeEnd: latin1(rangeEnd), limit: 7 }));
    expect([show(out.key), show(out.rangeEnd), out.limit]).toEqual([outKey, outEnd, 7]);
  });

  it('leaves out the keys of others that hang on a lease', () => {
    const keys = ['ns/a', 'other', 'ns', 'ns/'].map(latin1);
    const out = ns('ns/').stripLease(LeaseTimeToLiveResponse.create({ keys }));
    expect(out.keys.map(show)).toEqual(['a', '']);
  });

  it('refuses to show a key from outside', () => {
    const response = RangeResponse.create({ kvs: [KeyValue.create({ key: latin1('other') })] });
    expect(() => ns('ns/').stripRange(response)).toThrow('outside the namespace');
  });

  it('shows events by their keys inside, with what was there before, and answers without events as they are', () => {
    const kv = KeyValue.create({ key: latin1('ns/a'), value: latin1('1') });
    const events = [Event.create({ kv, prevKv: kv }), Event.create({ type: Event_EventType.DELETE, kv })];
    const shown = ns('ns/').stripWatch(WatchResponse.create({ watchId: 3n, events }));
    expect(shown.watchId).toBe(3n);
    expect(shown.events.map(({ type, kv: now, prevKv }) => [type, show(now?.key ?? NONE), prevKv?.key])).toEqual([
      [Event_EventType.PUT, 'a', latin1('a')],
      [Event_EventType.DELETE, 'a', undefined],
    ]);
    const created = WatchResponse.create({ watchId: 3n, created: true });
    expect(ns('ns/').stripWatch(created)).toEqual(created);
    const foreign = WatchResponse.create({ events: [Event.create({ kv: KeyValue.create({ key: latin1('x') }) })] });
    expect(() => ns('ns/').stripWatch(foreign)).toThrow('outside the namespace');
  });

  it('shows parts of a large answer, the last of which may be without keys', () => {
    const part = RangeStreamResponse.create({
      rangeResponse: RangeResponse.create({ kvs: [KeyValue.create({ key: latin1('ns/a') })], count: 9 }),
    });
    const shown = ns('ns/').stripRangeStream(part).rangeResponse;
    expect([shown?.kvs.map(({ key }) => show(key)), shown?.count]).toEqual([['a'], 9]);
    expect(ns('ns/').stripRangeStream(RangeStreamResponse.create())).toEqual(RangeStreamResponse.create());
  });

  it('leaves an operation that is none to the cluster, and an answer to it as it is', () => {
    const none = { request: { case: undefined } } as RequestOp;
    const { success, failure } = ns('ns/').addTxn(TxnRequest.create({ success: [none], failure: [none] }));
    expect([success, failure]).toEqual([[none], [none]]);
    const answered = { response: { case: undefined } } as ResponseOp;
    expect(ns('ns/').stripTxn(TxnResponse.create({ responses: [answered] })).responses).toEqual([answered]);
  });

  it('passes on cancellations of watches as they are', () => {
    const request: WatchRequest = { requestUnion: { case: 'cancelRequest', value: { watchId: 4n } } };
    expect(ns('ns/').addWatch(request)).toEqual(request);
  });
});

describe('the translations of a namespace', () => {
  const rows = translations(ns('ns/'));
  const row = (path: string) => {
    const found = rows.get(path);
    if (found === undefined) throw new Error(`${path} is not translated`);
    return found;
  };

  it('are for methods that are passed on', () => {
    const known = new Set(forwardedMethods().map(({ path }) => path));
    expect([...rows.keys()].filter((path) => !known.has(path))).toEqual([]);
  });

  it('put locks into the namespace', () => {
    const { request, response } = row('/v3lockpb.Lock/Lock');
    expect(show(LockRequest.decode(request(LockRequest.encode({ name: latin1('l'), lease: 5n }))).name)).toBe('ns/l');
    const answer = LockResponse.encode({ header: undefined, key: latin1('ns/l/5') });
    expect(show(LockResponse.decode(response(answer)).key)).toBe('l/5');
  });

  it('put elections into the namespace, and a leader back where it came from', () => {
    const { request, response } = row('/v3electionpb.Election/Campaign');
    const asked = CampaignRequest.encode({ name: latin1('e'), lease: 5n, value: latin1('v') });
    expect(show(CampaignRequest.decode(request(asked)).name)).toBe('ns/e');
    const leader = { name: latin1('ns/e'), key: latin1('ns/e/5'), rev: 3, lease: 5n };
    const seen = CampaignResponse.decode(response(CampaignResponse.encode({ header: undefined, leader }))).leader;
    expect([show(seen?.name ?? latin1('')), show(seen?.key ?? latin1(''))]).toEqual(['e', 'e/5']);
    const resigned = row('/v3electionpb.Election/Resign').request(ResignRequest.encode({ leader: seen }));
    expect(ResignRequest.decode(resigned)).toEqual(ResignRequest.decode(ResignRequest.encode({ leader })));
  });
});
