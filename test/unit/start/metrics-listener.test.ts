/** `--listen-metrics-urls` over TLS, with the clients' certificates. */
import { get } from 'node:https';
import { afterAll, describe, expect, it } from 'vitest';
import { certificateFolder, issue } from '../../support/certificates.js';
import { startCluster } from '../../support/cluster.js';
import { freePort } from '../../support/free-port.js';

const folder = certificateFolder();
afterAll(() => folder[Symbol.dispose]());

const authority = issue({ commonNames: ['authority'], isAuthority: true });
const server = issue({ by: authority, commonNames: ['server'] });
const client = issue({ by: authority, commonNames: ['client'] });
const files = [
  `--cert-file=${folder.write('server.pem', server.cert)}`,
  `--key-file=${folder.write('server.key', server.key)}`,
];
const trusted = `--trusted-ca-file=${folder.write('ca.pem', authority.cert)}`;

/** Status and text, or the error's. */
function ask(port: number, path: string, identity: { cert: string; key: string } | undefined): Promise<string> {
  return new Promise((resolve) => {
    const tls = { ca: authority.cert, checkServerIdentity: () => undefined, ...identity };
    get({ host: '127.0.0.1', port, path, agent: false, ...tls }, (response) => {
      let text = `${response.statusCode} `;
      response.on('data', (chunk) => {
        text += String(chunk);
      });
      response.on('end', () => resolve(text));
    }).on('error', (error) => resolve(`failed: ${error.message}`));
  });
}

describe('a metrics listener with https', () => {
  it('serves metrics and health over TLS, and nothing else', async () => {
    const port = await freePort();
    await using _ = await startCluster({
      members: 1,
      flags: [...files, `--listen-metrics-urls=https://127.0.0.1:${port}`],
    });
    expect(await ask(port, '/metrics', undefined)).toMatch(/^200 .*\netcd_server_has_leader 1\n/s);
    expect(await ask(port, '/health', undefined)).toBe('200 {"health":"true","reason":""}');
    expect(await ask(port, '/version', undefined)).toMatch(/^404 /);
    await expect(fetch(`http://127.0.0.1:${port}/metrics`)).rejects.toThrow();
  });

  it('asks for a certificate where clients need one', async () => {
    const port = await freePort();
    const flags = [...files, trusted, `--listen-metrics-urls=https://127.0.0.1:${port}`];
    await using _ = await startCluster({ members: 1, flags });
    expect(await ask(port, '/health', undefined)).toMatch(/^failed: /);
    expect(await ask(port, '/health', client)).toBe('200 {"health":"true","reason":""}');
  });
});
