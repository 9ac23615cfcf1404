/** Members as processes that are removed from their cluster: while they run, and while they are down. */
import { beforeAll, expect, it } from 'vitest';
import { Client } from '../../src/client/client.js';
import { startCluster } from '../support/cluster.js';
import { buildPrograms } from '../support/member-process.js';

beforeAll(buildPrograms, 120_000);

it('they stop and say so; those that were down end when they come back', async () => {
  await using cluster = await startCluster({ members: 3, runner: 'ours' });
  await using client = new Client({ endpoints: [cluster.at(0).endpoint] });
  const idOf = async (name: string): Promise<bigint> => {
    const { members } = await client.cluster.list();
    return members.find((member) => member.name === name)?.ID ?? 0n;
  };
  /** Changes are taken once the members have been connected for some seconds. */
  const remove = async (name: string): Promise<void> => {
    const id = await idOf(name);
    const refusal = (): Promise<string> =>
      client.cluster.remove(id).then(
        () => '',
        (error: Error) => error.message,
      );
    await expect.poll(refusal, { timeout: 30_000, interval: 200 }).toMatch(/^(?!.*unhealthy cluster)/);
  };
  const [, running, down] = cluster.places;
  if (running === undefined || down === undefined) throw new Error('three were asked for');

  await down.stop('SIGKILL');
  await remove(down.name);
  await expect(down.start()).rejects.toThrow('the member has been permanently removed from the cluster');

  const { process } = running;
  await remove(running.name);
  expect(await process.ended()).toBe(0);
  expect(process.output).toContain('the member has been permanently removed from the cluster');
  expect(process.output).toContain('data-dir used by this member must be removed');
  await running.stop();
  await expect(running.start()).rejects.toThrow('the member has been permanently removed from the cluster');

  const { members } = await client.cluster.list();
  expect(members.map(({ name }) => name)).toEqual([cluster.at(0).name]);
  await client.kv.put('k', 'v');
}, 90_000);
