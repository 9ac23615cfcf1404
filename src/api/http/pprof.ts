/**
 * `/debug/pprof/…`, with `--enable-pprof` or `--log-level=debug`. Paths as Go's net/http/pprof has them; what is behind
 * them is V8's: a CPU profile (`.cpuprofile`), a heap snapshot or a sampling of allocations (`.heapsnapshot`,
 * `.heapprofile`), a trace, each to open in Chrome's developer tools.
 */
import type { HttpRequest, HttpResponse } from '../../lib/http.js';
import { type HttpHandler, textError } from './types.js';

/** Each ends early when its signal is aborted. One profile of a kind at a time: rejects while another is taken. */
export interface Profiler {
  cpu(seconds: number, signal: AbortSignal): Promise<string>;
  /** Allocations of so many seconds. */
  allocations(seconds: number, signal: AbortSignal): Promise<string>;
  heapSnapshot(): AsyncIterable<Uint8Array>;
  trace(seconds: number, signal: AbortSignal): Promise<string>;
  heapFigures(): Readonly<Record<string, number>>;
  /** What keeps the process going, by kind. */
  activeResources(): readonly string[];
}

/** As Go's. */
const CPU_SECONDS = 30;
const TRACE_SECONDS = 1;
const MAX_SECONDS = 600;

const descriptions: Readonly<Record<string, string>> = {
  allocs: 'Allocations of a while: ?seconds=N',
  block: 'Nothing here: there are no goroutines that block',
  cmdline: 'The command line of the process',
  goroutine: 'What the event loop waits for',
  heap: 'A snapshot of the heap; allocations of a while with ?seconds=N',
  mutex: 'Nothing here: there are no mutexes',
  profile: 'CPU profile: ?seconds=N, 30 by default',
  threadcreate: 'Nothing here: the runtime has its threads from the start',
  trace: "The runtime's own events: ?seconds=N, 1 by default",
};

export function pprofHandler(profiler: Profiler, commandLine: readonly string[]): HttpHandler {
  return async (request, url) => {
    const { pathname } = url;
    if (pathname === '/debug/pprof')
      return {
        status: 301,
        headers: { 'Content-Type': 'text/html; charset=utf-8', Location: '/debug/pprof/' },
        body: '',
      };
    if (!pathname.startsWith('/debug/pprof/')) return undefined;
    return profile(profiler, commandLine, pathname.slice('/debug/pprof/'.length), url, request);
  };
}

async function profile(
  profiler: Profiler,
  commandLine: readonly string[],
  name: string,
  url: URL,
  { signal }: HttpRequest,
): Promise<HttpResponse> {
  const given = url.searchParams.get('seconds');
  const seconds = given === null ? undefined : Number(given);
  if (seconds !== undefined && !(seconds > 0 && seconds <= MAX_SECONDS)) {
    return goError(400, 'invalid value for "seconds" - must be a positive integer');
  }
  const isText = url.searchParams.has('debug') && url.searchParams.get('debug') !== '0';
  switch (name) {
    case '':
      return {
        status: 200,
        headers: { 'Content-Type': 'text/html; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
        body: index(),
      };
    case 'cmdline':
      return text(commandLine.join('\0'));
    case 'symbol':
      return text('num_symbols: 0\n');
    case 'profile':
      return taken('profile.cpuprofile', () => profiler.cpu(seconds ?? CPU_SECONDS, signal));
    case 'trace':
      return taken('trace.json', () => profiler.trace(seconds ?? TRACE_SECONDS, signal));
    case 'heap':
    case 'allocs':
      if (isText) return text(figures(name, profiler));
      if (seconds !== undefined || name === 'allocs')
        return taken(`${name}.heapprofile`, () => profiler.allocations(seconds ?? TRACE_SECONDS, signal));
      return attachment('heap.heapsnapshot', profiler.heapSnapshot());
    case 'goroutine':
      return text(resources(profiler.activeResources()));
    case 'threadcreate':
    case 'block':
    case 'mutex':
      return text(`${name} profile: total 0\n`);
    default:
      return goError(404, 'Unknown profile');
  }
}

const goError = (status: number, message: string): HttpResponse => textError(status, message, { 'X-Go-Pprof': '1' });

const text = (body: string): HttpResponse => ({
  status: 200,
  headers: { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
  body,
});

const attachment = (file: string, body: HttpResponse['body']): HttpResponse => ({
  status: 200,
  headers: {
    'Content-Type': 'application/octet-stream',
    'Content-Disposition': `attachment; filename="${file}"`,
    'X-Content-Type-Options': 'nosniff',
  },
  body,
});

async function taken(file: string, take: () => Promise<string>): Promise<HttpResponse> {
  try {
    return attachment(file, await take());
  } catch (cause) {
    return goError(
      500,
      `Could not enable ${file.split('.')[0]} profiling: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
}

function index(): string {
  const rows = Object.entries(descriptions).map(
    ([name, description]) => `<tr><td><a href="${name}">${name}</a></td><td>${description}</td></tr>\n`,
  );
  return (
    `<html>\n<head><title>/debug/pprof/</title></head>\n<body>\n<h1>/debug/pprof/</h1>\n<table>` +
    `\n${rows.join('')}</table>\n</body>\n</html>\n`
  );
}

function figures(name: string, profiler: Profiler): string {
  const lines = Object.entries(profiler.heapFigures()).map(([figure, value]) => `# ${figure} = ${value}\n`);
  return `${name} profile:\n${lines.join('')}`;
}

/** Go's head line, so that who greps for a total finds one. */
function resources(active: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const kind of active) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const lines = [...counts].sort(([, a], [, b]) => b - a).map(([kind, count]) => `${count} @ ${kind}\n`);
  return `goroutine profile: total ${active.length}\n${lines.join('')}`;
}
