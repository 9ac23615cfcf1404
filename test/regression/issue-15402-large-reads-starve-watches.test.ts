/**
 * On a TLS connection that large answers kept busy, a watch got nothing for minutes (#15402, before 3.5.8): Go's HTTP/2
 * server wrote what was ready in whatever order, and an event could wait behind all of them.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Client } from '../../src/client/client.js';
import { certificateFolder, issue } from '../support/certificates.js';
import { type LocalCluster, startCluster } from '../support/cluster.js';

const READS = 100;
const VALUE = Buffer.alloc(1_000_000, 7);

const folder = certificateFolder();
const authority = issue({ commonNames: ['authority'], isAuthority: true });
const own = issue({ by: authority, commonNames: ['server'], usages: ['server'], addresses: ['127.0.0.1'] });
let cluster: LocalCluster;
let endpoint: string;

beforeAll(async () => {
  cluster = await startCluster({
    members: 1,
    flags: [
      '--listen-client-urls=https://127.0.0.1:0',
      '--advertise-client-urls=https://127.0.0.1:0',
      `--cert-file=${folder.write('server.pem', own.cert)}`,
      `--key-file=${folder.write('server.key', own.key)}`,
    ],
  });
  const [address] = cluster.only.running.clientAddresses;
  if (address?.t !== 'tcp') throw new Error('no TCP address');
  endpoint = `https://127.0.0.1:${address.port}`;
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

test('an event comes while a hundred large reads of the same connection are under way', async () => {
  await using client = new Client({ endpoints: [endpoint], tls: { ca: authority.cert } });
  await client.kv.put('large', VALUE);
  const watch = client.watch('small');
  const events = watch[Symbol.asyncIterator]();
  let read = 0;
  const reads = Array.from({ length: READS }, async () => {
    const { kvs } = await client.kv.get('large');
    expect(kvs[0]?.value.length).toBe(VALUE.length);
    read++;
  });
  const first = events.next();
  await client.kv.put('small', 'event');
  const { value } = await first;
  expect(value?.events).toHaveLength(1);
  // Not behind them, nor behind most of them.
  expect(read).toBeLessThan(READS / 2);
  await Promise.all(reads);
  watch.cancel();
}, 60_000);
