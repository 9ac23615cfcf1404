/** `--max-request-bytes` far above the usual: one such request fits, whatever else is bounded. */
import { expect, it } from 'vitest';
import { Client } from '../../../src/client/client.js';
import { osWorld } from '../../../src/client/os-world.js';
import { startCluster } from '../../support/cluster.js';

it('a request as large as the option allows is taken, and one beyond it refused', async () => {
  await using cluster = await startCluster({
    members: 1,
    runner: 'in-process',
    flags: ['--max-request-bytes=45000000'],
  });
  const options = { endpoints: cluster.endpoints, maxSendBytes: 2 ** 31 - 1, maxReceiveBytes: 2 ** 31 - 1 };
  const client = new Client(options, osWorld);
  await client.kv.put('large', Buffer.alloc(40_000_000, 'v'));
  const { kvs } = await client.kv.get('large');
  expect(kvs[0]?.value.length).toBe(40_000_000);
  await expect(client.kv.put('too large', Buffer.alloc(45_000_000))).rejects.toThrow('request is too large');
  await client.close();
});
