/**
 * Every option of `etcd` that this program honours, each described once. The flag, its `ETCD_*` variable, its key in
 * the configuration file, its help, man page, completion and errors all come from its row; `member-options.ts` is what
 * a member gets of them.
 */
import type { EmulatedVersion } from '../lib/emulate.js';
import { DEFAULT_EMULATED_VERSION, differenceOf } from '../lib/emulate.js';
import { gatesKind } from './feature-gates.js';
import { parseUrlList, textsOf } from './listen-url.js';
import { olderRows } from './older-names.js';
import type { Kind, Option, OptionTable, OptionValues, Section } from './option.js';
import { kinds, oneOf } from './option.js';
import { v2StageKind } from './v2-stage.js';

type More<T> = Partial<Omit<Option<T>, 'kind' | 'initial' | 'section' | 'help'>>;

const inSection =
  (section: Section) =>
  <T>(kind: Kind<T>, initial: T, help: string, more: More<T> = {}): Option<T> => ({
    kind,
    initial,
    section,
    help,
    ...more,
  });

const member = inSection('member');
const clustering = inSection('clustering');
const v2Proxy = inSection('v2 proxy');
const security = inSection('security');
const logging = inSection('logging');
const observability = inSection('observability');
const tuning = inSection('tuning');
const unsafe = inSection('unsafe');
const older = inSection('older');
const own = inSection('etcd-ts');

/** Older switches, of which help tells no more than etcd's new names. */
const hidden = { isHidden: true };

const CLIENT_URL = 'http://localhost:2379';
const PEER_URL = 'http://localhost:2380';

const clusterState: Kind<'new' | 'existing'> = {
  ...oneOf('new', 'existing'),
  fromFile: (value) => {
    const text = kinds.string.fromFile(value);
    if (text !== 'new' && text !== 'existing') throw new Error(`unexpected clusterState "${text}"`);
    return text;
  },
};

/** In the file none is one, on the command line an error. */
const years: Kind<number> = { ...kinds.uint, fromFile: (value) => kinds.uint.fromFile(value) || 1 };

/** Origins: URLs, or `*`. */
const origins: Kind<readonly string[]> = {
  ...kinds.words,
  parse: (text) => {
    if (text === '*') return ['*'];
    if (text === '') throw new Error('URL scheme must be http, https, unix, or unixs: ');
    return textsOf(parseUrlList(text));
  },
  fromFile: (value) => origins.parse(kinds.string.fromFile(value)),
};

const clientTls = (key: string) => ({ fileKey: `client-transport-security.${key}` });
const peerTls = (key: string) => ({ fileKey: `peer-transport-security.${key}` });

const named = {
  name: member(kinds.string, 'default', 'Name of this member, for people.'),
  'data-dir': member(kinds.string, '', 'Folder for everything this member keeps.', { shownDefault: '<name>.etcd' }),
  'wal-dir': member(kinds.string, '', 'Folder for the write-ahead log, when it should lie on a disk of its own.'),
  'snapshot-count': member(kinds.uint64, 100_000, 'Applied entries between two raft snapshots.', {
    initialIn: (version) => differenceOf('snapshotCount', version),
  }),
  'snapshot-catchup-entries': member(
    kinds.uint64,
    5_000,
    'Log entries kept behind a snapshot, for followers that lag a little.',
  ),
  'heartbeat-interval': member(kinds.uint, 100, 'Milliseconds between two heartbeats of a leader.'),
  'election-timeout': member(
    kinds.uint,
    1_000,
    'Milliseconds without a leader after which a member stands for election.',
  ),
  'initial-election-tick-advance': member(kinds.bool, true, 'Skip most of the first election timeout at the start.'),
  'listen-peer-urls': member(kinds.urls, parseUrlList(PEER_URL), 'Addresses to listen on for other members.'),
  'listen-client-urls': member(
    kinds.urls,
    parseUrlList(CLIENT_URL),
    'Addresses to listen on for clients: gRPC, and HTTP too unless --listen-client-http-urls is given.',
  ),
  'listen-client-http-urls': member(
    kinds.urls,
    parseUrlList(''),
    'Addresses to listen on for HTTP alone; --listen-client-urls then speaks only gRPC.',
  ),
  'max-snapshots': member(kinds.uint, 5, 'Snapshot files to keep (0: all).'),
  'max-wals': member(kinds.uint, 5, 'Files of the write-ahead log to keep (0: all).'),
  'quota-backend-bytes': member(
    kinds.int64,
    0,
    'Size of the database above which writes are refused (0: 2 GiB, negative: no limit).',
  ),
  'backend-batch-interval': member(kinds.durationMs, 0, 'Longest time before a commit of the database (0: 100ms).'),
  'backend-batch-limit': member(kinds.int, 0, 'Most operations before a commit of the database (0: 10000).'),
  'max-txn-ops': member(kinds.uint, 128, 'Most operations in one transaction.'),
  'max-request-bytes': member(kinds.uint, 1_572_864, 'Largest request of a client, in bytes.'),
  'max-concurrent-streams': member(kinds.uint32, 4_294_967_295, 'Most streams at once on one connection of a client.'),
  'enable-grpc-gateway': member(kinds.bool, true, 'Serve the API as JSON under /v3/.'),
  'grpc-keepalive-min-time': member(kinds.durationMs, 5_000, 'Shortest time between two pings of a client.'),
  'grpc-keepalive-interval': member(
    kinds.durationMs,
    7_200_000,
    'Time between two pings of ours to a client (0: none).',
  ),
  'grpc-keepalive-timeout': member(
    kinds.durationMs,
    20_000,
    'Time without an answer to a ping after which a connection is closed (0: never).',
  ),
  'config-file': member(
    kinds.string,
    '',
    'YAML file with the options. Flags and variables are then left aside altogether.',
    { fileKey: null },
  ),
  version: member(kinds.bool, false, 'Print the version and exit.', { fileKey: null, isHidden: true }),

  'initial-advertise-peer-urls': clustering(
    kinds.urls,
    parseUrlList(PEER_URL),
    'Addresses of this member that other members are told.',
  ),
  'advertise-client-urls': clustering(
    kinds.urls,
    parseUrlList(CLIENT_URL),
    'Addresses of this member that clients are told.',
  ),
  'strict-reconfig-check': clustering(kinds.bool, true, 'Refuse changes of the membership that may cost the quorum.'),
  'next-cluster-version-compatible': clustering(kinds.bool, false, '', hidden),
  'max-learners': clustering(kinds.int, 1, 'Most learners that the cluster may have.'),
  'initial-cluster': clustering(kinds.string, `default=${PEER_URL}`, 'Members of a new cluster: name=URL,name=URL.'),
  discovery: clustering(
    kinds.string,
    '',
    'URL of a token of v2 discovery, where the members of a new cluster find each other.',
  ),
  'discovery-fallback': clustering(
    oneOf('exit', 'proxy'),
    'proxy',
    "What to do when the cluster of --discovery has all its members: 'exit', or 'proxy': become a v2 proxy of it.",
    { initialIn: (version) => differenceOf('discoveryFallback', version), fileKey: null },
  ),
  'discovery-proxy': clustering(kinds.string, '', 'HTTP proxy on the way to --discovery.'),
  'discovery-srv': clustering(kinds.string, '', 'Domain whose SRV records name the members of a new cluster.'),
  'discovery-srv-name': clustering(kinds.string, '', 'Suffix of the service name to ask DNS for.'),
  'discovery-token': clustering(
    kinds.string,
    '',
    'Token of v3 discovery, under which the members of a new cluster find each other in another cluster.',
    { fileKey: 'discovery-config.token' },
  ),
  'discovery-endpoints': clustering(kinds.words, [], 'Endpoints of the cluster that serves v3 discovery.', {
    fileKey: 'discovery-config.endpoints',
  }),
  'discovery-dial-timeout': clustering(kinds.durationMs, 2_000, 'Time to connect to v3 discovery.', {
    fileKey: 'discovery-config.dial-timeout',
  }),
  'discovery-request-timeout': clustering(kinds.durationMs, 5_000, 'Time for one call to v3 discovery.', {
    fileKey: 'discovery-config.request-timeout',
  }),
  'discovery-keepalive-time': clustering(
    kinds.durationMs,
    2_000,
    'Time between two pings to v3 discovery, 10s at least.',
    {
      fileKey: 'discovery-config.keepalive-time',
    },
  ),
  'discovery-keepalive-timeout': clustering(
    kinds.durationMs,
    6_000,
    'Time without an answer to a ping after which the connection to v3 discovery is closed.',
    { fileKey: 'discovery-config.keepalive-timeout' },
  ),
  'discovery-insecure-transport': clustering(kinds.bool, true, 'Talk to v3 discovery in clear, without certificates.', {
    fileKey: 'discovery-config.secure.insecure-transport',
  }),
  'discovery-insecure-skip-tls-verify': clustering(kinds.bool, false, 'Take any certificate of v3 discovery.', {
    fileKey: 'discovery-config.secure.insecure-skip-tls-verify',
  }),
  'discovery-cert': clustering(kinds.string, '', 'Certificate (PEM) to show to v3 discovery.', {
    fileKey: 'discovery-config.secure.cert',
  }),
  'discovery-key': clustering(kinds.string, '', 'Key of that certificate.', {
    fileKey: 'discovery-config.secure.key',
  }),
  'discovery-cacert': clustering(kinds.string, '', 'CA bundle that the certificate of v3 discovery must come from.', {
    fileKey: 'discovery-config.secure.cacert',
  }),
  'discovery-user': clustering(kinds.string, '', 'User at v3 discovery: name, or name:password.', {
    fileKey: 'discovery-config.auth.username',
  }),
  'discovery-password': clustering(kinds.string, '', 'Password of that user.', {
    fileKey: 'discovery-config.auth.password',
  }),
  'initial-cluster-state': clustering(clusterState, 'new', "Whether the cluster is 'new' or 'existing'."),
  'initial-cluster-token': clustering(
    kinds.string,
    'etcd-cluster',
    'Seed of the ids, which keeps clusters with the same addresses apart.',
  ),
  'force-new-cluster': unsafe(
    kinds.bool,
    false,
    'Make a one-member cluster of the data that is there, after a loss of the others.',
  ),
  'pre-vote': clustering(kinds.bool, true, 'Ask whether an election could be won before standing for one.', {
    initialIn: (version) => differenceOf('preVote', version),
  }),
  'auto-compaction-mode': clustering(
    kinds.string,
    'periodic',
    "What --auto-compaction-retention counts: 'periodic' is time, 'revision' is revisions.",
  ),
  'auto-compaction-retention': clustering(
    kinds.string,
    '0',
    'History to keep, older revisions are compacted (0: no compaction; a bare number is hours).',
  ),

  'cert-file': security(kinds.string, '', 'Certificate (PEM) for clients.', clientTls('cert-file')),
  'key-file': security(kinds.string, '', 'Key of the certificate.', clientTls('key-file')),
  'client-cert-file': security(
    kinds.string,
    '',
    'Certificate for calls of our own to the client port.',
    clientTls('client-cert-file'),
  ),
  'client-key-file': security(kinds.string, '', 'Key of that certificate.', clientTls('client-key-file')),
  'client-cert-auth': security(
    kinds.bool,
    false,
    'Ask clients for a certificate; its common name is a user.',
    clientTls('client-cert-auth'),
  ),
  'trusted-ca-file': security(
    kinds.string,
    '',
    'CA bundle that the certificates of clients must come from: given alone, it demands them too.',
    clientTls('trusted-ca-file'),
  ),
  'client-crl-file': security(kinds.string, '', 'List of the certificates of clients that are revoked.', {
    fileKey: null,
  }),
  'client-cert-allowed-hostname': security(
    kinds.nameList,
    [],
    'Names of which a certificate of a client must have one.',
    clientTls('allowed-hostname'),
  ),
  'auto-tls': security(
    kinds.bool,
    false,
    'Serve clients with a certificate that the member makes itself.',
    clientTls('auto-tls'),
  ),
  'peer-cert-file': security(kinds.string, '', 'Certificate (PEM) for other members.', peerTls('cert-file')),
  'peer-key-file': security(kinds.string, '', 'Key of that certificate.', peerTls('key-file')),
  'peer-client-cert-file': security(
    kinds.string,
    '',
    'Certificate for calls to other members, when it is another one.',
    peerTls('client-cert-file'),
  ),
  'peer-client-key-file': security(kinds.string, '', 'Key of that certificate.', peerTls('client-key-file')),
  'peer-client-cert-auth': security(
    kinds.bool,
    false,
    'Ask other members for a certificate.',
    peerTls('client-cert-auth'),
  ),
  'peer-trusted-ca-file': security(
    kinds.string,
    '',
    'CA bundle that the certificates of other members must come from: given alone, it demands them too.',
    peerTls('trusted-ca-file'),
  ),
  'peer-crl-file': security(kinds.string, '', 'List of the certificates of members that are revoked.', {
    fileKey: null,
  }),
  'peer-cert-allowed-cn': security(
    kinds.nameList,
    [],
    'Common names of which a certificate of a member must have one.',
    peerTls('allowed-cn'),
  ),
  'peer-cert-allowed-hostname': security(
    kinds.nameList,
    [],
    'Names of which a certificate of a member must have one.',
    peerTls('allowed-hostname'),
  ),
  'peer-auto-tls': security(
    kinds.bool,
    false,
    'Serve other members with a certificate that the member makes itself.',
    peerTls('auto-tls'),
  ),
  'peer-skip-client-san-verification': security(
    kinds.bool,
    false,
    'Take the certificate of a member wherever it calls from.',
    peerTls('skip-client-san-verification'),
  ),
  'self-signed-cert-validity': security(years, 1, 'Years for which a certificate holds that the member makes.'),
  'cipher-suites': security(kinds.filledList, [], "Suites of TLS 1.2 to allow, by Go's names (none: the usual ones)."),
  'tls-min-version': security(kinds.string, 'TLS1.2', 'Oldest version of TLS to take: TLS1.2 or TLS1.3.'),
  'tls-max-version': security(kinds.string, '', 'Newest version of TLS to take: TLS1.2, TLS1.3, or the newest.'),
  'enable-v2': clustering(kinds.bool, false, 'Serve the v2 API.'),
  'v2-deprecation': older(
    v2StageKind,
    'not-yet',
    'How much of the v2 store is left; write-only: none of it is served.',
  ),
  'experimental-enable-v2v3': clustering(
    kinds.string,
    '',
    'With --enable-v2: keep its keys as v3 keys that begin with this, without TTLs.',
  ),
  proxy: v2Proxy(
    oneOf('off', 'readonly', 'on'),
    'off',
    "Be a proxy of the v2 API in front of --initial-cluster instead of a member: 'on', or 'readonly'.",
  ),
  'proxy-failure-wait': v2Proxy(kinds.uint, 5_000, 'Milliseconds for which an endpoint that failed is left out.'),
  'proxy-refresh-interval': v2Proxy(kinds.uint, 30_000, "Milliseconds between two looks at the cluster's endpoints."),
  'proxy-dial-timeout': v2Proxy(kinds.uint, 1_000, 'Milliseconds for a connection to come up (0: any).'),
  'proxy-write-timeout': v2Proxy(kinds.uint, 5_000, 'Milliseconds for a write to get on (0: any).'),
  'proxy-read-timeout': v2Proxy(kinds.uint, 0, 'Milliseconds for a read to get on (0: any, as long waits need it).'),

  cors: security(origins, ['*'], 'Origins whose pages may call (URLs, or *).'),
  'host-whitelist': security(kinds.words, ['*'], 'Host names that plain HTTP may call this member by (or *).'),
  'auth-token': security(
    kinds.string,
    'simple',
    "Kind of tokens: 'simple', or 'jwt,sign-method=M,priv-key=FILE,pub-key=FILE,ttl=5m'.",
  ),
  'auth-token-ttl': security(kinds.uint, 300, 'Seconds that a simple token lives after its last use.'),
  'bcrypt-cost': security(kinds.uint, 10, 'Cost of hashing passwords, 4 to 31: each step doubles the work.'),

  logger: logging(kinds.string, 'zap', "Kind of log: 'zap', or of etcd 3.4 also 'capnslog', its default.", {
    initialIn: (version) => differenceOf('logger', version),
  }),
  'log-outputs': logging(
    kinds.filledList,
    ['default'],
    "Where the log goes: 'stdout', 'stderr' ('default'), or files.",
  ),
  'log-level': logging(kinds.string, 'info', 'Least severe level to log: debug, info, warn, error, panic, fatal.'),
  'enable-log-rotation': logging(kinds.bool, false, 'Put the log file aside when it gets too large.'),
  'log-rotation-config-json': logging(
    kinds.string,
    '{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}',
    'When to put it aside (MB), and what of it to keep (days, files; 0: all).',
  ),
  'log-output': logging(kinds.filledList, ['default'], '', hidden),
  debug: logging(kinds.bool, false, '', hidden),
  'log-package-levels': logging(kinds.string, '', '', hidden),
  'log-format': logging(kinds.string, 'json', "Form of the log: 'json' or 'console'."),

  metrics: observability(kinds.string, 'basic', "'extensive' adds histograms of every RPC to the metrics."),
  'enable-pprof': observability(kinds.bool, false, 'Serve profiles of the process under /debug/pprof/.'),
  'enable-distributed-tracing': observability(kinds.bool, false, 'Send traces of calls to an OpenTelemetry collector.'),
  'distributed-tracing-address': observability(
    kinds.string,
    'localhost:4317',
    'Where the collector takes OTLP over gRPC.',
  ),
  'distributed-tracing-service-name': observability(
    kinds.string,
    'etcd',
    "Traces' service.name: the same for all members.",
  ),
  'distributed-tracing-instance-id': observability(
    kinds.string,
    '',
    "Traces' service.instance.id: another for each member.",
  ),
  'distributed-tracing-sampling-rate': observability(
    kinds.int,
    0,
    'Calls of each million to trace, where callers leave it open.',
  ),
  'listen-metrics-urls': observability(
    kinds.urls,
    parseUrlList(''),
    'More addresses to serve metrics and health on, next to those for clients.',
  ),

  'raft-read-timeout': member(
    kinds.durationMs,
    5_000,
    'Silence of a peer after which it is taken for gone (at least 5s).',
    {
      fileKey: null,
    },
  ),
  'raft-write-timeout': member(kinds.durationMs, 5_000, 'The same of a peer that takes nothing (at least 5s).', {
    fileKey: null,
  }),
  'socket-reuse-port': member(kinds.bool, false, 'Let other processes listen on the same ports.', {
    fileKey: 'socket-options.reuse-port',
  }),
  'socket-reuse-address': member(kinds.bool, false, 'Listen on ports whose last connections linger; always so.', {
    fileKey: 'socket-options.reuse-address',
  }),
  // How bbolt keeps the free pages in memory; ours does it one way, and the file is the same.
  'backend-bbolt-freelist-type': older(kinds.string, 'map', 'Without effect: free pages are kept in one way.'),
  'experimental-backend-bbolt-freelist-type': tuning(kinds.string, 'map', '', hidden),

  'compaction-batch-limit': tuning(kinds.int, 0, 'Revisions to remove in one step of a compaction (0: 1000).'),
  'compaction-sleep-interval': tuning(kinds.durationMs, 0, 'Rest between two steps of a compaction (0: 10ms).'),
  'watch-progress-notify-interval': tuning(
    kinds.durationMs,
    0,
    'Time between two progress notices to a watcher without events (0: 10m).',
  ),
  'warning-apply-duration': tuning(
    kinds.durationMs,
    100,
    'Time to apply a request from which on it is logged as slow.',
  ),
  'warning-unary-request-duration': tuning(kinds.durationMs, 300, 'Time of a call from which on it is logged as slow.'),

  'memory-mlock': tuning(kinds.bool, false, 'Keep the database in memory: its pages are never swapped out.'),
  'feature-gates': tuning(gatesKind, '', 'Features to turn on or off: Name=true,Name=false.'),
  'corrupt-check-time': tuning(
    kinds.durationMs,
    0,
    'Time between two comparisons of the data of all members (0: none).',
  ),
  'compact-hash-check-time': tuning(
    kinds.durationMs,
    60_000,
    'Time between two comparisons of the hashes that compactions leave.',
  ),
  'experimental-initial-corrupt-check': older(
    kinds.bool,
    false,
    'The feature InitialCorruptCheck, see --feature-gates.',
  ),
  'experimental-compact-hash-check-enabled': older(
    kinds.bool,
    false,
    'The feature CompactHashCheck, see --feature-gates.',
  ),
  'downgrade-check-time': tuning(
    kinds.durationMs,
    5_000,
    'Time between two looks of the leader whether a downgrade is done.',
  ),
  'experimental-enable-lease-checkpoint': older(kinds.bool, false, 'The feature LeaseCheckpoint, see --feature-gates.'),
  'experimental-enable-lease-checkpoint-persist': older(
    kinds.bool,
    false,
    'The feature LeaseCheckpointPersist, see --feature-gates.',
  ),
  'bootstrap-defrag-threshold-megabytes': tuning(
    kinds.uint64,
    0,
    'Defragment at the start when that frees so many megabytes; 0 = never.',
  ),
  'experimental-stop-grpc-service-on-defrag': older(
    kinds.bool,
    false,
    'The feature StopGRPCServiceOnDefrag, see --feature-gates.',
  ),
  'experimental-txn-mode-write-with-shared-buffer': older(kinds.bool, true, 'Without effect: nothing is copied.'),

  'unsafe-no-fsync': unsafe(kinds.bool, false, 'Never wait for the disk: a crash then loses data. For tests.'),

  'emulate-version': own(
    kinds.string,
    DEFAULT_EMULATED_VERSION,
    'Version of etcd to behave as where versions differ: 3.4, 3.5, 3.6 or 3.7.',
  ),
} satisfies OptionTable;

export const options = { ...named, ...olderRows(named) } satisfies OptionTable;

export type Values = OptionValues<typeof options>;

/** Defaults of a table for a version of etcd. */
export function defaultsOf(table: OptionTable, version: EmulatedVersion): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(table).map(([name, option]) => [name, option.initialIn?.(version) ?? option.initial]),
  );
}
