/** `--listen-metrics-urls` over TLS, with the clients' certificates; ports for http and https both. */
import { once } from 'node:events';
import { connect } from 'node:http2';
import { get } from 'node:https';
import { afterAll, describe, expect, it } from 'vitest';
import { Client } from '../../../src/client/client.js';
import { osWorld } from '../../../src/client/os-world.js';
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

describe('an address that is for gRPC alone', () => {
  it('hangs up on HTTP/1 in clear, and refuses over HTTP/2 what is no call', async () => {
    const port = await freePort();
    const flags = [`--listen-client-http-urls=http://127.0.0.1:${port}`];
    await using cluster = await startCluster({ members: 1, flags });
    const { clientUrl } = cluster.only;
    const hungUp = await fetch(`${clientUrl}/health`).catch((error: Error) => error.cause);
    expect(hungUp).toMatchObject({ code: 'UND_ERR_SOCKET' });
    const session = connect(clientUrl);
    const [headers] = await once(session.request({ ':path': '/health' }), 'response');
    session.destroy();
    expect(headers).toMatchObject({ ':status': 415, 'grpc-status': '3' });
    expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
  });
});

describe('an address that is given with http and https', () => {
  it('serves clients and probes by both, gRPC and HTTP', async () => {
    const [clients, probes] = [await freePort(), await freePort()];
    const both = (port: number) => `http://127.0.0.1:${port},https://127.0.0.1:${port}`;
    const urls = [`--listen-client-urls=${both(clients)}`, `--advertise-client-urls=http://127.0.0.1:${clients}`];
    const flags = [...files, ...urls, `--listen-metrics-urls=${both(probes)}`];
    await using _ = await startCluster({ members: 1, flags });
    for (const port of [clients, probes]) {
      expect(await (await fetch(`http://127.0.0.1:${port}/health`)).json()).toMatchObject({ health: 'true' });
      expect(await ask(port, '/health', undefined)).toBe('200 {"health":"true","reason":""}');
    }
    const tls = { ca: Buffer.from(authority.cert), insecureSkipVerify: true };
    await using inClear = new Client({ endpoints: [`http://127.0.0.1:${clients}`] }, osWorld);
    await using secure = new Client({ endpoints: [`https://127.0.0.1:${clients}`], tls }, osWorld);
    await inClear.kv.put('a', 'by http');
    expect((await secure.kv.get('a')).count).toBe(1);
  });

  it('demands certificates of those who come by https alone', async () => {
    const clients = await freePort();
    const listen = `--listen-client-urls=https://127.0.0.1:${clients},http://127.0.0.1:${clients}`;
    const flags = [...files, trusted, listen, `--advertise-client-urls=http://127.0.0.1:${clients}`];
    await using _ = await startCluster({ members: 1, flags });
    expect(await ask(clients, '/health', undefined)).toMatch(/^failed: /);
    expect(await ask(clients, '/health', client)).toBe('200 {"health":"true","reason":""}');
    expect((await fetch(`http://127.0.0.1:${clients}/health`)).status).toBe(200);
  });
});
