/** The loads of the benchmark: what one client does over and over, and how many of them there are. */
import type { Channel } from '../../src/grpc/types.js';
import {
  Compare,
  Compare_CompareResult as CompareResult,
  Compare_CompareTarget as CompareTarget,
  KV,
  Lease,
  LeaseGrantRequest,
  LeaseKeepAliveRequest,
  PutRequest,
  RangeRequest,
  TxnRequest,
  Watch,
  WatchCreateRequest,
  WatchRequest,
} from '../../src/proto/gen/etcdserverpb.js';

import { HttpConnection } from './http-connection.js';
import { base64Value, binaryValue } from './values.js';

export interface Load {
  readonly name: string;
  readonly clients: number;
  readonly connections: number;
  /** Called once before the clock starts; the result does one operation and resolves when it is done. */
  readonly prepare: (channels: readonly Channel[], client: number) => Promise<() => Promise<unknown>>;
  /** Operations that one call of it stands for (events delivered, for the fan-out). */
  readonly weight: number;
}

const KEYS = 100_000;
const WATCHERS = 1000;

/** 16 bytes, others each time. */
function randomKey(): Uint8Array {
  return Buffer.from(`key-${String(Math.floor(Math.random() * KEYS)).padStart(12, '0')}`);
}

export function channelOf(channels: readonly Channel[], client: number): Channel {
  const channel = channels[client % channels.length];
  if (channel === undefined) throw new Error('no channel');
  return channel;
}

const put = async (channels: readonly Channel[], client: number) => {
  const channel = channelOf(channels, client);
  return () => channel.unary(KV.put, PutRequest.create({ key: randomKey(), value: binaryValue() }));
};

/** The same put as JSON, a connection for each client. */
const gatewayPut = async (channels: readonly Channel[], client: number) => {
  const gateway = await HttpConnection.open(channelOf(channels, client).target);
  return () =>
    gateway.ask('POST', '/v3/kv/put', {
      type: 'application/json',
      text: `{"key":"${Buffer.from(randomKey()).toString('base64')}","value":"${base64Value()}"}`,
    });
};

const range = (serializable: boolean) => async (channels: readonly Channel[], client: number) => {
  const channel = channelOf(channels, client);
  return () => channel.unary(KV.range, RangeRequest.create({ key: randomKey(), serializable }));
};

/** The compare-and-swap that locks and leader elections are made of. */
const txn = async (channels: readonly Channel[], client: number) => {
  const channel = channelOf(channels, client);
  return () => {
    const key = randomKey();
    return channel.unary(
      KV.txn,
      TxnRequest.create({
        compare: [Compare.create({ key, target: CompareTarget.VERSION, result: CompareResult.GREATER })],
        success: [{ request: { case: 'requestPut', value: PutRequest.create({ key, value: binaryValue() }) } }],
        failure: [{ request: { case: 'requestPut', value: PutRequest.create({ key, value: binaryValue() }) } }],
      }),
    );
  };
};

/** One writer, a thousand watchers of its key: an operation is done when all have heard. */
const fanOut = async (channels: readonly Channel[]) => {
  const key = Buffer.from('fan-out');
  let heard = 0;
  let allHeard: () => void = () => {};
  for (let watcher = 0; watcher < WATCHERS; watcher++) {
    const stream = channelOf(channels, watcher).stream(Watch.watch);
    stream.send(
      WatchRequest.create({ requestUnion: { case: 'createRequest', value: WatchCreateRequest.create({ key }) } }),
    );
    const messages = stream.messages[Symbol.asyncIterator]();
    await messages.next();
    const listen = async (): Promise<void> => {
      for (;;) {
        const { done } = await messages.next();
        if (done === true) return;
        heard++;
        if (heard === WATCHERS) allHeard();
      }
    };
    listen().catch(() => {});
  }
  const writer = channelOf(channels, 0);
  return async () => {
    heard = 0;
    const all = new Promise<void>((resolve) => {
      allHeard = resolve;
    });
    await writer.unary(KV.put, PutRequest.create({ key, value: binaryValue() }));
    await all;
  };
};

const keepAlive = async (channels: readonly Channel[], client: number) => {
  const channel = channelOf(channels, client);
  const { ID } = await channel.unary(Lease.leaseGrant, LeaseGrantRequest.create({ TTL: 3600 }));
  const stream = channel.stream(Lease.leaseKeepAlive);
  const answers = stream.messages[Symbol.asyncIterator]();
  return async () => {
    stream.send(LeaseKeepAliveRequest.create({ ID }));
    const { done } = await answers.next();
    if (done === true) throw new Error('keep-alive stream ended');
  };
};

/** As `clientv3.KeepAliveOnce`: a stream for each renewal. */
const keepAliveOnce = async (channels: readonly Channel[], client: number) => {
  const channel = channelOf(channels, client);
  const { ID } = await channel.unary(Lease.leaseGrant, LeaseGrantRequest.create({ TTL: 3600 }));
  return async () => {
    const stream = channel.stream(Lease.leaseKeepAlive);
    stream.send(LeaseKeepAliveRequest.create({ ID }));
    for await (const _ of stream.messages) break;
  };
};

/** A thousand keys of 256 bytes in one answer, from the keys that the puts before have left. */
const thousandKeys = async (channels: readonly Channel[], client: number) => {
  const channel = channelOf(channels, client);
  const request = RangeRequest.create({ key: Buffer.from('key-'), rangeEnd: Buffer.from('key.'), limit: 1000 });
  return () => channel.unary(KV.range, request);
};

/** The first calls of a server's life, before its code is warm. */
export const COLD: Load = { name: 'put, at first', clients: 1, connections: 1, prepare: put, weight: 1 };
/** Calls that warm it. */
export const WARMING: Load = { name: 'warming', clients: 100, connections: 10, prepare: put, weight: 1 };

export const loads: readonly Load[] = [
  { name: 'put', clients: 1, connections: 1, prepare: put, weight: 1 },
  { name: 'put', clients: 1000, connections: 1, prepare: put, weight: 1 },
  { name: 'put', clients: 1000, connections: 100, prepare: put, weight: 1 },
  { name: 'put, gateway', clients: 1, connections: 1, prepare: gatewayPut, weight: 1 },
  { name: 'put, gateway', clients: 100, connections: 1, prepare: gatewayPut, weight: 1 },
  { name: 'range, serializable', clients: 1, connections: 1, prepare: range(true), weight: 1 },
  { name: 'range, serializable', clients: 1000, connections: 100, prepare: range(true), weight: 1 },
  { name: 'range, linearizable', clients: 1, connections: 1, prepare: range(false), weight: 1 },
  { name: 'range, linearizable', clients: 1000, connections: 1, prepare: range(false), weight: 1 },
  { name: 'range, linearizable', clients: 1000, connections: 100, prepare: range(false), weight: 1 },
  { name: 'txn', clients: 1, connections: 1, prepare: txn, weight: 1 },
  { name: 'txn', clients: 1000, connections: 100, prepare: txn, weight: 1 },
  { name: 'watch fan-out (events)', clients: 1, connections: 100, prepare: fanOut, weight: WATCHERS },
  { name: 'keep-alive', clients: 1, connections: 1, prepare: keepAlive, weight: 1 },
  { name: 'keep-alive', clients: 1000, connections: 100, prepare: keepAlive, weight: 1 },
  { name: 'keep-alive, one shot', clients: 100, connections: 10, prepare: keepAliveOnce, weight: 1 },
  { name: 'range of 1000 keys', clients: 1, connections: 1, prepare: thousandKeys, weight: 1 },
  { name: 'range of 1000 keys', clients: 100, connections: 10, prepare: thousandKeys, weight: 1 },
];
