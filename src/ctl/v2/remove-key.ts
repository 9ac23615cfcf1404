/** What `rm` and `rmdir` have in common. */

import type { Terminal } from '../../cli/terminal.js';
import type { V2Client } from '../../client/v2/client.js';
import type { DeleteKeyOptions } from '../../client/v2/keys.js';
import { printKey } from './print.js';

export async function removeKey(
  { client, io, output }: { readonly client: V2Client; readonly io: Terminal; readonly output: string },
  key: string,
  options: DeleteKeyOptions,
): Promise<void> {
  const response = await client.keys.delete(key, options);
  // A directory has no value to show.
  if (response.node?.dir !== true || output !== 'simple') printKey(io, response, output);
}
