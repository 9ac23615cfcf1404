/** Where a client's connections go: a host and port, or a socket of the file system. */
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseEndpoint } from '../../../src/client/endpoint.js';
import { osWorld } from '../../../src/client/os-world.js';

async function visited(server: Server, url: () => string): Promise<string> {
  const first = new Promise<string>((resolve) => {
    server.on('connection', (socket) => {
      socket.once('data', (bytes) => {
        resolve(bytes.toString('latin1'));
        socket.destroy();
      });
    });
  });
  const channel = osWorld.connect(parseEndpoint(url()), { tls: undefined } as never);
  channel.connect().catch(() => {});
  try {
    return await first;
  } finally {
    await channel.close();
    server.close();
  }
}

it('goes to a host and its port', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  expect(await visited(server, () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`)).toMatch(/^PRI \*/);
});

it('goes to a socket of the file system', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'etcd-ts-edges-'));
  try {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(folder, 's'), resolve));
    expect(await visited(server, () => `unix://${join(folder, 's')}`)).toMatch(/^PRI \*/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('finds no way to a host without a port', async () => {
  const channel = osWorld.connect(parseEndpoint('http://127.0.0.1'), { tls: undefined } as never);
  await expect(channel.connect()).rejects.toThrow('missing port in address');
  await channel.close();
});
