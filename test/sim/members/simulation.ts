/**
 * Whole members (log, store, leases, watches, membership, snapshots) over simulated disks, network and clocks, with
 * clients, an operator and everything that can go wrong. Storms and calms follow one another until enough has happened.
 * The same seed gives the same run.
 */
import type { Logger } from '../../../src/lib/logger.js';
import { streamOf } from '../raft/draws.js';
import { Accounts, Caller } from './accounts.js';
import { calm, recover } from './calm.js';
import { SimCluster } from './cluster.js';
import { kvClient } from './kv-client.js';
import { leaseClient } from './lease-client.js';
import { Nemesis } from './nemesis.js';
import { Operator } from './operator.js';
import { changing, drawScenario, type Scenario } from './scenario.js';
import { WatchClient } from './watch-client.js';

export interface Totals {
  steps: number;
  simulatedSeconds: number;
  terms: number;
  entries: number;
  revisions: number;
  answered: number;
  unknown: number;
  events: number;
  notices: number;
  leasesExpired: number;
  changes: number;
  lives: number;
  calms: number;
  accountChanges: number;
  compactions: number;
  hashes: number;
}

export interface Outcome {
  readonly seed: number;
  readonly scenario: Scenario;
  readonly totals: Totals;
  readonly failure?: { readonly error: Error; readonly trace: readonly string[] };
}

export interface SimulateOptions {
  readonly seed: number;
  readonly members: number;
  readonly steps: number;
  /** Longer than that, until the membership was changed so often; then there is one change after the other. */
  readonly changes?: number;
  readonly sink?: (line: string) => void;
  readonly loggerOf?: (name: string, nowMs: () => number) => Logger;
}

const TRACE_LINES = 60;

export async function simulateMembers(options: SimulateOptions): Promise<Outcome> {
  const { seed, members, steps, changes = 0, sink, loggerOf } = options;
  const drawn = drawScenario(seed, members);
  const scenario = changes === 0 ? drawn : changing(drawn);
  const lines: string[] = [];
  const trace = (line: string): void => {
    lines.push(line);
    if (lines.length > TRACE_LINES) lines.shift();
    sink?.(line);
  };
  const cluster = new SimCluster({ seed, scenario, trace, ...(loggerOf !== undefined && { loggerOf }) });
  const operator = new Operator(cluster, streamOf(seed, 10));
  const nemesis = new Nemesis(cluster, streamOf(seed, 11));
  const accounts = new Accounts(cluster, streamOf(seed, 12));
  const watches = [0, 1, 2, 3].map((i) => new WatchClient(cluster, `w${i}`, streamOf(seed, 20 + i)));
  let calms = 0;
  let failure: Outcome['failure'];
  try {
    cluster.begin();
    await recover(cluster, operator);
    for (let i = 0; i < scenario.clients; i++) {
      const caller = new Caller(scenario.hasAccounts && i === 0 ? 'guest' : 'worker');
      start(cluster, kvClient(cluster, `c${i}`, streamOf(seed, 30 + i), { accounts, caller }));
    }
    if (scenario.hasAccounts) start(cluster, accounts.run());
    for (let i = 0; i < 2; i++)
      start(cluster, leaseClient(cluster, `l${i}`, streamOf(seed, 50 + i), BigInt(1 + i) * 1_000_000n));
    for (const watch of watches) start(cluster, watch.run());
    start(cluster, operator.run());
    start(cluster, nemesis.run());
    while (cluster.world.steps < steps || operator.changes < changes) {
      cluster.wakeClients();
      await cluster.pass(scenario.stormMs);
      await calm(cluster, operator, watches);
      calms++;
    }
    cluster.history.finish();
  } catch (error) {
    failure = { error: error as Error, trace: lines };
  }
  for (const { life } of cluster.places) life?.clock.end();
  const { answered, unknown } = cluster.history.counts;
  const sumOf = (count: (watch: WatchClient) => number): number =>
    watches.reduce((sum, watch) => sum + count(watch), 0);
  const totals: Totals = {
    steps: cluster.world.steps,
    simulatedSeconds: Math.round(cluster.world.monotonicMs() / 1000),
    terms: cluster.observer.leaders.size,
    entries: cluster.observer.applied,
    revisions: cluster.observer.truth.revision,
    answered,
    unknown,
    events: sumOf(({ events }) => events),
    notices: sumOf(({ notices }) => notices),
    leasesExpired: cluster.leases.expired,
    changes: operator.changes,
    lives: cluster.places.reduce((sum, { lives }) => sum + lives, 0),
    calms,
    accountChanges: accounts.changes,
    compactions: operator.compactions,
    hashes: operator.hashes,
  };
  return { seed, scenario, totals, ...(failure !== undefined && { failure }) };
}

function start(cluster: SimCluster, actor: Promise<void>): void {
  actor.catch((error: Error) => cluster.fail(error));
}
