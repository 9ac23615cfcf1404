/** Versions differ in who may ask for what, and in what is told of the role `root`, which may do everything anyway. */
import { expect, it } from 'vitest';
import { Client } from '../../../src/client/client.js';
import { osWorld } from '../../../src/client/os-world.js';
import { startCluster } from '../../support/cluster.js';

it.each([
  ['3.5', []],
  ['3.6', [{ permType: 2, key: '', rangeEnd: '\0' }]],
  ['3.7', [{ permType: 2, key: '', rangeEnd: '\0' }]],
])('the role root, as %s', async (version, wanted) => {
  await using cluster = await startCluster({ members: 1, flags: [`--emulate-version=${version}`] });
  await using client = new Client({ endpoints: [cluster.only.endpoint] }, osWorld);
  await expect(client.auth.roleGet('root')).rejects.toThrow('role name not found');
  await client.auth.roleAdd('root');
  const { perm } = await client.auth.roleGet('root');
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
  const told = perm.map(({ permType, key, rangeEnd }) => ({ permType, key: text(key), rangeEnd: text(rangeEnd) }));
  expect(told).toEqual(wanted);
});

it.each([
  ['3.4', 0],
  ['3.5', 1],
  ['3.7', 1],
])('the status of authentication is an entry, but while members may not know it, as %s', async (version, entries) => {
  await using cluster = await startCluster({ members: 1, flags: [`--emulate-version=${version}`] });
  await using client = new Client({ endpoints: [cluster.only.endpoint] }, osWorld);
  const { member } = cluster.only.running;
  await expect.poll(() => member.cluster.version).toBe(`${version}.0`);
  const before = member.maintenance.status().raftIndex;
  expect(await client.auth.status()).toMatchObject({ enabled: false, authRevision: 1 });
  expect(member.maintenance.status().raftIndex - before).toBe(entries);
});

const none = 'user name is empty';
const denied = 'permission denied';

it.each([
  ['3.5', { status: [none, denied], authStatus: [none, denied], hashkv: [none, denied] }],
  ['3.6', { status: [none, ''], authStatus: [none, denied], hashkv: [none, denied] }],
  ['3.7', { status: [none, ''], authStatus: ['', ''], hashkv: [none, denied] }],
])('nobody and somebody, as %s', async (version, wanted) => {
  await using cluster = await startCluster({ members: 1, flags: [`--emulate-version=${version}`, '--bcrypt-cost=4'] });
  const { endpoint } = cluster.only;
  await using nobody = new Client({ endpoints: [endpoint] }, osWorld);
  for (const name of ['root', 'alice']) await nobody.auth.userAdd(name, 'pw');
  await nobody.auth.roleAdd('root');
  await nobody.auth.userGrantRole('root', 'root');
  await nobody.auth.enable();
  await using alice = new Client({ endpoints: [endpoint], username: 'alice', password: 'pw' }, osWorld);
  const refusal = (call: Promise<unknown>): Promise<string> =>
    call.then(
      () => '',
      (cause: Error) => [none, denied].find((each) => cause.message.endsWith(each)) ?? cause.message,
    );
  const asked = async (call: (client: Client) => Promise<unknown>): Promise<string[]> => [
    await refusal(call(nobody)),
    await refusal(call(alice)),
  ];
  expect({
    status: await asked((client) => client.maintenance.status(endpoint)),
    authStatus: await asked((client) => client.auth.status()),
    hashkv: await asked((client) => client.maintenance.hashKV(endpoint, 0)),
  }).toEqual(wanted);
});
