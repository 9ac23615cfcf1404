/** The loads of the v2 API, beside an etcd of before 3.6 with --enable-v2: sets and gets over HTTP/1. */
import type { Channel } from '../../src/grpc/types.js';
import { HttpConnection } from './http-connection.js';
import { channelOf, type Load } from './loads.js';
import { textValue } from './values.js';

const KEYS = 10_000;
const WATCHERS = 5000;
const form = () => ({ type: 'application/x-www-form-urlencoded', text: `value=${textValue()}` });

const randomPath = (): string => `/v2/keys/bench/key-${Math.floor(Math.random() * KEYS)}`;

const open = (channels: readonly Channel[], client: number): Promise<HttpConnection> =>
  HttpConnection.open(channelOf(channels, client).target);

const set = async (channels: readonly Channel[], client: number) => {
  const connection = await open(channels, client);
  return () => connection.ask('PUT', randomPath(), form());
};

const get = async (channels: readonly Channel[], client: number) => {
  const connection = await open(channels, client);
  await connection.ask('PUT', '/v2/keys/bench/read', form());
  return () => connection.ask('GET', '/v2/keys/bench/read');
};

/** Long polls of keys that nobody sets. */
const setBesideWatchers = async (channels: readonly Channel[], client: number) => {
  for (let watcher = 0; watcher < WATCHERS; watcher++) {
    const connection = await open(channels, watcher);
    connection.ask('GET', `/v2/keys/watched/key-${watcher}?wait=true`).catch(() => {});
  }
  return set(channels, client);
};

/** Calls that warm a server. */
export const V2_WARMING: Load = { name: 'warming', clients: 100, connections: 1, prepare: set, weight: 1 };

export const v2Loads: readonly Load[] = [
  { name: 'v2 set', clients: 1, connections: 1, prepare: set, weight: 1 },
  { name: 'v2 set', clients: 1000, connections: 1, prepare: set, weight: 1 },
  { name: 'v2 get', clients: 1, connections: 1, prepare: get, weight: 1 },
  { name: 'v2 get', clients: 1000, connections: 1, prepare: get, weight: 1 },
  { name: 'v2 set, 5000 watchers', clients: 1, connections: 1, prepare: setBesideWatchers, weight: 1 },
];
