/** Many who ask a proxy for metrics at once have the same text. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { proxyMetrics } from '../../../src/api/http/proxy-metrics.js';
import type { HttpRequest, HttpResponse } from '../../../src/lib/http.js';
import { watchRuntime } from '../../../src/lib/os/runtime.js';
import { relayMetrics } from '../../../src/start/relay-metrics.js';
import { ManualClock } from '../../support/manual-clock.js';

const ASKERS = 1000;
/** The first is served at once; all others have come by the time of the second. */
const TEXTS = 2;

/** Lets time pass until `done` is. */
async function advanceUntil(done: Promise<unknown>, clock: ManualClock): Promise<void> {
  let isDone = false;
  void done.then(() => {
    isDone = true;
  });
  await expect
    .poll(async () => {
      await clock.advance(1000);
      return isDone;
    })
    .toBe(true);
}

it('its own metrics are put together once for all who wait', async () => {
  const clock = new ManualClock();
  let readings = 0;
  const own = proxyMetrics(
    watchRuntime(),
    () => {
      readings++;
      return [];
    },
    clock,
  );
  await own.metrics();
  const perText = readings;
  readings = 0;
  const all = Promise.all(Array.from({ length: ASKERS }, () => own.metrics()));
  await advanceUntil(all, clock);
  expect(new Set((await all).map((text) => text.includes('process_start_time_seconds')))).toEqual(new Set([true]));
  expect(perText).toBeGreaterThan(0);
  expect(readings).toBe(TEXTS * perText);
});

it('a member is asked once for all who wait', async () => {
  const clock = new ManualClock();
  let requests = 0;
  const member = createServer((_, response) => {
    requests++;
    response.end(`text ${requests}`);
  }).listen(0, '127.0.0.1');
  await once(member, 'listening');
  try {
    const { port } = member.address() as AddressInfo;
    const relay = relayMetrics(() => [`http://127.0.0.1:${port}`], undefined, clock);
    const ask = async () => (await relay({} as HttpRequest, new URL('http://proxy/metrics'))) as HttpResponse;
    const all = Promise.all(Array.from({ length: ASKERS }, ask));
    await advanceUntil(all, clock);
    expect(new Set((await all).map(({ body }) => String(body)))).toEqual(new Set(['text 1', 'text 2']));
    expect(requests).toBe(TEXTS);
  } finally {
    member.close();
  }
});
