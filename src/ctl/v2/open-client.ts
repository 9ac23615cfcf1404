/**
 * Makes a v2 client of the global flags of etcdctl for the v2 API: endpoints, TLS files, user; and lets it ask the
 * cluster for its endpoints. Order, words and exit codes are those of etcd's etcdctl/ctlv2/command/util.go.
 */

import { CliError, exitSilently, fail } from '../../cli/exit.js';
import type { Terminal } from '../../cli/terminal.js';
import { V2Client } from '../../client/v2/client.js';
import { ClusterError, DeadlineError, NoEndpointsError } from '../../client/v2/errors.js';
import type { V2ClientOptions, V2Sent } from '../../client/v2/types.js';
import { HttpFailure } from '../../lib/go/http-error.js';
import { goQuote } from '../../lib/go/quote.js';
import { pathErrorText } from '../../lib/go/system-error.js';
import { parseGoUrl } from '../../lib/go/url.js';
import { readTls } from '../../lib/os/tls-files.js';
import type { TlsContents } from '../../lib/tls.js';
import { Ctl2Exit } from './exit.js';
import type { Ctl2Globals } from './global-flags.js';

/** As etcdctl, which gives a connection no more time than the command as a whole has. */
const DIAL_TIMEOUT_MS = 30_000;

/** A client that knows the cluster's endpoints (unless `--no-sync`). Ends the command when nobody can be asked. */
export async function openV2Client(globals: Ctl2Globals, io: Terminal): Promise<V2Client> {
  const client = await openV2ClientUnsynced(globals, io, { tellsEndpoints: false });
  const tell = (text: string): void => {
    if (globals.debug) io.stderr.write(`${text}\n`);
  };
  if (!globals['no-sync']) {
    tell(`start to sync cluster using endpoints(${client.endpoints.join(',')})`);
    try {
      await client.sync({ timeoutMs: globals['total-timeout'] });
    } catch (error) {
      await endIfUnreachable(client, error, io);
    }
    tell(`got endpoints(${client.endpoints.join(',')}) after sync`);
  }
  tell(`Cluster-Endpoints: ${client.endpoints.join(', ')}`);
  return client;
}

/** A client of the endpoints as given. */
export async function openV2ClientUnsynced(
  globals: Ctl2Globals,
  io: Terminal,
  { tellsEndpoints }: { tellsEndpoints: boolean } = { tellsEndpoints: true },
): Promise<V2Client> {
  try {
    const client = new V2Client(await v2ClientOptions(globals, io));
    if (globals.debug && tellsEndpoints) io.stderr.write(`Cluster-Endpoints: ${client.endpoints.join(', ')}\n`);
    return client;
  } catch (error) {
    io.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return exitSilently(Ctl2Exit.badArgs);
  }
}

/** Throws an Error whose message is for the user. */
async function v2ClientOptions(globals: Ctl2Globals, io: Terminal): Promise<V2ClientOptions> {
  const endpoints = await endpointsOf(globals, io);
  const tls = v2Tls(globals);
  const total = globals['total-timeout'];
  return {
    endpoints,
    tls,
    dialTimeoutMs: total > 0 && total < DIAL_TIMEOUT_MS ? total : DIAL_TIMEOUT_MS,
    requestTimeoutMs: Math.max(0, globals.timeout),
    ...(await credentials(globals, io)),
    onSend: globals.debug ? (sent) => io.stderr.write(`${curlCommand(sent)}\n`) : undefined,
  };
}

/** Throws an Error whose message is for the user. */
export function v2Tls(globals: Ctl2Globals): TlsContents {
  try {
    return readTls({
      certFile: globals['cert-file'],
      keyFile: globals['key-file'],
      trustedCaFile: globals['ca-file'],
      serverName: globals['insecure-discovery'] ? '' : globals['discovery-srv'],
    });
  } catch (error) {
    if (!(error instanceof Error) || !('path' in error) || typeof error.path !== 'string') throw error;
    throw new Error(pathErrorText('open', error.path, error), { cause: error });
  }
}

async function endpointsOf(globals: Ctl2Globals, io: Terminal): Promise<readonly string[]> {
  const discovered = globals['discovery-srv'] === '' ? [] : await discover(globals, io);
  const endpoints = discovered.length === 0 ? globals.endpoints : discovered;
  return endpoints.map((endpoint) => (parseGoUrl(endpoint).scheme === '' ? `http://${endpoint}` : endpoint));
}

async function discover(globals: Ctl2Globals, io: Terminal): Promise<readonly string[]> {
  const { discoverEndpoints } = await import('../discover-endpoints.js');
  try {
    return await discoverEndpoints(globals, io);
  } catch (error) {
    if (error instanceof CliError) throw new Error(error.message, { cause: error });
    throw error;
  }
}

async function credentials(globals: Ctl2Globals, io: Terminal): Promise<{ username?: string; password?: string }> {
  const { username: user } = globals;
  if (user === '') return {};
  const colon = user.indexOf(':');
  if (colon >= 0) return { username: user.slice(0, colon), password: user.slice(colon + 1) };
  const { askPassword } = await import('../../cli/prompt.js');
  return { username: user, password: await askPassword(io, 'Password: ') };
}

const curlCommand = ({ method, url, body }: V2Sent): string =>
  `cURL Command: curl -X ${method} ${url}${body === undefined ? '' : ` -d ${goQuote(body)}`}`;

/** A sync that fails is no trouble unless nothing can be reached, or nothing is published. */
async function endIfUnreachable(client: V2Client, error: unknown, io: Terminal): Promise<void> {
  if (!(error instanceof Error)) throw error;
  if (error instanceof NoEndpointsError) {
    io.stderr.write('etcd cluster has no published client endpoints.\n');
    const known = client.endpoints.join(',');
    io.stderr.write(`Try '--no-sync' if you want to access non-published client endpoints(${known}).\n`);
    await client.close();
    fail(Ctl2Exit.serverError, error.message);
  }
  if (!isUnreachable(error)) return;
  await client.close();
  const detail = error instanceof ClusterError ? `\n${error.detail}` : '';
  fail(Ctl2Exit.badConnection, `${error.message}${detail}`);
}

function isUnreachable(error: Error): boolean {
  if (error instanceof ClusterError) return error.errors.every(isUnreachable);
  if (error instanceof DeadlineError) return true;
  return error instanceof HttpFailure && error.kind !== 'other';
}
