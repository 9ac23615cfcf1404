import net from 'node:net';
import { describe, expect, it } from 'vitest';
import { osNetwork } from '../../../../src/lib/os/net.js';

describe.skipIf(process.platform !== 'linux')('a port that others may listen on', () => {
  it.each(['127.0.0.1', '::1'])('is had twice at %s, and answers', async (host) => {
    const listen = (port: number, reusePort: boolean) =>
      osNetwork.listen({ t: 'tcp', host, port }, ({ socket }) => socket.end('hello'), { reusePort });
    const first = await listen(0, true);
    const port = first.address.t === 'tcp' ? first.address.port : 0;
    const second = await listen(port, true);
    await expect(listen(port, false)).rejects.toThrow('bind: address already in use');
    const heard = await new Promise<string>((resolve, reject) => {
      const socket = net.connect({ host, port });
      socket.on('data', (data) => resolve(data.toString())).on('error', reject);
    });
    expect(heard).toBe('hello');
    await Promise.all([first.close(), second.close()]);
  });

  it('is refused beside a listener that shares nothing', async () => {
    const alone = await osNetwork.listen({ t: 'tcp', host: '127.0.0.1', port: 0 }, () => {});
    const port = alone.address.t === 'tcp' ? alone.address.port : 0;
    await expect(
      osNetwork.listen({ t: 'tcp', host: '127.0.0.1', port }, () => {}, { reusePort: true }),
    ).rejects.toThrow(`listen tcp 127.0.0.1:${port}: bind: address already in use`);
    await alone.close();
  });
});
