/** The lives of members that are compared by what they say. */
import { expect } from 'vitest';
import { type Runner, startCluster } from './cluster.js';

/**
 * All that the members of a cluster said: three that agree and are asked for all kinds of things, a fourth that comes
 * by snapshot, moves and goes, and one that begins again.
 */
export async function lives(runner: Runner, flags: readonly string[]): Promise<string> {
  await using cluster = await startCluster({ members: 3, runner, flags: ['--snapshot-count=20', ...flags] });
  const [first, second] = [cluster.at(0), cluster.at(1)];
  await using client = first.client();
  for (let at = 0; at < 60; at++) await client.kv.put('key', `${at}`);
  await client.kv.compact(10, { physical: true });
  for await (const _ of client.maintenance.snapshot());

  const joining = await cluster.joining(runner);
  /** Changes are taken once the members have been connected for some seconds. */
  const refusalOf = (change: () => Promise<unknown>) => () =>
    change().then(
      () => '',
      (error: Error) => error.message,
    );
  const taken = async (change: () => Promise<unknown>): Promise<void> => {
    await expect.poll(refusalOf(change), { timeout: 30_000, interval: 200 }).toMatch(/^(?!.*unhealthy cluster)/);
  };
  await taken(() => client.cluster.add([joining.peerUrl]));
  await joining.start();
  const { members } = await client.cluster.list();
  const id = members.find(({ peerURLs }) => peerURLs.includes(joining.peerUrl))?.ID ?? 0n;
  await client.cluster.update(id, [joining.peerUrl]);
  const outputs = (): string => cluster.places.map((place) => place.process.output).join('\n');
  const before = outputs();

  await second.stop();
  await second.start();
  await taken(() => client.cluster.remove(id));
  return `${before}\n${outputs()}`;
}
