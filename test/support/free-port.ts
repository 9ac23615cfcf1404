import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below those that systems give to outgoing connections and to whoever asks for any: nobody gets one by chance. */
const LOWEST = 10_240;
const COUNT = 10_000;

/** Processes that run side by side begin far from each other. */
let next = (process.pid * 131) % COUNT;

/**
 * A TCP port of 127.0.0.1 that was free a moment ago, another each time: for programs that cannot be told to choose
 * one, or that must come back on the same.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < COUNT; attempt++) {
    const port = LOWEST + (next++ % COUNT);
    if (await isFree(port)) return port;
  }
  throw new Error('no port is free');
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
