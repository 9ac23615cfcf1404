/** What a run is like; all of it drawn from its seed. */
import type { MemberConfig } from '../../../src/member/world/types.js';
import { memberConfig } from '../../support/in-process-member.js';
import { peerUrlOf } from '../../support/simulated-cluster.js';
import { between, chance, streamOf } from '../raft/draws.js';

export interface Scenario {
  readonly members: number;
  readonly config: Partial<MemberConfig>;
  readonly clients: number;
  /** Between two things that happen to the members. */
  readonly faultEveryMs: number;
  /** How often what happens is of each kind. */
  readonly faults: Readonly<Record<FaultKind, number>>;
  readonly lossPerMille: number;
  readonly slowestMs: number;
  /** How long things go wrong before all is made well and looked at. */
  readonly stormMs: number;
  readonly changesMembers: boolean;
  /** How often the operator changes them, beside what else it does; and how long it waits between two things. */
  readonly changeWeight: number;
  readonly operatorEveryMs: number;
  /** There are users, and authentication. */
  readonly hasAccounts: boolean;
  /** Between members is etcd's peer protocol; otherwise each message is on its own, and they overtake one another. */
  readonly speaksHttp: boolean;
}

export type FaultKind =
  | 'kill'
  | 'power'
  | 'power-at-step'
  | 'disk-fails'
  | 'disk-full'
  | 'slow-disk'
  | 'pause'
  | 'cut'
  | 'cut-one-way'
  | 'isolate'
  | 'heal'
  | 'wall-jump'
  | 'transfer'
  | 'weather';

export function drawScenario(seed: number, members: number): Scenario {
  const random = streamOf(seed, 1);
  const often = (perMille: number, weight: number): number => (chance(random, perMille) ? weight : 0);
  return {
    members,
    config: {
      snapshotCount: between(random, { low: 10, high: 80 }),
      snapshotCatchupEntries: between(random, { low: 3, high: 25 }),
      walSegmentBytes: 32_000,
      compactionBatchLimit: between(random, { low: 3, high: 50 }),
      backendBatchLimit: between(random, { low: 5, high: 1000 }),
      maxSnapshots: between(random, { low: 1, high: 4 }),
      maxWals: between(random, { low: 1, high: 4 }),
      preVote: chance(random, 800),
      strictReconfigCheck: chance(random, 800),
      watchProgressNotifyIntervalMs: 2000,
      ...(chance(random, 300) && {
        autoCompaction: { mode: 'revision' as const, retention: between(random, { low: 10, high: 100 }) },
      }),
    },
    clients: between(random, { low: 3, high: 6 }),
    faultEveryMs: between(random, { low: 500, high: 4000 }),
    faults: {
      kill: often(900, 6),
      power: often(800, 5),
      'power-at-step': often(700, 5),
      'disk-fails': often(500, 2),
      'disk-full': often(300, 1),
      'slow-disk': often(600, 3),
      pause: often(700, 5),
      cut: often(700, 5),
      'cut-one-way': often(700, 5),
      isolate: often(700, 4),
      heal: 8,
      'wall-jump': often(500, 2),
      transfer: often(700, 4),
      weather: often(600, 3),
    },
    lossPerMille: often(500, between(random, { low: 1, high: 100 })),
    slowestMs: between(random, { low: 2, high: 150 }),
    stormMs: between(random, { low: 15_000, high: 40_000 }),
    changesMembers: chance(random, 600),
    changeWeight: 1,
    operatorEveryMs: 3000,
    speaksHttp: chance(random, 500),
    hasAccounts: chance(random, 600),
  };
}

/** The same, but there is one change of members after the other. */
export const changing = (scenario: Scenario): Scenario => ({
  ...scenario,
  clients: 2,
  changesMembers: true,
  changeWeight: 5,
  operatorEveryMs: 200,
});

export function configOf(name: string, scenario: Scenario, more: Partial<MemberConfig>): MemberConfig {
  return memberConfig(`/${name}`, {
    name,
    initialAdvertisePeerUrls: [peerUrlOf(name)],
    advertiseClientUrls: [`http://${name}:2379`],
    ...scenario.config,
    ...more,
  });
}
