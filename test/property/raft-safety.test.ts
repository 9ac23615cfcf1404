/**
 * Figure 3 of the paper, held against groups to which anything may happen: messages lost, doubled and out of order,
 * crashes, compaction, membership changes, transfers. One seed replays a run.
 */

import { expect, test } from 'vitest';
import { describeEntry } from '../../src/raftpb/describe.js';
import { ConfChangeType, type Entry, makeConfChangeV2 } from '../../src/raftpb/types.js';
import fc from '../support/drawn.js';
import { RaftGroup } from '../support/raft-group.js';
import { seededRandom } from '../support/seeded-random.js';

interface Run {
  readonly seed: number;
  readonly voters: number;
  readonly steps: number;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
}

function run({ seed, voters, steps, preVote, checkQuorum }: Run): { applied: number; elections: number } {
  const random = seededRandom(seed);
  const group = new RaftGroup(voters, {
    preVote,
    checkQuorum,
    maxInflightMessages: 4,
    maxSizePerMessageBytes: 60,
    maxCommittedSizePerReadyBytes: 80,
    stepDownOnRemoval: true,
  });
  // Room for two more, which know nothing until they are added.
  for (let extra = 1; extra <= 2; extra++) group.add(BigInt(voters + extra));
  const ids = [...group.members.keys()];
  const anyone = (): bigint => ids[random.below(ids.length)] ?? 1n;
  const leaderOf = new Map<number, bigint>();
  const committed = new Map<number, string>();
  const appliedTo = new Map<bigint, number>();

  const check = (id: bigint): void => {
    const { raw, applied } = group.member(id);
    if (raw.isLeader) {
      const known = leaderOf.get(raw.term) ?? id;
      if (known !== id) throw new Error(`election safety: ${known} and ${id} lead in term ${raw.term}`);
      leaderOf.set(raw.term, id);
    }
    for (const entry of applied.splice(0)) {
      const text = describeEntry(entry);
      const known = committed.get(entry.index) ?? text;
      if (known !== text) throw new Error(`state machine safety: ${id} applied ${text}, another ${known}`);
      committed.set(entry.index, text);
      const before = appliedTo.get(id);
      if (before !== undefined && entry.index !== before + 1)
        throw new Error(`${id} applied ${entry.index} after ${before}`);
      appliedTo.set(id, entry.index);
    }
  };
  group.onReady = (id, { snapshot }) => {
    if (snapshot !== undefined) appliedTo.set(id, snapshot.metadata.index);
  };
  const act = (): void => {
    const id = anyone();
    const { raw, storage } = group.member(id);
    const dice = random.below(100);
    if (dice < 38) group.process(id);
    else if (dice < 70) deliverOne();
    else if (dice < 84) raw.tick();
    else if (dice < 93) raw.propose(Buffer.from(String(random.below(1000))));
    else if (dice < 95) {
      group.restart(id);
      appliedTo.delete(id);
    } else if (dice < 96) raw.campaign();
    else if (dice < 97) raw.transferLeader(anyone());
    else if (dice < 98) {
      if (raw.applied > storage.firstIndex()) {
        storage.snapshot();
        storage.compact(raw.applied);
      }
    } else if (dice < 99) raw.reportUnreachable(anyone());
    else {
      const type =
        [
          ConfChangeType.ConfChangeAddNode,
          ConfChangeType.ConfChangeRemoveNode,
          ConfChangeType.ConfChangeAddLearnerNode,
        ][random.below(3)] ?? 0;
      const other = ConfChangeType.ConfChangeAddNode;
      raw.proposeConfChange(
        makeConfChangeV2({
          // Node 1 always stays, so that there is a voter left.
          changes: [
            { type, nodeId: BigInt(2 + random.below(ids.length - 1)) },
            { type: other, nodeId: 1n },
          ].slice(random.below(2) === 0 ? 1 : 0),
        }),
      );
    }
    check(id);
  };
  const deliverOne = (): void => {
    const at = random.below(group.messages.length + 1);
    const message = group.messages[at];
    if (message === undefined) return;
    const fate = random.below(10);
    // One in ten is lost, one in ten comes again.
    if (fate > 0) group.messages.splice(at, 1);
    if (fate === 1) return;
    group.member(message.to).raw.step(message);
    check(message.to);
  };
  for (let step = 0; step < steps; step++) act();

  // Faults end: within bounded time somebody leads, commits, and everybody who is a member catches up.
  group.messages = [];
  for (let round = 0; round < 400; round++) {
    for (const id of ids) group.raw(id).tick();
    for (let inner = 0; inner < 12; inner++) {
      for (const id of ids) {
        group.process(id);
        check(id);
      }
      group.deliver();
      for (const id of ids) check(id);
    }
    const [leader] = group.leaders();
    if (leader === undefined || group.leaders().length > 1) continue;
    const { raw } = group.member(leader);
    const progress = [...raw.status().progress.values()];
    if (raw.applied === raw.lastIndex && progress.every(({ match }) => match === raw.lastIndex)) {
      return { applied: committed.size, elections: leaderOf.size };
    }
    // A snapshot that was lost is found out by whoever sent it.
    for (const [id, { state }] of raw.status().progress)
      if (state === 'StateSnapshot') raw.reportSnapshot(id, { ok: false });
  }
  throw new Error('nobody leads, or somebody does not catch up');
}

test('no run breaks a safety property, and all come to rest', () => {
  let applied = 0;
  let elections = 0;
  fc.assert(
    fc.property(
      fc.record({
        seed: fc.nat(2 ** 31 - 1),
        voters: fc.integer({ min: 1, max: 5 }),
        steps: fc.integer({ min: 50, max: 1500 }),
        preVote: fc.boolean(),
        checkQuorum: fc.boolean(),
      }),
      (options) => {
        const result = run(options);
        applied += result.applied;
        elections += result.elections;
      },
    ),
    { numRuns: 150 },
  );
  // The runs did something; how much varies with the seeds drawn (ordinarily ten times as much).
  expect(applied).toBeGreaterThan(100);
  expect(elections).toBeGreaterThan(50);
});

test('the same seed gives the same run', () => {
  const options: Run = { seed: 7, voters: 3, steps: 1000, preVote: true, checkQuorum: true };
  expect(run(options)).toEqual(run(options));
});

test('entries are described by all they hold, so that comparing the texts compares the entries', () => {
  const entries: Entry[] = [
    { type: 0, term: 1, index: 1, data: Buffer.from('a') },
    { type: 0, term: 1, index: 1, data: Buffer.from('b') },
    { type: 0, term: 2, index: 1, data: Buffer.from('a') },
  ];
  expect(new Set(entries.map(describeEntry)).size).toBe(3);
});
