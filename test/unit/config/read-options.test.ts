import { describe, expect, it } from 'vitest';
import { readConfigFile } from '../../../src/config/config-file.js';
import type { MemberOptions } from '../../../src/config/member-options.js';
import type { OptionsWorld, ReadOptions } from '../../../src/config/read-options.js';
import { readOptions, startFailure } from '../../../src/config/read-options.js';
import { createLogger } from '../../../src/lib/os/logger.js';

function read(words: string[], env: Record<string, string> = {}, more: Partial<OptionsWorld> = {}): ReadOptions {
  return readOptions(['etcd', ...words], {
    env,
    readFile: (path) => new Error(`open ${path}: no such file or directory`),
    parseFile: readConfigFile,
    defaultHost: () => undefined,
    nodeVersion: 'v20.18.1',
    platform: 'linux/amd64',
    processors: { available: 4, usable: 2 },
    ...more,
  });
}

function member(words: string[], env: Record<string, string> = {}, more: Partial<OptionsWorld> = {}): MemberOptions {
  const outcome = read(words, env, more);
  if (outcome.t !== 'member') throw new Error(JSON.stringify(outcome));
  return outcome.options;
}

/** The error of "failed to verify flags", the last line's, or what was printed. */
function refusal(outcome: ReadOptions): unknown {
  if (outcome.t === 'exit') return { exitCode: outcome.exitCode, stderr: outcome.stderr.split('\n')[0] };
  if (outcome.t === 'member') return 'taken';
  const line = outcome.lines.find((one) => one.message === 'failed to verify flags') ?? outcome.lines.at(-1);
  return line?.fields.error ?? line?.message;
}

const file = (text: string | Buffer) => ({ readFile: () => Buffer.from(text) });
const fromFile = (text: string | Buffer, env: Record<string, string> = {}) =>
  read(['--config-file', 'c.yml'], env, file(text));

/** What `etcd --help` of 3.5.30 lists. */
const flagsOf35 = (
  'advertise-client-urls auth-token auth-token-ttl auto-compaction-mode auto-compaction-retention auto-tls ' +
  'backend-batch-interval backend-batch-limit backend-bbolt-freelist-type bcrypt-cost cert-file cipher-suites ' +
  'client-cert-allowed-hostname client-cert-auth client-cert-file client-crl-file client-key-file cors data-dir ' +
  'discovery discovery-fallback discovery-proxy discovery-srv discovery-srv-name election-timeout ' +
  'enable-grpc-gateway enable-log-rotation enable-pprof enable-v2 experimental-bootstrap-defrag-threshold-megabytes ' +
  'experimental-compact-hash-check-enabled experimental-compact-hash-check-time experimental-compaction-batch-limit ' +
  'experimental-compaction-sleep-interval experimental-corrupt-check-time experimental-distributed-tracing-address ' +
  'experimental-distributed-tracing-instance-id experimental-distributed-tracing-sampling-rate ' +
  'experimental-distributed-tracing-service-name experimental-downgrade-check-time ' +
  'experimental-enable-distributed-tracing experimental-enable-lease-checkpoint ' +
  'experimental-enable-lease-checkpoint-persist experimental-enable-v2v3 experimental-initial-corrupt-check ' +
  'experimental-memory-mlock experimental-peer-skip-client-san-verification ' +
  'experimental-stop-grpc-service-on-defrag experimental-txn-mode-write-with-shared-buffer ' +
  'experimental-warning-apply-duration experimental-watch-progress-notify-interval force-new-cluster ' +
  'grpc-keepalive-interval grpc-keepalive-min-time grpc-keepalive-timeout heartbeat-interval host-whitelist ' +
  'initial-advertise-peer-urls initial-cluster initial-cluster-state initial-cluster-token ' +
  'initial-election-tick-advance key-file listen-client-http-urls listen-client-urls listen-metrics-urls ' +
  'listen-peer-urls log-level log-outputs log-rotation-config-json logger max-concurrent-streams max-request-bytes ' +
  'max-snapshots max-txn-ops max-wals metrics name peer-auto-tls peer-cert-allowed-cn peer-cert-allowed-hostname ' +
  'peer-cert-file peer-client-cert-auth peer-client-cert-file peer-client-key-file peer-crl-file peer-key-file ' +
  'peer-trusted-ca-file pre-vote proxy proxy-dial-timeout proxy-failure-wait proxy-read-timeout ' +
  'proxy-refresh-interval proxy-write-timeout quota-backend-bytes raft-read-timeout raft-write-timeout ' +
  'self-signed-cert-validity snapshot-count socket-reuse-address socket-reuse-port strict-reconfig-check ' +
  'tls-max-version tls-min-version trusted-ca-file unsafe-no-fsync v2-deprecation wal-dir'
).split(' ');

describe('options of the v2 API', () => {
  it('are called deprecated by 3.5 alone, in the order of their names', () => {
    const warned = (version: string): string[] => {
      const outcome = read([`--emulate-version=${version}`, '--proxy-dial-timeout=900', '--enable-v2']);
      const lines = outcome.t === 'exit' ? [] : outcome.lines;
      return lines.map(({ message }) => message).filter((message) => message.includes('decommissioned in 3.6'));
    };
    expect(warned('3.4')).toEqual([]);
    expect(warned('3.5')).toEqual([
      '--enable-v2 is deprecated in 3.5 and will be decommissioned in 3.6.',
      '--proxy-dial-timeout is deprecated in 3.5 and will be decommissioned in 3.6.',
    ]);
  });
});

describe('TLS files beside peers in clear', () => {
  it('are warned of', () => {
    const outcome = read(['--peer-cert-file', 'c', '--peer-key-file', 'k', '--peer-client-cert-auth']);
    const warnings = outcome.t === 'exit' ? [] : outcome.lines.filter(({ message }) => message.startsWith('scheme is'));
    expect(warnings).toMatchObject([
      {
        message: 'scheme is HTTP while key and cert files are present; ignoring key and cert files',
        fields: { 'peer-url': 'http://localhost:2380' },
      },
      {
        message: 'scheme is HTTP while --peer-client-cert-auth is enabled; ignoring client cert auth for this URL',
        fields: { 'peer-url': 'http://localhost:2380' },
      },
    ]);
  });
});

describe('one TLS file beside peers in clear', () => {
  it.each(['--peer-cert-file', '--peer-key-file'])('is warned of as well: %s', (flag) => {
    const outcome = read([flag, 'x']);
    const messages = outcome.t === 'exit' ? [] : outcome.lines.map(({ message }) => message);
    expect(messages).toContain('scheme is HTTP while key and cert files are present; ignoring key and cert files');
  });
});

describe('the options of a member', () => {
  it('have etcd’s defaults', () => {
    expect(member([])).toMatchObject({
      emulate: '3.5',
      name: 'default',
      dataDir: 'default.etcd',
      walDir: '',
      advertiseClientUrls: ['http://localhost:2379'],
      initialAdvertisePeerUrls: ['http://localhost:2380'],
      initialCluster: new Map([['default', ['http://localhost:2380']]]),
      initialClusterState: 'new',
      heartbeatIntervalMs: 100,
      electionTimeoutMs: 1_000,
      snapshotCount: 100_000,
      preVote: true,
      maxTxnOps: 128,
      maxRequestBytes: 1_572_864,
      backendBatchIntervalMs: 100,
      autoCompaction: { mode: 'off' },
      log: { level: 'info', format: 'json', outputs: ['stderr'] },
    });
    expect(member([]).listenClientUrls).toEqual([
      { scheme: 'http', text: 'http://localhost:2379', host: 'localhost', port: 2379, socketPath: undefined },
    ]);
  });

  it('have etcd’s defaults for every switch and every number', () => {
    const plain = Object.entries(member([])).filter(
      ([, value]) => typeof value === 'boolean' || typeof value === 'number',
    );
    expect(Object.fromEntries(plain)).toEqual({
      authTokenTtlSeconds: 300,
      backendBatchIntervalMs: 100,
      backendBatchLimit: 10_000,
      bcryptCost: 10,
      bootstrapDefragThresholdMegabytes: 0,
      compactHashCheckIntervalMs: 0,
      compactHashCheckTimeMs: 60_000,
      compactionBatchLimit: 1000,
      compactionSleepIntervalMs: 10,
      corruptCheckIntervalMs: 0,
      downgradeCheckIntervalMs: 5000,
      electionTimeoutMs: 1000,
      enableGrpcGateway: true,
      enablePprof: false,
      enableV2: false,
      fastLeaseKeepAlive: true,
      forceNewCluster: false,
      grpcKeepaliveIntervalMs: 7_200_000,
      grpcKeepaliveMinTimeMs: 5000,
      grpcKeepaliveTimeoutMs: 20_000,
      heartbeatIntervalMs: 100,
      initialCorruptCheck: false,
      initialElectionTickAdvance: true,
      leaseCheckpoint: false,
      leaseCheckpointPersist: false,
      maxConcurrentStreams: 4_294_967_295,
      maxLearners: 1,
      maxRequestBytes: 1_572_864,
      maxSnapshots: 5,
      maxTxnOps: 128,
      maxWals: 5,
      memoryMlock: false,
      nextClusterVersionCompatible: false,
      preVote: true,
      prioritizesRevokes: false,
      quotaBackendBytes: 0,
      raftReadTimeoutMs: 5000,
      raftWriteTimeoutMs: 5000,
      selfSignedCertValidityYears: 1,
      snapshotCatchupEntries: 5000,
      snapshotCount: 100_000,
      socketReusePort: false,
      strictReconfigCheck: true,
      unsafeNoFsync: false,
      warningApplyDurationMs: 100,
      warningUnaryRequestDurationMs: 300,
      watchProgressNotifyIntervalMs: 600_000,
    });
  });

  it('differ where versions of etcd do', () => {
    expect(member(['--emulate-version=3.4'])).toMatchObject({ emulate: '3.4', snapshotCount: 100_000, preVote: false });
    expect(member([], { ETCD_EMULATE_VERSION: '3.6' })).toMatchObject({ emulate: '3.6', snapshotCount: 10_000 });
    expect(refusal(read(['--emulate-version=2.3']))).toMatchObject({ exitCode: 2 });
  });

  it('are read with one dash or two, with = or without, the last of several winning', () => {
    const words = ['-name', 'a', '--data-dir=/d', '--name=b', '-pre-vote=false', '--unsafe-no-fsync', '-max-wals=0x10'];
    expect(member(words)).toMatchObject({ name: 'b', dataDir: '/d', preVote: false, unsafeNoFsync: true, maxWals: 16 });
  });

  it('put the URLs in order and drop duplicates', () => {
    const words = [
      '--listen-client-urls',
      'http://127.0.0.1:2, http://127.0.0.1:1,http://127.0.0.1:2',
      '--advertise-client-urls=http://b:1,http://a:1',
    ];
    expect(member(words).listenClientUrls.map((url) => url.port)).toEqual([1, 2]);
    expect(member(words).advertiseClientUrls).toEqual(['http://a:1', 'http://b:1']);
    expect(
      member(['--listen-peer-urls=unix://sock:1,unixs:///run/x', '--peer-auto-tls']).listenPeerUrls.map(
        (url) => url.socketPath,
      ),
    ).toEqual(['sock:1', '/run/x']);
  });

  it('name the initial cluster after the member, when only the name is given', () => {
    expect(member(['--name', 'a', '--initial-advertise-peer-urls', 'http://x:1,http://y:1']).initialCluster).toEqual(
      new Map([['a', ['http://x:1', 'http://y:1']]]),
    );
    expect(member(['--initial-advertise-peer-urls', 'http://x:1']).initialCluster).toEqual(
      new Map([['default', ['http://localhost:2380']]]),
    );
    expect(member(['--initial-cluster', 'a=http://x:1,b=http://y:1,a=http://z:1']).initialCluster).toEqual(
      new Map([
        ['a', ['http://x:1', 'http://z:1']],
        ['b', ['http://y:1']],
      ]),
    );
  });

  it('advertise the machine’s address where the member listens on all', () => {
    const words = [
      '--name=a',
      '--listen-peer-urls=http://0.0.0.0:7',
      '--listen-client-urls=http://0.0.0.0:8',
      '--advertise-client-urls=http://localhost:2379',
    ];
    expect(member(words, {}, { defaultHost: () => '10.0.0.1' })).toMatchObject({
      initialAdvertisePeerUrls: ['http://10.0.0.1:7'],
      advertiseClientUrls: ['http://10.0.0.1:8'],
      initialCluster: new Map([['a', ['http://10.0.0.1:7']]]),
    });
    expect(member(words).initialAdvertisePeerUrls).toEqual(['http://localhost:2380']);
  });

  it('look for the machine’s address once, and only where somebody wants it', () => {
    const said = (words: string[], host: string | undefined): unknown[] => {
      let asked = 0;
      const defaultHost = () => {
        asked++;
        return host;
      };
      const outcome = read(words, {}, { defaultHost });
      if (outcome.t !== 'member') throw new Error(JSON.stringify(outcome));
      const found = outcome.lines.filter(({ message }) => message.includes('default host'));
      return [asked, ...found.map(({ level, message, fields }) => [level, message, fields])];
    };
    const peers = '--listen-peer-urls=http://0.0.0.0:7';
    const clients = ['--listen-client-urls=http://0.0.0.0:8', '--advertise-client-urls=http://localhost:2379'];
    const detected = ['info', 'detected default host for advertise', { host: '10.0.0.1' }];
    expect(said([peers, ...clients], '10.0.0.1')).toEqual([1, detected]);
    expect(said([peers], '10.0.0.1')).toEqual([1, detected]);
    expect(said(clients, '10.0.0.1')).toEqual([1, detected]);
    expect(said([peers, ...clients], undefined)).toEqual([1, ['info', 'failed to detect default host', {}]]);
    expect(said([peers, '--initial-advertise-peer-urls=http://10.0.0.7:7'], '10.0.0.1')).toEqual([0]);
    expect(said([], '10.0.0.1')).toEqual([0]);
  });

  it.each([
    ['--auto-compaction-retention=1', { mode: 'periodic', retentionMs: 3_600_000 }],
    ['--auto-compaction-retention=5m', { mode: 'periodic', retentionMs: 300_000 }],
    ['--auto-compaction-retention=0s', { mode: 'off' }],
  ])('%s compacts by time', (word, expected) => {
    expect(member([word]).autoCompaction).toEqual(expected);
  });

  it('compact by revision in revision mode', () => {
    const words = ['--auto-compaction-mode=revision', '--auto-compaction-retention=1000'];
    expect(member(words).autoCompaction).toEqual({ mode: 'revision', retention: 1000 });
  });

  it('may be given under their older names, but not under both', () => {
    expect(member(['--experimental-compaction-batch-limit=7']).compactionBatchLimit).toBe(7);
    expect(member(['--experimental-snapshot-catchup-entries', '7']).snapshotCatchupEntries).toBe(7);
    expect(refusal(read(['--experimental-compaction-batch-limit=7', '--compaction-batch-limit=8']))).toBe(
      'cannot set --experimental-compaction-batch-limit and --compaction-batch-limit at the same time, please ' +
        'use --compaction-batch-limit only',
    );
  });
});

describe('a command line that cannot be read', () => {
  it.each([
    [['--bogus'], 'flag provided but not defined: -bogus'],
    [['--constructor=1'], 'flag provided but not defined: -constructor'],
    [['--name'], 'flag needs an argument: -name'],
    [['---x'], 'bad flag syntax: ---x'],
    [['--=x'], 'bad flag syntax: --=x'],
    [['--snapshot-count', 'abc'], 'invalid value "abc" for flag -snapshot-count: parse error'],
    [
      ['-snapshot-count=99999999999999999999999'],
      'invalid value "99999999999999999999999" for flag -snapshot-count: value out of range',
    ],
    [['--quota-backend-bytes=1e9'], 'invalid value "1e9" for flag -quota-backend-bytes: parse error'],
    [['--max-txn-ops=-1'], 'invalid value "-1" for flag -max-txn-ops: parse error'],
    [
      ['--max-concurrent-streams=99999999999'],
      'invalid value "99999999999" for flag -max-concurrent-streams: strconv.ParseUint: parsing "99999999999": ' +
        'value out of range',
    ],
    [['--pre-vote=maybe'], 'invalid boolean value "maybe" for -pre-vote: parse error'],
    [['--grpc-keepalive-min-time', '5'], 'invalid value "5" for flag -grpc-keepalive-min-time: parse error'],
    [['--initial-cluster-state', 'x'], 'invalid value "x" for flag -initial-cluster-state: invalid value'],
    [
      ['--listen-client-urls', '127.0.0.1:2379'],
      'invalid value "127.0.0.1:2379" for flag -listen-client-urls: parse "127.0.0.1:2379": first path segment ' +
        'in URL cannot contain colon',
    ],
    [
      ['--listen-client-urls', 'http://127.0.0.1'],
      'invalid value "http://127.0.0.1" for flag -listen-client-urls: URL address does not have the form ' +
        '"host:port": http://127.0.0.1',
    ],
    [
      ['--listen-client-urls', 'http://127.0.0.1:1/x'],
      'invalid value "http://127.0.0.1:1/x" for flag -listen-client-urls: URL must not contain a path: ' +
        'http://127.0.0.1:1/x',
    ],
    [
      ['--listen-client-urls', 'ftp://127.0.0.1:1'],
      'invalid value "ftp://127.0.0.1:1" for flag -listen-client-urls: URL scheme must be http, https, unix, or ' +
        'unixs: ftp://127.0.0.1:1',
    ],
    [['--cors=foo'], 'invalid value "foo" for flag -cors: URL scheme must be http, https, unix, or unixs: foo'],
    [['--proxy=bogus'], 'invalid value "bogus" for flag -proxy: invalid value'],
    [['--v2-deprecation=bogus'], 'invalid value "bogus" for flag -v2-deprecation: invalid value "bogus"'],
    [['--log-level=foo'], 'panic: unrecognized level: "foo"'],
  ])('%j exits 2 with %s', (words, stderr) => {
    expect(refusal(read(words))).toEqual({ exitCode: 2, stderr });
  });

  it.each(['3.6', '3.7'])('of the first stage of the v2 API is no value in %s', (version) => {
    const emulated = `--emulate-version=${version}`;
    const why = 'invalid value "not-yet" for flag -v2-deprecation: invalid value "not-yet"';
    expect(refusal(read([emulated, '--v2-deprecation=not-yet']))).toEqual({
      exitCode: 2,
      stderr: expect.stringContaining(why),
    });
    expect(refusal(read([emulated], { ETCD_V2_DEPRECATION: 'not-yet' }))).toBe(
      'invalid value "not-yet" for ETCD_V2_DEPRECATION: invalid value "not-yet"',
    );
    expect(read([emulated, '--v2-deprecation=write-only']).t).toBe('member');
    expect(read(['--v2-deprecation=not-yet']).t).toBe('member');
  });

  it('with words that are no flags exits 1', () => {
    expect(refusal(read(['foo']))).toBe("'foo' is not a valid flag");
    expect(refusal(read(['--pre-vote', 'false']))).toBe("'false' is not a valid flag");
    expect(refusal(read(['--name=a', '--', '--name']))).toBe("'--name' is not a valid flag");
    expect(refusal(read(['foo', '--version']))).toBe("'foo' is not a valid flag");
    expect(refusal(read(['--emulate-version=3.7', 'foo']))).toBe('"foo" is not a valid flag');
    expect(read(['foo'])).toMatchObject({
      t: 'refused',
      exitCode: 1,
      lines: [{ message: 'Running: ', fields: { args: ['etcd', 'foo'] } }, {}],
    });
  });

  it('may carry words that old etcd knew', () => {
    expect(member(['--snapshot=5', '--force', '-v', '--name=a']).name).toBe('a');
    expect(refusal(read(['--snapshot', '5']))).toBe("'5' is not a valid flag");
  });
});

describe('help and version', () => {
  it('come on stdout', () => {
    const version = read(['--version']);
    expect(version).toMatchObject({ t: 'exit', exitCode: 0, stderr: '' });
    expect(version.t === 'exit' && version.stdout).toMatch(
      /^etcd Version: 3\.5\.\d+\nGit SHA: .*\nGo Version: .*\nGo OS\/Arch: linux\/amd64\n$/,
    );
    for (const word of ['-h', '--help', '-help']) {
      const help = read([word]);
      expect(help).toMatchObject({ exitCode: 0, stderr: '' });
      expect(help.t === 'exit' && help.stdout).toContain("  --listen-client-urls 'http://localhost:2379'\n");
    }
  });

  it('show every flag that the help of etcd 3.5.30 shows', () => {
    const help = read(['--help']);
    const shown = help.t === 'exit' ? [...help.stdout.matchAll(/^ {2}--([a-z0-9-]+)/gm)].map(([, name]) => name) : [];
    expect(flagsOf35.filter((name) => !shown.includes(name))).toEqual([]);
  });

  it('show each flag once, and say what it is for', () => {
    const help = read(['--help']);
    const rows = help.t === 'exit' ? [...help.stdout.matchAll(/^ {2}--([a-z0-9-]+) '.*'\n {4}(.*)$/gm)] : [];
    const names = rows.map(([, name]) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(rows.filter(([, , text]) => !/^[^a-z].*\.$/.test(text ?? '')).map(([, name]) => name)).toEqual([]);
    expect(names.length).toBeGreaterThan(flagsOf35.length);
  });
});

describe('checks', () => {
  it.each([
    [['--listen-peer-urls=http://example.com:1'], 'expected IP in URL for binding (http://example.com:1)'],
    [
      ['--listen-client-urls=http://:1', '--advertise-client-urls=http://a:1'],
      'expected IP in URL for binding (http://:1)',
    ],
    [['--listen-metrics-urls=http://1.2.3.4.5:1'], 'expected IP in URL for binding (http://1.2.3.4.5:1)'],
    [
      ['--advertise-client-urls=http://:1,http://a:1'],
      '--advertise-client-urls "http://:1,http://a:1" must be "host:port" (unexpected empty host (http://:1))',
    ],
    [['--heartbeat-interval=0'], '--heartbeat-interval must be >0 (set to 0ms)'],
    [['--election-timeout=0'], '--election-timeout must be >0 (set to 0ms)'],
    [
      ['--election-timeout=499'],
      '--election-timeout[499ms] should be at least as 5 times as --heartbeat-interval[100ms]',
    ],
    [['--election-timeout=50001'], '--election-timeout[50001ms] is too long, and should be set less than 50000ms'],
    [
      ['--listen-client-urls=http://127.0.0.1:1'],
      '--advertise-client-urls is required when --listen-client-urls is set explicitly',
    ],
    [['--auto-compaction-mode=x'], 'unknown auto-compaction-mode "x"'],
    [['--tls-min-version=x'], 'unexpected TLS version "x" (must be one of: TLS1.2, TLS1.3)'],
    [
      ['--tls-min-version=TLS1.3', '--tls-max-version=TLS1.2'],
      'min version (TLS1.3) is greater than max version (TLS1.2)',
    ],
    [['--logger=x'], 'unknown logger option "x"'],
    [['--logger=capnslog'], '--logger=capnslog is removed in v3.5'],
    [['--log-outputs=default,stdout'], 'multi logoutput for "default" is not supported yet'],
    [['--log-format=x'], 'unknown log format: x, supported values json, console'],
    [['--discovery-token=x'], 'both --discovery-token and --discovery-endpoints must be set'],
    [['--discovery-token=x', '--discovery-endpoints=a:1,'], '--discovery-endpoints must not contain empty endpoints'],
    [
      ['--discovery-srv=x', '--discovery=http://x/y'],
      'multiple discovery or bootstrap flags are set. Choose one of "initial-cluster", "discovery" or "discovery-srv"',
    ],
    [
      ['--discovery-token=x', '--discovery-endpoints=a:1', '--discovery-proxy=p:1'],
      'both v2 discovery settings (discovery, discovery-proxy) and v3 discovery settings (discovery-token, ' +
        'discovery-endpoints, discovery-cert, discovery-key, discovery-cacert, discovery-user, ' +
        'discovery-password) are set',
    ],
    [
      ['--discovery=http://x', '--initial-cluster=a=http://a:1'],
      'multiple discovery or bootstrap flags are set. Choose one of "initial-cluster", "discovery" or "discovery-srv"',
    ],
    [
      ['--tls-min-version=TLS1.3', '--cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'],
      'cipher suites cannot be configured when only TLS1.3 is enabled',
    ],
    [
      ['--experimental-enable-lease-checkpoint-persist'],
      'setting experimental-enable-lease-checkpoint-persist requires experimental-enable-lease-checkpoint',
    ],
    [
      ['--feature-gates=LeaseCheckpointPersist=true'],
      'enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint',
    ],
    [['--experimental-compact-hash-check-time=0s'], '--experimental-compact-hash-check-time must be >0 (set to 0s)'],
  ])('refuse %j: %s', (words, error) => {
    expect(read(words)).toMatchObject({ t: 'refused', exitCode: 1 });
    expect(refusal(read(words))).toBe(error);
  });

  it.each([
    '--listen-client-urls=http://[::1]:1',
    '--listen-peer-urls=http://[fe80::1]:1',
    '--listen-peer-urls=http://localhost:0',
    '--election-timeout=500',
    '--auto-compaction-mode=',
    '--discovery=',
    '--auto-tls=false',
    '--discovery-fallback=exit',
    '--log-level=DEBUG',
    '--log-level=Info',
    '--log-level=dPanic',
    '--log-level=',
  ])('let %s pass', (word) => {
    expect(refusal(read([word, '--advertise-client-urls=http://a:1']))).toBe('taken');
  });

  it.each<[string, readonly string[], object]>([
    [
      'kubeadm and k3s',
      [
        '--experimental-initial-corrupt-check=true',
        '--experimental-watch-progress-notify-interval=5s',
        '--peer-cert-file=p.crt',
        '--peer-key-file=p.key',
        '--peer-client-cert-auth=true',
        '--peer-trusted-ca-file=ca.crt',
        '--snapshot-count=10000',
      ],
      {
        initialCorruptCheck: true,
        watchProgressNotifyIntervalMs: 5000,
        peerTls: { certFile: 'p.crt', keyFile: 'p.key', clientCertAuth: true, trustedCaFile: 'ca.crt' },
      },
    ],
    [
      'a whole manifest of kubeadm',
      [
        '--advertise-client-urls=https://10.0.0.1:2379',
        '--cert-file=/etc/kubernetes/pki/etcd/server.crt',
        '--client-cert-auth=true',
        '--data-dir=/var/lib/etcd',
        '--experimental-initial-corrupt-check=true',
        '--experimental-watch-progress-notify-interval=5s',
        '--initial-advertise-peer-urls=https://10.0.0.1:2380',
        '--initial-cluster=node=https://10.0.0.1:2380',
        '--key-file=/etc/kubernetes/pki/etcd/server.key',
        '--listen-client-urls=https://127.0.0.1:2379,https://10.0.0.1:2379',
        '--listen-metrics-urls=http://127.0.0.1:2381',
        '--listen-peer-urls=https://10.0.0.1:2380',
        '--name=node',
        '--peer-cert-file=/etc/kubernetes/pki/etcd/peer.crt',
        '--peer-client-cert-auth=true',
        '--peer-key-file=/etc/kubernetes/pki/etcd/peer.key',
        '--peer-trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt',
        '--snapshot-count=10000',
        '--trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt',
      ],
      {
        initialCorruptCheck: true,
        clientTls: { clientCertAuth: true, trustedCaFile: '/etc/kubernetes/pki/etcd/ca.crt' },
        listenMetricsUrls: [{ port: 2381 }],
      },
    ],
    [
      'a kubeadm of 1.34, for 3.6',
      [
        '--emulate-version=3.6',
        '--feature-gates=InitialCorruptCheck=true',
        '--watch-progress-notify-interval=5s',
        '--listen-client-http-urls=http://127.0.0.1:2382',
      ],
      { initialCorruptCheck: true, watchProgressNotifyIntervalMs: 5000, listenClientHttpUrls: [{ port: 2382 }] },
    ],
    [
      'a hardened node',
      [
        '--tls-min-version=TLS1.2',
        '--cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
        '--client-cert-allowed-hostname=apiserver',
        '--peer-cert-allowed-cn=etcd',
        '--auto-tls=false',
        '--peer-auto-tls=false',
        '--experimental-corrupt-check-time=12h',
        '--experimental-compact-hash-check-enabled=true',
        '--experimental-enable-lease-checkpoint=true',
        '--experimental-memory-mlock',
        '--host-whitelist=*',
      ],
      {
        clientTls: { minVersion: 'TLS1.2', allowedHostnames: ['apiserver'] },
        peerTls: { allowedCns: ['etcd'] },
        corruptCheckIntervalMs: 43_200_000,
        compactHashCheckIntervalMs: 60_000,
        leaseCheckpoint: true,
        memoryMlock: true,
        hostWhitelist: ['*'],
      },
    ],
    [
      'RKE2',
      [
        '--experimental-corrupt-check-time=240m',
        '--cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
        '--host-whitelist=a,b',
      ],
      { corruptCheckIntervalMs: 14_400_000, hostWhitelist: ['a', 'b'] },
    ],
    [
      'checks of hashes',
      ['--experimental-compact-hash-check-enabled', '--experimental-compact-hash-check-time=2m'],
      { compactHashCheckIntervalMs: 120_000 },
    ],
    ['checks of hashes that are off', ['--experimental-compact-hash-check-time=2m'], { compactHashCheckIntervalMs: 0 }],
    ['checkpoints of leases', ['--experimental-enable-lease-checkpoint'], { leaseCheckpoint: true }],
    [
      'feature gates',
      ['--feature-gates=AllAlpha=true,LeaseCheckpoint=false, LeaseCheckpointPersist=false'],
      { features: { InitialCorruptCheck: true, LeaseCheckpoint: false, TxnModeWriteWithSharedBuffer: true } },
    ],
    ['TLS', ['--tls-min-version=TLS1.3', '--client-crl-file=x.crl'], { clientTls: { minVersion: 'TLS1.3' } }],
    [
      'a log that is rotated',
      ['--enable-log-rotation', '--log-outputs=stderr,/l', '--log-rotation-config-json={"maxsize":7,"Compress":true}'],
      { log: { outputs: ['/l', 'stderr'], rotation: { maxSizeMegabytes: 7, maxBackups: 0, compress: true } } },
    ],
    [
      'traces',
      ['--experimental-enable-distributed-tracing', '--experimental-distributed-tracing-sampling-rate=1000000'],
      { distributedTracing: { address: 'localhost:4317', serviceName: 'etcd', samplesPerMillion: 1_000_000 } },
    ],
    ['sockets', ['--socket-reuse-port', '--raft-read-timeout=1s'], { socketReusePort: true, raftReadTimeoutMs: 5000 }],
    ['the older debug switch', ['--debug'], { log: { level: 'debug' } }],
    ['no retention', ['--auto-compaction-retention='], { autoCompaction: { mode: 'off' } }],
    ['origins', ['--cors=http://b:1,http://a:1'], { cors: ['http://a:1', 'http://b:1'] }],
    ['any origin', ['--cors=http://a:1', '--cors=*'], { cors: ['*'] }],
  ])('take the flags of %s', (_name, words, wanted) => {
    expect(member([...words])).toMatchObject(wanted);
  });

  it.each([
    [['--cors='], 'invalid value "" for flag -cors: URL scheme must be http, https, unix, or unixs: '],
    [
      ['--cors=*,http://a:1'],
      'invalid value "*,http://a:1" for flag -cors: URL scheme must be http, https, unix, or unixs: *',
    ],
    [['--feature-gates=X=true'], 'invalid value "X=true" for flag -feature-gates: unrecognized feature gate: X'],
    [['--feature-gates=AllBeta'], 'invalid value "AllBeta" for flag -feature-gates: missing bool value for AllBeta'],
  ])('refuse to read %j', (words, message) => {
    const outcome = read(words);
    expect(outcome).toMatchObject({ t: 'exit', exitCode: 2 });
    expect(outcome.t === 'exit' && outcome.stderr.split('\n')[0]).toBe(message);
  });

  it('refuse a suite that does not exist, and TLS for peers without a certificate', () => {
    expect(refusal(read(['--cipher-suites=FOO']))).toBe('unexpected TLS cipher suite "FOO"');
    expect(refusal(read(['--listen-peer-urls=https://127.0.0.1:1']))).toBe(
      'cannot listen on TLS for 127.0.0.1:1: KeyFile and CertFile are not presented',
    );
  });

  const oneFile = '--log-outputs requires a single file path when --log-rotate-config-json is defined';
  it.each([
    [['--enable-log-rotation'], oneFile],
    [['--enable-log-rotation', '--log-outputs=/a,/b'], oneFile],
    [
      ['--enable-log-rotation', '--log-outputs=/a', '--log-rotation-config-json=x'],
      "improperly formatted log rotation config: invalid character 'x' looking for beginning of value",
    ],
    [
      ['--enable-log-rotation', '--log-outputs=/a', '--log-rotation-config-json={"maxsize":"q"}'],
      'invalid log rotation config: json: cannot unmarshal string into Go struct field ' +
        'logRotationConfig.Logger.maxsize of type int',
    ],
    ...['99999999999999999999', '-9223372036854775809', '1e2', '1.5'].map((number): [string[], string] => [
      ['--enable-log-rotation', '--log-outputs=/a', `--log-rotation-config-json={"MaxAge": ${number}}`],
      `invalid log rotation config: json: cannot unmarshal number ${number} into Go struct field ` +
        'logRotationConfig.Logger.maxage of type int',
    ]),
    [
      ['--enable-log-rotation', '--log-outputs=/a', '--log-rotation-config-json={"compress":1}'],
      'invalid log rotation config: json: cannot unmarshal number into Go struct field ' +
        'logRotationConfig.Logger.compress of type bool',
    ],
    [
      ['--log-outputs=systemd/journal,stderr'],
      `running with systemd/journal but other '--log-outputs' values (["stderr" "systemd/journal"]) are ` +
        `configured with 'default'; override 'default' value with something else`,
    ],
    [
      ['--enable-distributed-tracing', '--distributed-tracing-sampling-rate=-1'],
      'distributed tracing configurition is not valid: (tracing sampling rate must be positive)',
    ],
    [
      ['--enable-distributed-tracing', '--distributed-tracing-sampling-rate=1000001'],
      'distributed tracing configurition is not valid: (tracing sampling rate must be less than 1000000)',
    ],
  ])('refuse %j as etcd does', (words, message) => {
    expect(refusal(read(words))).toBe(message);
  });

  it('tell of a log that cannot be had on standard error, and rotate nothing where no output is a file', () => {
    const outcome = read(['--enable-log-rotation', '--log-outputs=/a', '--log-rotation-config-json=x']);
    expect(outcome).toMatchObject({ t: 'refused', log: { outputs: ['stderr'] } });
    const none = read(['--enable-log-rotation', '--log-outputs=stderr,stdout']);
    expect(none).toMatchObject({ t: 'member', options: { log: { outputs: ['stderr', 'stdout'] } } });
  });

  it('take an empty output of the log for a file without a name, which cannot be opened', () => {
    const outcome = read(['--log-outputs=']);
    expect(outcome).toMatchObject({ t: 'member', options: { log: { outputs: [''] } } });
    expect(() =>
      createLogger({ level: 'info', format: 'json', outputs: [''], timestampDigits: 6, wallMs: () => 0 }),
    ).toThrow('open sink "": open : no such file or directory');
  });

  it('name an empty word where they are given empty, which nobody is called and no suite', () => {
    const words = ['--client-cert-allowed-hostname=', '--peer-cert-allowed-cn=', '--peer-cert-allowed-hostname='];
    expect(member(words)).toMatchObject({
      clientTls: { allowedHostnames: [''] },
      peerTls: { allowedCns: [''], allowedHostnames: [''] },
    });
    // In 3.4 they are as good as not given.
    expect(member(['--emulate-version=3.4', ...words])).toMatchObject({
      clientTls: { allowedHostnames: [] },
      peerTls: { allowedCns: [], allowedHostnames: [] },
    });
    expect(read(['--cipher-suites='])).toMatchObject({
      t: 'refused',
      lines: expect.arrayContaining([expect.objectContaining({ fields: { error: 'unexpected TLS cipher suite ""' } })]),
    });
  });

  it('raise timeouts of raft that are too low, and say so', () => {
    const outcome = read(['--raft-write-timeout=1s']);
    expect(outcome.t !== 'exit' && outcome.lines[0]?.message).toBe('raft-write-timeout increased to minimum value: 5s');
  });

  it('leave levels of packages to 3.4, which calls them deprecated', () => {
    const words = ['--log-package-levels', 'raft=DEBUG'];
    const warning =
      "[WARNING] Deprecated '--log-package-levels=raft=DEBUG' flag is set; use '--logger=zap' flag instead";
    const variable = { ETCD_LOG_PACKAGE_LEVELS: 'raft=DEBUG' };
    for (const outcome of [
      read(['--emulate-version=3.4', ...words]),
      read(['--emulate-version=3.4'], variable),
      read(['--emulate-version=3.4', '--config-file=c'], {}, file('log-package-levels: raft=DEBUG')),
    ])
      expect(outcome.t !== 'exit' && outcome.lines).toContainEqual({
        ...{ level: 'warn', message: warning, fields: {}, isBare: true },
      });
    expect(refusal(read(words))).toEqual({
      exitCode: 2,
      stderr: 'flag provided but not defined: -log-package-levels',
    });
    const passedOver = read([], variable);
    expect(passedOver.t !== 'exit' && passedOver.lines[0]).toEqual({
      level: 'warn',
      message: 'unrecognized environment variable',
      fields: { 'environment-variable': 'ETCD_LOG_PACKAGE_LEVELS=raft=DEBUG' },
    });
    expect(fromFile('log-package-levels: raft=DEBUG')).toMatchObject({ t: 'member' });
  });

  describe('of 3.4’s own log', () => {
    const read34 = (...words: string[]) => read(['--emulate-version=3.4', ...words]);
    const logOf = (...words: string[]) => {
      const outcome = read34(...words);
      return outcome.t === 'member' ? outcome.options.log : outcome;
    };
    const bareLines = (...words: string[]) => {
      const outcome = read34(...words);
      return outcome.t === 'exit' ? [] : outcome.lines.filter(({ isBare }) => isBare).map(({ message }) => message);
    };
    const plain = {
      format: 'capnslog',
      level: 'info',
      packageLetters: new Map(),
      output: 'stderr',
      showsPlaces: false,
    };

    it('are its level, those of packages, and standard output or error', () => {
      expect(logOf()).toEqual(plain);
      expect(logOf('--log-outputs=stdout')).toEqual({ ...plain, output: 'stdout' });
      expect(logOf('--log-level=error')).toEqual({ ...plain, level: 'error' });
      const packageLetters = new Map([
        ['raft', 'D'],
        ['*', 'W'],
      ]);
      expect(logOf('--log-package-levels=raft=TRACE,*=1')).toEqual({ ...plain, packageLetters });
      expect(logOf('--debug')).toEqual({ ...plain, level: 'debug' });
      expect(logOf('--debug', '--log-outputs=stderr')).toEqual({ ...plain, level: 'debug', showsPlaces: true });
      expect(logOf('--logger=zap')).toMatchObject({ format: 'json', outputs: ['stderr'] });
    });

    it('tell of the older way to say where it goes, which alone has no effect', () => {
      const deprecated = "[WARNING] Deprecated '--log-output' flag is set to";
      const instead = "Please use '--log-outputs' flag";
      expect(bareLines('--logger=zap', '--log-output=stdout')).toEqual([`${deprecated} ["stdout"]`, instead]);
      expect(bareLines('--logger=zap', '--log-output=')).toEqual([`${deprecated} [""]`, instead]);
      expect(bareLines('--debug', '--log-output=x').slice(0, 3)).toEqual([
        ...[`${deprecated} ["x"]`, instead],
        "[WARNING] Deprecated '--debug' flag is set to true (use '--log-level=debug' instead",
      ]);
      expect(logOf('--log-output=stdout')).toEqual(plain);
      expect(bareLines('--logger=zap', '--log-output=default')).toEqual([]);
      expect(bareLines('--logger=zap', '--log-output=a', '--log-outputs=b,c')).toEqual([]);
      expect(refusal(read(['--log-output=stdout']))).toEqual({
        exitCode: 2,
        stderr: 'flag provided but not defined: -log-output',
      });
    });

    it('are refused where both ways say as much', () => {
      const both = "both '--log-output' and '--log-outputs' are set; only set '--log-outputs'";
      const one = `'--log-output=["a"]' and '--log-outputs=["a"]' are incompatible; only set --log-outputs`;
      const errorsOf = (...words: string[]) => {
        const outcome = read34(...words);
        if (outcome.t !== 'refused') throw new Error(`not refused: ${outcome.t}`);
        return outcome.lines.flatMap(({ message, fields }) =>
          fields.error === undefined ? [] : [[message, fields.error]],
        );
      };
      expect(errorsOf('--log-output=a', '--log-outputs=a')).toEqual([['failed to verify flags', one]]);
      expect(errorsOf('--log-output=a,b', '--log-outputs=b,c')).toEqual([['failed to verify flags', both]]);
      expect(bareLines('--log-output=a,b', '--log-outputs=b,c')).toEqual([]);
      // It takes the newer one's place, and then both are there.
      expect(errorsOf('--logger=zap', '--log-output=a,b')).toEqual([
        ['failed to start etcd', both],
        ['discovery failed', both],
      ]);
      expect(bareLines('--log-output=a,b')[0]).toBe(
        "'--log-output' flag has been deprecated! Please use '--log-outputs'!",
      );
      expect(errorsOf('--log-output=b,a')).toEqual([
        ['failed to verify flags', `--logger=capnslog supports only 1 value in '--log-outputs', got ["a" "b"]`],
      ]);
    });

    it('are refused in a log that can be had', () => {
      expect(read34('--log-outputs=/x')).toMatchObject({ t: 'refused', log: plain });
      expect(read34('stray')).toMatchObject({ t: 'refused', log: plain });
      expect(read34('--log-level=loud')).toEqual({
        ...{ t: 'exit', exitCode: 2, stdout: '' },
        stderr:
          "[WARNING] Deprecated '--logger=capnslog' flag is set; use '--logger=zap' flag instead\n" +
          'panic: unknown level "loud"\n',
      });
    });

    it('do without levels of packages that cannot be read, and say so', () => {
      for (const [text, error] of [
        ['raft', 'oddly structured `pkg=level` option: raft'],
        ['a=INFO,raft=loud', "couldn't parse log level loud"],
      ]) {
        const outcome = read34(`--log-package-levels=${text}`);
        expect(outcome).toMatchObject({ t: 'member', options: { log: plain } });
        expect(outcome.t !== 'exit' && outcome.lines).toContainEqual({
          ...{ level: 'warn', message: "couldn't parse log level string", fields: { error } },
        });
      }
    });

    it('are called deprecated where there are newer ones', () => {
      const capnslog = "[WARNING] Deprecated '--logger=capnslog' flag is set; use '--logger=zap' flag instead";
      const debug = "[WARNING] Deprecated '--debug' flag is set to true (use '--log-level=debug' instead";
      const level = "[WARNING] Deprecated '--debug' flag is set to true with inconsistent '--log-level=info' flag";
      expect(bareLines()).toEqual([capnslog]);
      expect(bareLines('--debug')).toEqual([debug, level, capnslog]);
      expect(bareLines('--debug', '--log-level=debug', '--logger=zap')).toEqual([debug]);
      expect(bareLines('--logger=zap')).toEqual([]);
    });

    it('begin with who it is, but for zap’s log, where its words come first', () => {
      const first = (...words: string[]) => {
        const outcome = read34(...words);
        return outcome.t === 'member' ? outcome.lines.find(({ level }) => level === 'info') : undefined;
      };
      const fields = {
        ...{ version: '3.4.23', sha: 'etcd-ts', go: expect.stringContaining('none, Node.js ') },
        ...{ platform: 'linux/amd64', available: 4, usable: 2 },
      };
      expect(first()).toEqual({ level: 'info', message: 'starting etcd', fields });
      expect(first('--logger=zap')).toMatchObject({ message: 'Running: ' });
    });
  });

  it('let 3.4 alone take part in a cluster of the next version', () => {
    const words = ['--next-cluster-version-compatible'];
    expect(read(['--emulate-version=3.4', ...words])).toMatchObject({
      t: 'member',
      options: { nextClusterVersionCompatible: true },
    });
    expect(read(['--emulate-version=3.4'])).toMatchObject({ options: { nextClusterVersionCompatible: false } });
    for (const version of ['3.5', '3.6', '3.7'])
      expect(refusal(read([`--emulate-version=${version}`, ...words]))).toEqual({
        exitCode: 2,
        stderr: 'flag provided but not defined: -next-cluster-version-compatible',
      });
    const inFile = file('next-cluster-version-compatible: true');
    for (const version of ['3.4', '3.5'])
      expect(read([`--emulate-version=${version}`, '--config-file=c'], {}, inFile)).toMatchObject({
        t: 'member',
        options: { nextClusterVersionCompatible: version === '3.4' },
      });
  });

  it('have stages of the v2 API until 3.5, and say later that the last one counts', () => {
    const ignored = expect.objectContaining({
      message: expect.stringContaining('The default value is enforced, ignoring user input.'),
    });
    const linesOf = (version: string): readonly unknown[] => {
      const outcome = read([`--emulate-version=${version}`, '--v2-deprecation=gone']);
      return outcome.t === 'exit' ? [] : outcome.lines;
    };
    expect(member(['--v2-deprecation=gone']).v2Stage).toBe('gone');
    expect(linesOf('3.5')).not.toContainEqual(ignored);
    for (const version of ['3.6', '3.7']) expect(linesOf(version)).toContainEqual(ignored);
  });

  it('say from 3.6 on that snapshots will not be counted any more', () => {
    const warned = expect.objectContaining({
      message: '--max-snapshots is deprecated in 3.6 and will be decommissioned in 3.8.',
    });
    const linesOf = (...args: string[]): readonly unknown[] => {
      const outcome = read(args);
      return outcome.t === 'exit' ? [] : outcome.lines;
    };
    for (const version of ['3.6', '3.7']) {
      expect(linesOf(`--emulate-version=${version}`, '--max-snapshots=10')).toContainEqual(warned);
      expect(linesOf(`--emulate-version=${version}`)).not.toContainEqual(warned);
    }
    expect(linesOf('--emulate-version=3.5', '--max-snapshots=10')).not.toContainEqual(warned);
  });

  it('keep the database in memory under either name', () => {
    expect(member(['--memory-mlock']).memoryMlock).toBe(true);
    expect(member(['--experimental-memory-mlock']).memoryMlock).toBe(true);
    expect(member([], {}).memoryMlock).toBe(false);
    expect(member(['--config-file=c'], {}, file('experimental-memory-mlock: true')).memoryMlock).toBe(true);
  });

  it.each([
    [
      ['--listen-client-urls=https://127.0.0.1:1'],
      'TLS key/cert (--cert-file, --key-file) must be provided for client url https://127.0.0.1:1 with HTTPS scheme',
    ],
    [
      ['--listen-client-http-urls=http://127.0.0.1:1', '--listen-client-urls=http://127.0.0.1:1'],
      'cannot bind both --client-listen-urls and --client-listen-http-urls on the same url http://127.0.0.1:1',
    ],
    [
      ['--listen-metrics-urls=https://127.0.0.1:1'],
      'client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url',
    ],
  ])('of listeners refuse %j: %s', (words, error) => {
    expect(refusal(read([...words, '--advertise-client-urls=http://a:1']))).toBe(error);
  });

  it('leave the members of a new cluster to be found', () => {
    const words = ['--name=a', '--discovery-token=t', '--discovery-endpoints=b:1,c:2', '--discovery-user=u:p:q'];
    const found = read(words);
    expect(found).toMatchObject({
      t: 'member',
      options: { discovery: { t: 'v3', token: 't', endpoints: ['b:1', 'c:2'], username: 'u', password: 'p:q' } },
    });
  });

  it('of the last stage end under the headline of discovery', () => {
    const words = ['--auto-compaction-retention=x'];
    const error = 'error parsing CompactionRetention: time: invalid duration "x"';
    expect(refusal(read(words))).toBe(error);
    expect(refusal(read(['--initial-cluster=x']))).toBe(
      'error setting up initial cluster: URL scheme must be http, https, unix, or unixs: ',
    );
    expect(refusal(read(['--initial-cluster=a=foo']))).toBe(
      'error setting up initial cluster: URL scheme must be http, https, unix, or unixs: foo',
    );
    expect(startFailure(error, '3.5').map((line) => line.message)).toEqual([
      'failed to start etcd',
      'discovery failed',
    ]);
    expect(startFailure(error, '3.6').map((line) => line.message)).toEqual(['discovery failed']);
  });
});

describe('variables', () => {
  it('count where the flag is not given, unless they are empty', () => {
    const env = {
      ETCD_NAME: 'fromenv',
      ETCD_DATA_DIR: '',
      ETCD_MAX_TXN_OPS: '5',
      ETCD_LISTEN_CLIENT_URLS: 'http://127.0.0.1:1',
      ETCD_ADVERTISE_CLIENT_URLS: 'http://127.0.0.1:1',
    };
    expect(member(['--wal-dir=w'], env)).toMatchObject({
      name: 'fromenv',
      dataDir: 'fromenv.etcd',
      maxTxnOps: 5,
      walDir: 'w',
    });
    expect(refusal(read([], { ETCD_LISTEN_CLIENT_URLS: 'http://127.0.0.1:1' }))).toContain(
      '--advertise-client-urls is required',
    );
  });

  it('beside their flag are fatal, even empty ones', () => {
    for (const value of ['x', '']) {
      const outcome = read(['--name=y'], { ETCD_NAME: value });
      expect(outcome).toMatchObject({ t: 'refused', exitCode: 1 });
      expect(outcome.t === 'refused' && outcome.lines.at(-1)).toEqual({
        level: 'fatal',
        message:
          'conflicting environment variable is shadowed by corresponding command-line flag (either unset ' +
          'environment variable or disable flag))',
        fields: { 'environment-variable': 'ETCD_NAME' },
      });
    }
  });

  it('are logged: used ones, unknown ones, and the one that means nothing', () => {
    const outcome = read([], {
      ETCD_NAME: 'x',
      ETCD_FOO: 'bar',
      ETCD_SNAPSHOT: '3',
      ETCD_VERSION: '1',
      ETCDCTL_API: '3',
      PATH: 'p',
    });
    expect(outcome.t === 'member' && outcome.lines.slice(0, 4)).toEqual([
      {
        level: 'warn',
        message: 'cannot set special environment variable',
        fields: { key: 'ETCD_VERSION', value: '1' },
      },
      {
        level: 'info',
        message: 'recognized and used environment variable',
        fields: { 'variable-name': 'ETCD_NAME', 'variable-value': 'x' },
      },
      {
        level: 'info',
        message: 'recognized and used environment variable',
        fields: { 'variable-name': 'ETCD_SNAPSHOT', 'variable-value': '3' },
      },
      {
        level: 'warn',
        message: 'unrecognized environment variable',
        fields: { 'environment-variable': 'ETCD_FOO=bar' },
      },
    ]);
  });

  it('that are empty are told as ones that nobody knows', () => {
    const outcome = read([], { ETCD_NAME: '' });
    const fields = { 'environment-variable': 'ETCD_NAME=' };
    const warning = { level: 'warn', message: 'unrecognized environment variable', fields };
    expect(outcome.t === 'member' && outcome.lines[0]).toEqual(warning);
  });

  it('with a bad value exit 1, in words of their own', () => {
    expect(refusal(read([], { ETCD_SNAPSHOT_COUNT: 'abc' }))).toBe(
      'invalid value "abc" for ETCD_SNAPSHOT_COUNT: parse error',
    );
  });
});

describe('a configuration file', () => {
  it('counts alone: flags and variables are left aside', () => {
    const text = 'name: fromfile\nlisten-client-urls: http://127.0.0.1:1\nmax-txn-ops: 2\nunknown: {a: [1]}\n';
    const options = member(
      ['--name=a', '--config-file=c.yml', '--max-wals=1'],
      { ETCD_NAME: 'b', ETCD_MAX_SNAPSHOTS: '9' },
      file(text),
    );
    expect(options).toMatchObject({
      name: 'fromfile',
      maxTxnOps: 2,
      maxWals: 5,
      maxSnapshots: 5,
      advertiseClientUrls: ['http://localhost:2379'],
    });
    expect(member([], { ETCD_CONFIG_FILE: 'c.yml' }, file(text)).name).toBe('fromfile');
  });

  it('with a validity of no years has one of a year', () => {
    const years = (text: string) => member(['--config-file=c.yml'], {}, file(text)).selfSignedCertValidityYears;
    expect(['', 'self-signed-cert-validity: 0\n', 'self-signed-cert-validity: 2\n'].map(years)).toEqual([1, 1, 2]);
    expect(member(['--self-signed-cert-validity=0']).selfSignedCertValidityYears).toBe(0);
  });

  it.each(['2020-01-02', '1:30', '2001-12-14T21:59:43.10-05:00'])('takes %s for a text', (name) => {
    const cluster = `initial-cluster: "${name}=http://localhost:2380"\n`;
    expect(member(['--config-file=c.yml'], {}, file(`name: ${name}\n${cluster}`)).name).toBe(name);
  });

  it('has maps, lists and nanoseconds', () => {
    const text = [
      'client-transport-security: {cert-file: c.pem, key-file: k.pem, client-cert-auth: true}',
      'cert-file: ignored',
      'log-outputs: [stdout, /tmp/x]',
      'grpc-keepalive-min-time: 1500000000',
      'heartbeat-interval: 2e1',
      'experimental-snapshot-catch-up-entries: 4',
      'data-dir:',
    ].join('\n');
    expect(member(['--config-file=c'], {}, file(text))).toMatchObject({
      clientTls: { certFile: 'c.pem', keyFile: 'k.pem', clientCertAuth: true },
      log: { outputs: ['/tmp/x', 'stdout'] },
      grpcKeepaliveMinTimeMs: 1_500,
      heartbeatIntervalMs: 20,
      snapshotCatchupEntries: 4,
      dataDir: 'default.etcd',
    });
    expect(member(['--config-file=c'], {}, file('{"name": "json"}')).name).toBe('json');
    expect(member(['--config-file=c'], {}, file('')).name).toBe('default');
  });

  const converting = 'error converting YAML to JSON: yaml:';
  /** Ten lines that stand for ten million values. */
  const aliasBomb = Array.from({ length: 8 }, (_, at) => {
    const below = at === 0 ? 'x' : `*a${at - 1}`;
    return `a${at}: &a${at} [${Array(9).fill(below).join(', ')}]`;
  }).join('\n');
  const decoding = 'error unmarshaling JSON: while decoding JSON: json: cannot unmarshal';
  it.each([
    ['name: 5', `${decoding} number into Go struct field configYAML.Config.name of type string`],
    ['snapshot-count: x', `${decoding} string into Go struct field configYAML.Config.snapshot-count of type uint64`],
    [
      'snapshot-count: 1.5',
      `${decoding} number 1.5 into Go struct field configYAML.Config.snapshot-count of type uint64`,
    ],
    [
      'snapshot-count: -1',
      `${decoding} number -1 into Go struct field configYAML.Config.snapshot-count of type uint64`,
    ],
    // The first numbers that their types do not hold.
    ...(
      [
        ['quota-backend-bytes', '9223372036854775808', '9223372036854775808', 'int64'],
        ['quota-backend-bytes', '-9223372036854777856', '-9223372036854778000', 'int64'],
        ['grpc-keepalive-interval', '9223372036854775808', '9223372036854775808', 'time.Duration'],
        ['snapshot-count', '18446744073709551616', '18446744073709552000', 'uint64'],
        ['max-txn-ops', '18446744073709551616', '18446744073709552000', 'uint'],
        ['max-concurrent-streams', '4294967296', '4294967296', 'uint32'],
      ] as const
    ).map(([name, number, told, type]): [string, string] => [
      `${name}: ${number}`,
      `${decoding} number ${told} into Go struct field configYAML.Config.${name} of type ${type}`,
    ]),
    [
      'quota-backend-bytes: 1e30',
      `${decoding} number 1e+30 into Go struct field configYAML.Config.quota-backend-bytes of type int64`,
    ],
    ...['1', '-1'].map((first): [string, string] => [
      `grpc-keepalive-timeout: ${first}0000000000000000000`,
      `${decoding} number ${first}0000000000000000000 into Go struct field ` +
        'configYAML.Config.grpc-keepalive-timeout of type time.Duration',
    ]),
    [
      'max-concurrent-streams: 99999999999',
      `${decoding} number 99999999999 into Go struct field configYAML.Config.max-concurrent-streams of type uint32`,
    ],
    [
      'listen-client-urls: [a, b]',
      `${decoding} array into Go struct field configYAML.configJSON.listen-client-urls of type string`,
    ],
    ['log-outputs: stderr', `${decoding} string into Go struct field configYAML.Config.log-outputs of type []string`],
    ['pre-vote: yes please', `${decoding} string into Go struct field configYAML.Config.pre-vote of type bool`],
    [
      'grpc-keepalive-min-time: 5s',
      `${decoding} string into Go struct field configYAML.Config.grpc-keepalive-min-time of type time.Duration`,
    ],
    [
      'auto-compaction-retention: 1',
      `${decoding} number into Go struct field configYAML.Config.auto-compaction-retention of type string`,
    ],
    [
      'client-transport-security: 5',
      `${decoding} number into Go struct field configYAML.configJSON.client-transport-security of type ` +
        `embed.securityConfig`,
    ],
    [
      'client-transport-security: {client-cert-auth: x}',
      `${decoding} string into Go struct field ` +
        `securityConfig.configJSON.client-transport-security.client-cert-auth of type bool`,
    ],
    ['initial-cluster-state: x', 'unexpected clusterState "x"'],
    [
      'heartbeat-interval: 1e2\nelection-timeout: 1',
      '--election-timeout[1ms] should be at least as 5 times as --heartbeat-interval[100ms]',
    ],
    ['discovery-config: { token: x }', 'both --discovery-token and --discovery-endpoints must be set'],
    [`name: ${'['.repeat(20_000)}`, `${converting} exceeded max depth of 10000`],
    [`${'- '.repeat(20_000)}x`, `${converting} exceeded max depth of 10000`],
    [aliasBomb, `${converting} document contains excessive aliasing`],
    ['a: &a\n  b: [*a]', `${converting} anchor 'a' value contains itself`],
    ['a: &a {<<: *a}', `${converting} anchor 'a' value contains itself`],
    ['[a, 1]: 2', `${converting} invalid map key: []interface {}{"a", 1}`],
    ['{a: ~}: 2', `${converting} invalid map key: map[interface {}]interface {}{"a":interface {}(nil)}`],
    ['name: *who', `${converting} unknown anchor 'who' referenced`],
    ['<<: [1]', `${converting} map merge requires map or sequence of maps as the value`],
  ])('with %j is refused in Go’s words', (text, error) => {
    expect(fromFile(text)).toMatchObject({ t: 'refused', exitCode: 1 });
    expect(refusal(fromFile(text))).toBe(error);
  });

  it('may carry what the sample of older versions carries', () => {
    const text = [
      'data-dir:',
      'cors:',
      'discovery:',
      "discovery-fallback: 'proxy'",
      'initial-cluster:',
      'enable-pprof: true',
      "proxy: 'off'",
      'proxy-failure-wait: 5000',
      'client-transport-security:',
      '  cert-file:',
      '  auto-tls: false',
      'peer-transport-security:',
      '  client-cert-auth: false',
      'self-signed-cert-validity: 1',
      'log-outputs: [stderr]',
      'auto-compaction-retention: "1"',
      'cipher-suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]',
      "tls-min-version: 'TLS1.2'",
      "tls-max-version: 'TLS1.3'",
    ].join('\n');
    expect(fromFile(text)).toMatchObject({ t: 'member', options: { autoCompaction: { mode: 'periodic' } } });
    expect(fromFile(text)).toMatchObject({
      options: {
        clientTls: {
          minVersion: 'TLS1.2',
          maxVersion: 'TLS1.3',
          cipherSuites: ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'],
        },
      },
    });
  });

  it.each<[string, string, object]>([
    ['keys in any case', 'Name: a\nHEARTBEAT-interval: 150', { name: 'a', heartbeatIntervalMs: 150 }],
    [
      'keys of maps in any case',
      'Client-Transport-Security: {Trusted-CA-File: x}',
      { clientTls: { trustedCaFile: 'x' } },
    ],
    ['of two spellings the last by its bytes', 'name: lower\nNAME: upper', { name: 'lower' }],
    ['of a key given twice the last', 'name: a\nname: b', { name: 'b' }],
    ['of several documents the first', 'name: a\n---\nname: b\n---\n[', { name: 'a' }],
    [
      'allowed names as a list',
      'peer-transport-security: {allowed-cn: [b, a]}',
      { peerTls: { allowedCns: ['a', 'b'] } },
    ],
    ['allowed names as a text', 'peer-transport-security: {allowed-cn: a}', { peerTls: { allowedCns: ['a'] } }],
    ['an empty retention', "auto-compaction-retention: ''", { autoCompaction: { mode: 'off' } }],
    [
      'an empty retention of revisions',
      "auto-compaction-mode: revision\nauto-compaction-retention: ''",
      { autoCompaction: { mode: 'off' } },
    ],
    [
      'of a key of a map given twice the last',
      'client-transport-security: {cert-file: a, cert-file: b, key-file: k}',
      {
        clientTls: { certFile: 'b' },
      },
    ],
    [
      'of a map given twice the last',
      'peer-transport-security: {cert-file: a}\npeer-transport-security: {key-file: k}',
      {
        peerTls: { certFile: '', keyFile: 'k' },
      },
    ],
    ['a document behind its mark', '# sample\n---\nname: a\n', { name: 'a' }],
    ['nothing behind the end of a document', 'name: a\n...\nname: b\n', { name: 'a' }],
    [
      'what k3s writes',
      [
        'name: server-1',
        'data-dir: /var/lib/rancher/k3s/server/db/etcd',
        'log-outputs: [stderr]',
        'logger: zap',
        'election-timeout: 5000',
        'heartbeat-interval: 500',
        'snapshot-count: 10000',
        'initial-cluster: server-1=https://10.0.0.1:2380',
        'initial-cluster-state: new',
        'listen-client-urls: https://127.0.0.1:2379,https://10.0.0.1:2379',
        'listen-client-http-urls: https://127.0.0.1:2382',
        'listen-metrics-urls: http://127.0.0.1:2381',
        'listen-peer-urls: https://127.0.0.1:2380,https://10.0.0.1:2380',
        'advertise-client-urls: https://10.0.0.1:2379',
        'initial-advertise-peer-urls: https://10.0.0.1:2380',
        'client-transport-security: {cert-file: s, client-cert-auth: true, key-file: s.key, trusted-ca-file: ca}',
        'peer-transport-security: {cert-file: p, client-cert-auth: true, key-file: p.key, trusted-ca-file: pca}',
        'experimental-initial-corrupt-check: true',
        'experimental-watch-progress-notify-interval: 5000000000',
      ].join('\n'),
      {
        initialCorruptCheck: true,
        electionTimeoutMs: 5000,
        watchProgressNotifyIntervalMs: 5000,
        listenClientHttpUrls: [{ port: 2382 }],
        clientTls: { clientCertAuth: true },
      },
    ],
    ['origins', 'cors: "http://b:1,http://a:1"', { cors: ['http://a:1', 'http://b:1'] }],
  ])('counts %s', (_name, text, options) => {
    expect(fromFile(text)).toMatchObject({ t: 'member', options });
  });

  it('with bad URLs is refused without a log record', () => {
    expect(refusal(fromFile('advertise-client-urls: foo'))).toEqual({
      exitCode: 1,
      stderr: 'unexpected error setting up advertise-peer-urls: URL scheme must be http, https, unix, or unixs: foo',
    });
  });

  it.each([
    ['zeros', Buffer.alloc(100), 'control characters are not allowed'],
    ['a control character in a comment', 'name: a # \x0b', 'control characters are not allowed'],
    ['one of the upper ones', 'name: \x81', 'control characters are not allowed'],
    ['no character', 'name: \uffff', 'control characters are not allowed'],
    ['bytes that are not UTF-8', Buffer.from('name: \xff', 'latin1'), 'invalid leading UTF-8 octet'],
    ['a tab before a key', '\tname: x', 'found character that cannot start any token'],
    ['a reserved character', 'name: @x', 'found character that cannot start any token'],
    ['an open quote', 'name: "x', 'found unexpected end of stream'],
    ['two colons', 'a: b: c', 'mapping values are not allowed in this context'],
    ['an open list', 'a: [b', "line 1: did not find expected ',' or ']'"],
    ['an open map', '{name: x', "line 1: did not find expected ',' or '}'"],
    ['an open list further down', 'a: 1\nname: x\nm: [b', "line 3: did not find expected ',' or ']'"],
    ['one whose line ends', 'name: x\n\nm: [b\n', "line 3: did not find expected ',' or ']'"],
    ['an open map before other keys', 'name: x\nm: {a: b\n\nc: d', "line 3: did not find expected ',' or '}'"],
  ])('with %s is refused in etcd’s words', (_what, text, words) => {
    expect(refusal(fromFile(text))).toBe(`error converting YAML to JSON: yaml: ${words}`);
  });

  it.each([
    ['nothing', '', 'default'],
    ['a mark of UTF-8', '\ufeffname: x', 'x'],
    ['UTF-16', Buffer.from('\ufeffname: x', 'utf16le'), 'x'],
    ['UTF-16, the other way round', Buffer.from('\ufeffname: x', 'utf16le').swap16(), 'x'],
    ['characters beyond 16 bits', 'name: \u{1f600}', '\u{1f600}'],
    ['an escaped control character', 'name: "a\\x07"', 'a\x07'],
  ])('with %s is read', (_what, text, name) => {
    const outcome = fromFile(text);
    expect(outcome).toMatchObject({ options: { name } });
  });

  it('that begins with half a mark is no UTF-16', () => {
    for (const mark of [0xff, 0xfe])
      expect(refusal(fromFile(Buffer.concat([Buffer.of(mark), Buffer.from('name: x')])))).toBe(
        'error converting YAML to JSON: yaml: invalid leading UTF-8 octet',
      );
  });

  it('that is missing or no YAML is refused', () => {
    expect(refusal(read(['--config-file=nope.yml']))).toBe('open nope.yml: no such file or directory');
    expect(refusal(fromFile('a: !!foo [b\n c'))).toMatch(/^error converting YAML to JSON: yaml: line \d+: /);
    expect(refusal(fromFile('- a'))).toBe(`${decoding} array into Go value of type embed.configYAML`);
  });
});
