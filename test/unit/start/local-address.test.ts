import { expect, it } from 'vitest';
import { osNetwork } from '../../../src/lib/os/net.js';
import { localAddressOf } from '../../../src/start/local-address.js';
import { memberOptions } from '../../support/member-options.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const found = (urls: string[], gate = 'SetMemberLocalAddr=true') => {
  const logger = new RecordingLogger();
  const options = memberOptions([`--feature-gates=${gate}`]);
  return { address: localAddressOf({ ...options, initialAdvertisePeerUrls: urls }, logger), logger };
};

it('a member calls from the first of its peer URLs that others can reach', () => {
  const urls = ['http://localhost:1', 'unix://sock:1', 'http://127.0.0.1:1', 'http://[::1]:1', 'http://0.0.0.0:1'];
  expect(found([...urls, 'https://[fd00::7]:1', 'https://10.0.0.2:1']).address).toBe('fd00::7');
  const { address, logger } = found(urls);
  expect(address).toBeUndefined();
  expect(logger.records.at(-1)).toMatchObject({ level: 'warn', fields: { 'advertise-peer-urls': urls } });
});

it('and from where the system has it call unless it is told to', () => {
  expect(found(['https://10.0.0.2:1'], 'SetMemberLocalAddr=false').address).toBeUndefined();
});

it('the address to call from is that of the connection', async () => {
  const callers: string[] = [];
  const listener = await osNetwork.listen({ t: 'tcp', host: '127.0.0.1', port: 0 }, ({ socket, remoteAddress }) => {
    callers.push(remoteAddress.replace(/:\d+$/, ''));
    socket.end();
  });
  const { socket } = await osNetwork.dial(listener.address, { localAddress: '127.0.0.3' });
  await expect.poll(() => callers).toEqual(['127.0.0.3']);
  socket.destroy();
  await listener.close();
});
