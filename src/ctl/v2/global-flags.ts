/**
 * Global flags of etcdctl for the v2 API, in the order of its help. A variable stands in for some of them where the
 * flag is empty, see `Ctl2Globals`; a flag beside its variable is no error here.
 */
import type { FlagTable, FlagValues } from '../../cli/flags.js';
import { flag } from '../../cli/flags.js';

export const ctl2GlobalFlags = {
  debug: flag.bool('tell on stderr which requests are sent, as curl commands'),
  'no-sync': flag.bool('use the endpoints as given, without asking the cluster for its own'),
  output: flag.string('simple', 'form of the output (`simple`, extended or json)', { char: 'o' }),
  'discovery-srv': flag.string('', 'domain whose SRV records name the endpoints', { char: 'D' }),
  'insecure-discovery': flag.bool('take SRV records of endpoints without TLS'),
  peers: flag.string('', 'older name of --endpoints', { char: 'C' }),
  endpoint: flag.string('', 'older name of --endpoints'),
  endpoints: flag.string(
    '',
    'addresses of the servers, separated by commas (default: "http://127.0.0.1:2379,http://127.0.0.1:4001")',
  ),
  'cert-file': flag.string('', 'certificate (PEM file) that shows the servers who we are'),
  'key-file': flag.string('', 'key (PEM file) of the certificate'),
  'ca-file': flag.string('', "CA bundle (PEM file) that the servers' certificates must come from"),
  username: flag.string('', 'user to authenticate as, name[:password] (asks when there is no password)', { char: 'u' }),
  timeout: flag.duration(2_000, 'longest time for one server to answer'),
  'total-timeout': flag.duration(5_000, 'longest time for a command as a whole, watches aside'),
  'discovery-srv-name': flag.string('', 'suffix of the service name to ask DNS for', { hidden: true }),
  'emulate-version': flag.string('', 'version of etcdctl to behave as (3.4, 3.5)', { hidden: true }),
} satisfies FlagTable;

/** Flags, and variables where these are empty. Times in milliseconds. */
export type Ctl2Globals = Omit<FlagValues<typeof ctl2GlobalFlags>, 'endpoints' | 'endpoint' | 'peers'> & {
  readonly endpoints: readonly string[];
};

type Env = Readonly<Record<string, string | undefined>>;

const DEFAULT_ENDPOINTS = 'http://127.0.0.1:2379,http://127.0.0.1:4001';

/** The first of the texts that is not empty; `''` when there is none. */
const firstOf = (...texts: readonly (string | undefined)[]): string =>
  texts.find((text) => text !== undefined && text !== '') ?? '';

export function withVariables(flags: FlagValues<typeof ctl2GlobalFlags>, env: Env): Ctl2Globals {
  const endpoints = firstOf(
    flags.endpoints,
    env.ETCDCTL_ENDPOINTS,
    flags.endpoint,
    env.ETCDCTL_ENDPOINT,
    flags.peers,
    env.ETCDCTL_PEERS,
    DEFAULT_ENDPOINTS,
  );
  return {
    ...flags,
    endpoints: endpoints.split(','),
    'ca-file': firstOf(flags['ca-file'], env.ETCDCTL_CA_FILE),
    'cert-file': firstOf(flags['cert-file'], env.ETCDCTL_CERT_FILE),
    'key-file': firstOf(flags['key-file'], env.ETCDCTL_KEY_FILE),
    username: firstOf(flags.username, env.ETCDCTL_USERNAME),
    'discovery-srv': firstOf(flags['discovery-srv'], env.ETCDCTL_DISCOVERY_SRV),
    'discovery-srv-name': firstOf(flags['discovery-srv-name'], env.ETCDCTL_DISCOVERY_SRV_NAME),
    'insecure-discovery': flags['insecure-discovery'] || firstOf(env.ETCDCTL_INSECURE_DISCOVERY) !== '',
  };
}
