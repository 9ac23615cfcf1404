/** Who leads, as a member knows it, and who hears of it; how far it has applied, and who waits for that. */
import { describe, expect, it } from 'vitest';
import { Applied } from '../../../../src/member/loop/applied.js';
import { Leadership } from '../../../../src/member/loop/leadership.js';
import type { SoftState } from '../../../../src/raft/ready.js';
import { ManualClock, settle } from '../../../support/manual-clock.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

function leadership() {
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const did: string[] = [];
  const node = {
    id: 1n,
    term: 5,
    leadTransferee: 0n,
    transferLeader: (to: bigint) => did.push(`transfer to ${to}`),
    campaign: () => did.push('campaign'),
  };
  const made = new Leadership({
    node: node as never,
    clock,
    logger,
    heartbeatIntervalMs: 100,
    wake: () => did.push('wake'),
  });
  const becomes = (lead: bigint, raftState: SoftState['raftState'] = 'StateFollower'): void =>
    made.update({ lead, raftState } as SoftState);
  return { clock, logger, did, made, becomes, node };
}

describe('a leadership', () => {
  it('begins with none, and knows who leads from what raft says', () => {
    const { made, becomes, clock } = leadership();
    expect([made.lead, made.hasLeader, made.isLeader, made.changesSeen]).toEqual([0n, false, false, 0]);
    becomes(2n);
    expect([made.lead, made.hasLeader, made.isLeader, made.changesSeen]).toEqual([2n, true, false, 1]);
    becomes(0n, 'StateCandidate');
    expect([made.hasLeader, made.changesSeen, made.electedMs]).toEqual([false, 1, undefined]);
    becomes(1n, 'StateLeader');
    expect([made.isLeader, made.changesSeen, made.electedMs]).toEqual([true, 2, clock.monotonicMs()]);
  });

  it('is established by the first entry of its term that is applied, until it ends', () => {
    const { made, becomes } = leadership();
    let told = 0;
    made.onFirstCommit(() => told++);
    made.firstCommit(5);
    expect([told, made.isEstablished]).toEqual([0, false]);
    becomes(1n, 'StateLeader');
    expect(made.isEstablished).toBe(false);
    // A change that was refused in an earlier term is as empty.
    made.firstCommit(4);
    expect([told, made.isEstablished]).toEqual([0, false]);
    made.firstCommit(5);
    expect([told, made.isEstablished]).toEqual([1, true]);
    // So is one that was refused in this term.
    made.firstCommit(5);
    expect(told).toBe(1);
    becomes(2n);
    becomes(1n, 'StateLeader');
    expect(made.isEstablished).toBe(false);
  });

  it('asks for something until its term is over', () => {
    const { made, becomes, node } = leadership();
    expect(made.asLeader().aborted).toBe(true);
    becomes(1n, 'StateLeader');
    const caller = made.asLeader();
    expect(caller.aborted).toBe(false);
    becomes(0n);
    expect(caller.aborted).toBe(true);
    node.term = 7;
    becomes(1n, 'StateLeader');
    expect([caller.aborted, made.asLeader().aborted]).toEqual([true, false]);
  });

  it('tells each change once, in order, and logs it', () => {
    const { made, becomes, logger } = leadership();
    const heard: string[] = [];
    made.onChange(({ before, now }) => heard.push(`a ${before} ${now}`));
    made.onChange(({ before, now }) => heard.push(`b ${before} ${now}`));
    becomes(2n);
    becomes(2n, 'StateCandidate');
    becomes(3n);
    becomes(0n);
    expect(heard).toEqual(['a 0 2', 'b 0 2', 'a 2 3', 'b 2 3', 'a 3 0', 'b 3 0']);
    expect(logger.records.map(({ message }) => message)).toEqual([
      'raft.node: 1 elected leader 2 at term 5',
      'raft.node: 1 changed leader from 2 to 3 at term 5',
      'raft.node: 1 lost leader 3 at term 5',
    ]);
  });

  it('is handed over, or that takes too long', async () => {
    const { made, becomes, did, clock } = leadership();
    becomes(1n, 'StateLeader');
    const done = made.transfer(2n as never, 1000).then(() => 'done');
    expect(did).toEqual(['transfer to 2', 'wake']);
    await clock.advance(150);
    becomes(2n);
    await clock.advance(50);
    expect(await done).toBe('done');
    const late = made.transfer(3n as never, 1000).catch((error) => error.row);
    await clock.advance(900);
    expect(clock.pending).toBe(1);
    await clock.advance(100);
    expect(await late).toBe('timeoutLeaderTransfer');
    expect(clock.pending).toBe(0);
  });

  it('may be stood for at once', () => {
    const { made, did } = leadership();
    made.campaign();
    expect(did).toEqual(['campaign', 'wake']);
  });
});

describe('who waits for what is committed', () => {
  it('goes on when it is applied, after a second without it, or at the end', async () => {
    const clock = new ManualClock();
    const at = { committed: 5, applied: 5 };
    const applied = new Applied(clock, () => at);
    const got: string[] = [];
    const wait = (name: string): void => {
      void applied.untilCommitted().then((is) => got.push(`${name} ${is}`));
    };
    expect(applied.index).toBe(5);
    wait('at once');
    at.committed = 7;
    wait('seven');
    at.committed = 9;
    wait('nine');
    at.applied = 6;
    applied.advance();
    await settle();
    expect(got).toEqual(['at once true']);
    at.applied = 7;
    applied.advance();
    await settle();
    expect(got).toEqual(['at once true', 'seven true']);
    await clock.advance(999);
    expect(got).toHaveLength(2);
    await clock.advance(1);
    expect(got).toEqual(['at once true', 'seven true', 'nine false']);
    wait('closed');
    applied.close();
    await settle();
    expect(got.at(-1)).toBe('closed false');
    at.applied = 9;
    applied.advance();
    await clock.advance(5000);
    expect(got).toHaveLength(4);
    expect(clock.pending).toBe(0);
  });

  it('is forgotten once it went on', async () => {
    const clock = new ManualClock();
    const after = clock.after.bind(clock);
    let cancelled = 0;
    clock.after = (delayMs, run) => {
      const cancel = after(delayMs, run);
      return () => {
        cancelled++;
        cancel();
      };
    };
    const at = { committed: 7, applied: 5 };
    const applied = new Applied(clock, () => at);
    for (const until of [7, 9]) {
      at.committed = until;
      const waiting = applied.untilCommitted();
      at.applied = until;
      applied.advance();
      expect(await waiting).toBe(true);
    }
    applied.close();
    expect(cancelled).toBe(2);
  });
});
