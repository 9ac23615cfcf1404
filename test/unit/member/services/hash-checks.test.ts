/** Who is accused of other data, by the hashes that members tell; nobody is for what proves nothing. */
import { describe, expect, it } from 'vitest';
import { Corruption, type CorruptionDeps } from '../../../../src/member/services/corruption.js';
import type { KvHash } from '../../../../src/mvcc/types.js';
import { PeerCallError } from '../../../../src/peer/types.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

type Answer = { hash: number; compactRevision: number; currentRevision: number; hashRevision: number };

const agreed: Answer = { hash: 7, compactRevision: 3, currentRevision: 9, hashRevision: 9 };
const own: KvHash = { hash: 7, compactRevision: 3, revision: 9, currentRevision: 9 };
const CHECK_MS = 5000;

/** Of 3.6, whose alarms name a member. Member 1 leads; the others answer in turn, `undefined` not at all. */
function checking(
  answers: readonly (Answer | undefined)[],
  options: { own?: readonly KvHash[]; compactions?: readonly KvHash[] } = {},
) {
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const accused: bigint[] = [];
  const asked: number[] = [];
  const mine = [...(options.own ?? [own, own])];
  const corruption = new Corruption({
    config: {
      corruptCheckIntervalMs: options.compactions === undefined ? CHECK_MS : 0,
      compactHashCheckIntervalMs: options.compactions === undefined ? 0 : CHECK_MS,
      emulate: '3.6',
    },
    cluster: {
      localId: 1n,
      members: [1n, ...answers.map((_, at) => BigInt(at + 2))].map((id) => ({ id, peerURLs: [`http://${id}`] })),
    },
    calls: {
      hashKv: async (url: string, revision: number) => {
        if (url === 'http://2') asked.push(revision);
        const answer = answers[Number(url.slice(7)) - 2];
        if (answer === undefined) throw new PeerCallError(400, 'mvcc: required revision has been compacted');
        return answer;
      },
    },
    clock,
    timeoutMs: 1000,
    leadership: { isLeader: true, isEstablished: true },
    maintenance: { hashKv: async () => mine.shift() ?? own },
    store: { compactionHashes: () => [...(options.compactions ?? [])] },
    reads: { linearizable: async () => {} },
    propose: async ({ request }: { request: { memberID: bigint } }) => void accused.push(request.memberID),
    logger,
  } as unknown as CorruptionDeps);
  const run = async (): Promise<bigint[]> => {
    corruption.tick(clock.monotonicMs());
    await clock.advance(CHECK_MS);
    corruption.tick(clock.monotonicMs());
    await clock.advance(0);
    return accused;
  };
  return { corruption, run, asked, logger };
}

describe('the check of all data', () => {
  it.each<[string, (Answer | undefined)[], bigint[]]>([
    ['nobody where all agree', [agreed, agreed], []],
    ['nobody who does not answer', [undefined, agreed], []],
    ['one with another hash', [agreed, { ...agreed, hash: 8 }], [3n]],
    ['one that knows of later revisions', [{ ...agreed, currentRevision: 10 }, agreed], [2n]],
    ['nobody who is as far', [{ ...agreed, currentRevision: 8 }, agreed], []],
    ['one that has compacted further', [{ ...agreed, compactRevision: 4, hash: 1 }, agreed], [2n]],
    ['nobody whose hash is of another compaction', [{ ...agreed, compactRevision: 2, hash: 1 }, agreed], []],
    ['the first alone', [agreed, { ...agreed, hash: 1 }, { ...agreed, hash: 8 }], [3n]],
  ])('accuses %s', async (_name, answers, accused) => {
    expect(await checking(answers).run()).toEqual(accused);
  });

  it.each<[string, KvHash, bigint[]]>([
    ['accuses this member where its own data has changed', { ...own, hash: 8 }, [1n]],
    ['takes a newer revision for no change', { ...own, hash: 8, revision: 10, currentRevision: 10 }, []],
    ['takes a compaction for no change', { ...own, hash: 8, compactRevision: 4 }, []],
  ])('%s', async (_name, now, accused) => {
    expect(await checking([agreed], { own: [own, now] }).run()).toEqual(accused);
  });

  it('before a member serves refuses what others contradict, and nothing else', async () => {
    const start = (...answers: (Answer | undefined)[]) => checking(answers).corruption.checkBeforeServing();
    await start(agreed, undefined, { ...agreed, hash: 8, compactRevision: 2 });
    await expect(start(agreed, { ...agreed, hash: 8 })).rejects.toThrow('1 found data inconsistency with peers');
  });
});

describe('the check of what compactions leave', () => {
  const compacted = (revision: number): KvHash => ({ ...own, revision });

  it('goes from the newest back until it could ask all, and not behind that again', async () => {
    const compactions = [compacted(5), compacted(9)];
    const { run, asked } = checking([agreed, agreed], { compactions });
    expect(await run()).toEqual([]);
    expect(asked).toEqual([9]);
    await run();
    expect(asked).toEqual([9]);
    compactions.push(compacted(12));
    await run();
    expect(asked).toEqual([9, 12]);
  });

  it('asks of an older one where somebody did not answer', async () => {
    const { run, asked, logger } = checking([agreed, undefined], { compactions: [compacted(5), compacted(9)] });
    expect(await run()).toEqual([]);
    expect(asked).toEqual([9, 5]);
    const skipped = logger.records.filter(({ message }) => message === "Skipped peer's hash");
    expect(skipped.map(({ fields }) => fields.reason)).toEqual(['no response', 'no response']);
    expect(logger.records.at(-1)?.fields).toEqual({ 'number-of-hashes-checked': 2 });
  });

  it('compares nothing of another compaction', async () => {
    const { run, logger } = checking([{ ...agreed, hash: 1, compactRevision: 2 }], { compactions: [compacted(9)] });
    expect(await run()).toEqual([]);
    expect(logger.records.map(({ message }) => message)).toContain(
      'skipped revision in compaction hash check; was not able to check all peers',
    );
  });

  it.each<[string, Answer[], bigint[]]>([
    ['one against two', [agreed, { ...agreed, hash: 8 }], [3n]],
    [
      'this member against two',
      [
        { ...agreed, hash: 8 },
        { ...agreed, hash: 8 },
      ],
      [1n],
    ],
    [
      'the cluster where nobody has a majority',
      [
        { ...agreed, hash: 8 },
        { ...agreed, hash: 9 },
      ],
      [0n],
    ],
    ['the cluster where it is one against one', [{ ...agreed, hash: 8 }], [0n]],
  ])('accuses %s', async (_name, answers, accused) => {
    expect(await checking(answers, { compactions: [compacted(9)] }).run()).toEqual(accused);
  });
});
