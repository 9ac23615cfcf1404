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
    const escaping = differenceOf('metricsSayEscaping', source.emulate)
      ? `; escaping=${escapingFor(request.headers['accept'] ?? '')}`
      : '';
    const type = { 'Content-Type': `text/plain; version=0.0.4; charset=utf-8${escaping}` };
    const plain: HttpResponse = { status: 200, headers: type, body: text };
    if (!takesGzip(request.headers['accept-encoding'] ?? '', source.emulate)) return plain;
    if (last?.text !== text) last = { text, bytes: packed(text) };
    return { ...plain, headers: { ...type, 'Content-Encoding': 'gzip' }, body: await last.bytes };
  };
}

interface Choice {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly quality: number;
}

const choicesOf = (accepted: string): Choice[] =>
  accepted.split(',').map((choice) => {
    const [name = '', ...parameters] = choice.split(';').map((part) => part.trim());
    const quality = parameters.find((parameter) => parameter.startsWith('q='));
    return { name, parameters, quality: quality === undefined ? 1 : Number(quality.slice(2)) };
  });

const ESCAPINGS = ['allow-utf-8', 'underscores', 'dots', 'values'];

/**
 * How names would be escaped, had any to be: Prometheus 3 tells with each type that it takes. The best counts, up to
 * that of this text.
 */
function escapingFor(accepted: string): string {
  let escaping = 'underscores';
  for (const { name, parameters } of choicesOf(accepted).sort((a, b) => b.quality - a.quality)) {
    const last = (key: string): string => parameters.findLast((each) => each.startsWith(key))?.slice(key.length) ?? '';
    const wanted = last('escaping=');
    if (ESCAPINGS.includes(wanted)) escaping = wanted;
    if (name === 'text/plain' && ['', '0.0.4'].includes(last('version='))) break;
  }
  return escaping;
}

/** Where qualities count, `identity` wins over its equal. */
function takesGzip(accepted: string, emulate: EmulatedVersion): boolean {
  const choices = choicesOf(accepted);
  if (!differenceOf('weighsEncodings', emulate)) return choices.some(({ name }) => name === 'gzip');
  const best = (coding: string): number =>
    choices.reduce((most, { name, quality }) => (name === coding || name === '*' ? Math.max(most, quality) : most), 0);
  return best('gzip') > best('identity');
}
