/**
 * `/metrics`: the registry in Prometheus's text form 0.0.4, packed for those who ask for it, which scrapers do. As
 * client_golang's promhttp answers.
 */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { differenceOf, type EmulatedVersion } from '../../lib/emulate.js';
import type { HttpResponse } from '../../lib/http.js';
import type { HttpHandler } from './types.js';

export interface MetricsSource {
  metrics(): Promise<string>;
  readonly emulate: EmulatedVersion;
}

const packed = promisify(gzip);

export function metricsHandler(source: MetricsSource): HttpHandler {
  /** Of a text that many wait for. */
  let last: { readonly text: string; readonly bytes: Promise<Uint8Array> } | undefined;
  return async (request, url) => {
    if (url.pathname !== '/metrics') return undefined;
    const text = await source.metrics();
    const type = { 'Content-Type': differenceOf('metricsType', source.emulate) };
    const plain: HttpResponse = { status: 200, headers: type, body: text };
    if (!takesGzip(request.headers['accept-encoding'] ?? '', source.emulate)) return plain;
    if (last?.text !== text) last = { text, bytes: packed(text) };
    return { ...plain, headers: { ...type, 'Content-Encoding': 'gzip' }, body: await last.bytes };
  };
}

/** Where qualities count, `identity` wins over its equal. */
function takesGzip(accepted: string, emulate: EmulatedVersion): boolean {
  const choices = accepted.split(',').map((choice) => {
    const [coding = '', ...parameters] = choice.split(';').map((part) => part.trim());
    const quality = parameters.find((parameter) => parameter.startsWith('q='));
    return { coding, quality: quality === undefined ? 1 : Number(quality.slice(2)) };
  });
  if (!differenceOf('weighsEncodings', emulate)) return choices.some(({ coding }) => coding === 'gzip');
  const best = (name: string): number =>
    choices.reduce(
      (most, { coding, quality }) => (coding === name || coding === '*' ? Math.max(most, quality) : most),
      0,
    );
  return best('gzip') > best('identity');
}
