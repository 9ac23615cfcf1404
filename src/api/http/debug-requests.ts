/**
 * `/debug/requests` and `/debug/events`, with `--log-level=debug` alone: the calls of late by what they asked for, as
 * Go's x/net/trace shows them. Callers on this machine only, since they show what clients do.
 */
import type { HttpRequest } from '../../lib/http.js';
import { type HttpHandler, textError } from './types.js';

/** Of each method. */
const KEPT_CALLS = 10;

interface Call {
  readonly endedMs: number;
  readonly tookMs: number;
  readonly code: string;
}

interface Family {
  count: number;
  failed: number;
  totalMs: number;
  /** The latest, oldest first. */
  readonly recent: Call[];
}

/** What is remembered of calls: bounded by the methods that there are. */
export class RequestLog {
  readonly #families = new Map<string, Family>();

  constructor(readonly wallMs: () => number) {}

  add(method: string, tookMs: number, code: string): void {
    let family = this.#families.get(method);
    if (family === undefined) {
      family = { count: 0, failed: 0, totalMs: 0, recent: [] };
      this.#families.set(method, family);
    }
    family.count++;
    if (code !== 'OK') family.failed++;
    family.totalMs += tookMs;
    family.recent.push({ endedMs: this.wallMs(), tookMs, code });
    if (family.recent.length > KEPT_CALLS) family.recent.shift();
  }

  html(): string {
    const families = [...this.#families].sort(([a], [b]) => (a < b ? -1 : 1));
    return families.map(([method, family]) => familyHtml(method, family)).join('');
  }
}

function familyHtml(method: string, { count, failed, totalMs, recent }: Family): string {
  const rows = recent.map(
    ({ endedMs, tookMs, code }) =>
      `<tr><td>${new Date(endedMs).toISOString()}</td><td>${(tookMs / 1000).toFixed(6)}</td><td>${code}</td></tr>\n`,
  );
  const summary = `${count} calls, ${failed} failed, ${(totalMs / Math.max(1, count)).toFixed(3)} ms on average`;
  return (
    `<h2>${method}</h2>\n<p>${summary}</p>\n<table>\n<tr><th>When</th><th>Elapsed ` +
    `(s)</th><th>Code</th></tr>\n${rows.join('')}</table>\n`
  );
}

export function debugRequestsHandler(log: RequestLog): HttpHandler {
  return (request, url) => {
    if (url.pathname !== '/debug/requests' && url.pathname !== '/debug/events') return undefined;
    if (!isLocal(request)) return textError(401, 'not allowed');
    const [title, content] = url.pathname === '/debug/requests' ? ['requests', log.html()] : ['events', ''];
    return {
      status: 200,
      headers: { 'Content-Type': 'text/html; charset=utf-8' },
      body:
        `<html>\n<head><title>/debug/${title}</title></head>\n<body>\n<h1>/debug/${title}</h1>` +
        `\n${content}</body>\n</html>\n`,
    };
  };
}

const isLocal = ({ peer: { address } }: HttpRequest): boolean =>
  /^(127\.\d+\.\d+\.\d+|\[::1\]|\[::ffff:127\.\d+\.\d+\.\d+\]):\d+$/.test(address);
