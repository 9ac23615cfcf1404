/**
 * A cluster of processes under clients and a nemesis. When it is over, the cluster's own history must explain every
 * answer (`HistoryChecker`), each watch must have told exactly that history, and all members must have the same data.
 */
import type { Client as EtcdClient } from '../../../src/client/client.js';
import { streamOf } from '../../sim/raft/draws.js';
import { Truth, text, type Version } from '../../support/linearizability/truth.js';
import { versionOfEvent } from '../../support/linearizability/wire.js';
import { type Call, Client, checkCalls } from './clients.js';
import { Nemesis } from './nemesis.js';
import { ProcessCluster } from './process-cluster.js';

export interface TortureOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly members?: number;
  readonly clients?: number;
  readonly trace?: (line: string) => void;
}

export interface Tortured {
  readonly answered: number;
  readonly writes: number;
  readonly unknown: number;
  readonly revisions: number;
  readonly strikes: Readonly<Record<string, number>>;
}

const QUIET_MS = 10_000;

export async function torture(options: TortureOptions): Promise<Tortured> {
  const { seed, seconds, members = 3, clients = 5, trace = () => {} } = options;
  await using cluster = await ProcessCluster.start(members);
  const startedMs = performance.now();
  const endMs = startedMs + seconds * 1000;
  let isEnding = false;
  const isOver = (): boolean => isEnding || performance.now() > endMs;
  const all = Array.from({ length: clients }, (_, i) => new Client(cluster, `c${i}`, streamOf(seed, 10 + i), isOver));
  const nemesis = new Nemesis(cluster, streamOf(seed, 1), (line) =>
    trace(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(7)}  ${line}`),
  );
  const told: Version[] = [];
  await using watching = cluster.client();
  const watch = follow(watching, told);
  try {
    await Promise.all([nemesis.run(isOver), ...all.map((client) => client.run())]);
  } finally {
    isEnding = true;
  }
  await using client = cluster.client();
  const revision = await quietRevision(client);
  const truth = new Truth();
  for (const events of byRevision(await history(client, revision))) truth.add(truth.revision + 1, events);
  while ((told.at(-1)?.mod ?? 0) < revision)
    await Promise.race([watch, new Promise((resolve) => setTimeout(resolve, 50))]);
  const expected = Array.from({ length: revision - 1 }, (_, i) => truth.at(i + 2)).flat();
  if (text(told) !== text(expected)) throw new Error(`a watch was told ${difference(told, expected)}`);
  await checkHashes(cluster, client, revision);
  const calls: Call[] = all.flatMap((one) => one.calls);
  const { answered, unknown, writes } = checkCalls(calls, truth);
  return { answered, writes, unknown, revisions: revision, strikes: nemesis.counts };
}

/** Every key from the beginning on, until the client is closed. */
async function follow(client: EtcdClient, told: Version[]): Promise<void> {
  for await (const { events } of client.watch('', { prefix: true, revision: 1 }))
    for (const event of events) told.push(versionOfEvent(event));
}

/** When the last leases have ended. */
async function quietRevision(client: EtcdClient): Promise<number> {
  let last = 0;
  for (let untilMs = performance.now() + QUIET_MS; performance.now() < untilMs; ) {
    const { header } = await client.kv.get('k', {});
    const revision = header?.revision ?? 0;
    if (revision !== last) untilMs = performance.now() + QUIET_MS;
    last = revision;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  return last;
}

async function history(client: EtcdClient, revision: number): Promise<Version[]> {
  const events: Version[] = [];
  if (revision < 2) return events;
  for await (const batch of client.watch('', { prefix: true, revision: 2 })) {
    for (const event of batch.events) events.push(versionOfEvent(event));
    if ((events.at(-1)?.mod ?? 0) >= revision) break;
  }
  return events;
}

function byRevision(events: readonly Version[]): Version[][] {
  const groups = new Map<number, Version[]>();
  for (const event of events) {
    const group = groups.get(event.mod);
    if (group === undefined) groups.set(event.mod, [event]);
    else group.push(event);
  }
  return [...groups.values()];
}

function difference(told: readonly Version[], expected: readonly Version[]): string {
  const at = expected.findIndex((event, i) => text(event) !== text(told[i]));
  return `${text(told.slice(at, at + 3))} where ${text(expected.slice(at, at + 3))} happened`;
}

async function checkHashes(cluster: ProcessCluster, client: EtcdClient, revision: number): Promise<void> {
  const hashes = new Map<string, number>();
  for (const { endpoint, name } of cluster.members) {
    const { hash } = await client.maintenance.hashKV(endpoint, revision);
    hashes.set(name, hash);
  }
  if (new Set(hashes.values()).size !== 1) throw new Error(`members differ: ${text([...hashes])}`);
}
