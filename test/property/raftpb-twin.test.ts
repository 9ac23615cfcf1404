/**
 * Raft's hand-written codec against protobuf-es: what one writes the other reads, and the lean form is the same bytes.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ProtoDecodeError } from '../../src/lib/codec.js';
import * as es from '../../src/proto/gen/es/raftpb_pb.js';
import { entryCodec, messageCodec } from '../../src/raftpb/codec.js';
import { entrySize } from '../../src/raftpb/sizes.js';
import {
  type Entry,
  type EntryType,
  type Message,
  type MessageType,
  makeConfState,
  makeMessage,
  makeSnapshot,
} from '../../src/raftpb/types.js';
import fc from '../support/drawn.js';

const count = fc.oneof(fc.nat(200), fc.maxSafeNat());
const id = fc.oneof(fc.bigInt({ min: 0n, max: 9n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
const bytes = fc.uint8Array({ maxLength: 80 });
const ids = fc.array(id, { maxLength: 3 });
const entry: fc.Arbitrary<Entry> = fc.record({
  type: fc.nat(2).map((type) => type as EntryType),
  term: count,
  index: count,
  data: bytes,
});
const snapshot = fc
  .record({
    data: bytes,
    index: count.map((index) => Math.max(index, 1)),
    term: count,
    confState: fc.record({
      voters: ids,
      learners: ids,
      votersOutgoing: ids,
      learnersNext: ids,
      autoLeave: fc.boolean(),
    }),
  })
  .map(makeSnapshot);
const message = (depth: number): fc.Arbitrary<Message> =>
  fc
    .record({
      type: fc.nat(23).map((type) => type as MessageType),
      to: id,
      from: id,
      term: count,
      logTerm: count,
      index: count,
      entries: fc.array(entry, { maxLength: 3 }),
      commit: count,
      snapshot: fc.option(snapshot, { nil: undefined }),
      reject: fc.boolean(),
      rejectHint: count,
      context: bytes,
      vote: id,
      responses: depth === 0 ? fc.constant([]) : fc.array(message(depth - 1), { maxLength: 2 }),
    })
    .map(makeMessage);

const twinEntry = ({ type, term, index, data }: Entry): es.Entry =>
  create(es.EntrySchema, {
    // Fields set explicitly are written even when zero, so zero ones stay unset.
    ...(type === 0 ? {} : { Type: type as number as es.EntryType }),
    ...(term === 0 ? {} : { Term: BigInt(term) }),
    ...(index === 0 ? {} : { Index: BigInt(index) }),
    ...(data.length === 0 ? {} : { Data: data }),
  });

test('the lean form of an entry is what protobuf-es writes', () => {
  fc.assert(
    fc.property(entry, (value) => {
      expect(Buffer.from(entryCodec['3.7'].encode(value))).toEqual(
        Buffer.from(toBinary(es.EntrySchema, twinEntry(value))),
      );
    }),
  );
});

test('the size of an entry is that of its full form', () => {
  fc.assert(
    fc.property(entry, (value) => {
      expect(entrySize(value)).toBe(entryCodec['3.5'].encode(value).length);
    }),
  );
});

test('protobuf-es reads in every form what was written', () => {
  fc.assert(
    fc.property(message(1), fc.constantFrom('3.4', '3.5', '3.6', '3.7'), (value, version) => {
      const read = fromBinary(es.MessageSchema, messageCodec[version].encode(value));
      expect(Number(read.type)).toBe(value.type);
      expect([read.to, read.from, read.vote]).toEqual([value.to, value.from, value.vote]);
      expect([read.term, read.logTerm, read.index, read.commit, read.rejectHint].map(Number)).toEqual([
        value.term,
        value.logTerm,
        value.index,
        value.commit,
        value.rejectHint,
      ]);
      expect(read.reject).toBe(value.reject);
      expect([...read.context]).toEqual([...value.context]);
      expect(read.entries.map(({ Index, Data }) => [Number(Index), [...Data]])).toEqual(
        value.entries.map(({ index, data }) => [index, [...data]]),
      );
      expect(read.responses.map(({ term }) => Number(term))).toEqual(value.responses.map(({ term }) => term));
      expect(Number(read.snapshot?.metadata?.index ?? 0)).toBe(value.snapshot?.metadata.index ?? 0);
      expect(read.snapshot?.metadata?.confState?.votersOutgoing ?? []).toEqual(
        (value.snapshot?.metadata.confState ?? makeConfState()).votersOutgoing,
      );
    }),
  );
});

test('what protobuf-es writes again is read as the same message', () => {
  fc.assert(
    fc.property(message(1), (value) => {
      const again = Buffer.from(
        toBinary(es.MessageSchema, fromBinary(es.MessageSchema, messageCodec['3.7'].encode(value))),
      );
      expect(messageCodec['3.5'].decode(again)).toEqual(messageCodec['3.5'].decode(messageCodec['3.5'].encode(value)));
    }),
  );
});

test('damaged bytes are refused with a typed error or read as some message, never otherwise', () => {
  fc.assert(
    fc.property(message(1), fc.nat(), fc.nat(255), (value, at, byte) => {
      const damaged = Uint8Array.from(messageCodec['3.5'].encode(value));
      damaged[at % damaged.length] = byte;
      try {
        expect(messageCodec['3.5'].decode(damaged).entries).toBeInstanceOf(Array);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtoDecodeError);
      }
    }),
  );
});
