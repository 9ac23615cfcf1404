/** A member's resident memory, from its metrics. */
import { Agent, request } from 'undici';
import type { CtlGlobals } from '../cli/global-flags.js';
import { readFile } from '../lib/os/read-file.js';

const metric = 'process_resident_memory_bytes';

/** Throws an Error that says, in etcdctl's words, what could not be read. */
export async function residentMemoryBytes(globals: CtlGlobals, endpoint: string): Promise<number> {
  const url = `${/^https?:\/\//.test(endpoint) ? '' : 'http://'}${endpoint}/metrics`;
  const agent = new Agent({ connect: url.startsWith('https://') ? tlsOptions(globals) : {} });
  try {
    const text = await request(url, { dispatcher: agent }).then(
      ({ body }) => body.text(),
      (error: unknown) => {
        throw new Error(`fetch error: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      },
    );
    const line = text.split('\n').find((it) => it.startsWith(metric));
    if (line === undefined) throw new Error(`could not find: ${metric}`);
    return Number(line.slice(metric.length).trim());
  } finally {
    await agent.close();
  }
}

function tlsOptions({ cert, key, cacert, ...globals }: CtlGlobals) {
  try {
    return {
      cert: cert === '' ? undefined : readFile(cert),
      key: key === '' ? undefined : readFile(key),
      ca: cacert === '' ? undefined : readFile(cacert),
      rejectUnauthorized: !globals['insecure-skip-tls-verify'],
    };
  } catch (error) {
    throw new Error(`client certificate error: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
