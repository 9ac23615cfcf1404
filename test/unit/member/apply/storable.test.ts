/** What no store can hold is refused: before it goes into the log, and by apply for an entry that is there. */
import { describe, expect, it } from 'vitest';
import { Client } from '../../../../src/client/client.js';
import { osWorld } from '../../../../src/client/os-world.js';
import type { LeaseId, MemberId } from '../../../../src/lib/ids.js';
import type { Operation, StoreOperation } from '../../../../src/member/apply/operation.js';
import { checkStorable, storable } from '../../../../src/member/apply/storable.js';
import { Permission_Type } from '../../../../src/proto/gen/authpb.js';
import {
  AlarmRequest_AlarmAction as Action,
  AlarmRequest,
  AlarmType,
  AuthRoleAddRequest,
  AuthUserAddRequest,
  Maintenance,
} from '../../../../src/proto/gen/etcdserverpb.js';
import { startCluster } from '../../../support/cluster.js';

const order = (a: bigint, b: bigint): number => (a < b ? -1 : 1);
const user = (name: string): StoreOperation => ({ kind: 'authUserAdd', request: AuthUserAddRequest.create({ name }) });
const role = (name: string): StoreOperation => ({ kind: 'authRoleAdd', request: AuthRoleAddRequest.create({ name }) });
const alarm = (action: number, type: number): StoreOperation => ({
  kind: 'alarm',
  request: AlarmRequest.create({ action: action as Action, alarm: type as AlarmType }),
});

const tooLarge = 'etcdserver: request is too large';
const unknownAlarm = 'etcdserver: unknown alarm type or action';

describe('what cannot be stored', () => {
  it.each<[string, Operation, string]>([
    ['the name of a user', user('x'.repeat(32_769)), tooLarge],
    ['the name of a role', role('x'.repeat(32_769)), tooLarge],
    ['a name that is short in letters and long in bytes', role('€'.repeat(10_923)), tooLarge],
    ['an alarm that nobody knows', alarm(1, 3), unknownAlarm],
    ['a negative alarm', alarm(1, -1), unknownAlarm],
    ['something else to do with an alarm', alarm(3, 1), unknownAlarm],
  ])('is %s', (_name, operation, message) => {
    expect(() => checkStorable(operation)).toThrowError(message);
    let applied = 0;
    const apply = storable(() => {
      applied++;
      return undefined;
    });
    expect(() =>
      apply(operation as StoreOperation, { index: 1, id: 1n, identity: undefined, isAwaited: true }),
    ).toThrowError(message);
    expect(applied).toBe(0);
  });

  it.each<[string, Operation]>([
    ['the longest name', user('x'.repeat(32_768))],
    ['an alarm', alarm(1, 1)],
    ['taking back an alarm that nobody knows', alarm(2, 9)],
  ])('is not %s', (_name, operation) => {
    expect(() => checkStorable(operation)).not.toThrow();
  });
});

describe('a member', () => {
  it('refuses names it cannot store, keeps the longest, and starts again', async () => {
    await using cluster = await startCluster({ members: 1 });
    const served = cluster.only;
    const client = () => new Client({ endpoints: [served.endpoint] }, osWorld);
    const longest = 'r'.repeat(32_768);
    {
      await using own = client();
      await expect(own.auth.roleAdd(`${longest}r`)).rejects.toThrowError(tooLarge);
      await expect(own.auth.userAdd(`${longest}u`, 'p')).rejects.toThrowError(tooLarge);
      await own.auth.roleAdd(longest);
      await own.kv.put('after', 'all');
    }
    await served.stop();
    await served.start();
    await using own = client();
    expect((await own.auth.roleList()).roles).toEqual([longest]);
  });

  it('has what is at its limits after a restart, and then refuses nothing else', async () => {
    await using cluster = await startCluster({ members: 1 });
    const served = cluster.only;
    const leases = [2n ** 63n - 1n, -(2n ** 63n), -1n, 1n].map((id) => id as LeaseId);
    const name = 'n'.repeat(32_768);
    const key = Buffer.alloc(1_000_000, 'k');
    const url = `http://${'h'.repeat(200_000)}:1`;
    const unknownMember = { memberID: (2n ** 64n - 1n) as MemberId, alarm: AlarmType.CORRUPT };
    {
      await using own = new Client({ endpoints: [served.endpoint] }, osWorld);
      for (const [at, id] of leases.entries()) {
        await own.lease.grant(1000, { id });
        await own.kv.put(`leased${at}`, '', { lease: id });
      }
      await own.kv.put(key, 'long');
      await own.auth.userAdd(name, 'p');
      await own.auth.roleAdd(name);
      await own.auth.userGrantRole(name, name);
      await own.auth.roleGrantPermission(name, { type: Permission_Type.READWRITE, key, rangeEnd: Buffer.of(0) });
      await own.cluster.add([url], { isLearner: true });
      await served.connect().unary(Maintenance.alarm, { action: Action.ACTIVATE, ...unknownMember });
    }
    for (const starts of [1, 2]) {
      await served.stop();
      await served.start();
      await using own = new Client({ endpoints: [served.endpoint] }, osWorld);
      expect((await own.maintenance.alarms()).alarms, `start ${starts}`).toEqual([unknownMember]);
    }
    await using own = new Client({ endpoints: [served.endpoint] }, osWorld);
    await own.maintenance.disarm(unknownMember);
    expect((await own.lease.list()).leases.map(({ ID }) => ID).sort(order)).toEqual([...leases].sort(order));
    expect((await own.kv.get(key)).count).toBe(1);
    expect((await own.auth.userGet(name)).roles).toEqual([name]);
    const [permission] = (await own.auth.roleGet(name)).perm;
    expect(Buffer.compare(permission?.key ?? Buffer.of(), key)).toBe(0);
    expect(permission?.rangeEnd).toEqual(Buffer.of(0));
    const { members } = await own.cluster.list();
    expect(members.map(({ peerURLs }) => peerURLs[0])).toContain(url);
    for (const id of leases) await own.lease.revoke(id);
    expect((await own.kv.get('leased', { prefix: true })).count).toBe(0);
  });
});
