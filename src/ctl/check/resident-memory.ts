/** A member's resident memory, from its metrics. */

import { httpGet } from '../../lib/os/http-get.js';
import { readFile } from '../../lib/os/read-file.js';
import type { ClientTls } from '../../lib/tls.js';
import type { CtlGlobals } from '../global-flags.js';

const METRIC = 'process_resident_memory_bytes';

/** Throws an Error that says, in etcdctl's words, what could not be read. */
export async function residentMemoryBytes(globals: CtlGlobals, endpoint: string): Promise<number> {
  const url = `${/^https?:\/\//.test(endpoint) ? '' : 'http://'}${endpoint}/metrics`;
  const tls = url.startsWith('https://') ? tlsOptions(globals) : undefined;
  const text = await httpGet(url, tls).catch((cause: unknown) => {
    throw new Error(`fetch error: ${messageOf(cause)}`, { cause });
  });
  const line = text.split('\n').find((it) => it.startsWith(METRIC));
  if (line === undefined) throw new Error(`could not find: ${METRIC}`);
  return Number(line.slice(METRIC.length).trim());
}

function tlsOptions({ cert, key, cacert, ...globals }: CtlGlobals): ClientTls {
  const read = (path: string): Buffer | undefined => (path === '' ? undefined : readFile(path));
  try {
    return {
      cert: read(cert),
      key: read(key),
      ca: read(cacert),
      insecureSkipVerify: globals['insecure-skip-tls-verify'],
    };
  } catch (cause) {
    throw new Error(`client certificate error: ${messageOf(cause)}`, { cause });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
