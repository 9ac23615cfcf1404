import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { metricsHandler } from '../../../../src/api/http/metrics.js';
import { emptyBody } from '../../../../src/http1/request-body.js';
import type { EmulatedVersion } from '../../../../src/lib/emulate.js';

const TEXT = `${'a_metric 1\n'.repeat(1000)}`;

async function scrape(emulate: EmulatedVersion, accepted: string | undefined) {
  const handler = metricsHandler({ emulate, metrics: async () => TEXT });
  const request = {
    method: 'GET',
    target: '/metrics',
    protocol: 'HTTP/1.1',
    headers: { 'accept-encoding': accepted },
    body: emptyBody,
    peer: { address: '', tls: undefined },
    signal: new AbortController().signal,
    isGone: false,
  } as const;
  const response = await handler(request, new URL('http://h/metrics'));
  if (response === undefined) throw new Error('no answer');
  return response;
}

/** As the real ones answered: accepted, whether 3.4 packs, whether later ones do. */
const asked: readonly (readonly [string | undefined, boolean, boolean])[] = [
  [undefined, false, false],
  ['', false, false],
  ['gzip', true, true],
  ['gzip, deflate', true, true],
  ['x, gzip;q=0.5', true, true],
  ['deflate', false, false],
  ['GZIP', false, false],
  ['*', false, false],
  ['identity;q=0', false, false],
  ['gzip;q=0', true, false],
  ['gzip,identity', true, false],
  ['identity;q=1,gzip;q=0.5', true, false],
  ['identity;q=0.1, gzip;q=0.5', true, true],
];

describe('/metrics', () => {
  it.each(asked)('is packed for those who accept %j, as in each version', async (accepted, in34, later) => {
    for (const [version, isPacked] of [
      ['3.4', in34],
      ['3.5', later],
      ['3.7', later],
    ] as const) {
      const { headers, body } = await scrape(version, accepted);
      expect(headers['Content-Encoding'], version).toBe(isPacked ? 'gzip' : undefined);
      expect(isPacked ? gunzipSync(body as Uint8Array).toString() : body).toBe(TEXT);
    }
  });
});
