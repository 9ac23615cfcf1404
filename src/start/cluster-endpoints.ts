/** The endpoints that commands about single members go through: those given, or with `--cluster` all that the members advertise. */
import { ExitCode, fail } from '../cli/exit.js';
import type { CtlGlobals } from '../cli/global-flags.js';
import type { Terminal } from '../cli/terminal.js';
import { EtcdError } from '../client/errors.js';
import { clientOptions, connect } from './open-client.js';

export async function clusterEndpoints(
  globals: CtlGlobals,
  io: Terminal,
  how: { readonly cluster: boolean },
): Promise<readonly string[]> {
  if (!how.cluster) return globals.endpoints;
  // Listing members needs no user: do not ask for a password.
  const client = await connect(await clientOptions(globals, io, { withUser: false }));
  try {
    const { members } = await client.cluster.list({ timeoutMs: globals['command-timeout'] });
    return members.flatMap(({ clientURLs }) => clientURLs);
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
    return fail(ExitCode.error, `failed to fetch endpoints from etcd cluster member list: ${error.message}`);
  } finally {
    await client.close();
  }
}
