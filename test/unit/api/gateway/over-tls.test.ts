/** The metadata of calls through the gateway where its port speaks TLS, beside those in clear. */
import { request } from 'node:https';
import { afterAll, describe, expect, it } from 'vitest';
import { certificateFolder, issue } from '../../../support/certificates.js';
import { startCluster } from '../../../support/cluster.js';
import { freePort } from '../../../support/free-port.js';

const folder = certificateFolder();
afterAll(() => folder[Symbol.dispose]());

const authority = issue({ commonNames: ['authority'], isAuthority: true });
const server = issue({ by: authority, commonNames: ['server'] });
const files = [
  `--cert-file=${folder.write('server.pem', server.cert)}`,
  `--key-file=${folder.write('server.key', server.key)}`,
];
const TRAILER = ['Grpc-Status', 'Grpc-Message', 'Grpc-Status-Details-Bin'];

/** Of the answer's headers those of its metadata, in their order, without the prefix. */
function metadataOf(endpoint: string, path: string, body: unknown): Promise<[status: number, [string, string][]]> {
  const [host = '', port = ''] = endpoint.split(':');
  const tls = { ca: authority.cert, checkServerIdentity: () => undefined };
  return new Promise((resolve, reject) => {
    const call = request({ host, port: Number(port), path, method: 'POST', agent: false, ...tls }, (response) => {
      response.destroy();
      const { rawHeaders: raw, statusCode = 0 } = response;
      const pairs = raw.flatMap((name, at): [string, string][] => (at % 2 === 0 ? [[name, raw[at + 1] ?? '']] : []));
      const metadata = pairs.filter(([name]) => name.startsWith('Grpc-Metadata-'));
      resolve([statusCode, metadata.map(([name, value]) => [name.slice('Grpc-Metadata-'.length), value])]);
    });
    call.on('error', reject).end(body === undefined ? '' : JSON.stringify(body));
  });
}

const calls: readonly (readonly [what: string, path: string, body: object, status: number])[] = [
  ['an answer', '/v3/kv/put', { key: 'YQ==' }, 200],
  ['a stream', '/v3/watch', { create_request: { key: 'YQ==' } }, 200],
  ['a refusal', '/v3/kv/put', { key: 'YQ==', lease: '99' }, 404],
];

describe('over TLS', () => {
  it.each([
    [
      '*',
      [
        ['Access-Control-Allow-Headers', 'accept, content-type, authorization'],
        ['Access-Control-Allow-Methods', 'POST, GET, OPTIONS, PUT, DELETE'],
        ['Access-Control-Allow-Origin', '*'],
      ],
    ],
    ['http://x.example:80', []],
  ])('what Go’s server says to each call is told, with pages of %s let in', async (origins, cors) => {
    const flags = [...files, `--cors=${origins}`];
    await using cluster = await startCluster({ members: 1, clientScheme: 'https', flags });
    const { endpoint } = cluster.only;
    for (const [what, path, body, status] of calls) {
      const [answered, metadata] = await metadataOf(endpoint, path, body);
      expect([what, answered]).toEqual([what, status]);
      expect(metadata.filter(([name]) => name === 'Content-Type')).toEqual([['Content-Type', 'application/grpc']]);
      expect(metadata.filter(([name]) => name === 'Trailer').map(([, value]) => value)).toEqual(TRAILER);
      const allows = metadata.filter(([name]) => name.startsWith('Access-Control-'));
      expect(allows).toEqual(cors);
      const names = metadata.map(([name]) => name);
      expect(names).toEqual([...names].sort());
    }
    expect(await metadataOf(endpoint, '/v3/kv/put', 'no object')).toEqual([400, []]);
  });

  it.each([
    ['3.4', ''],
    ['3.5', 'application/grpc'],
  ])('a stream that had no request ends with what %s says of it', async (version, told) => {
    const flags = [...files, `--emulate-version=${version}`];
    await using cluster = await startCluster({ members: 1, clientScheme: 'https', flags });
    const [, metadata] = await metadataOf(cluster.only.endpoint, '/v3/lease/keepalive', undefined);
    expect(Object.fromEntries(metadata)['Content-Type'] ?? '').toBe(told);
  });

  it('a port for gRPC alone adds nothing', async () => {
    const http = `127.0.0.1:${await freePort()}`;
    const flags = [...files, `--listen-client-http-urls=https://${http}`];
    await using _ = await startCluster({ members: 1, clientScheme: 'https', flags });
    expect(await metadataOf(http, '/v3/kv/put', { key: 'YQ==' })).toEqual([
      200,
      [['Content-Type', 'application/grpc']],
    ]);
    expect(await metadataOf(http, '/v3/kv/put', { key: 'YQ==', lease: '99' })).toEqual([404, []]);
  });
});
