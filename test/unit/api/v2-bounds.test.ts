/** What a caller sends without end is refused before it is all there. */

import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { startCluster } from '../../support/cluster.js';

const MIB = 1024 * 1024;

it('refuses a form of 100 MB once it is known to be too large, and keeps none of it', async () => {
  await using cluster = await startCluster({ members: 1, flags: ['--enable-v2'] });
  const served = cluster.only;
  const [host, port] = served.endpoint.split(':');
  const socket = connect({ host: host ?? '', port: Number(port) });
  socket.on('error', () => {});
  await once(socket, 'connect');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString();
  });
  const type = 'application/x-www-form-urlencoded';
  socket.write(
    `PUT /v2/keys/big HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: ${100 * MIB}\r\n\r\nvalue=`,
  );
  const piece = Buffer.alloc(MIB / 4, 'a');
  let sent = 0;
  const ended = once(socket, 'close').then(() => 'closed');
  while (sent < 100 * MIB && answer === '' && !socket.destroyed) {
    sent += piece.length;
    if (!socket.write(piece)) await Promise.race([once(socket, 'drain'), ended]).catch(() => {});
  }
  await expect
    .poll(() => answer)
    .toContain('"errorCode":210,"message":"Invalid POST form","cause":"http: POST too large"');
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  // Ten are read; what lies in the sockets' buffers comes on top.
  expect(sent).toBeLessThan(60 * MIB);
  socket.destroy();
  const listing = await fetch(`http://${served.endpoint}/v2/keys/`);
  expect(await listing.json()).toEqual({ action: 'get', node: { dir: true } });
});
