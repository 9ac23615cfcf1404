/**
 * The answer to the end of a lease carries the revision of that end, not what the member had come to when it answered:
 * etcd's robustness suite takes it for the place in the history where the keys went.
 */
import { expect, it } from 'vitest';
import { Client } from '../../../src/client/client.js';
import { osWorld } from '../../../src/client/os-world.js';
import { startCluster } from '../../support/cluster.js';

it('a revoked lease is answered with the revision at which its keys went, whatever is written beside it', async () => {
  await using cluster = await startCluster({ members: 1 });
  const newClient = () => new Client({ endpoints: [cluster.only.endpoint] }, osWorld);
  await using client = newClient();
  const writers = Array.from({ length: 6 }, newClient);
  await Promise.all(writers.map((writer) => writer.kv.put('k', 'v')));
  for (let round = 0; round < 10; round++) {
    const { ID, header: granted } = await client.lease.grant(1000);
    const { header: attached } = await client.kv.put('leased', 'v', { lease: ID });
    expect(attached?.revision).toBe((granted?.revision ?? 0) + 1);
    const revoked = client.lease.revoke(ID);
    const puts = writers.flatMap((writer) => Array.from({ length: 20 }, (_, i) => writer.kv.put(`k${i}`, 'v')));
    const [{ header }] = await Promise.all([revoked, ...puts]);
    const watch = client.watch('leased', { revision: (attached?.revision ?? 0) + 1 });
    for await (const { events } of watch) {
      expect(header?.revision).toBe(events[0]?.kv?.modRevision);
      break;
    }
  }
  await Promise.all(writers.map((writer) => writer.close()));
});
