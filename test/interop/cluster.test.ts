/**
 * Three members on loopback: all ours, and mixed with real ones (REAL_ETCD: the folder of real etcd's programs;
 * REAL_ETCD_34: those of 3.4).
 */
import { describe, expect, it } from 'vitest';
import { Client } from '../../src/client/index.js';
import { type Runner, startCluster } from '../support/cluster.js';

const { REAL_ETCD, REAL_ETCD_34 } = process.env;
const ours: Runner = 'in-process';

const mixes: readonly (readonly [string, readonly Runner[]])[] = [
  ['ours', [ours, ours, ours]],
  ...(REAL_ETCD === undefined ? [] : ([['two of ours and a real 3.5', [ours, { real: REAL_ETCD }, ours]]] as const)),
  ...(REAL_ETCD_34 === undefined
    ? []
    : ([['two of ours and a real 3.4', [ours, ours, { real: REAL_ETCD_34 }]]] as const)),
];

describe.each(mixes)('a cluster of %s', (_name, runners) => {
  it('holds the same data everywhere, whoever leads', async () => {
    await using cluster = await startCluster({ members: runners });
    const { endpoints } = cluster;
    const clients = endpoints.map((endpoint) => new Client({ endpoints: [endpoint] }));
    const [first] = clients;
    if (first === undefined) throw new Error('no member runs');
    const statuses = () => Promise.all(endpoints.map((endpoint) => first.maintenance.status(endpoint)));
    try {
      const { members } = await first.cluster.list();
      for (const { ID } of members) {
        const all = await statuses();
        const leads = all.findIndex(({ header, leader }) => header?.memberId === leader);
        if (all[0]?.leader !== ID) await clients[leads]?.maintenance.moveLeader(ID);
        for (const [i, client] of clients.entries()) await client.kv.put(`key${i}`, String(ID));
      }
      // A linearizable read at each: all have applied what is hashed.
      for (const client of clients) await client.kv.get('key2');
      const [status] = await statuses();
      const revision = status?.header?.revision ?? 0;
      expect(revision).toBe(1 + members.length * clients.length);
      const hashes = await Promise.all(endpoints.map((endpoint) => first.maintenance.hashKV(endpoint, revision)));
      expect(new Set(hashes.map(({ hash }) => hash)).size).toBe(1);
    } finally {
      await Promise.all(clients.map((client) => client.close()));
    }
  }, 60_000);
});
