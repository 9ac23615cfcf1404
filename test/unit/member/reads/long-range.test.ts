/** Ranges in slices: what they answer, how much of them a turn reads, and when they end. */
import { describe, expect, it } from 'vitest';
import { AbandonedError } from '../../../../src/lib/caller.js';
import { joined } from '../../../../src/lib/pieces.js';
import { innerHeader } from '../../../../src/member/apply/txn.js';
import { longRange, mayBeLong } from '../../../../src/member/reads/long-range.js';
import {
  RangeRequest,
  RangeResponse,
  type RangeRequest_SortOrder as SortOrder,
  type RangeRequest_SortTarget as SortTarget,
} from '../../../../src/proto/gen/etcdserverpb.js';
import { KeyValue } from '../../../../src/proto/gen/mvccpb.js';
import { AppliedStore, bytes, del } from '../../../support/applied-store.js';
import { seededRandom } from '../../../support/seeded-random.js';

const text = (value: Uint8Array): string => Buffer.from(value).toString();
const everything = { key: bytes('\0'), rangeEnd: bytes('\0') };

/** A read whose turns are counted; `between` any two of them something else happens. */
async function read(member: AppliedStore, request: RangeRequest, between: (turn: number) => void = () => {}) {
  const held = { now: 0, most: 0 };
  const caller = { aborted: false };
  let turns = 0;
  const made = longRange(request, {
    store: member.store,
    clock: {
      soon: (run: () => void) => {
        between(++turns);
        queueMicrotask(run);
      },
    } as never,
    header: innerHeader(member.store.currentRevision),
    caller: {
      get aborted() {
        return caller.aborted;
      },
    },
    hold: (count) => {
      held.now += count;
      held.most = Math.max(held.most, held.now);
    },
  });
  const answer = await made;
  return {
    bytes: Buffer.from(joined<never>(answer)),
    size: answer.size,
    turns,
    held,
  };
}

function filled(keys: number, valueBytes = 1): AppliedStore {
  const member = new AppliedStore();
  for (let key = 0; key < keys; key++) member.put(`k${String(key).padStart(6, '0')}`, 'v'.repeat(valueBytes));
  return member;
}

describe('a long range', () => {
  it.each<[string, Partial<RangeRequest>]>([
    ['plain', {}],
    ['without values', { keysOnly: true }],
    ['sorted', { sortOrder: 2, sortTarget: 0 }],
    ['with a value that is sent from where it lies', { key: bytes('j') }],
  ])('of so many keys that it scans answers the same as one after the other: %s', async (_, more) => {
    const member = filled(12_000);
    member.put('k0115000', 'w'.repeat(20_000));
    const request = RangeRequest.create({ ...everything, ...more });
    const answer = RangeResponse.decode((await read(member, request)).bytes);
    const { kvs } = member.store.range(request.key, request.rangeEnd, { revision: 0, limit: 0, countOnly: false });
    const expected = kvs.map((kv) => KeyValue.decode(kv));
    if (request.sortOrder === 2) expected.reverse();
    expect(answer.kvs.length).toBe(12_001);
    expect(answer.kvs.map(({ key, value }) => `${text(key)}=${text(value)}`)).toEqual(
      expected.map(({ key, value }) => `${text(key)}=${request.keysOnly ? '' : text(value)}`),
    );
  });

  it.each<[string, Partial<RangeRequest>, number]>([
    ['plain', {}, 4],
    ['without values', { keysOnly: true }, 4],
    ['sorted', { sortOrder: 2, sortTarget: 1 }, 8],
    ['filtered', { minModRevision: 1 }, 8],
    ['filtered, with nothing left', { minModRevision: 100_000 }, 4],
    ['with a limit', { limit: 2500 }, 2],
    ['of a slice', { limit: 1000 }, 0],
  ])('reads a thousand keys a turn, and writes as many: %s', async (_, more, expected) => {
    const { turns, held } = await read(filled(4500), RangeRequest.create({ ...everything, ...more }));
    expect(turns).toBe(expected);
    expect(held.now).toBe(0);
  });

  it('reads a megabyte a turn, and holds what it has read', async () => {
    const { turns, held, size } = await read(filled(100, 60_000), RangeRequest.create(everything));
    expect(turns).toBe(5);
    expect(size).toBeGreaterThan(6_000_000);
    expect(held.most).toBeGreaterThan(5_000_000);
    expect(held.most).toBeLessThan(size);
    expect(held.now).toBe(0);
  });

  it('looks at a megabyte a turn, though its filter leaves all of it out', async () => {
    const request = RangeRequest.create({ ...everything, minModRevision: 100_000 });
    const { turns, held } = await read(filled(100, 60_000), request);
    expect([turns, held.now]).toEqual([5, 0]);
  });

  it('ends with its caller, and when it would hold too much', async () => {
    const member = filled(4500);
    const abandoned = { aborted: false };
    let turns = 0;
    const options = {
      store: member.store,
      clock: {
        soon: (run: () => void) => {
          if (++turns === 2) abandoned.aborted = true;
          queueMicrotask(run);
        },
      } as never,
      header: innerHeader(1),
      caller: abandoned,
      hold: () => {},
    };
    await expect(longRange(RangeRequest.create(everything), options)).rejects.toThrow(AbandonedError);
    expect(turns).toBe(2);
    const full = () => {
      throw new Error('full');
    };
    const refused = longRange(RangeRequest.create(everything), { ...options, caller: undefined, hold: full });
    await expect(refused).rejects.toThrow('full');
    // Neither holds a compaction up.
    void member.store.compact(member.store.currentRevision);
    for (let i = 0; i < 20 && member.store.work(1000); i++);
    expect(member.store.pendingWork).toBe('none');
  });

  it('answers what the range in one step answers, whatever happens meanwhile (drawn)', async () => {
    const member = filled(3000, 3);
    for (let i = 0; i < 500; i++) member.apply('deleteRange', del(`k00${1000 + i * 3}`).request.value);
    for (let seed = 1; seed <= 40; seed++) {
      const random = seededRandom(seed);
      const limits = [0, 0, 9, 1500, 5000];
      const request = RangeRequest.create({
        key: bytes(['\0', 'k001', 'k0025'][random.below(3)] ?? ''),
        rangeEnd: bytes(['\0', 'k0028', 'l'][random.below(3)] ?? ''),
        limit: limits[random.below(limits.length)] ?? 0,
        revision: random.below(2) === 0 ? 0 : 2900 + random.below(100),
        keysOnly: random.below(3) === 0,
        sortOrder: (random.below(3) === 0 ? 1 + random.below(2) : 0) as SortOrder,
        sortTarget: (random.below(2) === 0 ? random.below(5) : 0) as SortTarget,
        minModRevision: random.below(4) === 0 ? 1000 : 0,
        maxCreateRevision: random.below(4) === 0 ? 2000 : 0,
      });
      const expected = Buffer.from(RangeResponse.encode(member.applier.range(request)) as Uint8Array);
      const { bytes: found } = await read(member, request, (turn) => {
        member.put(`k${String(turn).padStart(6, '0')}`, `other ${seed}`);
        member.apply('deleteRange', del(`k${String(turn * 2).padStart(6, '0')}`).request.value);
      });
      expect(found.equals(expected), `seed ${seed}`).toBe(true);
    }
  });
});

describe('which ranges are taken for long', () => {
  it.each<[string, Partial<RangeRequest>, boolean]>([
    ['one key', { rangeEnd: bytes('') }, false],
    ['a count', { countOnly: true }, false],
    ['seven keys', { limit: 7 }, false],
    ['eight keys', { limit: 8 }, true],
    ['eight keys of a sorted range', { limit: 7, sortOrder: 2 }, true],
    ['all', {}, true],
  ])('%s', (_, more, expected) => {
    expect(mayBeLong(RangeRequest.create({ ...everything, ...more }))).toBe(expected);
  });
});
