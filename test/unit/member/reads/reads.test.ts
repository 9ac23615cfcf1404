/** Reads of a member: what they wait for, and how ranges are counted. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { LeaderChange } from '../../../../src/member/loop/leadership.js';
import { Reads, type ReadsDeps } from '../../../../src/member/reads/reads.js';
import { CompactedError } from '../../../../src/mvcc/errors.js';
import { EtcdError } from '../../../../src/proto/etcd-error.js';
import type { RangeRequest } from '../../../../src/proto/gen/etcdserverpb.js';
import { ManualClock, settle } from '../../../support/manual-clock.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

let clock: ManualClock;
let counts: { ranges: number };
let asked: bigint[];
let ranges: RangeRequest[];
let told: [boolean, number][];
let elect: (change: LeaderChange) => void;
let woken: number;

beforeEach(() => {
  clock = new ManualClock();
  counts = { ranges: 0 };
  asked = [];
  ranges = [];
  told = [];
  woken = 0;
});

/** A cursor over `records`; each piece takes as many milliseconds as it has of them. */
function cursorOf(records: readonly string[]) {
  const left = [...records];
  return {
    count: records.length,
    isClosed: false,
    read(limit: number) {
      const piece = left.splice(0, limit);
      void clock.advance(piece.length);
      return piece.map((record) => Buffer.from(record));
    },
    close() {
      this.isClosed = true;
    },
  };
}

function reading(more: Partial<Record<keyof ReadsDeps, unknown>> = {}): Reads {
  let next = 0n;
  const reads = new Reads({
    store: { counts },
    applier: {
      range: (request: RangeRequest) => {
        ranges.push(request);
        return 'answer';
      },
    },
    node: { readIndex: (context: Buffer) => asked.push(context.readBigUInt64BE()) },
    ids: { next: () => ++next },
    leadership: {
      onChange: (listener: (change: LeaderChange) => void) => {
        elect = listener;
      },
    },
    clock,
    logger: new RecordingLogger(),
    timeoutMs: 1000,
    wake: () => woken++,
    ...more,
  } as unknown as ReadsDeps);
  reads.onRange = (ok, tookMs) => told.push([ok, tookMs]);
  return reads;
}

const rowOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'ok',
    (error: EtcdError) => error.row,
  );

describe('a range that is read piece by piece', () => {
  it('counts as a range for each piece, the first with its opening, and for the rest that is only counted', () => {
    const cursor = cursorOf(['a', 'b', 'c', 'd', 'e']);
    const opened: unknown[] = [];
    const openRange = (...of: unknown[]) => {
      opened.push(of);
      return cursor;
    };
    const [key, end] = [Buffer.from('a'), Buffer.from('z')];
    const pieces = reading({ store: { counts, openRange } }).openRange(key, end, 7);
    expect(opened).toEqual([[key, end, 7]]);
    expect([pieces.count, told.length]).toEqual([5, 0]);
    expect(pieces.read(2).map(String)).toEqual(['a', 'b']);
    expect(counts.ranges).toBe(0);
    expect(pieces.read(1).map(String)).toEqual(['c']);
    expect(pieces.read(0)).toEqual([]);
    pieces.countedRest();
    expect(counts.ranges).toBe(3);
    expect(told.map(([ok]) => ok)).toEqual([true, true, true, true]);
    expect(cursor.isClosed).toBe(false);
    pieces.close();
    expect(cursor.isClosed).toBe(true);
  });

  it('counts as one that failed where its revision is gone', () => {
    const openRange = (): never => {
      throw new CompactedError(3, 5);
    };
    const reads = reading({ store: { counts, openRange } });
    expect(() => reads.openRange(Buffer.from('a'), Buffer.from('z'), 3)).toThrow(CompactedError);
    expect(told).toEqual([[false, 0]]);
  });
});

describe('a range that is read at once', () => {
  it('is counted, as failed where it is refused', () => {
    const reads = reading();
    expect(reads.range({} as RangeRequest)).toBe('answer');
    const refusing = reading({
      applier: {
        range: () => {
          throw new EtcdError('compacted');
        },
      },
    });
    expect(() => refusing.range({} as RangeRequest)).toThrow(EtcdError);
    expect(told.map(([ok]) => ok)).toEqual([true, false]);
  });
});

describe('the read of a health check', () => {
  it('is one key’s, and waits for nothing where any state will do', async () => {
    await reading().probe({ serializable: true });
    expect(ranges).toMatchObject([{ key: Buffer.from('health'), limit: 1 }]);
    expect(woken).toBe(0);
  });

  it('waits for its turn otherwise, as long as it was given', async () => {
    const reads = reading();
    const [short, usual] = [50, undefined].map((timeoutMs) => rowOf(reads.probe({ serializable: false, timeoutMs })));
    expect(woken).toBe(2);
    reads.rounds.begin(clock.monotonicMs());
    expect(asked).toEqual([1n]);
    await clock.advance(100);
    reads.tick(clock.monotonicMs());
    expect(await short).toBe('timeout');
    reads.rounds.confirm(1n, 4, 3);
    reads.rounds.applied(4);
    expect(await usual).toBe('ok');
    expect(ranges).toHaveLength(1);
  });
});

describe('a linearizable read', () => {
  it('is refused where a new leader is elected meanwhile, and waits on where the old one is only lost', async () => {
    const reads = reading();
    let row: string | undefined;
    void rowOf(reads.linearizable()).then((each) => {
      row = each;
    });
    reads.rounds.begin(clock.monotonicMs());
    elect({ before: 2n, now: 0n });
    await settle();
    expect(row).toBeUndefined();
    elect({ before: 0n, now: 3n });
    await settle();
    expect(row).toBe('leaderChanged');
  });

  it('ends with its caller, at the next look or as it is confirmed, and others go on', async () => {
    const reads = reading();
    const [early, late, other] = [{ aborted: false }, { aborted: false }, { aborted: false }];
    const outcomes = [early, late, other].map((caller) =>
      reads.linearizable(caller).then(
        () => 'ok',
        (error: Error) => error.name,
      ),
    );
    reads.rounds.begin(clock.monotonicMs());
    early.aborted = true;
    reads.tick(clock.monotonicMs());
    expect(await outcomes[0]).toBe('AbandonedError');
    late.aborted = true;
    reads.rounds.confirm(1n, 4, 4);
    expect(await Promise.all(outcomes)).toEqual(['AbandonedError', 'AbandonedError', 'ok']);
  });

  it('is refused by a member that stops, before and after', async () => {
    const reads = reading();
    const waiting = rowOf(reads.linearizable());
    reads.close(new EtcdError('stopped'));
    expect([await waiting, await rowOf(reads.linearizable())]).toEqual(['stopped', 'stopped']);
  });
});
