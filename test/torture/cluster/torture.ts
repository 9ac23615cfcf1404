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
import { Operator } from './operator.js';
import { ProcessCluster } from './process-cluster.js';

export interface TortureOptions {
  readonly seed: number;
  readonly seconds: number;
  /** Longer than that, until so many calls were answered and so many things were done to the members. */
  readonly atLeast?: { readonly answered: number; readonly strikes: number };
  /** So many changes of membership and little else, however long that takes. */
  readonly changes?: number;
  /** Instead of trouble: the members are added up to so many, and removed until there is one. */
  readonly upTo?: number;
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
  readonly changes: Readonly<Record<string, number>>;
}

/** Leases live for two seconds, and an election timeout longer where the leader changes. */
const QUIET_MS = 6_000;
/** All keys, registers, what hangs on leases. */
const WATCHED = ['', 'k', 'l'];

export async function torture(options: TortureOptions): Promise<Tortured> {
  const { seed, members = 3, clients = 5, trace = () => {} } = options;
  await using cluster = await ProcessCluster.start(members, streamOf(seed, 2));
  const startedMs = performance.now();
  const traced = (line: string): void =>
    trace(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(7)}  ${line}`);
  const smallest = options.changes === undefined ? Math.min(3, members) : 1;
  const operator = new Operator(cluster, streamOf(seed, 3), { smallest, largest: members + 2 }, traced);
  const nemesis = new Nemesis(cluster, operator, streamOf(seed, 1), traced);
  let isEnding = false;
  const all = Array.from(
    { length: clients },
    (_, i) => new Client(cluster, `c${i}`, streamOf(seed, 10 + i), () => isEnding),
  );
  const isEnough = (): boolean => {
    if (performance.now() < startedMs + options.seconds * 1000) return false;
    const { answered = 0, strikes = 0 } = options.atLeast ?? {};
    return totalOf(nemesis.counts) >= strikes && answeredBy(all) >= answered;
  };
  await using watching = cluster.followingClient();
  const watches = WATCHED.map((prefix) => new Watching(watching, prefix));
  const { changes, upTo } = options;
  const troubled = (): Promise<void> => {
    if (upTo !== undefined) return operator.growAndShrink(upTo);
    return changes === undefined ? nemesis.run(isEnough) : nemesis.change(changes);
  };
  const trouble = troubled();
  const working = all.map((client) => client.run());
  try {
    await trouble;
    // On a busy machine it takes them a while.
    while (answeredBy(all) < (options.atLeast?.answered ?? 0)) await sleep(50);
  } finally {
    isEnding = true;
    await Promise.all(working);
  }
  await operator.check();
  await using client = cluster.followingClient();
  const revision = await quietRevision(client);
  const truth = new Truth();
  for (const events of byRevision(await history(client, revision))) truth.add(truth.revision + 1, events);
  const expected = Array.from({ length: revision - 1 }, (_, i) => truth.at(i + 2)).flat();
  for (const watch of watches) await watch.check(expected);
  await checkHashes(cluster, client, revision);
  const calls: Call[] = all.flatMap((one) => one.calls);
  const { answered, unknown, writes } = checkCalls(calls, truth);
  return { answered, writes, unknown, revisions: revision, strikes: nemesis.counts, changes: operator.counts };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const totalOf = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);
const answeredBy = (clients: readonly Client[]): number =>
  clients.reduce((sum, { calls }) => sum + calls.filter(({ endedMs }) => endedMs !== Infinity).length, 0);

/** A watch from the beginning on, until its client is closed. */
class Watching {
  readonly told: Version[] = [];
  readonly #ended: Promise<void>;

  constructor(
    readonly client: EtcdClient,
    readonly prefix: string,
  ) {
    this.#ended = this.#run();
    this.#ended.catch(() => {});
  }

  async check(history: readonly Version[]): Promise<void> {
    const expected = history.filter(({ key }) => key.startsWith(this.prefix));
    const last = expected.at(-1)?.mod ?? 0;
    while ((this.told.at(-1)?.mod ?? 0) < last) await Promise.race([this.#ended, sleep(50)]);
    if (text(this.told) !== text(expected))
      throw new Error(`a watch of "${this.prefix}" was told ${difference(this.told, expected)}`);
  }

  async #run(): Promise<void> {
    const { client, prefix } = this;
    for await (const { events } of client.watch(prefix, { prefix: true, revision: 1 }))
      for (const event of events) this.told.push(versionOfEvent(event));
    throw new Error(`a watch of "${prefix}" ended`);
  }
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
  // Learners refuse.
  for (const { endpoint, name } of cluster.members.filter(({ isLearner }) => !isLearner)) {
    const { hash } = await client.maintenance.hashKV(endpoint, revision);
    hashes.set(name, hash);
  }
  if (new Set(hashes.values()).size !== 1) throw new Error(`members differ: ${text([...hashes])}`);
}
