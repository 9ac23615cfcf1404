/**
 * The catalogue of errors that cross the wire: name → gRPC status code and exact message. Server and client both read
 * it, and other clients compare the texts, so a message is part of the protocol. Parts of the server throw small errors
 * of their own; one map at the API edge turns them into these. Source: etcd's api/v3rpc/rpctypes and what its servers
 * were seen to answer.
 *
 * Some codes look wrong and are not: where etcd's server returns the client-side type of an error, gRPC makes it
 * Unknown (`tooManyRequests`, `memberNotEnoughStarted`), whatever etcd's own table says.
 */

/**
 * A row: gRPC status code (see `Code` in `src/grpc/types.ts`) and message. `since36` is what etcd answers from 3.6 on,
 * where that differs.
 */
export interface WireError {
  readonly code: number;
  readonly message: string;
  readonly since36?: { readonly code: number; readonly message: string };
}

const canceled = 1;
const unknown = 2;
const invalidArgument = 3;
const deadlineExceeded = 4;
const notFound = 5;
const permissionDenied = 7;
const resourceExhausted = 8;
const failedPrecondition = 9;
const outOfRange = 11;
const unimplemented = 12;
const unavailable = 14;
const dataLoss = 15;
const unauthenticated = 16;

const row = (code: number, message: string): WireError => ({ code, message: `etcdserver: ${message}` });
const bare = (code: number, message: string): WireError => ({ code, message });
/** The code changed with 3.6, the text did not. */
const moved = (code: number, codeSince36: number, message: string): WireError => ({
  ...row(code, message),
  since36: row(codeSince36, message),
});

export const wireErrors = {
  // Keys, transactions, watches, compaction
  emptyKey: row(invalidArgument, 'key is not provided'),
  keyNotFound: row(invalidArgument, 'key not found'),
  valueProvided: row(invalidArgument, 'value is provided'),
  leaseProvided: row(invalidArgument, 'lease is provided'),
  tooManyOps: row(invalidArgument, 'too many operations in txn request'),
  duplicateKey: row(invalidArgument, 'duplicate key given in txn request'),
  invalidSortOption: row(invalidArgument, 'invalid sort option'),
  invalidClientApiVersion: row(invalidArgument, 'invalid client api version'),
  compacted: row(outOfRange, 'mvcc: required revision has been compacted'),
  futureRevision: row(outOfRange, 'mvcc: required revision is a future revision'),
  noSpace: row(resourceExhausted, 'mvcc: database space exceeded'),
  requestTooLarge: row(invalidArgument, 'request is too large'),
  tooManyRequests: row(unknown, 'too many requests'),
  watchCanceled: row(canceled, 'watch canceled'),
  rangeStreamSort: bare(unimplemented, 'RangeStream does not support custom sort orders'),
  rangeStreamFilter: bare(unimplemented, 'RangeStream does not support revision filters'),

  // Leases
  leaseNotFound: row(notFound, 'requested lease not found'),
  leaseExists: row(failedPrecondition, 'lease already exists'),
  leaseTtlTooLarge: row(outOfRange, 'too large lease TTL'),

  // Cluster and maintenance
  memberExists: row(failedPrecondition, 'member ID already exist'),
  peerUrlExists: row(failedPrecondition, 'Peer URLs already exists'),
  memberNotEnoughStarted: row(unknown, 're-configuration failed due to not enough started members'),
  memberBadUrls: row(invalidArgument, 'given member URLs are invalid'),
  memberNotFound: row(notFound, 'member not found'),
  memberNotLearner: row(failedPrecondition, 'can only promote a learner member'),
  learnerNotReady: row(failedPrecondition, 'can only promote a learner member which is in sync with leader'),
  tooManyLearners: row(failedPrecondition, 'too many learner members in cluster'),
  unhealthy: row(unavailable, 'unhealthy cluster'),
  clusterIdMismatch: row(failedPrecondition, 'cluster ID mismatch'),
  notLeader: row(failedPrecondition, 'not leader'),
  badLeaderTransferee: row(failedPrecondition, 'bad leader transferee'),
  notSupportedForLearner: moved(unavailable, failedPrecondition, 'rpc not supported for learner'),
  notCapable: moved(unavailable, failedPrecondition, 'not capable'),
  noLeader: row(unavailable, 'no leader'),
  leaderChanged: row(unavailable, 'leader changed'),
  stopped: row(unavailable, 'server stopped'),
  timeout: row(unavailable, 'request timed out'),
  timeoutDueToLeaderFail: row(unavailable, 'request timed out, possibly due to previous leader failure'),
  timeoutDueToConnectionLost: row(unavailable, 'request timed out, possibly due to connection lost'),
  timeoutWaitAppliedIndex: row(unavailable, 'request timed out, waiting for the applied index took too long'),
  timeoutLeaderTransfer: row(unknown, 'request timed out, leader transfer took too long'),
  /** etcd has no word for it: its members die of one. */
  unknownAlarm: row(invalidArgument, 'unknown alarm type or action'),
  corrupt: row(dataLoss, 'corrupt cluster'),
  wrongDowngradeVersionFormat: row(invalidArgument, 'wrong downgrade target version format'),
  invalidDowngradeTargetVersion: row(invalidArgument, 'invalid downgrade target version'),
  clusterVersionUnavailable: moved(unavailable, failedPrecondition, 'cluster version not found during downgrade'),
  downgradeInProgress: row(failedPrecondition, 'cluster has a downgrade job in progress'),
  noInflightDowngrade: row(failedPrecondition, 'no inflight downgrade job'),
  requestCanceled: {
    ...row(unknown, 'request cancelled'),
    since36: row(canceled, 'request canceled'),
  },
  contextCanceled: bare(canceled, 'context canceled'),
  contextDeadlineExceeded: bare(deadlineExceeded, 'context deadline exceeded'),

  // Authentication and authorization
  rootUserNotExist: row(failedPrecondition, 'root user does not exist'),
  rootRoleNotExist: row(failedPrecondition, 'root user does not have root role'),
  userAlreadyExists: row(failedPrecondition, 'user name already exists'),
  userNotFound: row(failedPrecondition, 'user name not found'),
  userEmpty: row(invalidArgument, 'user name is empty'),
  roleAlreadyExists: row(failedPrecondition, 'role name already exists'),
  roleNotFound: row(failedPrecondition, 'role name not found'),
  roleEmpty: row(invalidArgument, 'role name is empty'),
  authFailed: row(invalidArgument, 'authentication failed, invalid user ID or password'),
  passwordForNoPasswordUser: bare(unknown, 'auth: authentication failed, password was given for no password user'),
  permissionNotGiven: row(invalidArgument, 'permission not given'),
  permissionDenied: row(permissionDenied, 'permission denied'),
  roleNotGranted: row(failedPrecondition, 'role is not granted to the user'),
  permissionNotGranted: row(failedPrecondition, 'permission is not granted to the role'),
  authNotEnabled: row(failedPrecondition, 'authentication is not enabled'),
  invalidAuthToken: row(unauthenticated, 'invalid auth token'),
  invalidAuthManagement: row(invalidArgument, 'invalid auth management'),
  authOldRevision: row(invalidArgument, 'revision of auth store is old'),
} as const satisfies Record<string, WireError>;

export type WireErrorName = keyof typeof wireErrors;

/** The row as the emulated etcd answers it. */
export function wireError(
  name: WireErrorName,
  emulated: { readonly minor: number },
): { code: number; message: string } {
  const found: WireError = wireErrors[name];
  return emulated.minor >= 6 && found.since36 !== undefined ? found.since36 : found;
}
