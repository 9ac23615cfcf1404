/**
 * A member without space failed its liveness probe, was restarted for ever and damaged by it (#14497); and transactions
 * that write nothing were refused together with those that do (#14884, 3.5.7). Where the disk itself is full, etcd ends
 * at once, and has everything it acknowledged when it is started with space.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { op } from '../../src/client/index.js';
import { prepareCluster } from '../support/cluster.js';
import { buildPrograms, MemberProcess, ourProgram } from '../support/member-process.js';
import { mayHaveDisk, onSmallDisk } from '../support/mount.js';

beforeAll(buildPrograms, 120_000);

test('a member without space is alive, answers reads, deletes, and takes writes again once there is space', {
  timeout: 60_000,
}, async () => {
  await using cluster = await prepareCluster({ members: 1 });
  const home = cluster.only;
  const flags = ['--quota-backend-bytes', '1000000', '--log-level', 'error'];
  await using member = await home.run(ourProgram('etcd'), flags);
  await using client = home.client();
  const probe = async (path: string): Promise<number> => (await fetch(`http://${home.endpoint}${path}`)).status;
  const value = 'x'.repeat(100_000);
  const fill = async (): Promise<void> => {
    // The size grows with the backend's commits, ten times a second.
    for (let i = 0; i < 1000; i++) await client.kv.put(`k${i % 40}`, value);
  };
  await expect(fill()).rejects.toThrow('etcdserver: mvcc: database space exceeded');
  await expect.poll(async () => (await client.maintenance.alarms()).alarms.length, { timeout: 15_000 }).toBe(1);

  expect(await probe('/livez')).toBe(200);
  expect(await probe('/readyz')).toBe(200);
  expect(await probe('/health')).toBe(503);
  expect((await client.kv.get('k0')).kvs).toHaveLength(1);
  const reads = await client.kv.txn({ success: [op.get('k0'), op.get('k1')] });
  expect(reads.responses).toHaveLength(2);
  await expect(client.kv.put('small', '')).rejects.toThrow('database space exceeded');
  await expect(client.kv.txn({ success: [op.delete('k0'), op.put('small', '')] })).rejects.toThrow('space exceeded');
  await expect(client.lease.grant(10)).rejects.toThrow('space exceeded');
  expect((await client.kv.txn({ success: [op.delete('k0'), op.get('k1')] })).succeeded).toBe(true);
  expect((await client.kv.get('k0')).kvs).toEqual([]);
  expect((await client.kv.delete('k', { prefix: true })).deleted).toBeGreaterThan(0);

  // Restarted, it is as it was; then the way out: compact, defragment, disarm.
  await member.stop();
  await using again = home.spawn(ourProgram('etcd'), flags);
  // Not by its health: with the alarm it is served, but not called healthy.
  await again.untilHealthy(`http://${home.endpoint}/livez`);
  expect(await probe('/livez')).toBe(200);
  const { header } = await client.kv.get('none');
  await client.kv.compact(header?.revision ?? 0, { physical: true });
  await client.maintenance.defragment(home.endpoint);
  await client.maintenance.disarm();
  await client.kv.put('small', 'again');
  expect(await probe('/health')).toBe(200);
  await again.stop();
});

test.runIf(mayHaveDisk())(
  'a member whose disk is full ends, and has lost nothing when there is space again',
  {
    timeout: 60_000,
  },
  async () => {
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    const disk = join(home.folder, 'disk');
    mkdirSync(disk);
    // Two segments of the log, and some megabytes for the database.
    const sizes = { sizeBytes: 140 << 20, usedBytes: 12 << 20 };
    const [file = '', ...words] = [...onSmallDisk(disk, sizes), ourProgram('etcd'), ...home.flags];
    await using running = new MemberProcess(file, [...words, '--data-dir', join(disk, 'member')]);
    const ready = '"ready to serve client requests"';
    await running.untilSays(ready);
    await using client = home.client();
    const value = 'x'.repeat(300_000);
    let acknowledged = 0;
    const fill = async (): Promise<void> => {
      for (;;) {
        await client.kv.put(`k${acknowledged}`, value, { timeoutMs: 5000 });
        acknowledged++;
      }
    };
    await expect(fill()).rejects.toThrow();
    await running.untilSays('ended 1\n');
    expect(running.output).toMatch(/"failed to commit tx".*no space left on device/);
    await running.untilHealthy(`${home.clientUrl}/health`);
    const { kvs } = await client.kv.get('k', { prefix: true, keysOnly: true });
    expect(kvs.length).toBeGreaterThanOrEqual(acknowledged);
    expect(acknowledged).toBeGreaterThan(0);
    await client.kv.put('again', value);
  },
);
