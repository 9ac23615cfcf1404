/** What no store can hold is refused: before it goes into the log, and by apply for an entry that is there. */
import { describe, expect, it } from 'vitest';
import { Client } from '../../../../src/client/client.js';
import { osWorld } from '../../../../src/client/os-world.js';
import type { Operation, StoreOperation } from '../../../../src/member/apply/operation.js';
import { checkStorable, storable } from '../../../../src/member/apply/storable.js';
import {
  type AlarmRequest_AlarmAction as Action,
  AlarmRequest,
  type AlarmType,
  AuthRoleAddRequest,
  AuthUserAddRequest,
} from '../../../../src/proto/gen/etcdserverpb.js';
import { startCluster } from '../../../support/cluster.js';

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
    expect(() => apply(operation as StoreOperation, { index: 1, id: 1n, identity: undefined })).toThrowError(message);
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
});
