/** Answers put together from stored records: the bytes of a RangeResponse, whatever the sizes, in pieces of a size. */
import { describe, expect, it } from 'vitest';
import { LASTING_BYTES } from '../../../../src/backend/types.js';
import { RangeBytes } from '../../../../src/member/reads/range-bytes.js';
import { RangeResponse, ResponseHeader } from '../../../../src/proto/gen/etcdserverpb.js';
import { KeyValue } from '../../../../src/proto/gen/mvccpb.js';

const header = ResponseHeader.create({ clusterId: 1n, memberId: 2n, revision: 300, raftTerm: 4 });
const record = (key: string, valueBytes: number): KeyValue =>
  KeyValue.create({
    key: Buffer.from(key),
    value: Buffer.alloc(valueBytes, key),
    createRevision: 2 ** 40,
    modRevision: 300,
    version: 1,
    lease: 0x7000_0000_0000_0001n,
  });

/** Sizes at which lengths take another byte, pieces are full and records are lent. */
const sizes = [0, 1, 90, 120, 130, 4000, 4096, 16_000, 16_400, 60_000, LASTING_BYTES - 60, LASTING_BYTES, 2_100_000];

describe('an answer', () => {
  it.each([
    { keysOnly: false, namesLeases: true },
    { keysOnly: false, namesLeases: false },
    { keysOnly: true, namesLeases: true },
    { keysOnly: true, namesLeases: false },
  ])('of records of all sizes is theirs: $keysOnly, $namesLeases', (shown) => {
    const { keysOnly, namesLeases } = shown;
    const records = [...sizes, ...[...sizes].reverse()].map((size, at) => record(`k${at}`, size));
    const bytes = new RangeBytes(header, shown);
    for (const each of records) bytes.add(KeyValue.encode(each));
    const { list, size, figures } = bytes.finish({ more: true, count: 99 });
    const whole = Buffer.concat(list);
    expect(whole.length).toBe(size);
    const shownOf = (each: KeyValue) => ({ ...each, value: new Uint8Array(), lease: namesLeases ? each.lease : 0n });
    const kvs = keysOnly ? records.map(shownOf) : records;
    const decoded = RangeResponse.decode(whole);
    const expected = RangeResponse.encode({ header, kvs, more: true, count: 99 });
    expect(Buffer.compare(RangeResponse.encode(decoded), expected)).toBe(0);
    expect(figures).toEqual({ found: records.length, count: 99, revision: 300 });
  });

  it('of many records is in pieces of 64 KiB, and lends what is large', () => {
    const small = KeyValue.encode(record('k', 1000));
    const large = KeyValue.encode(record('l', LASTING_BYTES));
    const bytes = new RangeBytes(header, { keysOnly: false, namesLeases: true });
    for (let count = 0; count < 500; count++) bytes.add(small);
    bytes.add(large);
    const { list } = bytes.finish({ more: false, count: 501 });
    expect(list).toContain(large);
    const lengths = list.filter((piece) => piece !== large).map((piece) => piece.length);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(64 * 1024);
    expect(lengths.length).toBeLessThan(500_000 / (32 * 1024));
  });

  it('of which much more is to come gets its memory at once', () => {
    const each = KeyValue.encode(record('k', 1000));
    const pieces = (times: number): number => {
      const bytes = new RangeBytes(header, { keysOnly: false, namesLeases: true });
      for (let count = 0; count < 2000; count++) bytes.add(each);
      bytes.expect(times);
      bytes.expect(times);
      for (let count = 0; count < 6000; count++) bytes.add(each);
      const answer = bytes.finish({ more: false, count: 8000 });
      const decoded = RangeResponse.decode(Buffer.concat(answer.list));
      expect(decoded.kvs.length).toBe(8000);
      expect(decoded.kvs.at(-1)).toEqual(KeyValue.decode(each));
      return new Set(answer.list.map((piece) => piece.buffer)).size;
    };
    // 2 MB so far: below 4 MB more nothing is done, above it all of the rest is one block.
    expect(pieces(1.5)).toBeGreaterThan(90);
    expect(pieces(3.1)).toBeLessThan(45);
  });
});
