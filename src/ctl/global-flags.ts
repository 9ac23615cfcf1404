/**
 * etcdctl's global flags: one table for parsing, `ETCDCTL_*` variables, help and completion, and the typed record that
 * commands read.
 *
 * Rules of the variables (etcd's pkg/flags): they are read when a command first needs a client, and not before, so a
 * command that stops at its arguments never sees them; a variable beside its flag is fatal, even an empty one; an
 * unknown variable is warned of; a value that cannot be read is passed over.
 */

import type { FlagTable, FlagValues } from '../cli/flags.js';
import { flag } from '../cli/flags.js';
import type { OutputFormat } from '../cli/output-format.js';
import type { EmulatedVersion } from '../lib/emulate.js';
import { DEFAULT_EMULATED_VERSION } from '../lib/emulate.js';
import type { TlsOptions } from '../lib/tls.js';

export const ctlGlobalFlags = {
  'auth-jwt-token': flag.string('', 'JWT to authenticate with, in place of user and password'),
  cacert: flag.string('', "CA bundle (PEM file) that the servers' certificates must come from"),
  cert: flag.string('', 'certificate (PEM file) that shows the servers who we are'),
  'command-timeout': flag.duration(5_000, 'longest time for a short command, dialing aside'),
  debug: flag.bool('tell on stderr what the client does'),
  'dial-timeout': flag.duration(2_000, 'longest time for a connection to come up'),
  'discovery-srv': flag.string('', 'domain whose SRV records name the endpoints', { char: 'd' }),
  'discovery-srv-name': flag.string('', 'suffix of the service name to ask DNS for'),
  'emulate-version': flag.string(DEFAULT_EMULATED_VERSION, 'version of etcdctl to behave as (3.4, 3.5, 3.6, 3.7)'),
  endpoints: flag.strings(['127.0.0.1:2379'], 'addresses of the servers'),
  hex: flag.bool('print keys and values as hex escapes'),
  'insecure-discovery': flag.bool('take SRV records of endpoints without TLS', { default: true }),
  'insecure-skip-tls-verify': flag.bool("do not check the servers' certificates (for tests only)"),
  'insecure-transport': flag.bool('connect without TLS when no certificate asks for it', { default: true }),
  'keepalive-time': flag.duration(
    2_000,
    'how often to ping a silent server while a call is under way (10s at the least)',
  ),
  'keepalive-timeout': flag.duration(6_000, 'how long to wait for the answer to a ping'),
  key: flag.string('', 'key (PEM file) of the certificate'),
  'max-recv-bytes': flag.int(0, 'largest answer to take, in bytes (0 = no limit)'),
  'max-request-bytes': flag.int(0, 'largest request to send, in bytes (0 = 2 MiB)'),
  password: flag.string('', 'password of the user, when --user names the user alone'),
  user: flag.string('', 'user to authenticate as, name[:password] (asks when there is no password)'),
  'write-out': flag.string('simple', 'form of the output (fields, json, protobuf, simple, table)', { char: 'w' }),
} satisfies FlagTable;

/** The global flags, by their own names, after flags and variables. Durations are milliseconds. */
export type CtlGlobals = FlagValues<typeof ctlGlobalFlags> & {
  readonly emulate: EmulatedVersion;
  readonly 'write-out': OutputFormat;
  /** Names that were given, by flag or by variable. */
  readonly changed: ReadonlySet<string>;
};

export const variableOf = (prefix: string, name: string): string =>
  `${prefix}_${name.toUpperCase().replaceAll('-', '_')}`;

export type EnvOutcome =
  | { readonly t: 'shadowed'; readonly variable: string }
  | {
      readonly t: 'ok';
      readonly values: Readonly<Record<string, unknown>>;
      readonly changed: ReadonlySet<string>;
      /** `NAME=value`, as the warning prints them; one that names a flag and is empty too, as etcdctl has it. */
      readonly unrecognized: readonly string[];
    };

/**
 * Lays the variables over what the command line left at its defaults. `known` are variables of the same prefix that are
 * no flags.
 */
export function applyEnvironment(
  table: FlagTable,
  given: { readonly values: Readonly<Record<string, unknown>>; readonly changed: ReadonlySet<string> },
  env: Readonly<Record<string, string | undefined>>,
  options: { readonly prefix: string; readonly known: readonly string[] },
): EnvOutcome {
  const values: Record<string, unknown> = { ...given.values };
  const changed = new Set(given.changed);
  const flagOf = new Map(Object.keys(table).map((name) => [variableOf(options.prefix, name), name]));
  for (const [variable, name] of flagOf) {
    if (env[variable] !== undefined && given.changed.has(name)) return { t: 'shadowed', variable };
  }
  const unrecognized: string[] = [];
  for (const [variable, text] of Object.entries(env)) {
    if (text === undefined || !variable.startsWith(`${options.prefix}_`)) continue;
    const name = flagOf.get(variable);
    const flag = name === undefined ? undefined : table[name];
    if (name === undefined || flag === undefined) {
      if (!options.known.includes(variable)) unrecognized.push(`${variable}=${text}`);
      continue;
    }
    if (text === '') {
      unrecognized.push(`${variable}=`);
      continue;
    }
    try {
      values[name] = flag.go.type.parse(text, undefined);
      changed.add(name);
    } catch {
      // etcdctl drops the error and keeps the default.
    }
  }
  return { t: 'ok', values, changed, unrecognized };
}

/** What is said of TLS. Servers that DNS names are to have certificates for the domain, unless any are taken. */
export const tlsNamed = (globals: CtlGlobals): TlsOptions => ({
  certFile: globals.cert,
  keyFile: globals.key,
  trustedCaFile: globals.cacert,
  serverName: globals['insecure-discovery'] ? '' : globals['discovery-srv'],
  insecureSkipVerify: globals['insecure-skip-tls-verify'],
});
