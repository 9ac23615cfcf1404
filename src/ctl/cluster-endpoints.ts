/**
 * The endpoints that commands about single members go through: those given, or with `--cluster` all that the members
 * advertise. With authentication on, only users may list the members.
 */
import { ExitCode, fail } from '../cli/exit.js';
import type { Client } from '../client/client.js';
import { EtcdError } from '../client/errors.js';
import type { CtlGlobals } from './global-flags.js';

export async function clusterEndpoints(
  globals: CtlGlobals,
  options: { readonly cluster: boolean },
  client: Client,
): Promise<readonly string[]> {
  if (!options.cluster) return globals.endpoints;
  try {
    const { members } = await client.cluster.list({ timeoutMs: globals['command-timeout'] });
    return members.flatMap(({ clientURLs }) => clientURLs);
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
    return fail(ExitCode.error, `failed to fetch endpoints from etcd cluster member list: ${error.message}`);
  }
}
