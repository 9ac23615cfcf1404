/** Our codecs against protobuf-es, for every message: same bytes out, same values in. */
import { create, type DescField, type DescMessage, type MessageShape, ScalarType, toBinary } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { describe, expect, test } from 'vitest';
import { type Codec, ProtoDecodeError } from '../../src/lib/codec.js';
import * as authpb from '../../src/proto/gen/authpb.js';
import { file_authpb } from '../../src/proto/gen/es/authpb_pb.js';
import { file_etcdserver } from '../../src/proto/gen/es/etcdserver_pb.js';
import { file_health } from '../../src/proto/gen/es/health_pb.js';
import { file_leasepb } from '../../src/proto/gen/es/leasepb_pb.js';
import { file_membershippb } from '../../src/proto/gen/es/membershippb_pb.js';
import { file_mvccpb } from '../../src/proto/gen/es/mvccpb_pb.js';
import { file_raft_internal } from '../../src/proto/gen/es/raft_internal_pb.js';
import { file_rpc } from '../../src/proto/gen/es/rpc_pb.js';
import { file_snappb } from '../../src/proto/gen/es/snappb_pb.js';
import { file_v3electionpb } from '../../src/proto/gen/es/v3electionpb_pb.js';
import { file_v3lockpb } from '../../src/proto/gen/es/v3lockpb_pb.js';
import { file_walpb } from '../../src/proto/gen/es/walpb_pb.js';
import * as etcdserverpb from '../../src/proto/gen/etcdserverpb.js';
import * as health from '../../src/proto/gen/grpc-health.js';
import * as leasepb from '../../src/proto/gen/leasepb.js';
import * as membershippb from '../../src/proto/gen/membershippb.js';
import * as mvccpb from '../../src/proto/gen/mvccpb.js';
import * as snappb from '../../src/proto/gen/snappb.js';
import * as v3electionpb from '../../src/proto/gen/v3electionpb.js';
import * as v3lockpb from '../../src/proto/gen/v3lockpb.js';
import * as walpb from '../../src/proto/gen/walpb.js';
import fc from '../support/drawn.js';

type Plain = Record<string, unknown>;
const codecs = new Map<string, Codec<Plain>>();
for (const module of [
  authpb,
  etcdserverpb,
  health,
  leasepb,
  membershippb,
  mvccpb,
  snappb,
  v3electionpb,
  v3lockpb,
  walpb,
]) {
  for (const value of Object.values(module) as unknown[]) {
    if (typeof value === 'object' && value !== null && 'typeName' in value) {
      const codec = value as Codec<Plain>;
      codecs.set(codec.typeName, codec);
    }
  }
}
const twins = [
  file_authpb,
  file_etcdserver,
  file_health,
  file_leasepb,
  file_membershippb,
  file_mvccpb,
  file_raft_internal,
  file_rpc,
  file_snappb,
  file_v3electionpb,
  file_v3lockpb,
  file_walpb,
].flatMap((file) => file.messages);

const maxNumber = BigInt(Number.MAX_SAFE_INTEGER);
const zeroOr = <T>(zero: T, arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 1, arbitrary: fc.constant(zero) }, { weight: 3, arbitrary });

function scalar(field: DescField): fc.Arbitrary<unknown> {
  switch (field.scalar) {
    case ScalarType.BYTES:
      return zeroOr(new Uint8Array(0), fc.uint8Array({ maxLength: 300 }));
    case ScalarType.STRING:
      return zeroOr('', fc.string({ unit: 'binary', maxLength: 40 }));
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.UINT32:
      return zeroOr(0, fc.integer({ min: 0, max: 0xffff_ffff }));
    case ScalarType.INT64:
      return isBig(field)
        ? zeroOr(0n, fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }))
        : zeroOr(0n, fc.bigInt({ min: -maxNumber, max: maxNumber }));
    default:
      return isBig(field)
        ? zeroOr(0n, fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }))
        : zeroOr(0n, fc.bigInt({ min: 0n, max: maxNumber }));
  }
}

/** Whether our type has a bigint there: asked of our codec, so that the test needs no table of its own. */
function isBig(field: DescField): boolean {
  const codec = codecs.get(field.parent.typeName);
  if (field.oneof !== undefined) return field.name === 'lease';
  return codec === undefined || typeof codec.create()[field.localName] === 'bigint';
}

/** Which fields etcd leaves out of a proto2 message when they are not set. */
const isPointer = (field: DescField) =>
  field.scalar === ScalarType.BYTES || field.name === 'PrevExist' || field.name === 'Refresh';

function arbitrary(desc: DescMessage, depth: number): fc.Arbitrary<Plain> {
  const isProto2 = desc.file.edition === 998;
  const one = (field: DescField): fc.Arbitrary<unknown> => {
    if (field.message !== undefined) return arbitrary(field.message, depth + 1);
    if (field.enum !== undefined) return fc.constantFrom(...field.enum.values.map((value) => value.number));
    return scalar(field);
  };
  const entries: [string, fc.Arbitrary<unknown>][] = [];
  for (const member of desc.members) {
    if (member.kind === 'oneof') {
      const cases = member.fields
        .filter((field) => field.message === undefined || depth < 3)
        .map((field) => one(field).map((value) => ({ case: field.localName, value })));
      entries.push([member.localName, fc.oneof(fc.constant({ case: undefined }), ...cases)]);
    } else if (member.fieldKind === 'list') {
      entries.push([member.localName, depth >= 3 ? fc.constant([]) : fc.array(one(member), { maxLength: 3 })]);
    } else if (member.message !== undefined) {
      entries.push([
        member.localName,
        depth >= 3 ? fc.constant(undefined) : fc.option(one(member), { nil: undefined }),
      ]);
    } else if (isProto2 && isPointer(member)) {
      entries.push([member.localName, fc.option(one(member), { nil: undefined })]);
    } else entries.push([member.localName, one(member)]);
  }
  return fc.record(Object.fromEntries(entries));
}

/** A twin's message as ours would look. */
function asOurs(desc: DescMessage, message: MessageShape<DescMessage>): unknown {
  if (desc.typeName.startsWith('raftpb.')) return toBinary(desc, message);
  const view = reflect(desc, message);
  const source = message as unknown as Plain;
  const value = (field: DescField, raw: unknown): unknown => {
    if (field.message !== undefined) return asOurs(field.message, raw as MessageShape<DescMessage>);
    return typeof raw === 'bigint' && !isBig(field) ? Number(raw) : raw;
  };
  const out: Plain = {};
  for (const member of desc.members) {
    if (member.kind === 'oneof') {
      const chosen = view.oneofCase(member);
      out[member.localName] =
        chosen === undefined
          ? { case: undefined }
          : {
              case: chosen.localName,
              value: value(chosen, (source[member.localName] as { value: unknown }).value),
            };
    } else if (member.fieldKind === 'list') {
      out[member.localName] = (source[member.localName] as unknown[]).map((it) => value(member, it));
    } else {
      const raw = view.isSet(member) || member.presence === 2 ? source[member.localName] : undefined;
      out[member.localName] = raw === undefined ? undefined : value(member, raw);
    }
  }
  return out;
}

/** Buffers and Uint8Arrays compare alike. */
function normal(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(normal);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, it]) => [key, normal(it)]));
  }
  return value;
}

test('every message of the twin has a codec and the other way round', () => {
  expect([...codecs.keys()].sort()).toEqual(twins.map((desc) => desc.typeName).sort());
  expect(codecs.size).toBe(140);
});

describe('codec and twin', () => {
  test.each(twins.map((desc) => [desc.typeName, desc] as const))('%s', (name, desc) => {
    const codec = codecs.get(name) as Codec<Plain>;
    fc.assert(
      fc.property(arbitrary(desc, 0), (init) => {
        const twin = create(desc, init as never);
        const bytes = toBinary(desc, twin);
        const ours = codec.decode(bytes);
        expect(normal(ours)).toEqual(normal(asOurs(desc, twin)));
        expect(Buffer.from(codec.encode(ours)).equals(Buffer.from(bytes))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });
});

test('no bytes make a decoder throw anything but ProtoDecodeError, or read beyond their end', () => {
  const all = [...codecs.values()];
  const valid = etcdserverpb.TxnRequest.encode(
    etcdserverpb.TxnRequest.create({
      success: [
        {
          request: {
            case: 'requestPut',
            value: etcdserverpb.PutRequest.create({ key: Buffer.from('key'), value: Buffer.alloc(200), lease: -1n }),
          },
        },
      ],
    }),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...all),
      fc.oneof(
        fc.uint8Array({ maxLength: 60 }),
        fc.tuple(fc.nat(valid.length), fc.nat(255)).map(([at, byte]) => {
          const broken = Uint8Array.from(valid);
          broken[at] = byte;
          return broken;
        }),
        fc.nat(valid.length).map((size) => Uint8Array.from(valid.subarray(0, size))),
      ),
      (codec, bytes) => {
        try {
          codec.decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtoDecodeError);
        }
      },
    ),
    { numRuns: 5000 },
  );
});
