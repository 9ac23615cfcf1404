import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Channel } from '../../../src/grpc/types.js';
import {
  DeleteRangeRequest,
  KV,
  Lease,
  LeaseGrantRequest,
  LeaseRevokeRequest,
  RangeRequest,
} from '../../../src/proto/gen/etcdserverpb.js';
import {
  CampaignRequest,
  Election,
  type LeaderKey,
  LeaderRequest,
  ProclaimRequest,
  ResignRequest,
} from '../../../src/proto/gen/v3electionpb.js';
import { Lock, LockRequest, UnlockRequest } from '../../../src/proto/gen/v3lockpb.js';
import { type ClusterPlace, type LocalCluster, startCluster } from '../../support/cluster.js';

let cluster: LocalCluster;
let served: ClusterPlace;
let channel: Channel;
beforeAll(async () => {
  cluster = await startCluster({ members: 1 });
  served = cluster.only;
  channel = served.connect();
});
afterAll(() => cluster[Symbol.asyncDispose]());

const bytes = (text: string): Buffer => Buffer.from(text);
const grant = async (): Promise<bigint> =>
  (await channel.unary(Lease.leaseGrant, LeaseGrantRequest.create({ TTL: 600 }))).ID;
const revoke = (ID: bigint) => channel.unary(Lease.leaseRevoke, LeaseRevokeRequest.create({ ID }));
const lock = (name: string, lease: bigint, signal?: AbortSignal) =>
  channel.unary(Lock.lock, LockRequest.create({ name: bytes(name), lease }), { signal });
const unlock = (key: Uint8Array) => channel.unary(Lock.unlock, UnlockRequest.create({ key }));
const keysUnder = async (name: string): Promise<string[]> => {
  const range = RangeRequest.create({ key: bytes(`${name}/`), rangeEnd: bytes(`${name}0`) });
  return (await channel.unary(KV.range, range)).kvs.map(({ key }) => Buffer.from(key).toString());
};

describe('the Lock service', () => {
  it('gives the lock to one after the other, with keys as etcd names them', async () => {
    const [first, second] = [await grant(), await grant()];
    const held = await lock('a', first);
    expect(Buffer.from(held.key).toString()).toBe(`a/${first.toString(16)}`);
    let isLocked = false;
    const waiting = lock('a', second).then((answer) => {
      isLocked = true;
      return answer;
    });
    await expect.poll(() => keysUnder('a')).toHaveLength(2);
    expect(isLocked).toBe(false);
    const { header } = await unlock(held.key);
    expect((await waiting).header?.revision).toBe(header?.revision);
  });

  it('is locked again by its owner at once', async () => {
    const lease = await grant();
    const { key } = await lock('again', lease);
    expect((await lock('again', lease)).key).toEqual(key);
  });

  it('makes a lease for a caller who has none', async () => {
    const { key } = await lock('lent', 0n);
    expect(Buffer.from(key).toString()).toMatch(/^lent\/[0-9a-f]+$/);
    const other = await grant();
    const abort = new AbortController();
    const waiting = lock('lent', other, abort.signal);
    await expect.poll(() => keysUnder('lent')).toHaveLength(2);
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: 1 });
  });

  it('forgets a waiting caller who goes away', async () => {
    await lock('gone', await grant());
    const abort = new AbortController();
    const waiting = lock('gone', await grant(), abort.signal);
    await expect.poll(() => keysUnder('gone')).toHaveLength(2);
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: 1 });
    await expect.poll(() => keysUnder('gone')).toHaveLength(1);
  });

  it.each(['lock', 'campaign'] as const)(
    'keeps no key of a %s whose caller goes away at whatever step',
    async (kind) => {
      const [holder, lease] = [await grant(), await grant()];
      const name = `held-${kind}`;
      await lock(name, holder);
      for (let turns = 0; turns < 60; turns++) {
        const abort = new AbortController();
        const asked =
          kind === 'lock'
            ? lock(name, lease, abort.signal)
            : channel.unary(Election.campaign, CampaignRequest.create({ name: bytes(name), lease }), {
                signal: abort.signal,
              });
        // Or its key is taken away by the one before, who had the same lease.
        const refused = expect(asked).rejects.toThrow(/canceled|session is expired/);
        for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
        abort.abort();
        await refused;
      }
      await expect.poll(() => keysUnder(name)).toEqual([`${name}/${holder.toString(16)}`]);
    },
  );

  it('ends the wait of a caller whose lease is gone', async () => {
    await lock('lease', await grant());
    const lease = await grant();
    const waiting = lock('lease', lease);
    await expect.poll(() => keysUnder('lease')).toHaveLength(2);
    await revoke(lease);
    await expect(waiting).rejects.toMatchObject({ code: 2, message: 'mutex: session is expired' });
  });

  it('refuses a lease that is not there, and no key, without a code of their own', async () => {
    await expect(lock('none', 31337n)).rejects.toMatchObject({
      code: 2,
      message: 'etcdserver: requested lease not found',
    });
    await expect(unlock(bytes(''))).rejects.toMatchObject({ code: 2, message: 'etcdserver: key is not provided' });
  });
});

const campaign = (name: string, lease: bigint, value: string) =>
  channel.unary(Election.campaign, CampaignRequest.create({ name: bytes(name), lease, value: bytes(value) }));
const leaderOf = (name: string) => channel.unary(Election.leader, LeaderRequest.create({ name: bytes(name) }));

describe('the Election service', () => {
  it('elects one, takes what it proclaims, and the next when it resigns', async () => {
    await expect(leaderOf('e')).rejects.toMatchObject({ code: 2, message: 'election: no leader' });
    const first = (await campaign('e', await grant(), 'one')).leader as LeaderKey;
    const second = campaign('e', await grant(), 'two');
    await expect.poll(() => keysUnder('e')).toHaveLength(2);
    await channel.unary(Election.proclaim, ProclaimRequest.create({ leader: first, value: bytes('uno') }));
    expect(String((await leaderOf('e')).kv?.value)).toBe('uno');
    await channel.unary(Election.resign, ResignRequest.create({ leader: first }));
    await second;
    expect(String((await leaderOf('e')).kv?.value)).toBe('two');
    await expect(
      channel.unary(Election.proclaim, ProclaimRequest.create({ leader: first, value: bytes('x') })),
    ).rejects.toMatchObject({ code: 2, message: 'election: not leader' });
  });

  it('takes a campaign for the same key again with another value', async () => {
    const lease = await grant();
    const { leader } = await campaign('same', lease, 'one');
    expect((await campaign('same', lease, 'two')).leader).toEqual(leader);
    expect(String((await leaderOf('same')).kv?.value)).toBe('two');
  });

  it('wants to be told who resigns or proclaims', async () => {
    const refusal = { code: 2, message: '"leader" field must be provided' };
    await expect(channel.unary(Election.proclaim, ProclaimRequest.create())).rejects.toMatchObject(refusal);
    await expect(channel.unary(Election.resign, ResignRequest.create())).rejects.toMatchObject(refusal);
  });

  it('shows every leader and what each proclaims', async () => {
    const observed = channel.stream(Election.observe);
    observed.send(LeaderRequest.create({ name: bytes('o') }));
    observed.end();
    const answers = observed.messages[Symbol.asyncIterator]();
    const next = async (): Promise<string> => String((await answers.next()).value?.kv?.value);
    const seen = next();
    const leader = (await campaign('o', await grant(), 'first')).leader as LeaderKey;
    expect(await seen).toBe('first');
    await channel.unary(Election.proclaim, ProclaimRequest.create({ leader, value: bytes('still') }));
    expect(await next()).toBe('still');
    await channel.unary(KV.deleteRange, DeleteRangeRequest.create({ key: leader.key }));
    await campaign('o', await grant(), 'second');
    expect(await next()).toBe('second');
    observed.cancel();
  });
});
