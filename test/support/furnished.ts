/** A cluster with all that travels beside the keys: users with rights, a lease with a key, an alarm. */
import { expect } from 'vitest';
import type { Client } from '../../src/client/index.js';
import { Permission_Type as PermType } from '../../src/proto/gen/authpb.js';
import type { ClusterPlace } from './cluster.js';
import type { Checks } from './mixed-cluster.js';

export const LEASE = 0x7000n;
export const ROOT = { username: 'root', password: 'pass' };
export const READER = { username: 'reader', password: 'word' };

/** NOSPACE, of a member that is none: nobody else lifts it. Only the gateway can be asked for it. */
export async function raiseAlarm({ clientUrl }: ClusterPlace, login?: typeof ROOT): Promise<void> {
  const ask = async (path: string, body: unknown, headers: Record<string, string> = {}): Promise<unknown> => {
    const answer = await fetch(`${clientUrl}/v3/${path}`, { method: 'POST', body: JSON.stringify(body), headers });
    const text = await answer.text();
    expect(answer.status, text).toBe(200);
    return JSON.parse(text);
  };
  const headers: Record<string, string> = {};
  if (login !== undefined) {
    const { username: name, password } = login;
    const { token } = (await ask('auth/authenticate', { name, password })) as { readonly token: string };
    headers.Authorization = token;
  }
  await ask('maintenance/alarm', { action: 'ACTIVATE', memberID: '77', alarm: 'NOSPACE' }, headers);
}

/** All of it; authentication is on after it. */
export async function furnish({ auth, kv, lease }: Client, place: ClusterPlace): Promise<void> {
  for (let i = 0; i < 40; i++) await kv.put(`k${i % 7}`, `v${i}`);
  await lease.grant(1000, { id: LEASE });
  await kv.put('leased', 'v', { lease: LEASE });
  for (const name of ['root', 'reader']) await auth.roleAdd(name);
  await auth.roleGrantPermission('reader', { key: 'k', rangeEnd: 'l', type: PermType.READ });
  for (const { username, password } of [ROOT, READER]) {
    await auth.userAdd(username, password);
    await auth.userGrantRole(username, username);
  }
  await raiseAlarm(place);
  await auth.enable();
}

/** That a member knows all of it, while the alarm is on. `checks` asks as root, `reading` as the reader. */
export async function expectFurnished(checks: Checks, reading: Checks, place: ClusterPlace): Promise<void> {
  const { kv, lease, maintenance } = checks.client(place);
  expect((await reading.client(place).kv.get('k1')).kvs.length).toBe(1);
  await expect(kv.put('k1', 'too much')).rejects.toThrow('database space exceeded');
  expect((await maintenance.alarms()).alarms).toMatchObject([{ memberID: 77n }]);
  const { grantedTTL, keys } = await lease.timeToLive(LEASE, { keys: true });
  expect(grantedTTL).toBe(1000);
  expect(keys.map((key) => Buffer.from(key).toString())).toContain('leased');
}
