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
