import net from 'node:net';
import { describe, expect, it } from 'vitest';
import { Client } from '../../../src/client/client.js';
import { silentLogger } from '../../../src/lib/logger.js';
import { startGateway } from '../../../src/start/start-gateway.js';
import { startCluster } from '../../support/cluster.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const usual = { listenAddr: '127.0.0.1:0', endpoints: ['127.0.0.1:2379'], retryDelayMs: 60_000 };

describe('the start of a gateway', () => {
  it.each([
    [{ endpoints: ['x'] }, 'error parsing endpoint "x"', 'stdout'],
    [{ listenAddr: 'bad' }, 'failed to validate listen address: bad\n', 'stdout'],
    [{ listenAddr: 'host.invalid:1' }, 'failed to resolve listen host: host.invalid\n', 'stdout'],
    [{ endpoints: ['host.invalid:1'] }, 'failed to resolve endpoint host: host.invalid\n', 'stdout'],
    [{ endpoints: [] }, 'no endpoints found\n', 'stdout'],
    [{ listenAddr: '127.0.0.1:99999' }, 'listen tcp: address 99999: invalid port\n', 'stderr'],
    [
      { listenAddr: '127.0.0.1:7', endpoints: ['http://127.0.0.1:8', 'http://localhost:7'] },
      'SRV or endpoint (localhost:7->127.0.0.1:7) should not resolve to the gateway listen addr (127.0.0.1:7)\n',
      'stdout',
    ],
  ])('is refused with %j', async (options, text, to) => {
    await expect(startGateway({ ...usual, ...options }, silentLogger)).rejects.toMatchObject({ text, to });
  });

  it('is refused where somebody else listens', async () => {
    const other = net.createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as net.AddressInfo;
    await expect(startGateway({ ...usual, listenAddr: `127.0.0.1:${port}` }, silentLogger)).rejects.toMatchObject({
      text: `listen tcp 127.0.0.1:${port}: bind: address already in use\n`,
      to: 'stderr',
    });
    await new Promise((resolve) => other.close(resolve));
  });

  it('strips schemes and leads to a member', async () => {
    await using memberCluster = await startCluster({ members: 1 });
    const member = memberCluster.only;
    const logger = new RecordingLogger();
    const gateway = await startGateway({ ...usual, endpoints: [`http://${member.endpoint}`] }, logger);
    gateway.serve();
    expect(logger.records).toEqual([
      { level: 'info', message: 'ready to proxy client requests', fields: { endpoints: [member.endpoint] } },
    ]);
    const { address } = gateway;
    if (address.t !== 'tcp') throw new Error('listens on TCP');
    const client = new Client({ endpoints: [`${address.host}:${address.port}`] });
    await client.kv.put('a', 'b');
    expect((await client.kv.get('a')).count).toBe(1);
    await client.close();
    await gateway.close();
  });
});
