/**
 * What etcd 3.4 says in capnslog where a record of ours says it in zap's words. By the record's message: the lines as
 * they are written after the time, with the record's fields in braces, `{name:q}` quoted as Go's %q; none where 3.4
 * says nothing. Packages and words are etcd's, also where they are at odds with its other log.
 */
import type { LogFields } from '../logger.js';
import { goQuote } from './quote.js';

type Words = string | readonly string[] | ((fields: LogFields) => string | readonly string[]);

const silent: readonly string[] = [];

/** Lines `I | etcdserver: …` of a record; undefined where there is no entry for it. */
export function capnslogWords(message: string, fields: LogFields): readonly string[] | undefined {
  const entry = Object.hasOwn(table, message) ? table[message] : trace(message);
  if (entry === undefined) return undefined;
  const lines = typeof entry === 'function' ? entry(fields) : entry;
  return (typeof lines === 'string' ? [lines] : lines).map((line) => filled(line, fields));
}

const filled = (line: string, fields: LogFields): string =>
  line.replace(/\{([a-z0-9-]+)(:q)?\}/gi, (_, name: string, quoted) => shown(fields[name], quoted !== undefined));

/** As Go's %v, or %q, shows it. */
export function shown(value: unknown, isQuoted = false): string {
  if (Array.isArray(value)) return `[${value.map((item) => shown(item, isQuoted)).join(' ')}]`;
  if (value instanceof Error) return shown(value.message, isQuoted);
  return isQuoted ? goQuote(String(value ?? '')) : String(value ?? '');
}

/** Traces of slow requests are zap's alone. */
const trace = (message: string): Words | undefined => (/^trace\[\d+\] /.test(message) ? silent : undefined);

/** As Go's URLs are joined. */
const listed = (value: unknown): string => (Array.isArray(value) ? value.map((item) => shown(item)).join(',') : '');

/** A duration as Go prints it, in milliseconds. */
const inMs = (text: unknown): string => {
  const found = /^(?:(\d+)m)?(?:([\d.]+)s)?$/.exec(String(text));
  return found === null
    ? String(text)
    : `${Number(found[1] ?? 0) * 60_000 + Math.round(Number(found[2] ?? 0) * 1000)}ms`;
};

const SHADOWED =
  'conflicting environment variable is shadowed by corresponding command-line flag (either unset environment ' +
  'variable or disable flag))';
const LOADED =
  'loaded server configuration, other configuration command line flags and environment variables will be ignored if ' +
  'provided';

const etcdmain: Readonly<Record<string, Words>> = {
  'starting etcd': [
    'I | etcdmain: etcd Version: {version}',
    'I | etcdmain: Git SHA: {sha}',
    'I | etcdmain: Go Version: {go}',
    'I | etcdmain: Go OS/Arch: {platform}',
    'I | etcdmain: setting maximum number of CPUs to {usable}, total number of available CPUs is {available}',
  ],
  'Running: ': silent,
  'Running http and grpc server on single port. This is not recommended for production.': silent,
  'failed to verify flags': "E | etcdmain: error verifying flags, {error}. See 'etcd --help'.",
  'advertise client URLs are not set':
    'E | etcdmain: When listening on specific address(es), this etcd process must advertise accessible url(s) to ' +
    'each connected client.',
  "'data-dir' was empty; using default": 'W | etcdmain: no data-dir provided, using default data-dir ./{data-dir}',
  'detected default host for advertise': 'I | etcdmain: advertising using detected default host {host:q}',
  'server has been already initialized':
    'N | etcdmain: the server is already initialized as {dir-type} before, starting as etcd {dir-type}...',
  'found invalid file under data directory':
    'W | etcdmain: found invalid file/dir {filename} under data dir {data-dir} (Ignore this if you are upgrading etcd)',
  'failed to start etcd': silent,
  'discovery failed': 'C | etcdmain: {error}',
  'listener failed': 'C | etcdmain: {error}',
  'notifying init daemon': silent,
  'successfully notified init daemon': silent,
  'failed to notify systemd for readiness': 'E | etcdmain: failed to notify systemd for readiness: {error}',
  'received signal; shutting down': 'N | pkg/osutil: received {signal} signal, shutting down...',
  'recognized and used environment variable':
    'I | pkg/flags: recognized and used environment variable {variable-name}={variable-value}',
  'unrecognized environment variable': 'W | pkg/flags: unrecognized environment variable {environment-variable}',
  [SHADOWED]:
    'C | pkg/flags: conflicting environment variable {environment-variable:q} is shadowed by corresponding ' +
    'command-line flag (either unset environment variable or disable flag)',
  [LOADED]:
    'I | etcdmain: Loading server configuration from {path:q}. Other configuration command line flags and ' +
    'environment variables will be ignored if provided.',
};

const embed: Readonly<Record<string, Words>> = {
  "couldn't parse log level string":
    "W | embed: couldn't parse log level string: {error}, continuing with default levels",
  'configuring peer listeners': silent,
  'configuring client listeners': silent,
  'starting an etcd server': (fields) => [
    'I | embed: name = {name}',
    ...(fields['force-new-cluster'] === true ? ['I | embed: force new cluster'] : []),
    'I | embed: data dir = {data-dir}',
    'I | embed: member dir = {member-dir}',
    ...(fields['wal-dir-dedicated'] === '' ? [] : ['I | embed: dedicated WAL dir = {wal-dir-dedicated}']),
    `I | embed: heartbeat = ${inMs(fields['heartbeat-interval'])}`,
    `I | embed: election = ${inMs(fields['election-timeout'])}`,
    'I | embed: snapshot count = {snapshot-count}',
    ...((fields['discovery-url'] ?? '') === '' ? [] : ['I | embed: discovery URL= {discovery-url}']),
    ...((fields['discovery-proxy'] ?? '') === '' ? [] : ['I | embed: discovery proxy = {discovery-proxy}']),
    `I | embed: advertise client URLs = ${listed(fields['advertise-client-urls'])}`,
    ...(fields['member-initialized'] === true
      ? [
          `I | embed: initial advertise peer URLs = ${listed(fields['initial-advertise-peer-urls'])}`,
          'I | embed: initial cluster = {initial-cluster}',
        ]
      : []),
  ],
  'scheme is HTTP while key and cert files are present; ignoring key and cert files':
    'W | embed: The scheme of peer url {peer-url} is HTTP while peer key/cert files are presented. Ignored peer ' +
    'key/cert files.',
  'scheme is HTTP while --peer-client-cert-auth is enabled; ignoring client cert auth for this URL':
    'W | embed: The scheme of peer url {peer-url} is HTTP while client cert auth (--peer-client-cert-auth) is ' +
    'enabled. Ignored client cert auth for this url.',
  'scheme is http or unix while key and cert files are present; ignoring key and cert files':
    'W | embed: The scheme of client url {client-url} is HTTP while peer key/cert files are presented. Ignored ' +
    'key/cert files.',
  'automatically generate certificates': silent,
  'created cert file': silent,
  'created key file': silent,
  'starting with peer TLS': 'I | embed: peerTLS: {tls-info}',
  'starting with client TLS': 'I | embed: ClientTLS: {tls-info}',
  // It is told again with what ends the start.
  'creating peer listener failed': silent,
  'serving peer traffic': 'I | embed: listening for peers on {address}',
  'serving metrics': 'I | embed: listening for metrics on {address}',
  'cmux::serve': silent,
  'ready to serve client requests': 'I | embed: ready to serve client requests',
  'serving client traffic insecurely; this is strongly discouraged!':
    'N | embed: serving insecure client requests on {address}, this is strongly discouraged!',
  'serving client traffic securely': 'I | embed: serving client requests on {address}',
  'now serving peer/client/metrics': silent,
  'closing etcd server': silent,
  'closed etcd server': silent,
  'stopping serving peer traffic': silent,
  'stopped serving peer traffic': silent,
  'pprof is enabled': 'I | embed: pprof is enabled under {path}',
  'rejected connection on client endpoint': rejected,
  'rejected connection on peer endpoint': rejected,
  'rejected connection': rejected,
};

function rejected(fields: LogFields): string {
  const names = fields['ip-addresses'] === undefined ? '' : ', IPAddresses {ip-addresses:q}, DNSNames {dns-names:q}';
  return `I | embed: rejected connection from {remote-addr:q} (error {error:q}, ServerName {server-name:q}${names})`;
}

const etcdserver: Readonly<Record<string, Words>> = {
  'exceeded recommended request limit':
    'W | etcdserver: MaxRequestBytes {max-request-bytes} exceeds maximum recommended size {recommended-request-bytes}',
  'check file permission': 'W | etcdserver: check file permission: {error}',
  'opened backend db': silent,
  'db file is flocked by another process, or taking too long': [
    'W | etcdserver: another etcd process is using {path:q} and holds the file lock, or loading backend file is ' +
      'taking >10 seconds',
    'W | etcdserver: waiting for it to exit before starting...',
  ],
  'kvstore restored': silent,
  'starting local member': 'I | etcdserver: starting member {local-member-id} in cluster {cluster-id}',
  'restarting local member':
    'I | etcdserver: restarting member {local-member-id} in cluster {cluster-id} at commit index {commit-index}',
  'forcing restart member':
    'I | etcdserver: forcing restart of member {local-member-id} in cluster {cluster-id} at commit index ' +
    '{commit-index}',
  'discarding uncommitted WAL entries':
    'I | etcdserver: discarding {number-of-discarded-entries} uncommitted WAL entries ',
  'recovered v2 store from snapshot': 'I | etcdserver: recovered store from snapshot at index {snapshot-index}',
  'recovered v3 backend from snapshot': silent,
  'discovery token is ignored since cluster already initialized; valid logs are found':
    'W | etcdserver: discovery token ignored since a cluster has already been initialized. Valid log found at ' +
    '{wal-dir:q}',
  'enabled backend quota with default value': silent,
  'enabled backend quota': silent,
  'disabled backend quota': 'W | etcdserver: disabling backend quota',
  'quota exceeds the maximum value':
    'W | etcdserver: backend quota {quota-size-bytes} exceeds maximum recommended quota {quota-maximum-size-bytes}',
  'starting etcd server':
    'I | etcdserver: starting server... [version: {local-server-version}, cluster version: {cluster-version}]',
  'updating snapshot-count to default': 'I | etcdserver: set snapshot count to default {updated-snapshot-count}',
  'updating snapshot catch-up entries to default': silent,
  'started as single-node; fast-forwarding election ticks':
    'I | etcdserver: {local-member-id} as single-node; fast-forwarding {forward-ticks} ticks (election ticks ' +
    '{election-ticks})',
  'initialized peer connections; fast-forwarding election ticks':
    'I | etcdserver: {local-member-id} initialized peer connection; fast-forwarding {forward-ticks} ticks (election ' +
    'ticks {election-ticks}) with {active-remote-members} active peer(s)',
  'starting initial election tick advance': silent,
  'skipping initial election tick advance': silent,
  'published local member to cluster through raft':
    'I | etcdserver: published {local-member-attributes} to cluster {cluster-id}',
  'failed to publish local member to cluster through raft': 'E | etcdserver: publish error: {error}',
  'setting up initial cluster version using v2 API':
    'I | etcdserver: setting up the initial cluster version to {cluster-version}',
  'updating cluster version using v2 API': 'I | etcdserver: updating the cluster version from {from} to {to}',
  'cluster version is updated': silent,
  'aborting cluster version update; server is stopped':
    'I | etcdserver: aborting update cluster version because server is stopped',
  'failed to update cluster version': 'E | etcdserver: error updating cluster version ({error})',
  'leader found higher-versioned member': [
    'W | etcdserver: the local etcd version {local-member-version} is not up-to-date',
    'W | etcdserver: member {remote-member-id} has a higher version {remote-member-version}',
  ],
  'failed to reach the peer URL':
    'W | etcdserver: failed to reach the peerURL({address}) of member {remote-member-id} ({error})',
  'failed to get version': 'W | etcdserver: cannot get the version of member {remote-member-id} ({error})',
  'applied a configuration change through raft': silent,
  'rejecting member add request; not enough healthy members':
    'W | etcdserver: not enough started members, rejecting member add {requested-member-add}',
  'rejecting member add request; local member has not been connected to all peers, reconfigure breaks active quorum':
    'W | etcdserver: not healthy for reconfigure, rejecting member add {requested-member-add}',
  'rejecting member remove request; not enough healthy members':
    'W | etcdserver: not enough started members, rejecting remove member {requested-member-remove-id}',
  'rejecting member remove request; local member has not been connected to all peers, reconfigure breaks active quorum':
    'W | etcdserver: reconfigure breaks active quorum, rejecting remove member {requested-member-remove}',
  'rejecting member promote request; not enough healthy members':
    'W | etcdserver: not enough started members, rejecting promote member {requested-member-remove-id}',
  'rejected Raft message from removed member': 'W | etcdserver: reject message from removed member {removed-member-id}',
  'server error': 'E | etcdserver: {error}',
  'data-dir used by this member must be removed': 'I | etcdserver: the data-dir used by this member must be removed.',
  'leadership transfer starting':
    'I | etcdserver: {local-member-id} starts leadership transfer from {current-leader-member-id} to ' +
    '{transferee-member-id}',
  'leadership transfer finished':
    'I | etcdserver: {local-member-id} finished leadership transfer from {old-leader-member-id} to ' +
    '{new-leader-member-id} (took {took})',
  'leadership transfer failed': 'W | etcdserver: {local-member-id} failed to transfer leadership ({error})',
  'skipped leadership transfer; local server is not leader':
    'I | etcdserver: skipped leadership transfer for stopping non-leader member',
  'skipped leadership transfer for single voting member cluster':
    'I | etcdserver: skipped leadership transfer for single voting member cluster',
  'leader failed to send out heartbeat on time; took too long, leader is overloaded likely from slow disk': [
    'W | etcdserver: failed to send out heartbeat on time (exceeded the {heartbeat-interval} timeout for ' +
      '{exceeded-duration}, to {to})',
    'W | etcdserver: server is likely overloaded',
  ],
  'timed out waiting for read index response (local node might have slow network)':
    'W | etcdserver: timed out waiting for read index response (local node might have slow network)',
  'waiting for ReadIndex response took too long, retrying': silent,
  'ignored out-of-date read index response; local node read indexes queueing up and waiting to be in sync with leader':
    'W | etcdserver: ignored out-of-date read index response; local node read indexes queueing up and waiting to ' +
    'be in sync with leader (request ID want {sent-request-id}, got {received-request-id})',
  'apply request took too long': ({ error }) =>
    `W | etcdserver: {prefix}request {request:q} with result ${
      error === undefined ? '{response:q}' : goQuote(`error:${shown(error)}`)
    } took too long ({took}) to execute`,
  'failed to apply request':
    'W | etcdserver: failed to apply request {request:q} with response {response:q} took ({took}) to execute, err is ' +
    '{error}',
  'request stats': silent,
  'message exceeded backend quota; raising alarm': 'E | etcdserver: applying raft message exceeded backend quota',
  'alarm raised': 'W | etcdserver: alarm {alarm} raised by peer {from}',
  'alarm disarmed': ({ from }) =>
    `I | etcdserver: alarm disarmed action:DEACTIVATE memberID:${BigInt(`0x${shown(from)}`)} alarm:{alarm} `,
  'failed to revoke lease': 'W | etcdserver: failed to revoke {lease-id} ({error:q})',
  'triggering snapshot':
    'I | etcdserver: start to snapshot (applied: {local-member-applied-index}, lastsnap: ' +
    '{local-member-snapshot-index})',
  'saved snapshot': 'I | etcdserver: saved snapshot at index {snapshot-index}',
  'skip compaction since there is an inflight snapshot':
    'I | etcdserver: skip compaction since there is an inflight snapshot',
  'compacted Raft logs': 'I | etcdserver: compacted raft log at {compact-index}',
  'applied incoming Raft snapshot': 'I | etcdserver: raft applied incoming snapshot at index {snapshot-index}',
  'applying snapshot': 'I | etcdserver: applying snapshot at index {current-snapshot-index}...',
  'applied snapshot': 'I | etcdserver: finished applying incoming snapshot at index {current-snapshot-index}',
  'applySnapshot: opened snapshot backend': silent,
  'restoring lease store': 'I | etcdserver: recovering lessor...',
  'restored lease store': 'I | etcdserver: finished recovering lessor',
  'restoring mvcc store': 'I | etcdserver: restoring mvcc store...',
  'restored mvcc store': 'I | etcdserver: finished restoring mvcc store',
  'restoring alarm store': 'I | etcdserver: recovering alarms...',
  'restored alarm store': 'I | etcdserver: finished recovering alarms',
  'restoring auth store': 'I | etcdserver: recovering auth store...',
  'restored auth store': 'I | etcdserver: finished recovering auth store',
  'restoring v2 store': 'I | etcdserver: recovering store v2...',
  'restored v2 store': 'I | etcdserver: finished recovering store v2',
  'restoring cluster configuration': 'I | etcdserver: recovering cluster configuration...',
  'restored cluster configuration': [
    'I | etcdserver: finished recovering cluster configuration',
    'I | etcdserver: removing old peers from network...',
    'I | etcdserver: finished removing old peers from network',
    'I | etcdserver: adding peers from new cluster configuration into network...',
    'I | etcdserver: finished adding peers from new cluster configuration into network...',
  ],
  'sending merged snapshot': silent,
  'sent merged snapshot': silent,
  'starting initial corruption check':
    'I | etcdserver: {local-member-id} starting initial corruption check with timeout {timeout}...',
  'initial corruption checking passed; no corruption':
    'I | etcdserver: {local-member-id} succeeded on initial corruption checking: no corruption',
  'invalid authentication was requested': 'E | etcdserver: invalid authentication request to user {user} was issued',
};

const membership: Readonly<Record<string, Words>> = {
  'added member':
    'I | etcdserver/membership: added member {added-peer-id} {added-peer-peer-urls} to cluster {cluster-id}',
  'recovered/added member from store':
    'I | etcdserver/membership: added member {recovered-remote-peer-id} {recovered-remote-peer-urls} to cluster ' +
    '{cluster-id} from store',
  'removed member': 'I | etcdserver/membership: removed member {removed-remote-peer-id} from cluster {cluster-id}',
  'promote member': 'N | etcdserver/membership: promote member {promoted-member-id} in cluster {cluster-id}',
  'updated member':
    'N | etcdserver/membership: updated member {updated-remote-peer-id} {updated-remote-peer-urls} in cluster ' +
    '{cluster-id}',
  'set cluster version from store':
    'I | etcdserver/membership: set the cluster version to {cluster-version} from store',
  'set initial cluster version': 'N | etcdserver/membership: set the initial cluster version to {cluster-version}',
  'updated cluster version': 'N | etcdserver/membership: updated the cluster version from {from} to {to}',
  'enabled capabilities for version': 'I | etcdserver/api: enabled capabilities for version {cluster-version}',
  'resolved URL Host': 'I | pkg/netutil: resolving {host} to {resolved-addr}',
};

const api: Readonly<Record<string, Words>> = {
  'starting defragment': 'N | etcdserver/api/v3rpc: starting to defragment the storage backend...',
  'finished defragment': 'N | etcdserver/api/v3rpc: finished defragmenting the storage backend',
  'sending database snapshot to client':
    'I | etcdserver/api/v3rpc: sending database snapshot to client {size} [{total-bytes} bytes]',
  'sending database sha256 checksum to client':
    'I | etcdserver/api/v3rpc: sending database sha256 checksum to client [{checksum-size} bytes]',
  'successfully sent database snapshot to client':
    'I | etcdserver/api/v3rpc: successfully sent database snapshot to client {size} [{total-bytes} bytes]',
  '/health OK': 'D | etcdserver/api/etcdhttp: /health OK (status code {status-code})',
  '/health error': silent,
  'serving /health false due to an alarm': 'W | etcdserver/api/etcdhttp: /health error due to {alarm}',
  'serving /health false; no leader': 'W | etcdserver/api/etcdhttp: /health error; no leader (status code 503)',
  'serving /health false; QGET fails':
    'W | etcdserver/api/etcdhttp: /health error; QGET failed {error} (status code 503)',
  'rejecting HTTP request to prevent DNS rebinding attacks':
    'W | embed: rejecting HTTP request from {host:q} to prevent DNS rebinding attacks',
  'Flag `enable-v2` is deprecated and will get removed in etcd 3.6.': silent,
};

const store: Readonly<Record<string, Words>> = {
  'compact tree index': 'I | mvcc: store.index: compact {revision}',
  'finished scheduled compaction': 'I | mvcc: finished scheduled compaction at {compact-revision} (took {took})',
  'storing new hash': silent,
  'restored last compact revision': 'I | mvcc: restore compact to {restored-compact-revision}',
  defragmenting: silent,
  'finished defragmenting directory': silent,
  'failed to commit tx': 'C | mvcc/backend: cannot commit tx ({error})',
  'slow fdatasync': 'W | wal: sync duration of {took}, expected less than {expected-duration}',
  'repairing WAL': 'I | wal: repairing {path}',
  'repaired WAL': silent,
  'created a new WAL segment': 'I | wal: segmented wal file {path} is created',
  'failed to read a snap file, renaming it': 'E | snap: corrupted snapshot file {path}: {error}',
  'saved database snapshot to disk': 'I | snap: saved database snapshot to disk [total bytes: {bytes}]',
  'starting auto periodic compaction': 'N | compactor: Starting auto-compaction at revision {revision}',
  'completed auto periodic compaction': 'N | compactor: Finished auto-compaction at revision {revision}',
  'failed auto periodic compaction': 'N | compactor: Failed auto-compaction at revision {revision} ({error})',
  'starting auto revision compaction': 'N | compactor: Starting auto-compaction at revision {revision}',
  'completed auto revision compaction': 'N | compactor: Finished auto-compaction at revision {revision}',
  'failed auto revision compaction': 'N | compactor: Failed auto-compaction at revision {revision} ({error})',
};

const auth: Readonly<Record<string, Words>> = {
  'simple token is not cryptographically signed': 'W | auth: simple token is not cryptographically signed',
  'enabled authentication': 'N | auth: Authentication enabled',
  'disabled authentication': 'N | auth: Authentication disabled',
  'authentication is already enabled; ignored auth enable request': 'N | auth: Authentication already enabled',
  'added a user': 'N | auth: added a new user: {user-name}',
  'deleted a user': 'N | auth: deleted a user: {user-name}',
  'changed a password of a user': 'N | auth: changed a password of a user: {user-name}',
  'granted a role to a user': 'N | auth: granted role {added-role-name} to user {user-name}',
  'revoked a role from a user': 'N | auth: revoked role {revoked-role-name} from user {user-name}',
  'created a role': 'N | auth: Role {role-name} is created',
  'deleted a role': 'N | auth: deleted role {role-name}',
  // etcd-diff: 3.4 names the key too, which no record of ours does.
  'granted/updated a permission to a user': "N | auth: role {user-name}'s permission is updated",
  'revoked a permission on range': 'N | auth: revoked a key from role {role-name}',
  'invalid password': 'N | auth: authentication failed, invalid password for user {user-name}',
  'ignored grant role request to a user': 'W | auth: user {user-name} is already granted role {duplicate-role-name}',
};

const rafthttp: Readonly<Record<string, Words>> = {
  'starting remote peer': 'I | rafthttp: starting peer {remote-peer-id}...',
  'started remote peer': 'I | rafthttp: started peer {remote-peer-id}',
  'stopping remote peer': 'I | rafthttp: stopping peer {remote-peer-id}...',
  'stopped remote peer': 'I | rafthttp: stopped peer {remote-peer-id}',
  'added remote peer': 'I | rafthttp: added peer {remote-peer-id}',
  'removed remote peer': 'I | rafthttp: removed peer {removed-remote-peer-id}',
  'updated remote peer': 'I | rafthttp: updated peer {updated-remote-peer-id}',
  'added new remote peer': silent,
  'started HTTP pipelining with remote peer': 'I | rafthttp: started HTTP pipelining with peer {remote-peer-id}',
  'stopped HTTP pipelining with remote peer': 'I | rafthttp: stopped HTTP pipelining with peer {remote-peer-id}',
  'started stream writer with remote peer': 'I | rafthttp: started streaming with peer {remote-peer-id} (writer)',
  'stopped TCP streaming connection with remote peer': [
    'I | rafthttp: closed the TCP streaming connection with peer {remote-peer-id} ({stream-writer-type} writer)',
    'I | rafthttp: stopped streaming with peer {remote-peer-id} (writer)',
  ],
  'started stream reader with remote peer':
    'I | rafthttp: started streaming with peer {remote-peer-id} ({stream-reader-type} reader)',
  'stopped stream reader with remote peer':
    'I | rafthttp: stopped streaming with peer {remote-peer-id} ({stream-reader-type} reader)',
  'set message encoder': silent,
  'dial stream reader': silent,
  'established TCP streaming connection with remote peer': (fields) =>
    `I | rafthttp: established a TCP streaming connection with peer {remote-peer-id} (${stream(fields)})`,
  'lost TCP streaming connection with remote peer': (fields) =>
    `W | rafthttp: lost the TCP streaming connection with peer {remote-peer-id} (${stream(fields)})`,
  'closed TCP streaming connection with remote peer':
    'W | rafthttp: closed an existing TCP streaming connection with peer {remote-peer-id} ({stream-writer-type} ' +
    'writer)',
  'peer became active': 'I | rafthttp: peer {peer-id} became active',
  'peer became inactive (message send to peer failed)': [
    'E | rafthttp: {error}',
    'I | rafthttp: peer {peer-id} became inactive (message send to peer failed)',
  ],
  'peer deactivated again': 'D | rafthttp: {error}',
  'prober detected unhealthy status': 'W | rafthttp: health check for peer {remote-peer-id} could not connect: {error}',
  'prober found high clock drift':
    'W | rafthttp: the clock difference against peer {remote-peer-id} is too high [{clock-drift} > 1s]',
  'rejected stream from remote peer because it was removed':
    'W | rafthttp: rejected the stream from peer {remote-peer-id-from} since it was removed',
  'failed to find remote peer in cluster':
    'E | rafthttp: failed to find member {remote-peer-id-from} in cluster {cluster-id}',
  'ignored streaming request; ID mismatch':
    'E | rafthttp: streaming request ignored (ID mismatch got {remote-peer-id-header} want {local-member-id})',
  'request cluster ID mismatch':
    'E | rafthttp: request cluster ID mismatch (got {remote-peer-cluster-id} want {local-member-cluster-id})',
  'failed to check version compatibility': 'E | rafthttp: request version incompatibility ({error})',
  'request sent was ignored by remote peer due to server version incompatibility':
    'E | rafthttp: request sent was ignored by peer {remote-peer-id} (server version incompatible)',
  'request sent was ignored by remote peer due to cluster ID mismatch':
    'E | rafthttp: request sent was ignored (cluster ID mismatch: peer[{remote-peer-id}]={remote-peer-cluster-id}, ' +
    'local={local-member-cluster-id})',
  'failed to process Raft message': 'W | rafthttp: failed to process raft message ({error})',
  'failed to read Raft message': 'E | rafthttp: failed to read raft message ({error})',
  'failed to decode Raft message': 'E | rafthttp: failed to decode raft message ({error})',
  'unexpected Raft message type': 'E | rafthttp: unexpected raft message type {message-type} on snapshot path',
  'failed to save incoming database snapshot': 'E | rafthttp: failed to save KV snapshot ({error})',
  'sending database snapshot':
    'I | rafthttp: start to send database snapshot [index: {snapshot-index}, to {remote-peer-id}, size {size}]...',
  'sent database snapshot': [
    'I | etcdserver: wrote database snapshot out [total bytes: {bytes}]',
    'I | rafthttp: database snapshot [index: {snapshot-index}, to: {remote-peer-id}] sent out successfully',
  ],
  'failed to send database snapshot':
    'W | rafthttp: database snapshot [index: {snapshot-index}, to: {remote-peer-id}] failed to be sent out ({error})',
  'receiving database snapshot':
    'I | rafthttp: receiving database snapshot [index: {incoming-snapshot-index}, from: {remote-snapshot-sender-id}, ' +
    'raft message size: {incoming-snapshot-message-size}]',
  // etcd-diff: 3.4 tells the size of raft's message again.
  'received and saved database snapshot':
    'I | rafthttp: successfully received and saved database snapshot [index: {incoming-snapshot-index}, from: ' +
    '{remote-snapshot-sender-id}, db size: {incoming-snapshot-size}, took: {download-took}]',
};

const discovery: Readonly<Record<string, Words>> = {
  'found self from discovery server': 'N | discovery: found self {self} in the cluster',
  'found peer from discovery server': 'N | discovery: found peer {peer} in the cluster',
  'found peers from discovery server; waiting for more':
    'N | discovery: found {found-peers} peer(s), waiting for {needed-peers} more',
  'found all needed peers from discovery server': 'N | discovery: found {found-peers} needed peer(s)',
  'retry connecting to discovery service':
    'I | discovery: {reason}: error connecting to {discovery-url}, retrying in {backoff}',
  'member has been registered with discovery service':
    'E | etcdmain: member {name:q} has previously registered with discovery service token ({discovery-token}).',
  'but could not find valid cluster configuration':
    'E | etcdmain: But etcd could not find valid cluster configuration in the given data dir ({data-dir}).',
  'check data dir if previous bootstrap succeeded':
    'I | etcdmain: Please check the given data dir path if the previous bootstrap succeeded',
  'or use a new discovery token if previous bootstrap failed':
    'I | etcdmain: or use a new discovery token if the previous bootstrap failed.',
  'member with duplicated name has already been registered':
    'E | etcdmain: member with duplicated name has registered with discovery service token({discovery-token}).',
  'cURL the discovery token URL for details':
    'E | etcdmain: please check (cURL) the discovery token for more information.',
  'failed to bootstrap; discovery token was already used': [
    'E | etcdmain: {error}',
    'I | etcdmain: discovery token {discovery-token} was used, but failed to bootstrap the cluster.',
  ],
  'do not reuse discovery token; generate a new one to bootstrap a cluster':
    'I | etcdmain: please generate a new discovery token and try to bootstrap again.',
  'discovery cluster is full, falling back to proxy':
    'N | etcdmain: discovery cluster full, falling back to {fallback-proxy}',
};

const proxy: Readonly<Record<string, Words>> = {
  'v2 API proxy starting': 'N | etcdmain: proxy: this proxy supports v2 API only!',
  'v2 proxy started listening on client requests':
    'I | etcdmain: v2 proxy started listening on client requests on {host:q}',
  'proxy using peer URLS from cluster file':
    'I | etcdmain: proxy: using peer urls {peer-urls} from cluster file {cluster-file:q}',
  'proxy using peer URLS': 'I | etcdmain: proxy: using peer urls {peer-urls} ',
  'failed to get cluster from remote peers': 'W | etcdmain: proxy: {error}',
  'proxy updated peer URLs': 'N | etcdmain: proxy: updated peer urls in cluster file from {from} to {to}',
  'failed to get cluster response': 'W | etcdserver: could not get cluster response from {address}: {error}',
  'endpoints found': 'I | proxy/httpproxy: endpoints found {endpoints:q}',
  'marked endpoint unavailable': 'I | proxy/httpproxy: marked endpoint {endpoint} unavailable',
  'marked endpoint available, to retest connectivity':
    'I | proxy/httpproxy: marked endpoint {endpoint} available, to retest connectivity',
  'zero endpoints currently available': 'I | proxy/httpproxy: zero endpoints currently available',
  'client closed request prematurely': 'I | proxy/httpproxy: client {remote-address} closed request prematurely',
  'failed to direct request': 'I | proxy/httpproxy: failed to direct request to {url}: {error}',
};

const stream = (fields: LogFields): string =>
  fields['stream-reader-type'] === undefined ? '{stream-writer-type} writer' : '{stream-reader-type} reader';

const table: Readonly<Record<string, Words>> = {
  ...etcdmain,
  ...embed,
  ...etcdserver,
  ...membership,
  ...api,
  ...store,
  ...auth,
  ...rafthttp,
  ...discovery,
  ...proxy,
};
