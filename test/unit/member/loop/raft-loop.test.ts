/**
 * The orders that keep a member's promises, each with what happened written down as it happens: the loop over a real
 * core, a log whose syncs the test ends, and nobody at the other end.
 */
import { expect, it } from 'vitest';
import type { FailpointName, Failpoints } from '../../../../src/lib/failpoints/failpoints.js';
import { silentLogger } from '../../../../src/lib/logger.js';
import { Leadership } from '../../../../src/member/loop/leadership.js';
import { Outbox } from '../../../../src/member/loop/outbox.js';
import type { Proposal } from '../../../../src/member/loop/proposal-queue.js';
import { RaftLoop } from '../../../../src/member/loop/raft-loop.js';
import { MemoryStorage } from '../../../../src/raft/log/memory-storage.js';
import { RawNode } from '../../../../src/raft/rawnode.js';
import { silentRaftLogger } from '../../../../src/raft/world/logger.js';
import { messageTypeName } from '../../../../src/raftpb/describe.js';
import {
  type Entry,
  type HardState,
  type Message,
  MessageType,
  makeConfState,
  makeEntry,
  makeMessage,
  makeSnapshot,
} from '../../../../src/raftpb/types.js';
import type { Wal } from '../../../../src/wal/types.js';
import { ManualClock, settle } from '../../../support/manual-clock.js';
import { seededRandom } from '../../../support/seeded-random.js';

/** Member 1 of `voters`, with one entry that all of them have. */
function member(voters: readonly bigint[]) {
  const events: string[] = [];
  const sent: Message[] = [];
  const syncs: (() => void)[] = [];
  let finishInstall: () => void = () => {};
  const clock = new ManualClock();
  const storage = new MemoryStorage();
  const confState = makeConfState({ voters: [...voters] });
  storage.applySnapshot(makeSnapshot({ index: 1, term: 1, confState }));
  storage.setHardState({ term: 1, vote: 0n, commit: 1 });
  const node = new RawNode({
    id: 1n,
    electionTicks: 10,
    heartbeatTicks: 1,
    storage,
    random: seededRandom(1),
    logger: silentRaftLogger,
    applied: 1,
    asyncStorageWrites: true,
  });
  let state: Pick<HardState, 'term' | 'vote'> = { term: 1, vote: 0n };
  const log = {
    save({ term, vote }: HardState, entries: readonly Entry[]): boolean {
      events.push(entries.length > 0 ? `write ${entries.map(({ index }) => index).join(' ')}` : 'write state');
      const isCommitAlone = entries.length === 0 && (term === 0 || (term === state.term && vote === state.vote));
      if (term !== 0) state = { term, vote };
      return !isCommitAlone;
    },
    writeBuffered(): void {
      events.push('flush');
    },
    sync(): Promise<void> {
      return new Promise((resolve) => {
        syncs.push(() => {
          events.push('sync');
          resolve();
        });
      });
    },
  } as unknown as Wal;
  const leadership = new Leadership({ node, clock, logger: silentLogger, heartbeatIntervalMs: 100, wake() {} });
  const outbox = new Outbox({
    send(messages) {
      sent.push(...messages);
      for (const { type } of messages) events.push(`send ${messageTypeName(type)}`);
    },
    sendSnapshot() {},
    isRemoved: () => false,
    leadership,
    clock,
    logger: silentLogger,
    heartbeatIntervalMs: 100,
  });
  const fatal: unknown[] = [];
  const loop = new RaftLoop({
    node,
    storage,
    log,
    leadership,
    clock,
    outbox,
    reads: { wantsRound: false, begin() {}, confirm() {}, applied() {} },
    applyEntries: (entries) => events.push(...entries.map(({ index }) => `apply ${index}`)),
    snapshots: {
      persist(snapshot) {
        events.push(`snapshot ${snapshot.metadata.index}`);
        storage.applySnapshot(snapshot);
      },
      install: () =>
        new Promise((resolve) => {
          finishInstall = () => {
            events.push('install');
            resolve();
          };
        }),
    },
    onFatal: (cause) => fatal.push(cause),
  });
  return {
    events,
    sent,
    node,
    loop,
    clock,
    fatal,
    install: async () => {
      finishInstall();
      await settle();
    },
    /** Ends the syncs under way. */
    sync: async () => {
      for (const end of syncs.splice(0)) end();
      await settle();
    },
    receive: async (message: Partial<Message> & Pick<Message, 'type'>) => {
      const stepped = loop.receive(makeMessage({ from: 2n, to: 1n, term: 2, ...message }));
      await settle();
      await stepped;
    },
  };
}

const proposal = (text: string): Proposal => ({
  content: Buffer.from(text),
  isAbandoned: false,
  dropped() {},
  taken() {},
  refused(error) {
    throw error;
  },
});

async function lead(one: ReturnType<typeof member>): Promise<void> {
  one.node.campaign();
  one.loop.wake();
  await settle();
  await one.sync();
}

it("holds a follower's answer back until what it answers for is synced", async () => {
  const one = member([1n, 2n]);
  await one.receive({ type: MessageType.MsgApp, index: 1, logTerm: 1, entries: [makeEntry({ index: 2, term: 2 })] });
  expect(one.events).toEqual(['write 2']);
  await one.sync();
  expect(one.events).toEqual(['write 2', 'sync', 'send MsgAppResp']);
  expect(one.fatal).toEqual([]);
});

/** A voter that is alone and leads, with a proposal that is not synced yet. */
async function proposedAlone() {
  const one = member([1n]);
  await lead(one);
  await one.sync();
  one.events.length = 0;
  one.loop.propose(proposal('x'));
  await settle();
  return one;
}

it('has a single voter commit and apply after its own sync alone', async () => {
  const one = await proposedAlone();
  expect(one.events).toEqual(['write 3']);
  await one.sync();
  expect(one.events.filter((event) => event !== 'write state')).toEqual(['write 3', 'sync', 'apply 3']);
});

it('does not keep a commit index from the log for long', async () => {
  const one = await proposedAlone();
  await one.sync();
  expect(one.events).toEqual(['write 3', 'sync', 'write state', 'apply 3']);
  await one.clock.advance(5);
  expect(one.events).toContain('flush');
  await one.clock.advance(1000);
  expect(one.events.filter((event) => event === 'flush')).toHaveLength(1);
});

it('lets a leader send before it writes, and take part in the quorum only after its sync', async () => {
  const one = member([1n, 2n, 3n]);
  await lead(one);
  await one.receive({ type: MessageType.MsgVoteResp });
  expect(one.node.isLeader).toBe(true);
  await one.sync();
  await one.receive({ type: MessageType.MsgAppResp, index: 2 });
  await one.sync();
  one.events.length = 0;
  one.loop.propose(proposal('x'));
  await settle();
  expect(one.events.indexOf('send MsgApp')).toBeLessThan(one.events.indexOf('write 3'));
  expect(one.node.committed).toBe(2);
  await one.receive({ type: MessageType.MsgAppResp, index: 3 });
  expect(one.node.committed).toBe(2);
  await one.sync();
  expect(one.node.committed).toBe(3);
});

it('takes a snapshot before the entries that come after it, and answers when its database is in place', async () => {
  const one = member([1n, 2n]);
  const confState = makeConfState({ voters: [1n, 2n] });
  const snapshot = makeSnapshot({ index: 10, term: 2, confState });
  await one.receive({ type: MessageType.MsgSnap, snapshot });
  await one.receive({ type: MessageType.MsgApp, index: 10, logTerm: 2, entries: [makeEntry({ index: 11, term: 2 })] });
  await one.sync();
  expect(one.events.indexOf('snapshot 10')).toBeGreaterThanOrEqual(0);
  expect(one.events.indexOf('snapshot 10')).toBeLessThan(one.events.indexOf('write 11'));
  expect(one.sent.map(({ type }) => type)).not.toContain(MessageType.MsgAppResp);
  await one.install();
  await one.sync();
  expect(one.events.indexOf('install')).toBeLessThan(one.events.indexOf('send MsgAppResp'));
  expect(one.fatal).toEqual([]);
});

it('stops when a sync fails, and answers for nothing any more', async () => {
  const one = member([1n, 2n]);
  one.loop.deps.log.sync = () => Promise.reject(new Error('input/output error'));
  await one.receive({ type: MessageType.MsgApp, index: 1, logTerm: 1, entries: [makeEntry({ index: 2, term: 2 })] });
  await settle();
  expect(one.fatal).toEqual([new Error('input/output error')]);
  expect(one.sent).toEqual([]);
});

it('stops when an entry cannot be applied, with the reason, and applies no more', async () => {
  const one = member([1n]);
  await lead(one);
  await one.sync();
  const cause = new Error('unimplemented apply');
  Object.assign(one.loop.deps, {
    applyEntries: () => {
      one.events.push('apply');
      throw cause;
    },
  });
  one.events.length = 0;
  one.loop.propose(proposal('x'));
  await settle();
  await one.sync();
  expect(one.fatal).toEqual([cause]);
  one.loop.wake();
  await settle();
  expect(one.events.filter((event) => event === 'apply')).toHaveLength(1);
});

/** Failpoints of which one sleeps until `release` is called. */
function sleeping(name: FailpointName) {
  let release: () => void = () => {};
  const slept = new Promise<void>((resolve) => {
    release = resolve;
  });
  const failpoints: Failpoints = {
    hit: () => undefined,
    wait: async () => undefined,
    holdUp: (hit) => (hit === name ? slept : undefined),
  };
  return {
    failpoints,
    release: async () => {
      release();
      await settle();
    },
  };
}

it('writes nothing and handles nothing further while a failpoint holds it up, and nobody else', async () => {
  const one = member([1n, 2n]);
  const { failpoints, release } = sleeping('raftBeforeSave');
  Object.assign(one.loop.deps, { failpoints });
  const append = (index: number) =>
    one.loop.receive(
      makeMessage({
        type: MessageType.MsgApp,
        from: 2n,
        to: 1n,
        term: 2,
        index,
        logTerm: index === 1 ? 1 : 2,
        entries: [makeEntry({ index: index + 1, term: 2 })],
      }),
    );
  void append(1);
  await settle();
  const stepped = append(2);
  await settle();
  expect(one.events).toEqual([]);
  await release();
  await stepped;
  expect(one.events).toEqual(['write 2', 'write 3']);
  await one.sync();
  expect(one.events.slice(2)).toEqual(['sync', 'send MsgAppResp']);
  expect(one.sent.at(-1)).toMatchObject({ index: 3 });
  expect(one.fatal).toEqual([]);
});

it('answers nothing and counts no tick while a failpoint holds it up after a sync', async () => {
  const one = member([1n, 2n]);
  const { failpoints, release } = sleeping('raftAfterSave');
  Object.assign(one.loop.deps, { failpoints });
  await one.receive({ type: MessageType.MsgApp, index: 1, logTerm: 1, entries: [makeEntry({ index: 2, term: 2 })] });
  await one.sync();
  for (let tick = 0; tick < 100; tick++) one.loop.tick();
  await settle();
  expect(one.events).toEqual(['write 2', 'sync']);
  expect(one.loop.hasTicked(1000)).toBe(false);
  await release();
  expect(one.events).toEqual(['write 2', 'sync', 'send MsgAppResp']);
  one.loop.tick();
  expect(one.loop.hasTicked(1000)).toBe(true);
  expect(one.fatal).toEqual([]);
});

it('goes on with writing and answering while a failpoint holds up applying, whose order stays', async () => {
  const one = member([1n, 2n]);
  const { failpoints, release } = sleeping('beforeApplyOneEntryNormal');
  Object.assign(one.loop.deps, { failpoints });
  for (const [index, commit] of [
    [1, 2],
    [2, 3],
  ] as const) {
    const logTerm = index === 1 ? 1 : 2;
    const entries = [makeEntry({ index: index + 1, term: 2 })];
    await one.receive({ type: MessageType.MsgApp, index, logTerm, commit, entries });
    await one.sync();
  }
  expect(one.events).toEqual(['write 2', 'sync', 'send MsgAppResp', 'write 3', 'sync', 'send MsgAppResp']);
  expect(one.node.applied).toBe(1);
  await release();
  expect(one.events.slice(6)).toEqual(['apply 2', 'apply 3']);
  expect(one.node.applied).toBe(3);
  expect(one.fatal).toEqual([]);
});

it('held up before a save, is not heard of any more as a leader, though it has nothing to save', async () => {
  const one = await leading();
  expect(one.node.isLeader).toBe(true);
  const { failpoints, release } = sleeping('raftBeforeSave');
  Object.assign(one.loop.deps, { failpoints });
  const beats = async (): Promise<number> => {
    for (let tick = 0; tick < 3; tick++) {
      one.node.tick();
      one.loop.wake();
      await settle();
    }
    return one.events.filter((event) => event === 'send MsgHeartbeat').length;
  };
  const before = one.events.filter((event) => event === 'send MsgHeartbeat').length;
  expect((await beats()) - before).toBe(1);
  Object.assign(one.loop.deps, { failpoints: undefined });
  await release();
  expect(await beats()).toBeGreaterThan(before + 3);
});

it.each([
  { voters: [1n], held: true },
  { voters: [1n, 2n], held: false },
])('is held up before the save that commits by itself: $held with voters $voters', async ({ voters, held }) => {
  const one = member(voters);
  Object.assign(one.loop.deps, { failpoints: sleeping('raftBeforeSaveWaitWalSync').failpoints });
  if (voters.length === 1) await lead(one);
  else
    await one.receive({ type: MessageType.MsgApp, index: 1, logTerm: 1, entries: [makeEntry({ index: 2, term: 2 })] });
  expect(one.events.includes('write 2')).toBe(!held);
});

/** A follower of member 2 in term 2 that has entry 2, not committed; what happened so far is forgotten. */
async function following() {
  const one = member([1n, 2n]);
  await one.receive({ type: MessageType.MsgApp, index: 1, logTerm: 1, entries: [makeEntry({ index: 2, term: 2 })] });
  await one.sync();
  one.events.length = 0;
  one.sent.length = 0;
  return one;
}

const heartbeat = (more: Partial<Message> = {}): Message =>
  makeMessage({ type: MessageType.MsgHeartbeat, from: 2n, to: 1n, term: 2, commit: 1, ...more });

it('answers a heartbeat where it comes, without a turn of its own', async () => {
  const one = await following();
  await Promise.all([one.loop.receive(heartbeat()), one.loop.receive(heartbeat())]);
  expect(one.events).toEqual(['send MsgHeartbeatResp', 'send MsgHeartbeatResp']);
  void one.loop.receive(heartbeat({ commit: 2 }));
  expect(one.events.slice(2), 'what it commits is written and applied as ever').toEqual([
    'write state',
    'apply 2',
    'send MsgHeartbeatResp',
  ]);
  for (let tick = 0; tick < 9; tick++) one.loop.tick();
  void one.loop.receive(heartbeat());
  for (let tick = 0; tick < 9; tick++) one.loop.tick();
  await settle();
  expect(one.node.isFollower, 'the election timeout begins anew').toBe(true);
});

it.each([
  { what: 'carries a read', message: { context: Buffer.from('12345678') }, answers: ['MsgHeartbeatResp 2 12345678'] },
  { what: 'is of a later term', message: { term: 3 }, answers: ['MsgHeartbeatResp 3 '] },
  { what: 'is of a term that is over', message: { term: 1 }, answers: [] },
  { what: 'is an append', message: { type: MessageType.MsgApp, index: 2, logTerm: 2 }, answers: ['MsgAppResp 2 '] },
])('takes a message in with the others of its turn where it $what', async ({ message, answers }) => {
  const one = await following();
  const taken = one.loop.receive(heartbeat(message));
  expect(one.events).toEqual([]);
  void one.loop.receive(heartbeat({ term: message.term ?? 2 }));
  expect(one.events, 'nor does a heartbeat overtake it').toEqual([]);
  await taken;
  await one.sync();
  const sent = one.sent.map(
    ({ type, term, context }) => `${messageTypeName(type)} ${term} ${Buffer.from(context).toString()}`,
  );
  expect(sent).toEqual(expect.arrayContaining(answers));
  expect(sent).toHaveLength(answers.length === 0 ? 0 : 2);
  expect(one.fatal).toEqual([]);
});

it('answers no heartbeat while a failpoint holds it up, or after its end', async () => {
  const one = await following();
  const { failpoints, release } = sleeping('raftBeforeSave');
  Object.assign(one.loop.deps, { failpoints });
  const append = { type: MessageType.MsgApp, index: 2, logTerm: 2, entries: [makeEntry({ index: 3, term: 2 })] };
  void one.loop.receive(heartbeat(append));
  await settle();
  void one.loop.receive(heartbeat());
  await settle();
  expect(one.events).toEqual([]);
  await release();
  expect(one.events).toEqual(['write 3', 'send MsgHeartbeatResp']);
  one.loop.stop();
  await expect(one.loop.receive(heartbeat())).rejects.toThrow('server stopped');
  expect(one.events).toHaveLength(2);
});

/** A leader in term 2 of two, with an entry that both have; what happened so far is forgotten. */
async function leading() {
  const one = member([1n, 2n]);
  await lead(one);
  await one.receive({ type: MessageType.MsgVoteResp });
  await one.sync();
  await one.receive({ type: MessageType.MsgAppResp, index: 2 });
  await one.sync();
  one.events.length = 0;
  one.sent.length = 0;
  return one;
}

const progressOf = (one: ReturnType<typeof member>) => one.node.status().progress.get(2n);

it("sends a leader's heartbeats in the tick, and takes the answers to them where they come", async () => {
  const one = await leading();
  one.loop.tick();
  expect(one.events).toEqual(['send MsgHeartbeat']);
  const before = progressOf(one);
  void one.loop.receive(heartbeat({ type: MessageType.MsgHeartbeatResp, commit: 0 }));
  expect(one.events).toEqual(['send MsgHeartbeat']);
  expect(progressOf(one)).toEqual(before);
  for (let tick = 0; tick < 9; tick++) one.loop.tick();
  void one.loop.receive(heartbeat({ type: MessageType.MsgHeartbeatResp, commit: 0 }));
  for (let tick = 0; tick < 10; tick++) one.loop.tick();
  await settle();
  expect(one.node.isLeader).toBe(true);
});

it('sends what a follower lacks as soon as it answers a heartbeat', async () => {
  const one = await leading();
  one.loop.propose(proposal('x'));
  await settle();
  await one.sync();
  one.loop.reportUnreachable(2n);
  await settle();
  one.events.length = 0;
  void one.loop.receive(heartbeat({ type: MessageType.MsgHeartbeatResp, commit: 0 }));
  expect(one.events).toEqual(['send MsgApp']);
});

it('sends heartbeats with what else is in the turn', async () => {
  const one = await leading();
  one.loop.propose(proposal('x'));
  one.loop.tick();
  expect(one.events).toEqual([]);
  await settle();
  expect(one.events).toEqual(['send MsgHeartbeat', 'send MsgApp', 'write 3']);
});
