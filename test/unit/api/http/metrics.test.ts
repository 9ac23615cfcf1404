import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { metricsHandler } from '../../../../src/api/http/metrics.js';
import { emptyBody } from '../../../../src/http1/request-body.js';
import type { EmulatedVersion } from '../../../../src/lib/emulate.js';

const TEXT = `${'a_metric 1\n'.repeat(1000)}`;

async function scrape(emulate: EmulatedVersion, accepted: string | undefined, accept?: string) {
  const handler = metricsHandler({ emulate, metrics: async () => TEXT });
  const request = {
    method: 'GET',
    target: '/metrics',
    protocol: 'HTTP/1.1',
    headers: { 'accept-encoding': accepted, accept },
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

  it.each([
    [undefined, 'underscores'],
    // Prometheus 3
    ['text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2', 'allow-utf-8'],
    ['text/plain ; escaping=dots', 'dots'],
    ['text/plain;escaping=dots;escaping=values', 'values'],
    ['text/plain;escaping=none', 'underscores'],
    ['text/plain,text/html;escaping=values', 'underscores'],
    ['text/plain;q=0.1,text/html;escaping=values;q=0.2', 'values'],
    ['text/plain;version=9;escaping=values,text/plain', 'values'],
    ['application/json;escaping=dots', 'dots'],
  ])('tells who accepts %j how names are escaped, as the real ones did but for 3.4', async (accept, escaping) => {
    const typeOf = async (version: EmulatedVersion) =>
      (await scrape(version, undefined, accept)).headers['Content-Type'];
    expect(await typeOf('3.5')).toBe(`text/plain; version=0.0.4; charset=utf-8; escaping=${escaping}`);
    expect(await typeOf('3.4')).toBe('text/plain; version=0.0.4; charset=utf-8');
  });
});
