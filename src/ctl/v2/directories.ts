/** What `mkdir`, `setdir` and `updatedir` have in common. */

import type { Terminal } from '../../cli/terminal.js';
import type { V2Client } from '../../client/v2/client.js';
import { printKey } from './print.js';
import { ttlOf } from './ttl.js';

export async function makeDirectory(
  { client, io, output }: { readonly client: V2Client; readonly io: Terminal; readonly output: string },
  key: string,
  { ttl, prevExist, timeoutMs }: { readonly ttl: number; readonly prevExist?: boolean; readonly timeoutMs: number },
): Promise<void> {
  const response = await client.keys.set(key, '', {
    dir: true,
    ...ttlOf(ttl),
    ...(prevExist === undefined ? {} : { prevExist }),
    timeoutMs,
  });
  // A directory has no value to show.
  if (output !== 'simple') printKey(io, response, output);
}
