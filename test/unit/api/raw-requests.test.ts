/**
 * Requests that no client library sends, as bytes: what etcd answers to them is answered here, by a real one too where
 * there is one.
 */
import * as grpcJs from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rawBytes } from '../../../src/lib/raw-text.js';
import { AuthUserListResponse, RangeResponse, TxnResponse } from '../../../src/proto/gen/etcdserverpb.js';
import { prepareCluster, startCluster } from '../../support/cluster.js';
import { realEtcd, realEtcd34 } from '../../support/member-process.js';

const field = (number: number, content: string | Uint8Array): Uint8Array => {
  const bytes = Buffer.from(content as string);
  const tag = (number << 3) | 2;
  const head = tag < 0x80 ? [tag] : [(tag & 0x7f) | 0x80, tag >>> 7];
  return Buffer.concat([Buffer.from([...head, bytes.length]), bytes]);
};
const varint = (number: number, value: number): Uint8Array => Buffer.of(number << 3, value);
/** A negative number in any integer field. */
const minus = (number: number, value: number): Uint8Array =>
  Buffer.from([number << 3, 0x100 - value, ...Array<number>(8).fill(0xff), 1]);
const message = (...parts: Uint8Array[]): Uint8Array => Buffer.concat(parts);
const put = (key: string, ...more: Uint8Array[]) => field(2, message(field(1, key), field(2, `v${key}`), ...more));
const range = (...parts: Uint8Array[]) => field(1, message(...parts));
const NOTHING = '';

/** The client of one endpoint. */
class Raw implements Disposable {
  readonly #client: grpcJs.Client;

  constructor(address: string) {
    this.#client = new grpcJs.Client(address, grpcJs.credentials.createInsecure());
  }

  call(method: string, ...parts: Uint8Array[]): Promise<Uint8Array> {
    const same = (bytes: Buffer) => bytes;
    const request = Buffer.concat(parts);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(`/etcdserverpb.${method}`, same, same, request, (error, answer) => {
        if (error) reject(error);
        else resolve(answer as Buffer);
      });
    });
  }

  async keys(...parts: Uint8Array[]): Promise<string> {
    const { kvs } = RangeResponse.decode(await this.call('KV/Range', ...parts));
    return kvs.map(({ key }) => Buffer.from(key).toString()).join('');
  }

  async refusal(method: string, ...parts: Uint8Array[]): Promise<string> {
    const answer = await this.call(method, ...parts).catch((error: grpcJs.ServiceError) => error.details);
    return typeof answer === 'string' ? answer : 'OK';
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

interface Target extends AsyncDisposable {
  readonly raw: Raw;
}

async function ours(): Promise<Target> {
  const cluster = await startCluster({ members: 1 });
  const raw = new Raw(cluster.only.endpoint);
  return {
    raw,
    async [Symbol.asyncDispose]() {
      raw[Symbol.dispose]();
      await cluster[Symbol.asyncDispose]();
    },
  };
}

async function real(programs: string): Promise<Target> {
  const cluster = await prepareCluster({ members: 1 });
  const home = cluster.only;
  const member = await home.run(`${programs}/etcd`);
  const raw = new Raw(home.endpoint);
  return {
    raw,
    async [Symbol.asyncDispose]() {
      raw[Symbol.dispose]();
      await member[Symbol.asyncDispose]();
      await cluster[Symbol.asyncDispose]();
    },
  };
}

const targets: [string, () => Promise<Target>][] = [['ours', ours]];
for (const programs of [realEtcd, realEtcd34])
  if (programs !== undefined) targets.push([programs, () => real(programs)]);

describe.each(targets)('%s', (_name, open) => {
  let target: Target;
  let raw: Raw;
  beforeAll(async () => {
    target = await open();
    ({ raw } = target);
    for (const key of ['c', 'a', 'b']) await raw.call('KV/Put', field(1, key), field(2, `v${key}`));
  }, 60_000);
  afterAll(() => target?.[Symbol.asyncDispose]());

  it('takes an end that is given and empty for none, where nothing is written', async () => {
    expect(await raw.keys(field(1, 'b'))).toBe('b');
    expect(await raw.keys(field(1, 'b'), field(2, NOTHING))).toBe('bc');
    const all = await raw.call('KV/Txn', field(2, range(field(1, 'a'), field(2, NOTHING))));
    const [response] = TxnResponse.decode(all).responses;
    expect(response?.response).toMatchObject({ case: 'responseRange', value: { count: 3 } });
    // Each key from a on would have to be va.
    const compare = field(1, message(varint(2, 3), field(3, 'a'), field(7, 'va'), field(64, NOTHING)));
    expect(TxnResponse.decode(await raw.call('KV/Txn', compare)).succeeded).toBe(false);
  });

  it.each<[string, Uint8Array[]]>([
    ['', []],
    [' beside a write', [put('x')]],
  ])('finds the range of a negative revision compacted%s, and alone the present one', async (_beside, more) => {
    const before = range(field(1, 'a'), minus(4, 2));
    const compacted = 'etcdserver: mvcc: required revision has been compacted';
    const others = more.map((operation) => field(2, operation));
    expect(await raw.refusal('KV/Txn', field(2, before), ...others)).toBe(compacted);
    expect(await raw.refusal('KV/Txn', field(3, before), ...others)).toBe('OK');
    expect(await raw.refusal('KV/Txn', ...others, field(2, field(4, field(2, before))))).toBe(compacted);
    // Nothing was compacted yet: the compacted revision is -1.
    expect(await raw.refusal('KV/Txn', field(2, range(field(1, 'a'), minus(4, 1))), ...others)).toBe('OK');
    expect(await raw.keys(field(1, 'a'), minus(4, 2))).toBe('a');
    expect(await raw.keys(field(1, 'a'), field(2, 'c'), minus(4, 9), minus(3, 1))).toBe('ab');
    await raw.call('KV/DeleteRange', field(1, 'x'));
  });

  it('takes such an end for one key in a nested transaction, and for none in a comparison', async () => {
    const open = range(field(1, 'b'), field(2, NOTHING));
    const answer = await raw.call('KV/Txn', field(2, field(4, field(2, open))));
    const [outer] = TxnResponse.decode(answer).responses;
    expect(outer?.response).toMatchObject({
      case: 'responseTxn',
      value: { responses: [{ response: { value: { count: 1 } } }] },
    });
    // Of each key from b on that it was created behind revision 0; and one behind the last.
    const created = (end: Uint8Array) => field(1, message(varint(1, 1), varint(2, 1), field(3, 'b'), end));
    expect(TxnResponse.decode(await raw.call('KV/Txn', created(field(64, NOTHING)))).succeeded).toBe(true);
    const counted = range(field(1, 'a'), field(2, NOTHING), varint(9, 1));
    expect(TxnResponse.decode(await raw.call('KV/Txn', field(2, counted))).responses[0]?.response).toMatchObject({
      value: { count: 3, kvs: [] },
    });
  });

  it('takes such an end for one key where something is written', async () => {
    const ranged = await raw.call('KV/Txn', field(2, put('x')), field(2, range(field(1, 'a'), field(2, NOTHING))));
    expect(TxnResponse.decode(ranged).responses[1]?.response).toMatchObject({ value: { count: 1 } });
    const compare = field(1, message(varint(2, 3), field(3, 'a'), field(7, 'va'), field(64, NOTHING)));
    expect(TxnResponse.decode(await raw.call('KV/Txn', compare, field(2, put('x')))).succeeded).toBe(true);
    await raw.call('KV/DeleteRange', field(1, 'x'), field(2, NOTHING));
    expect(await raw.keys(field(1, 'a'), field(2, Buffer.of(0)))).toBe('abc');
  });

  it('leaves what an unknown order asks for in the order of keys', async () => {
    const sorted = (order: number, by: number) =>
      raw.keys(field(1, 'a'), field(2, 'd'), varint(5, order), varint(6, by));
    // By creation: c, a, b.
    expect(await sorted(1, 2)).toBe('cab');
    expect(await sorted(3, 2)).toBe('abc');
    expect(await sorted(100, 4)).toBe('abc');
    const inTxn = async (order: number, by: number): Promise<string> => {
      const sortedRange = range(field(1, 'a'), field(2, 'd'), varint(5, order), varint(6, by));
      const answer = TxnResponse.decode(await raw.call('KV/Txn', field(2, sortedRange)));
      const [first] = answer.responses;
      const kvs = first?.response.case === 'responseRange' ? first.response.value.kvs : [];
      return kvs.map(({ key }) => Buffer.from(key).toString()).join('');
    };
    expect(await inTxn(1, 2)).toBe('cab');
    expect(await inTxn(7, 2)).toBe('abc');
    expect(await inTxn(2, 3)).toBe('bac');
  });

  it('looks at all puts of a transaction before the first of its ranges', async () => {
    const future = field(2, range(field(1, 'a'), Buffer.of(0x20, 0x8f, 0x4e)));
    const leased = field(2, put('z', varint(3, 77)));
    expect(await raw.refusal('KV/Txn', future, leased)).toBe('etcdserver: requested lease not found');
    const nested = field(2, field(4, leased));
    expect(await raw.refusal('KV/Txn', future, nested)).toBe('etcdserver: requested lease not found');
    expect(await raw.refusal('KV/Txn', future)).toBe('etcdserver: mvcc: required revision is a future revision');
  });

  it.each([
    ['an empty key before a key given twice', [put('k'), put('k'), put('')], 'etcdserver: key is not provided'],
    ['no operation before a key given twice', [new Uint8Array(0), put('k'), put('k')], 'etcdserver: key not found'],
  ])('refuses %s', async (_what, operations, text) => {
    const parts = operations.map((operation) => field(2, operation));
    expect(await raw.refusal('KV/Txn', ...parts)).toBe(text);
  });

  const many = Array.from({ length: 129 }, (_, at) => field(2, put(`m${at}`)));
  it.each<[string, string, Uint8Array[], string]>([
    [
      'a value that is to be kept, of a lease to be kept',
      'KV/Put',
      [field(1, 'k'), field(2, 'v'), varint(3, 7), varint(5, 1), varint(6, 1)],
      'value is provided',
    ],
    [
      'a lease that is to be kept, of a lease that is not there',
      'KV/Put',
      [field(1, 'k'), varint(3, 7), varint(6, 1)],
      'lease is provided',
    ],
    ['no key, of a value to be kept', 'KV/Put', [field(2, 'v'), varint(5, 1)], 'key is not provided'],
    [
      'a lease that is not there, of a key that is not there',
      'KV/Put',
      [field(1, 'none'), varint(3, 7), varint(5, 1)],
      'requested lease not found',
    ],
    [
      'a key that is not there, of a lease to be kept',
      'KV/Put',
      [field(1, 'none'), field(2, 'v'), varint(6, 1)],
      'key not found',
    ],
    ['no key, of a future revision', 'KV/Range', [Buffer.of(0x20, 0x8f, 0x4e)], 'key is not provided'],
    [
      'too many operations, one without a key',
      'KV/Txn',
      [...many, field(2, put(''))],
      'too many operations in txn request',
    ],
    [
      'too many operations, a key twice',
      'KV/Txn',
      [...many, field(2, put('m1'))],
      'too many operations in txn request',
    ],
    [
      'a comparison without key, an operation that is none',
      'KV/Txn',
      [field(1, NOTHING), field(2, NOTHING)],
      'key is not provided',
    ],
    [
      'a key twice, a future revision',
      'KV/Txn',
      [field(2, put('k')), field(2, put('k')), field(2, range(field(1, 'a'), Buffer.of(0x20, 0x8f, 0x4e)))],
      'duplicate key given in txn request',
    ],
    [
      'a compaction of the future',
      'KV/Compact',
      [Buffer.of(0x08, 0x8f, 0x4e)],
      'mvcc: required revision is a future revision',
    ],
    ['a compaction of the past', 'KV/Compact', [minus(1, 1)], 'mvcc: required revision has been compacted'],
    [
      'a lease that is too long, under an id that is none',
      'Lease/LeaseGrant',
      [Buffer.of(0x08, 0x81, 0xd8, 0x8e, 0xe1, 0x21)],
      'too large lease TTL',
    ],
    [
      'a user that is not there, a role that is not there',
      'Auth/UserGrantRole',
      [field(1, 'nobody'), field(2, 'nothing')],
      'user name not found',
    ],
    ['no name, no password', 'Auth/UserAdd', [], 'user name is empty'],
    ['no name of a role', 'Auth/RoleAdd', [], 'role name is empty'],
  ])('says of two mistakes the first: %s', async (_what, method, parts, text) => {
    expect(await raw.refusal(method, ...parts)).toBe(`etcdserver: ${text}`);
  });

  it('keeps names apart that are no UTF-8', async () => {
    for (const byte of [0xff, 0xfe]) {
      expect(await raw.refusal('Auth/UserAdd', field(1, Buffer.of(byte)), field(2, 'p'))).toBe('OK');
      expect(await raw.refusal('Auth/RoleAdd', field(1, Buffer.of(byte)))).toBe('OK');
    }
    expect(await raw.refusal('Auth/UserGrantRole', field(1, Buffer.of(0xff)), field(2, Buffer.of(0xfe)))).toBe('OK');
    expect(await raw.refusal('Auth/UserDelete', field(1, Buffer.of(0xfd)))).toBe('etcdserver: user name not found');
    const { users } = AuthUserListResponse.decode(await raw.call('Auth/UserList'));
    expect(users.map((name) => rawBytes(name).toString('hex'))).toEqual(['fe', 'ff']);
    expect(await raw.refusal('Cluster/MemberAdd', field(1, Buffer.of(0xff)))).toBe(
      'etcdserver: given member URLs are invalid',
    );
  });
});
