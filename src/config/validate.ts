/**
 * The checks that etcd makes of its options before it starts, in its order and words: the first of two stages, since
 * etcd logs their failures differently. This one ends in "failed to verify flags"; the other is `to-member-options.ts`.
 * Source: etcd's server/embed/config.go, Validate.
 */
import type { EmulatedVersion } from '../lib/emulate.js';
import { formatMs } from '../lib/go/duration.js';
import { goQuote } from '../lib/go/quote.js';
import { checkTlsLimits, parseTlsVersion } from '../lib/go/tls.js';
import { checkDiscovery } from './discovery.js';
import { featuresIn } from './features-in.js';
import { textsOf } from './listen-url.js';
import { checkLog } from './log-options.js';
import type { ListenUrl } from './member-options.js';
import type { Values } from './options.js';
import { limitsOf } from './tls-options.js';

const MAXIMUM_ELECTION_MS = 50_000;

/**
 * The first complaint, or undefined. `areClientUrlsUnset`: listen addresses were given on the command line, addresses
 * to advertise were not.
 */
export function verify(values: Values, emulate: EmulatedVersion, areClientUrlsUnset: boolean): string | undefined {
  return (
    checkLog(values, emulate) ??
    checkListen(values['listen-peer-urls']) ??
    checkListen(values['listen-client-urls']) ??
    checkListen(values['listen-client-http-urls']) ??
    checkListen(values['listen-metrics-urls']) ??
    checkAdvertise('--initial-advertise-peer-urls', values['initial-advertise-peer-urls']) ??
    checkAdvertise('--advertise-client-urls', values['advertise-client-urls']) ??
    checkDiscovery(values, emulate) ??
    checkTimes(values) ??
    (areClientUrlsUnset && !mayBeProxy(values) ? UNSET_ADVERTISE_CLIENT_URLS : undefined) ??
    checkCompaction(values) ??
    checkFeatures(values) ??
    checkTracing(values) ??
    checkTls(values)
  );
}

function checkTracing(values: Values): string | undefined {
  if (!values['enable-distributed-tracing']) return undefined;
  const rate = values['distributed-tracing-sampling-rate'];
  // The spelling is etcd's.
  const invalid = (why: string): string => `distributed tracing configurition is not valid: (${why})`;
  if (rate < 0) return invalid('tracing sampling rate must be positive');
  return rate > 1_000_000 ? invalid('tracing sampling rate must be less than 1000000') : undefined;
}

export const UNSET_ADVERTISE_CLIENT_URLS =
  '--advertise-client-urls is required when --listen-client-urls is set explicitly';

/** Listening needs an address; `localhost` is taken for one. */
function checkListen(urls: readonly ListenUrl[]): string | undefined {
  const bad = urls.find((url) => url.socketPath === undefined && url.host !== 'localhost' && !isAddress(url.host));
  return bad === undefined ? undefined : `expected IP in URL for binding (${bad.text})`;
}

const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

const isAddress = (host: string): boolean =>
  ipv4.test(host) || (host.includes(':') && URL.canParse(`http://[${host}]`));

function checkAdvertise(flag: string, urls: readonly ListenUrl[]): string | undefined {
  const bad = urls.find((url) => url.socketPath === undefined && url.host === '');
  if (bad === undefined) return undefined;
  return `${flag} ${goQuote(textsOf(urls).join(','))} must be "host:port" (unexpected empty host (${bad.text}))`;
}

function checkTimes(values: Values): string | undefined {
  const heartbeat = values['heartbeat-interval'];
  const election = values['election-timeout'];
  if (heartbeat === 0) return '--heartbeat-interval must be >0 (set to 0ms)';
  if (election === 0) return '--election-timeout must be >0 (set to 0ms)';
  if (5 * heartbeat > election) {
    return `--election-timeout[${election}ms] should be at least as 5 times as --heartbeat-interval[${heartbeat}ms]`;
  }
  if (election > MAXIMUM_ELECTION_MS) {
    return `--election-timeout[${election}ms] is too long, and should be set less than ${MAXIMUM_ELECTION_MS}ms`;
  }
  return undefined;
}

function checkCompaction(values: Values): string | undefined {
  const mode = values['auto-compaction-mode'];
  return ['', 'periodic', 'revision'].includes(mode) ? undefined : `unknown auto-compaction-mode ${goQuote(mode)}`;
}

function checkFeatures(values: Values): string | undefined {
  if (values['experimental-enable-lease-checkpoint-persist'] && !featuresIn(values).LeaseCheckpoint) {
    return 'setting experimental-enable-lease-checkpoint-persist requires experimental-enable-lease-checkpoint';
  }
  const { LeaseCheckpoint, LeaseCheckpointPersist } = featuresIn(values);
  if (LeaseCheckpointPersist && !LeaseCheckpoint) {
    return 'enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint';
  }
  if (values['compact-hash-check-time'] <= 0) {
    return `--experimental-compact-hash-check-time must be >0 (set to ${formatMs(values['compact-hash-check-time'])})`;
  }
  return undefined;
}

function checkTls(values: Values): string | undefined {
  try {
    const limits = limitsOf(values);
    parseTlsVersion(limits.minVersion);
    parseTlsVersion(limits.maxVersion);
    checkTlsLimits(limits);
    return undefined;
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
}

/** Then nobody needs its addresses. */
const mayBeProxy = (values: Values): boolean =>
  values.proxy !== 'off' || (values.discovery !== '' && values['discovery-fallback'] === 'proxy');
