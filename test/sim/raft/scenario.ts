/**
 * What a run is like, drawn from its seed: size and settings of the group, manners of network, disks and clocks, and
 * how often what goes wrong. About a third of all kinds of trouble is left out of each run: some bugs show only where
 * nothing else interferes.
 */
import type { Random } from '../../../src/lib/random.js';
import type { ReadOnlyOption } from '../../../src/raft/config.js';
import { between, chance, mustPick, type Range } from './draws.js';
import { unitsPerTick } from './event-queue.js';

export const faultKinds = [
  'crash',
  'powerCut',
  'restart',
  'partition',
  'oneWay',
  'usurp',
  'heal',
  'pause',
  'slowDisk',
  'drift',
  'unreachable',
] as const;
export type FaultKind = (typeof faultKinds)[number];

export const requestKinds = ['propose', 'read', 'confChange', 'transfer', 'campaign', 'forgetLeader'] as const;
export type RequestKind = (typeof requestKinds)[number];

export interface Scenario {
  /** Nodes there are, 1 to 7; those above `voters + learners` wait to be added. */
  readonly slots: number;
  readonly voters: number;
  readonly learners: number;
  /**
   * Whether all members begin with one snapshot, or with a log of one committed configuration change a voter, as etcd's
   * do.
   */
  readonly genesis: 'snapshot' | 'log';
  /** Which nodes write asynchronously: bit `id`. */
  readonly asyncNodes: number;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  readonly readOnlyOption: ReadOnlyOption;
  readonly stepDownOnRemoval: boolean;
  readonly disableProposalForwarding: boolean;
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly maxSizePerMessageBytes: number;
  readonly maxCommittedSizePerReadyBytes: number;
  readonly maxUncommittedEntriesSizeBytes: number;
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
  /** Entries applied between two snapshots. */
  readonly snapshotEvery: number;
  /** Entries below a snapshot that stay in the log. */
  readonly keepEntries: number;
  /** A snapshot is made anew when it is sent, as etcd does, or the stored one is sent. */
  readonly freshSnapshots: boolean;
  readonly delay: Range;
  /** Now and then a message takes up to so long. */
  readonly longDelay: number;
  readonly longDelayPerMille: number;
  readonly lossPerMille: number;
  readonly duplicatePerMille: number;
  readonly diskDelay: Range;
  /** With asynchronous writes, what it takes to apply. */
  readonly applyDelay: Range;
  readonly snapshotDelay: Range;
  readonly readyDelay: Range;
  /** A tick takes `unitsPerTick` on a clock that is right; on others between these two. */
  readonly tickUnits: Range;
  readonly requestEvery: Range;
  readonly faultEvery: Range;
  readonly requests: Readonly<Record<RequestKind, number>>;
  readonly faults: Readonly<Record<FaultKind, number>>;
}

const unlimited = Number.POSITIVE_INFINITY;

export function drawScenario(random: Random): Scenario {
  const slots = mustPick(random, [1, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 7]);
  const voters = between(random, { low: Math.min(slots, 1 + random.below(3)), high: slots });
  const electionTicks = mustPick(random, [3, 3, 3, 4, 4, 5, 6, 10]);
  const electionUnits = electionTicks * unitsPerTick;
  const checkQuorum = chance(random, 500);
  const readOnlyOption = checkQuorum && chance(random, 200) ? 'lease-based' : 'safe';
  const leased = readOnlyOption === 'lease-based';
  const limited = chance(random, 500);
  const maxSizePerMessageBytes = limited ? mustPick(random, [0, 20, 60, 200]) : unlimited;
  const weight = (often: number): number => (chance(random, 333) ? 0 : between(random, { low: 1, high: often }));
  // A fraction of the election timeout: where messages and disks take as long as that, hardly anyone is ever elected.
  const upTo = (...fractions: [number, ...number[]]): number => Math.ceil(electionUnits / mustPick(random, fractions));
  const sometimes = (perMille: number, range: Range): number => (chance(random, perMille) ? between(random, range) : 0);
  const genesis = chance(random, 700) ? 'snapshot' : 'log';
  return {
    slots,
    voters,
    learners: genesis === 'log' ? 0 : random.below(Math.min(3, slots - voters + 1)),
    genesis,
    asyncNodes: mustPick(random, [0, 0, 0xff, 0xff, random.below(256)]),
    preVote: chance(random, 500),
    checkQuorum,
    readOnlyOption,
    stepDownOnRemoval: chance(random, 500),
    disableProposalForwarding: chance(random, 250),
    electionTicks,
    heartbeatTicks: between(random, { low: 1, high: Math.max(1, electionTicks >> 2) }),
    maxSizePerMessageBytes,
    // 0 means "as for messages", where 0 means one entry each; here it would mean none.
    maxCommittedSizePerReadyBytes: mustPick(random, [unlimited, unlimited, 30, 100]),
    maxUncommittedEntriesSizeBytes: mustPick(random, [0, 0, 200, 1000]),
    maxInflightMessages: mustPick(random, [1, 2, 4, 256, 256]),
    maxInflightBytes: limited && chance(random, 500) ? Math.max(maxSizePerMessageBytes, 100) : 0,
    snapshotEvery: mustPick(random, [5, 20, 60, 200, 1_000_000]),
    keepEntries: mustPick(random, [0, 0, 3, 20]),
    freshSnapshots: chance(random, 500),
    delay: { low: 1, high: upTo(50, 30, 10, 4) },
    longDelay: leased ? unitsPerTick : electionUnits * 6,
    longDelayPerMille: sometimes(600, { low: 1, high: 60 }),
    lossPerMille: sometimes(700, { low: 1, high: 200 }),
    duplicatePerMille: sometimes(600, { low: 1, high: 150 }),
    diskDelay: { low: 0, high: chance(random, 300) ? 0 : upTo(50, 20, 10, 3) },
    applyDelay: { low: 0, high: mustPick(random, [0, 5, electionUnits >> 2, 3 * electionUnits]) },
    snapshotDelay: { low: 1, high: mustPick(random, [50, electionUnits, 6 * electionUnits]) },
    readyDelay: { low: 0, high: chance(random, 500) ? 0 : upTo(50, 20, 10, 6) },
    tickUnits: leased
      ? { low: 85, high: 120 }
      : mustPick(random, [
          { low: 95, high: 105 },
          { low: 70, high: 140 },
          { low: 30, high: 250 },
        ]),
    requestEvery: { low: 1, high: mustPick(random, [50, 150, 400]) },
    faultEvery: { low: 1, high: electionTicks * mustPick(random, [50, 100, 200, 400]) },
    requests: {
      propose: between(random, { low: 5, high: 40 }),
      read: weight(20),
      confChange: weight(mustPick(random, [4, 12, 30])),
      transfer: weight(8),
      campaign: weight(8),
      forgetLeader: leased ? 0 : weight(2),
    },
    faults: {
      crash: weight(5),
      powerCut: weight(1),
      restart: 12,
      partition: weight(6),
      oneWay: weight(8),
      usurp: weight(20),
      heal: 1,
      // A frozen process cannot count ticks, and so must not rely on a lease.
      pause: leased ? 0 : weight(6),
      slowDisk: weight(4),
      drift: weight(4),
      unreachable: weight(4),
    },
  };
}

/**
 * How far behind a lease-based read may be, in units of time. etcd's leader checks once per election timeout whether it
 * heard from a quorum in the one before; so it may go on for two of them after its last contact, on its slow clock,
 * plus what was on the way by then.
 */
export const leaseStaleness = (scenario: Scenario): number =>
  scenario.tickUnits.high * (2 * scenario.electionTicks + 2) +
  4 * (scenario.longDelay + scenario.delay.high + slowDiskDelay + scenario.readyDelay.high);

/** What a write may take on a slow disk. */
export const slowDiskDelay = unitsPerTick * 15;

export function describeScenario(scenario: Scenario): string {
  const { slots, voters, learners, asyncNodes, preVote, checkQuorum, readOnlyOption, genesis } = scenario;
  const writes = Array.from({ length: slots }, (_, at) => ((asyncNodes >> (at + 1)) & 1 ? 'a' : 's')).join('');
  const traits = [preVote ? 'preVote' : '', checkQuorum ? 'checkQuorum' : '', readOnlyOption].filter(
    (word) => word !== '',
  );
  return (
    `${slots} nodes (${voters} voters, ${learners} learners, ${genesis}), writes ${writes}, ` +
    `${traits.join(' ')}, election ${scenario.electionTicks}, loss ${scenario.lossPerMille}, delay ` +
    `${scenario.delay.high}`
  );
}
