/** Transactions as they are applied: what is compared with what, which branch runs, what a refusal leaves. */
import { describe, expect, it } from 'vitest';
import {
  type Compare,
  Compare_CompareResult as Is,
  Compare_CompareTarget as Of,
  type RequestOp,
  type SplicedTxnResponse,
} from '../../../../src/proto/gen/etcdserverpb.js';
import { KeyValue } from '../../../../src/proto/gen/mvccpb.js';
import { AppliedStore, bytes, del, nested, put, range, txn } from '../../../support/applied-store.js';

const compare = (key: string, target: Of, result: Is, targetUnion: Compare['targetUnion'], rangeEnd = ''): Compare => ({
  key: bytes(key),
  target,
  result,
  targetUnion,
  rangeEnd: bytes(rangeEnd),
});

/** `a` = 1 at revisions 2 to 4 (version 2), with lease 7; `b` = 2 at revision 3. */
function filled(): AppliedStore {
  const member = new AppliedStore();
  member.lessor.grant(7n, 100, 0);
  member.put('a', '0');
  member.put('b', '2');
  member.apply('put', put('a', '1', { lease: 7n }).request.value);
  return member;
}

function ran(member: AppliedStore, compares: Compare[], success: RequestOp[] = [], failure: RequestOp[] = []) {
  const outcome = member.apply('txn', txn(compares, [put('x', 'yes'), ...success], [put('x', 'no'), ...failure]));
  if (!outcome.ok) throw outcome.error;
  return outcome.value as SplicedTxnResponse;
}

describe('a comparison', () => {
  const of = (union: Compare['targetUnion'], target: Of, key = 'a', end = '') =>
    [Is.EQUAL, Is.NOT_EQUAL, Is.GREATER, Is.LESS].map((result) => {
      return ran(filled(), [compare(key, target, result, union, end)]).succeeded ? 'yes' : 'no';
    });
  it.each<[string, Of, Compare['targetUnion'], string]>([
    ['a value that is less', Of.VALUE, { case: 'value', value: bytes('0') }, 'no yes yes no'],
    ['its value', Of.VALUE, { case: 'value', value: bytes('1') }, 'yes no no no'],
    ['a value that is more', Of.VALUE, { case: 'value', value: bytes('2') }, 'no yes no yes'],
    ['an earlier creation', Of.CREATE, { case: 'createRevision', value: 1 }, 'no yes yes no'],
    ['its creation', Of.CREATE, { case: 'createRevision', value: 2 }, 'yes no no no'],
    ['a later creation', Of.CREATE, { case: 'createRevision', value: 3 }, 'no yes no yes'],
    ['an earlier change', Of.MOD, { case: 'modRevision', value: 3 }, 'no yes yes no'],
    ['its last change', Of.MOD, { case: 'modRevision', value: 4 }, 'yes no no no'],
    ['a later change', Of.MOD, { case: 'modRevision', value: 5 }, 'no yes no yes'],
    ['an earlier version', Of.VERSION, { case: 'version', value: 1 }, 'no yes yes no'],
    ['its version', Of.VERSION, { case: 'version', value: 2 }, 'yes no no no'],
    ['a later version', Of.VERSION, { case: 'version', value: 3 }, 'no yes no yes'],
    ['a smaller lease', Of.LEASE, { case: 'lease', value: 6n }, 'no yes yes no'],
    ['its lease', Of.LEASE, { case: 'lease', value: 7n }, 'yes no no no'],
    ['a larger lease', Of.LEASE, { case: 'lease', value: 8n }, 'no yes no yes'],
    ['no number at all, which is 0', Of.MOD, { case: undefined }, 'no yes yes no'],
    ['the number of another target, which is none of its', Of.MOD, { case: 'version', value: 4 }, 'no yes yes no'],
  ])('of a key with %s: equal, not equal, greater, less', (_, target, union, expected) => {
    expect(of(union, target).join(' ')).toBe(expected);
  });

  it('of an absent key takes all its numbers for 0, and never holds of its value', () => {
    expect(of({ case: 'version', value: 0 }, Of.VERSION, 'none').join(' ')).toBe('yes no no no');
    expect(of({ case: 'createRevision', value: 1 }, Of.CREATE, 'none').join(' ')).toBe('no yes no yes');
    expect(of({ case: 'value', value: bytes('') }, Of.VALUE, 'none').join(' ')).toBe('no no no no');
  });

  it('of a range holds when it does of every key in it', () => {
    expect(of({ case: 'modRevision', value: 2 }, Of.MOD, 'a', 'c').join(' ')).toBe('no yes yes no');
    expect(of({ case: 'modRevision', value: 3 }, Of.MOD, 'a', 'c').join(' ')).toBe('no no no no');
    expect(of({ case: 'modRevision', value: 4 }, Of.MOD, 'a', 'c').join(' ')).toBe('no no no no');
    expect(of({ case: 'modRevision', value: 5 }, Of.MOD, 'a', 'c').join(' ')).toBe('no yes no yes');
  });
});

it('compares numbers without a look at what is stored', () => {
  const member = filled();
  const reads: unknown[] = [];
  const { get } = member.backend;
  member.backend.get = (bucket, key) => {
    reads.push(bucket);
    return get.call(member.backend, bucket, key);
  };
  for (const target of [Of.VERSION, Of.CREATE, Of.MOD]) {
    ran(member, [compare('a', target, Is.GREATER, { case: undefined }, 'c')]);
  }
  expect(reads).toEqual([]);
  ran(member, [compare('a', Of.LEASE, Is.GREATER, { case: undefined })]);
  expect(reads).toEqual(['key']);
});

describe('a transaction', () => {
  const version = (key: string, value: number) => compare(key, Of.VERSION, Is.EQUAL, { case: 'version', value });

  it('runs its first branch when all comparisons hold, else the other; without any the first', () => {
    const member = filled();
    expect(ran(member, [version('a', 2), version('b', 1)]).succeeded).toBe(true);
    expect(member.content.x).toBe('yes');
    expect(ran(member, [version('a', 2), version('b', 2)]).succeeded).toBe(false);
    expect(member.content.x).toBe('no');
    ran(member, []);
    expect(member.content.x).toBe('yes');
  });

  it('is one revision, that of its header, and answers in the order of its operations', () => {
    const member = filled();
    const { header, responses } = ran(member, [], [range('x'), del('b'), range('b'), put('c', '3')]);
    expect(header?.revision).toBe(5);
    expect(responses.map(({ response }) => response.case)).toEqual([
      'responsePut',
      'responseRange',
      'responseDeleteRange',
      'responseRange',
      'responsePut',
    ]);
    expect(responses.map(({ response }) => response.value?.header?.revision)).toEqual([5, 5, 5, 5, 5]);
    expect(responses[1]?.response.value).toMatchObject({ count: 1 });
    expect(responses[2]?.response.value).toMatchObject({ deleted: 1 });
    expect(responses[3]?.response.value).toMatchObject({ count: 0 });
  });

  it('compares for all levels before anything is done, and runs nested branches each by its own comparisons', () => {
    const member = filled();
    const inner = (key: string) => nested(txn([version('x', 0)], [put(key, 'absent')], [put(key, 'there')]));
    const other = nested(txn([version('b', 9)], [], [put('n3', 'no')]));
    const { responses } = ran(member, [], [inner('n1'), other, inner('n2')]);
    expect(member.content).toMatchObject({ x: 'yes', n1: 'absent', n2: 'absent', n3: 'no' });
    expect(responses.slice(1).map(({ response }) => (response.value as SplicedTxnResponse).succeeded)).toEqual([
      true,
      false,
      true,
    ]);
  });

  it.each<[string, RequestOp, string]>([
    ['a put to a lease that is not there', put('y', '', { lease: 99n }), 'leaseNotFound'],
    ['a put that keeps the value of a key that is not there', put('y', '', { ignoreValue: true }), 'keyNotFound'],
    ['a put that keeps the lease of a key that is not there', put('y', '', { ignoreLease: true }), 'keyNotFound'],
    ['a range of the future', range('a', { revision: 5 }), 'futureRevision'],
    ['a range of what is compacted', range('a', { revision: 2 }), 'compacted'],
  ])('with %s is refused as a whole, wherever it stands', (_, op, row) => {
    const member = filled();
    void member.store.compact(3);
    const before = member.content;
    expect(member.outcome('txn', txn([], [put('x'), op]))).toBe(row);
    expect(member.outcome('txn', txn([], [put('x'), nested(txn([], [put('z'), op]))]))).toBe(row);
    expect(member.content).toEqual(before);
    expect(member.store.currentRevision).toBe(4);
    // In the branch that does not run it does no harm.
    expect(member.outcome('txn', txn([], [put('x')], [op]))).toBe('ok');
  });

  it.each([
    ['3.5', 'leaseNotFound', 'leaseNotFound'],
    ['3.6', 'futureRevision', 'leaseNotFound'],
    ['3.7', 'futureRevision', 'leaseNotFound'],
  ] as const)('of %s that has two faults is refused for the first that is looked for', (version, first, second) => {
    const member = new AppliedStore(version);
    const [future, unleased] = [range('a', { revision: 5 }), put('y', '', { lease: 99n })];
    expect(member.outcome('txn', txn([], [future, unleased]))).toBe(first);
    expect(member.outcome('txn', txn([], [nested(txn([], [future])), unleased]))).toBe(first);
    expect(member.outcome('txn', txn([], [unleased, future]))).toBe(second);
  });

  it('reads at the compacted revision and at the present one', () => {
    const member = filled();
    void member.store.compact(3);
    for (const revision of [0, 3, 4])
      expect(member.outcome('txn', txn([], [put('x'), range('a', { revision: Math.min(revision, 4) })]))).toBe('ok');
  });

  it('that only reads answers as of one revision, and makes none', () => {
    const member = filled();
    const outcome = member.apply('txn', txn([version('a', 2)], [range('a'), range('b')], [range('none')]));
    const { responses, succeeded, header } = (outcome as { value: SplicedTxnResponse }).value;
    expect([succeeded, header?.revision, responses.length]).toEqual([true, 4, 2]);
    expect(member.store.currentRevision).toBe(4);
  });
});

describe('a put', () => {
  const stored = (member: AppliedStore, key: string) => {
    const record = member.store.get(bytes(key));
    const { value, lease } = KeyValue.decode(record ?? Buffer.alloc(0));
    return [Buffer.from(value).toString(), lease];
  };
  const putting = (key: string, value: string, more: object) => put(key, value, more).request.value;

  it('keeps value or lease of the key where it is told to', () => {
    const member = filled();
    expect(stored(member, 'a')).toEqual(['1', 7n]);
    member.apply('put', putting('a', '', { ignoreValue: true, lease: 0n }));
    expect(stored(member, 'a')).toEqual(['1', 0n]);
    member.apply('put', putting('a', '', { ignoreValue: true, lease: 7n }));
    member.apply('put', putting('a', '5', { ignoreLease: true }));
    expect(stored(member, 'a')).toEqual(['5', 7n]);
    member.apply('put', putting('a', '6', {}));
    expect(stored(member, 'a')).toEqual(['6', 0n]);
  });

  it('shows what it replaced on request alone', () => {
    const member = filled();
    const previous = (more: object) => {
      const outcome = member.apply('put', putting('a', 'new', more));
      const { prevKv } = (outcome as unknown as { value: { prevKv?: Uint8Array } }).value;
      return prevKv === undefined ? undefined : Buffer.from(KeyValue.decode(prevKv).value).toString();
    };
    expect(previous({ prevKv: true })).toBe('1');
    expect(previous({ ignoreLease: true })).toBeUndefined();
    expect(previous({})).toBeUndefined();
  });

  it('is refused by its lease before its key is looked at; in a transaction the other way round', () => {
    const both = { lease: 99n, ignoreValue: true };
    expect(filled().outcome('put', putting('none', '', both))).toBe('leaseNotFound');
    expect(filled().outcome('txn', txn([], [put('none', '', both)]))).toBe('keyNotFound');
  });
});

describe('a deletion', () => {
  it('tells how many, and what they were on request', () => {
    const deleting = (end: string, prevKv: boolean) => {
      const outcome = filled().apply('deleteRange', del('a', end, prevKv).request.value);
      return (outcome as unknown as { value: { deleted: number; prevKvs: unknown[] } }).value;
    };
    expect(deleting('', false)).toMatchObject({ deleted: 1, prevKvs: [] });
    expect(deleting('z', true)).toMatchObject({ deleted: 2, prevKvs: { length: 2 } });
  });
});

describe('where nobody waits for the answer', () => {
  const everything = { rangeEnd: bytes('z') };
  const whole = del('a', 'z', true).request.value;
  const cases: [string, 'txn' | 'deleteRange', unknown][] = [
    ['ranges among writes', 'txn', txn([], [put('n', '1'), range('a', everything), del('b', '', true), range('a')])],
    ['a range alone in a nested transaction', 'txn', txn([], [nested({ success: [range('a', everything)] })])],
    ['writes of a nested one', 'txn', txn([], [nested({ success: [put('n'), del('a', 'c', true)] }), range('n')])],
    ['an older range', 'txn', txn([], [put('n'), range('a', { ...everything, revision: 2 })])],
    ['a range of a revision that is to come', 'txn', txn([], [put('n'), range('a', { revision: 99 })])],
    ['a deletion of all', 'deleteRange', whole],
  ];
  it.each(cases)(
    '%s: all is done or refused, and what is read for the answer alone is not gathered',
    (_, kind, what) => {
      const [asked, unasked] = [filled(), filled()];
      const answer = asked.apply(kind, what);
      const nothing = unasked.apply(kind, what, undefined, false);
      expect(nothing.ok).toBe(answer.ok);
      expect(unasked.outcome('put', put('after').request.value)).toBe('ok');
      asked.put('after');
      expect(unasked.content).toEqual(asked.content);
      expect(unasked.backend.buckets).toEqual(asked.backend.buckets);
      expect(unasked.store.currentRevision).toBe(asked.store.currentRevision);
      expect(unasked.store.counts).toEqual(asked.store.counts);
      expect(recordsIn(nothing)).toBe(0);
      if (answer.ok) expect(recordsIn(answer)).toBeGreaterThan(0);
    },
  );
});

/** Keys with their values in an answer, however deep. */
function recordsIn(answer: unknown): number {
  if (answer === null || typeof answer !== 'object') return 0;
  return Object.entries(answer).reduce(
    (sum, [name, value]) =>
      sum + (name === 'kvs' || name === 'prevKvs' ? (value as readonly unknown[]).length : recordsIn(value)),
    0,
  );
}
