/** A member's resident memory, from its metrics. */

import { httpGet } from '../../lib/os/http-get.js';
import { readTls } from '../../lib/os/tls-files.js';
import type { TlsContents } from '../../lib/tls.js';
import { type CtlGlobals, tlsNamed } from '../global-flags.js';

const METRIC = 'process_resident_memory_bytes';

/** Throws an Error that says, in etcdctl's words, what could not be read. */
export async function residentMemoryBytes(globals: CtlGlobals, endpoint: string): Promise<number> {
  const url = `${/^https?:\/\//.test(endpoint) ? '' : 'http://'}${endpoint}/metrics`;
  const tls = url.startsWith('https://') ? tlsOf(globals) : undefined;
  const text = await httpGet(url, tls).catch((cause: unknown) => {
    throw new Error(`fetch error: ${messageOf(cause)}`, { cause });
  });
  const line = text.split('\n').find((it) => it.startsWith(METRIC));
  if (line === undefined) throw new Error(`could not find: ${METRIC}`);
  return Number(line.slice(METRIC.length).trim());
}

function tlsOf(globals: CtlGlobals): TlsContents {
  try {
    return readTls({ ...tlsNamed(globals), serverName: '' });
  } catch (cause) {
    throw new Error(`client certificate error: ${messageOf(cause)}`, { cause });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
