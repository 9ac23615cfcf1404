/** Profiles of this process, through V8's inspector. Loaded by the first one that is asked for. */
import { Session } from 'node:inspector/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapSnapshot, getHeapStatistics } from 'node:v8';

/** Bytes of allocations between two samples; V8's default. */
const SAMPLING_BYTES = 32 * 1024;
const TRACED = ['v8', 'node.async_hooks', 'node.perf'];

/** One of each at a time, as Go's. */
const running = new Set<string>();

async function alone<T>(kind: string, take: (session: Session) => Promise<T>): Promise<T> {
  if (running.has(kind)) throw new Error(`${kind} profiling already in use`);
  running.add(kind);
  const session = new Session();
  session.connect();
  try {
    return await take(session);
  } finally {
    session.disconnect();
    running.delete(kind);
  }
}

async function passed(seconds: number, signal: AbortSignal): Promise<void> {
  // Whoever asked is gone: what was taken until then is thrown away.
  await sleep(seconds * 1000, undefined, { signal }).catch(() => {});
}

export const osProfiler = {
  cpu: (seconds: number, signal: AbortSignal): Promise<string> =>
    alone('cpu', async (session) => {
      await session.post('Profiler.enable');
      await session.post('Profiler.start');
      await passed(seconds, signal);
      const { profile } = await session.post('Profiler.stop');
      return JSON.stringify(profile);
    }),

  allocations: (seconds: number, signal: AbortSignal): Promise<string> =>
    alone('heap', async (session) => {
      await session.post('HeapProfiler.startSampling', { samplingInterval: SAMPLING_BYTES });
      await passed(seconds, signal);
      const { profile } = await session.post('HeapProfiler.stopSampling');
      return JSON.stringify(profile);
    }),

  trace: (seconds: number, signal: AbortSignal): Promise<string> =>
    alone('trace', async (session) => {
      const traceEvents: unknown[] = [];
      session.on('NodeTracing.dataCollected', ({ params }) => {
        for (const event of params.value) traceEvents.push(event);
      });
      const complete = new Promise<void>((resolve) => session.once('NodeTracing.tracingComplete', () => resolve()));
      await session.post('NodeTracing.start', { traceConfig: { includedCategories: TRACED } });
      await passed(seconds, signal);
      await session.post('NodeTracing.stop');
      await complete;
      return JSON.stringify({ traceEvents });
    }),

  /** The process stands still while it is taken. */
  heapSnapshot: (): AsyncIterable<Uint8Array> => getHeapSnapshot(),

  heapFigures: (): Readonly<Record<string, number>> => {
    const { rss, heapTotal, heapUsed, external, arrayBuffers } = process.memoryUsage();
    return { ...getHeapStatistics(), rss, heapTotal, heapUsed, external, arrayBuffers };
  },

  activeResources: (): readonly string[] => process.getActiveResourcesInfo(),
};

/** What Go's runtime.MemStats calls it. */
export function memoryFigures(): Readonly<Record<string, number>> {
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
  return {
    Alloc: heapUsed + external,
    Sys: rss,
    HeapAlloc: heapUsed,
    HeapSys: heapTotal,
    HeapIdle: heapTotal - heapUsed,
    HeapInuse: heapUsed,
    HeapReleased: 0,
  };
}

/** The words that the process was started with. */
export const commandLine = (): readonly string[] => [process.argv[1] ?? '', ...process.argv.slice(2)];
