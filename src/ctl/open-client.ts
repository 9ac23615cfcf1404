/**
 * Makes a v3 client of etcdctl's global flags: endpoints, TLS files, user. The order of the checks, their words and
 * exit codes are etcdctl's (ctlv3/command/global.go).
 */

import { ExitCode, fail } from '../cli/exit.js';
import type { Terminal } from '../cli/terminal.js';
import { Client } from '../client/client.js';
import { EtcdError } from '../client/errors.js';
import type { ClientOptions } from '../client/options.js';
import { differenceOf } from '../lib/emulate.js';
import { hasAuthorities, hasCertificate, type TlsContents } from '../lib/tls.js';
import { clientLogger } from './client-logger.js';
import { type CtlGlobals, tlsNamed } from './global-flags.js';

/**
 * Options that several clients of one command can share; the endpoints as the flags name them. Ends the command for
 * what makes no sense.
 */
export async function clientOptions(
  globals: CtlGlobals,
  io: Terminal,
  login: { withUser?: boolean; passwordPrompt?: string } = {},
): Promise<ClientOptions> {
  const user =
    login.withUser === false ? undefined : await credentials(globals, io, login.passwordPrompt ?? 'Password: ');
  const endpoints = await endpointsOf(globals, io);
  return {
    endpoints,
    tls: await tlsOf(globals),
    ...user,
    token: globals['auth-jwt-token'],
    dialTimeoutMs: globals['dial-timeout'],
    keepAlive: { timeMs: globals['keepalive-time'], timeoutMs: globals['keepalive-timeout'] },
    maxSendBytes: globals['max-request-bytes'],
    maxReceiveBytes: globals['max-recv-bytes'],
    logger: clientLogger(io, globals.emulate, endpoints[0]),
  };
}

/** A client that is logged in. Ends the command with code 2 when that fails. */
export async function openClient(globals: CtlGlobals, io: Terminal): Promise<Client> {
  return connect(await clientOptions(globals, io));
}

/** Ends the command with that code where the login fails. */
export async function connect(
  options: ClientOptions,
  { exitCode = ExitCode.badConnection }: { readonly exitCode?: ExitCode } = {},
): Promise<Client> {
  try {
    const client = new Client(options);
    try {
      await client.logIn();
      return client;
    } catch (error) {
      await client.close();
      throw error;
    }
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
    return fail(exitCode, error.message);
  }
}

/** The endpoints as written, blanks around them removed. */
async function endpointsOf(globals: CtlGlobals, io: Terminal): Promise<readonly string[]> {
  const domain = globals['discovery-srv'];
  if (domain !== '') {
    const { discoverEndpoints } = await import('./discover-endpoints.js');
    const found = await discoverEndpoints(globals, io);
    if (found.length > 0) return found;
  }
  return globals.endpoints.map((endpoint) => endpoint.trim());
}

async function credentials(
  globals: CtlGlobals,
  io: Terminal,
  prompt: string,
): Promise<{ username?: string; password?: string }> {
  const { user, password } = globals;
  if (user === '' || globals['auth-jwt-token'] !== '') return {};
  if (password !== '') return { username: user, password };
  const colon = user.indexOf(':');
  if (colon >= 0) return { username: user.slice(0, colon), password: user.slice(colon + 1) };
  const { askPassword } = await import('../cli/prompt.js');
  return { username: user, password: await askPassword(io, prompt) };
}

async function tlsOf(globals: CtlGlobals): Promise<TlsContents | undefined> {
  const options = tlsNamed(globals);
  const isWanted =
    hasCertificate(options) ||
    hasAuthorities(options) ||
    options.serverName !== '' ||
    (options.insecureSkipVerify && differenceOf('skipVerifyMeansTls', globals.emulate));
  if (!isWanted && globals['insecure-transport']) return undefined;
  const { readTls } = await import('../lib/os/tls-files.js');
  try {
    return readTls(options);
  } catch (error) {
    return fail(ExitCode.badArgs, error instanceof Error ? error.message : String(error));
  }
}
