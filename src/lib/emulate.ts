/**
 * Which etcd we are. Versions differ in small ways; `--emulate-version` chooses, and each difference is one row of
 * `differences`, read where it matters (`differenceOf('hashkvHasRevision', version)`). Nobody compares versions with
 * `if` in passing. What newer versions only add is always there.
 */
export const emulatedVersions = ['3.4', '3.5', '3.6', '3.7'] as const;
export type EmulatedVersion = (typeof emulatedVersions)[number];

export const DEFAULT_EMULATED_VERSION: EmulatedVersion = '3.5';

/** The release that stands for its minor version: what `version`, `/version`, metrics and peers see. */
export const fullVersionOf: Readonly<Record<EmulatedVersion, string>> = {
  '3.4': '3.4.23',
  '3.5': '3.5.30',
  '3.6': '3.6.16',
  '3.7': '3.7.3',
};

/** The version named by `text`, as `3.5`, `v3.5` or `3.5.30`; undefined when it is none of ours. */
export function parseEmulatedVersion(text: string): EmulatedVersion | undefined {
  const minor = /^v?(\d+\.\d+)(?:\.\d+)?$/.exec(text)?.[1];
  return emulatedVersions.find((version) => version === minor);
}

type Row<T> = Readonly<Record<EmulatedVersion, T>>;

const row = <T>(v34: T, v35: T, v36: T, v37: T): Row<T> => ({ '3.4': v34, '3.5': v35, '3.6': v36, '3.7': v37 });
const since36 = row(false, false, true, true);

/** One row a difference, columns 3.4 to 3.7. */
const differences = {
  // Everywhere
  /** The minor version as a number, for what is ordered by it (codes of wire errors). */
  minor: row(4, 5, 6, 7),

  /** Lines of the clients' log have capnslog's form. */
  logsInCapnslog: row(true, false, false, false),

  // Command line of the member
  /** What logs unless `--logger` says so. */
  logger: row('capnslog', 'zap', 'zap', 'zap'),
  /** There is a choice of loggers, and older ways to ask for a log are called deprecated on standard error. */
  hasCapnslog: row(true, false, false, false),
  /** Whether `''`, given for the names that certificates may have, means none instead of one that nobody has. */
  hasEmptyNames: row(true, false, false, false),
  /** How many digits of a second a log line's `ts` carries. */
  logTimestampDigits: row(3, 6, 6, 6),
  /** How a left-over word of the command line is quoted in the refusal. */
  strayWordQuote: row("'", "'", '"', '"'),
  /** Options under their older names, `--experimental-…`, are called deprecated. */
  warnsOfExperimentalOptions: since36,
  /** Options of the v2 API and its proxy are called deprecated. */
  warnsOfV2Options: row(false, true, false, false),
  /** `--max-snapshots` is called deprecated. */
  warnsOfMaxSnapshots: since36,
  /** `--v2-deprecation` counts; later versions have gone one way for all. */
  hasV2Stages: row(true, true, false, false),
  /** `--log-package-levels` and `--next-cluster-version-compatible` are known. */
  hasOptionsOf34: row(true, false, false, false),
  /** A start tells which certificate is shown to others. */
  tellsClientCertificate: row(false, true, true, true),
  /** What the record of a start tells: features and discovery by v3, */
  startTellsFeatures: since36,
  /** checks at compaction and of downgrades, */
  startTellsCompactCheck: row(false, true, true, true),
  /** discovery by v2, */
  startTellsV2Discovery: row(true, true, true, false),
  /** and the local address, under this name. */
  startTellsLocalAddressAs: row<string | undefined>(
    undefined,
    undefined,
    'experimental-local-address',
    'local-address',
  ),
  /** What is said of a data directory that is not used yet ('' = nothing), and of one that is. */
  saysOfEmptyDir: row('', '', 'Initialize and start etcd server', 'Initialize and start etcd server'),
  saysOfUsedDir: row(
    'server has been already initialized',
    'server has been already initialized',
    'server has already been initialized',
    'server has already been initialized',
  ),
  /** What is said of a peer whose version does not go with ours. */
  refusesPeerVersion: row(
    'failed to check version compatibility',
    'failed to check version compatibility',
    'failed version compatibility check',
    'failed version compatibility check',
  ),
  /** What is said of the database at a start from a snapshot. */
  recoveredBackend: row(
    'recovered v3 backend from snapshot',
    'recovered v3 backend from snapshot',
    'recovered v3 backend',
    'recovered v3 backend',
  ),
  /** What is said of a snapshot that the member has taken. */
  savedSnapshot: row('saved snapshot', 'saved snapshot', 'saved snapshot to disk', 'saved snapshot to disk'),
  /** The record of a snapshot tells whether it was one out of turn. */
  canForceSnapshots: since36,
  /** Whether a start-up error is logged twice, first as the warning `failed to start etcd`. */
  warnsFailedToStart: row(true, true, false, false),
  /** `--snapshot-count` when not given. */
  snapshotCount: row(100_000, 100_000, 10_000, 10_000),
  /** `--discovery-fallback` when not given. */
  discoveryFallback: row<'exit' | 'proxy'>('proxy', 'proxy', 'exit', 'exit'),
  /** How a clash of the ways to begin a cluster lists them. */
  waysToBegin: row(
    '"initial-cluster", "discovery" or "discovery-srv"',
    '"initial-cluster", "discovery" or "discovery-srv"',
    '"initial-cluster", "discovery", "discovery-endpoints" or "discovery-srv"',
    '"initial-cluster", "discovery-endpoints" or "discovery-srv"',
  ),
  /** `--pre-vote` when not given. */
  preVote: row(false, true, true, true),

  // Members
  /** Sort orders and targets that do not exist are refused; before, they were taken as they came. */
  refusesUnknownSort: since36,
  /** Ranges of keys without values name the keys' leases; 3.7 reads them from its index, which knows none. */
  keysOnlyNamesLeases: row(true, true, true, false),
  /** Attributes and cluster version go into the log as bare v2 requests; after, as InternalRaftRequests. */
  membershipInV2Requests: row(true, true, false, false),
  /** `HashKV` of exactly the compacted revision is answered. */
  hashkvAtCompactedRevision: row(false, true, true, true),
  /** Answers to `Alarm` have a header. */
  alarmHasHeader: row(false, true, true, true),
  /** `Hash` leaves the applied term out. */
  hashIgnoresTerm: row(false, true, true, true),
  /** A member that asks for a hash tells its cluster, and is refused where that is another one. */
  peerHashChecksCluster: row(false, true, true, true),
  /** Members learn whether the cluster is being downgraded. */
  tellsDowngrade: row(false, true, true, true),
  /** A message meant for another member is refused; before, it was stepped as any other. */
  refusesMessagesToOthers: row(false, true, true, true),
  /** A stream that a silent peer is to fill ends; later the time for it has no effect (docs/decisions/0006). */
  endsSilentStreams: row(true, false, false, false),
  /** A watch from a negative revision is refused at once; before, it was made and then ended as compacted. */
  refusesNegativeWatchStart: row(false, true, true, true),
  /** The cluster's version is lowered when a downgrade is enabled; before, when a member has been replaced. */
  downgradesClusterFirst: since36,
  /** `Downgrade` answers with the cluster's version in three parts; later in two. */
  downgradeTellsPatch: row(true, true, false, false),
  /** That the storage version follows the cluster's is told, and only then that a member is ready for a downgrade. */
  tellsStorageVersion: since36,
  /** Calling off a downgrade where there is none is no error. */
  cancelsNoDowngrade: since36,
  /** One that joins asks whether the cluster is being downgraded, and is then taken with a version lower by one. */
  asksDowngradeEnabled: row(false, true, true, true),
  /** The CORRUPT alarm is for the member that differs; in 3.5, since which one is wrong is not sure, for member 0. */
  corruptAlarmNamesMember: row(true, false, true, true),
  /** With `FastLeaseKeepAlive`, a lease is renewed without waiting for what is committed to be applied. */
  leaseRenewMayBeFast: row(false, false, false, true),
  /** A progress request is answered at once even where watches of the stream are still catching up. */
  progressAlwaysAnswered: row(true, false, false, false),

  /** A change of the members that the database has from before a start is logged as ignored, or mended there. */
  ignoresKnownChanges: since36,

  // Plain HTTP
  /** `/health` tells why; 3.4.23 tells only whether. */
  healthTellsReason: row(false, true, true, true),
  /** What answers a path that is not clean: from 3.6 on the method is kept. */
  redirectStatus: row<301 | 307>(301, 301, 307, 307),
  /** `PUT /config/local/log` changes the log's level. */
  setsLogLevel: row(true, false, false, false),
  /** The type of `/metrics` tells how names are escaped, as the Prometheus library of that version has it. */
  metricsSayEscaping: row(false, true, true, true),
  /** `/metrics` are packed for whoever likes that best, not for all who name it. */
  weighsEncodings: row(false, true, true, true),

  // JSON gateway
  /** Major version of grpc-gateway: its way with JSON, statuses and error bodies. */
  gatewayGeneration: row<1 | 2>(1, 2, 2, 2),

  // gRPC
  /** What is said of every malformed message; before 3.7, what is wrong with it. */
  malformedText: row<string | undefined>(
    undefined,
    undefined,
    undefined,
    'proto: cannot parse invalid wire-format data',
  ),

  /** Go's text form of a message ends in a blank. */
  messageTextEndsInBlank: row(true, true, true, false),

  // Metrics
  /** A member counts itself among the peers that it knows. */
  knowsItselfAsPeer: since36,
  /** Messages count that were to be sent or read and were not: a refused call's answer, one after a stream's last. */
  countsAttempts: since36,

  // Transactions
  /** What nested transactions put takes space as well: where that has run out, they are refused. */
  nestedPutsTakeSpace: since36,
  /** Operations are checked in their order; before, all puts before the first range. */
  checksTxnInOrder: since36,

  // Who may call
  /** Whom `Defragment`, `Hash`, `HashKV` and `Snapshot` refuse is told so in the words of the store of users. */
  maintenanceRefusesAsStore: row(true, true, false, false),
  /** So is whom `Alarm` refuses. */
  alarmRefusesAsStore: row(true, false, false, false),
  /** A token that nobody has is refused while authentication is off too. */
  refusesTokensWhileOff: row(true, false, false, false),
  /** `Status` is for anybody with a name; before, for root. */
  statusForAllUsers: since36,
  /** `RoleGet` of `root` tells that it may read and write all keys; before, what was granted to it. */
  rootRoleTellsAllKeys: since36,
  /** `AuthStatus` is for anybody whose token is not wrong; before, for root. */
  authStatusForAll: row(false, false, false, true),

  // Learners and members
  /** A learner serves `Snapshot`, alone of the streams. */
  learnerSendsSnapshots: row(false, true, true, true),
  /** A member is added only while all voters are connected; later, while a majority of those to be is. */
  memberAddNeedsAllConnected: row(true, false, false, false),

  // Traces
  /** Calls have spans within, and tell when they are proposed and applied. */
  tracesInsideCalls: row(false, false, false, true),
  /** How a call's span names its attributes: by older conventions, or by those of 1.40, as 3.5.30's build does. */
  spanConventions: row<'older' | 'rpc-1.40'>('older', 'rpc-1.40', 'older', 'rpc-1.40'),

  // Clients
  /**
   * What `del` with two keys and without `--range` says: nothing, that a pause will come, or the warning with a pause.
   */
  delRangeWarning: row<'none' | 'announce' | 'pause'>('none', 'announce', 'pause', 'pause'),
  /** `lock` ends with the exit code of the command that it ran; before, with 1 where that failed. */
  lockTakesExitCode: row(false, true, true, true),
  /** A `--ttl` that is none is logged. */
  warnsOfNoTtl: since36,
  /** A command that is proposed is quoted. */
  quotesCommands: row(false, true, true, true),
  /** `--insecure-skip-tls-verify` alone asks for TLS. */
  skipVerifyMeansTls: since36,
  /** What the end of the input of `watch -i` is called. */
  watchInputEnds: row(
    'Error reading watch request line: EOF',
    'error reading watch request line: EOF',
    'error reading watch request line: EOF',
    'error reading watch request line: EOF',
  ),
  /** `endpoint health` looks for alarms. */
  healthLooksForAlarms: row(false, true, true, true),
  /** `endpoint health` says what is well on stdout, not on stderr. */
  healthyGoesToStdout: row(false, true, true, true),
  /** `member list -w json` knows of `--hex`. */
  memberJsonHasHex: row(false, true, true, true),
  /** `snapshot restore` logs the size of a memory map, the membership it drops, and who is a learner. */
  restoreLogsMapSize: row(false, true, true, true),
  /** `watch -w json` tells why the server canceled, and calls a list without events null. */
  watchJsonHasReason: row(false, false, false, true),
  /** A command line that is refused: cobra tells why, and the program once more. */
  ctlSaysErrorsTwice: row(true, true, false, false),
  /** `ETCDCTL_API` is a variable of etcdctl's; later it is warned of as an unknown one. */
  knowsApiVariable: row(true, true, false, false),
  /** What is said of a value that it cannot have. */
  unsupportedApi: row(
    'unsupported API version',
    'unsupported API version:',
    'unsupported API version:',
    'unsupported API version:',
  ),
  /** Where the usage of a command line that is refused goes. */
  ctlUsageGoesTo: row<'stdout' | 'stderr'>('stdout', 'stdout', 'stdout', 'stderr'),
  /** `completion` is a command that wants the shell's name; before, a group. */
  completionWantsShell: since36,
  /** Records of the client name it. */
  clientNamesItself: row(false, true, true, true),
  /** `/livez` and `/readyz` are there with `--enable-v2` too, on listeners of clients. */
  probesBesideV2: since36,
  /** Where Go prints a message, what its generated type adds is shown too. */
  printsInnerFields: row(false, true, true, true),
  /** In JSON of a transaction `response_range`; in older versions `ResponseRange`. */
  choicesHaveJsonNames: row(false, true, true, true),
  /** etcdctl refers to etcdutl for what works on files. */
  offlineToolsAreDeprecated: row(false, true, true, true),
  /** Records of failed calls name both ends of their connection. */
  clientTellsPeer: row(false, true, true, true),
  /** They name the method as well, and the endpoint that was asked; before, the first of the client's. */
  clientTellsMethod: since36,
  /** `endpoint hashkv` shows the revision that was hashed. */
  hashkvHasRevision: since36,
  /** `endpoint status` shows storage version, quota and downgrade. */
  statusHasStorageVersion: since36,
  /** What `snapshot save` says it wants. */
  snapshotSaveWants: row('one argument', 'one argument', 'one argument <filename>', 'one argument <filename>'),
  /** What `snapshot save` tells of what it fetched: the seconds it took, neither time nor version, or both. */
  snapshotSaveTells: row<'seconds' | 'nothing' | 'version'>('seconds', 'nothing', 'version', 'version'),
  /** `snapshot save` begins with the first piece, and tells what the stream itself said where none comes. */
  snapshotSaveWaitsForPiece: since36,
  /** Records of `snapshot save` and `restore` count seconds since 1970. */
  snapshotsAreLoggedInSeconds: row(true, false, false, false),
  /** `snapshot status` looks for the file before the form of its output. */
  snapshotStatusLooksFirst: since36,
  /** `snapshot status` shows the storage version. */
  snapshotStatusHasVersion: since36,
  /** `snapshot status` counts the keys of users; before, the entries of all buckets. */
  snapshotStatusCountsUserKeys: since36,
  /** The newest minor version of storage that `migrate` knows. */
  newestStorageMinor: row(7, 7, 6, 7),
  /** A database in use is waited for, ten seconds unless told otherwise; before, commands have no such time. */
  waitsForLock: row(false, false, false, true),
  /** `snapshot restore` goes without `--data-dir`. */
  restoreChoosesDataDir: since36,
  /** `defrag` tells how long it took. */
  defragTellsTime: since36,
  /** `member add --learner` says "added as learner to". */
  memberAddTellsLearner: since36,
  /** How `member list --hex -w json` spells the list of client URLs. */
  memberListHexClientUrls: row('clientURLS', 'clientURLS', 'clientURLs', 'clientURLs'),
  /** `-w fields` shows ids in hex with `--hex`. */
  fieldsHaveHex: since36,
  /** `-w fields` leaves a revision of 0 out of the header. */
  fieldsLeaveRevisionOut: since36,
  /** What `-w json` says of `endpoint status` and `endpoint hashkv` where no endpoint answers. */
  jsonOfNoEndpoint: row('[]', '[]', 'null', 'null'),
  /** What tables are drawn with. 3.5.30's and 3.7's builds use a newer table library. */
  tableBorder: row<'ascii' | 'box'>('ascii', 'box', 'ascii', 'box'),
} as const;

export type Difference = keyof typeof differences;

/** The cell of `difference` for `version`. */
export function differenceOf<D extends Difference>(
  difference: D,
  version: EmulatedVersion,
): (typeof differences)[D][EmulatedVersion] {
  return differences[difference][version];
}
