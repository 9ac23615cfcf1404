/**
 * Writes random keys through many clients at once, as fast as they answer or at a given rate; used by the `check`
 * commands.
 */

import type { Client } from '../../client/client.js';
import { EtcdError } from '../../client/errors.js';
import { osWorld } from '../../client/os-world.js';
import { LoadRecorder, type LoadReport } from './load-report.js';

export interface WriteLoad {
  readonly prefix: string;
  readonly keyBytes: number;
  readonly valueBytes: number;
  /** Stop after so many writes; undefined = when time is over. */
  readonly writes?: number | undefined;
  readonly writesPerSecond?: number | undefined;
  readonly seconds?: number | undefined;
}

export async function writeLoad(
  clients: readonly Client[],
  load: WriteLoad,
  signal: AbortSignal | undefined,
): Promise<LoadReport> {
  const { clock, random } = osWorld;
  const recorder = new LoadRecorder();
  const startMs = clock.monotonicMs();
  const elapsedSeconds = () => (clock.monotonicMs() - startMs) / 1000;
  const value = new Uint8Array(load.valueBytes);
  const prefix = Buffer.from(load.prefix);
  let started = 0;
  const isOver = () =>
    signal?.aborted === true ||
    (load.writes !== undefined && started >= load.writes) ||
    (load.seconds !== undefined && elapsedSeconds() >= load.seconds);
  /** The next write's turn; false when there is none. */
  const turn = async (): Promise<boolean> => {
    if (isOver()) return false;
    const dueMs = load.writesPerSecond === undefined ? 0 : (started / load.writesPerSecond) * 1000;
    started++;
    const waitMs = startMs + dueMs - clock.monotonicMs();
    if (waitMs > 0) {
      await new Promise<void>((resolve) => {
        clock.after(waitMs, resolve);
      });
    }
    return load.seconds === undefined || elapsedSeconds() < load.seconds;
  };
  const worker = async (client: Client): Promise<void> => {
    while (await turn()) {
      const key = Buffer.alloc(load.keyBytes);
      key.writeBigUInt64BE(random.uint64());
      const beginMs = clock.monotonicMs();
      try {
        await client.kv.put(Buffer.concat([prefix, key]), value);
        recorder.wrote((clock.monotonicMs() - beginMs) / 1000);
      } catch (error) {
        recorder.failed(error instanceof EtcdError ? error.message : String(error));
      }
    }
  };
  await Promise.all(clients.map(worker));
  return recorder.report(elapsedSeconds());
}
