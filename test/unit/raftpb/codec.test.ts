import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Codec, ProtoDecodeError } from '../../../src/lib/codec.js';
import {
  confChangeCodec,
  confChangeV2Codec,
  confStateCodec,
  entryCodec,
  hardStateCodec,
  messageCodec,
  snapshotCodec,
} from '../../../src/raftpb/codec.js';
import {
  ConfChangeType,
  EntryType,
  LOCAL_APPEND_THREAD,
  MessageType,
  makeConfChange,
  makeConfChangeV2,
  makeConfState,
  makeEntry,
  makeHardState,
  makeMessage,
  makeSnapshot,
} from '../../../src/raftpb/types.js';

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytesOf = (hex: string): Uint8Array => Buffer.from(hex, 'hex');

interface Recorded {
  readonly type: 'Message' | 'Entry' | 'HardState';
  readonly source: string;
  readonly hex: string;
}
const recorded: Recorded[] = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/raftpb/recorded.json'), 'utf8'),
);

describe('what etcd 3.4 and 3.5 sent to peers and wrote into their WAL', () => {
  const roundTrip = <T>(codec: Codec<T>, hex: string): string => hexOf(codec.encode(codec.decode(bytesOf(hex))));
  test.each(recorded)('$type ($source) is read and written byte for byte', ({ type, hex }) => {
    switch (type) {
      case 'Message':
        expect(roundTrip(messageCodec['3.5'], hex)).toBe(hex);
        break;
      case 'Entry':
        expect(roundTrip(entryCodec['3.5'], hex)).toBe(hex);
        break;
      case 'HardState':
        expect(roundTrip(hardStateCodec['3.5'], hex)).toBe(hex);
        break;
    }
  });

  test('a heartbeat means what it says', () => {
    const hex =
      '080810c9a0ddadfeac8da37318ddeed2b2ee84b5928c0120022800300040004a0a12080a0228001000' +
      '1800500058006208b75da201fd00563a';
    expect(messageCodec['3.4'].decode(bytesOf(hex))).toEqual(
      makeMessage({
        type: MessageType.MsgHeartbeat,
        to: 8306385283083358281n,
        from: 10098429528009652061n,
        term: 2,
        context: bytesOf('b75da201fd00563a'),
      }),
    );
  });
});

describe('zero values', () => {
  test('up to 3.5 every message carries them, and an empty snapshot', () => {
    expect(hexOf(messageCodec['3.5'].encode(makeMessage()))).toBe(
      '08001000180020002800300040004a0a12080a0228001000180050005800',
    );
  });
  test('3.6 writes a vote instead of the empty snapshot', () => {
    expect(hexOf(messageCodec['3.6'].encode(makeMessage()))).toBe('0800100018002000280030004000500058006800');
  });
  test('3.7 leaves them out', () => {
    expect(messageCodec['3.7'].encode(makeMessage()).length).toBe(0);
    expect(entryCodec['3.7'].encode(makeEntry()).length).toBe(0);
    expect(confChangeV2Codec['3.7'].encode(makeConfChangeV2()).length).toBe(0);
  });
  test('hard state, configuration and changes carry them up to 3.6', () => {
    expect(hexOf(hardStateCodec['3.6'].encode(makeHardState()))).toBe('080010001800');
    expect(hexOf(confStateCodec['3.6'].encode(makeConfState()))).toBe('2800');
    expect(hexOf(confChangeCodec['3.6'].encode(makeConfChange()))).toBe('080010001800');
    expect(hexOf(snapshotCodec['3.6'].encode(makeSnapshot()))).toBe('12080a02280010001800');
    expect(hexOf(confChangeV2Codec['3.6'].encode(makeConfChangeV2({ changes: [{ type: 0, nodeId: 0n }] })))).toBe(
      '0800120408001000',
    );
  });
  test('an empty snapshot in a message reads as none', () => {
    const bytes = messageCodec['3.5'].encode(makeMessage({ type: MessageType.MsgApp }));
    expect(messageCodec['3.5'].decode(bytes).snapshot).toBeUndefined();
  });
});

describe('round trips', () => {
  const versions = ['3.4', '3.5', '3.6', '3.7'] as const;
  test.each(versions)('a message with everything in it survives %s', (version) => {
    const confState = makeConfState({
      voters: [1n, 2n],
      learners: [3n],
      votersOutgoing: [1n, 4n],
      learnersNext: [4n],
      autoLeave: true,
    });
    const message = makeMessage({
      type: MessageType.MsgStorageAppend,
      to: LOCAL_APPEND_THREAD,
      from: 0xfedc_ba98_7654_3210n,
      term: Number.MAX_SAFE_INTEGER,
      logTerm: 2 ** 32,
      index: 2 ** 32 - 1,
      entries: [
        makeEntry(),
        makeEntry({ type: EntryType.EntryConfChangeV2, term: 3, index: 300, data: bytesOf('00ff') }),
      ],
      commit: 128,
      snapshot: makeSnapshot({ data: bytesOf('0102'), confState, index: 9, term: 8 }),
      reject: true,
      rejectHint: 127,
      context: bytesOf('0a'),
      vote: 5n,
      responses: [makeMessage({ type: MessageType.MsgAppResp, to: 1n, responses: [makeMessage({ from: 7n })] })],
    });
    const codec = messageCodec[version];
    expect(codec.decode(codec.encode(message))).toEqual(message);
  });
  test('configuration changes survive', () => {
    const change = makeConfChange({
      type: ConfChangeType.ConfChangeUpdateNode,
      nodeId: 9n,
      context: bytesOf('7b7d'),
      id: 2n ** 64n - 1n,
    });
    expect(confChangeCodec['3.5'].decode(confChangeCodec['3.5'].encode(change))).toEqual(change);
    const joint = makeConfChangeV2({
      transition: 2,
      changes: [{ type: 3, nodeId: 2n ** 63n }],
      context: bytesOf('00'),
    });
    expect(confChangeV2Codec['3.7'].decode(confChangeV2Codec['3.7'].encode(joint))).toEqual(joint);
  });
  test('create gives the zero value with what is asked laid over it', () => {
    expect(entryCodec['3.5'].create({ index: 4 })).toEqual(makeEntry({ index: 4 }));
    expect(messageCodec['3.5'].create()).toEqual(makeMessage());
    expect(snapshotCodec['3.5'].create()).toEqual(makeSnapshot());
    expect(entryCodec['3.5'].typeName).toBe('raftpb.Entry');
  });
});

describe('reading what others may write', () => {
  test('unknown fields are passed over', () => {
    // fields 20 (varint), 21 (bytes), 22 (64 bit), 23 (32 bit) around a term
    const hex = `a00105aa0102ffff${'2007'}b1010102030405060708bd0101020304`;
    expect(messageCodec['3.5'].decode(bytesOf(hex))).toEqual(makeMessage({ term: 7 }));
  });
  test('packed ids are read like single ones', () => {
    expect(confStateCodec['3.5'].decode(bytesOf('0a03010203'))).toEqual(makeConfState({ voters: [1n, 2n, 3n] }));
  });
  test('data is a view into the message', () => {
    const bytes = bytesOf('2203616263');
    const { data } = entryCodec['3.5'].decode(bytes);
    expect(data.buffer).toBe(bytes.buffer);
    expect(Buffer.from(data).toString()).toBe('abc');
  });
  test.each([
    ['a cut-off varint', '08'],
    ['a length beyond the end', '3a05'],
    ['a cut-off entry', '3a020810ff'],
    ['a varint of eleven bytes', '20ffffffffffffffffffffff01'],
    ['an end group', '0c'],
    ['field number 0', '0000'],
    ['a known field of another wire type', '2203616263'],
  ])('%s is refused with a typed error', (_, hex) => {
    expect(() => messageCodec['3.5'].decode(bytesOf(hex))).toThrow(ProtoDecodeError);
  });
  test('a number that is not safe is not written', () => {
    expect(() => entryCodec['3.5'].encode(makeEntry({ index: 2 ** 53 }))).toThrow(RangeError);
  });
});
