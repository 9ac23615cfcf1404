/**
 * The catalogue of errors that cross the wire: name → gRPC status code and exact message. Server and client both read
 * it, and other clients compare the texts, so a message is part of the protocol. Parts of the server throw small errors
 * of their own; one map at the API edge turns them into these. Source: etcd's api/v3rpc/rpctypes and what its servers
 * were seen to answer.
 *
 * Some codes look wrong and are not: where etcd's server returns the client-side type of an error, gRPC makes it
 * Unknown (`tooManyRequests`, `memberNotEnoughStarted`), whatever etcd's own table says.
 */
import { Code } from './code.js';

/**
 * A row: gRPC status code and message. `since36` is what etcd answers from 3.6 on,
 * where that differs.
 */
export interface WireError {
  readonly code: number;
  readonly message: string;
  readonly since36?: { readonly code: number; readonly message: string };
}

const row = (code: number, message: string): WireError => ({ code, message: `etcdserver: ${message}` });
const bare = (code: number, message: string): WireError => ({ code, message });
/** The code changed with 3.6, the text did not. */
const moved = (code: number, codeSince36: number, message: string): WireError => ({
  ...row(code, message),
  since36: row(codeSince36, message),
});

/** As the parts of etcd say it among themselves: without the server's name before it. */
export const innerText = ({ message }: WireError): string => message.replace(/^etcdserver: /, '');

export const wireErrors = {
  // Keys, transactions, watches, compaction
  emptyKey: row(Code.InvalidArgument, 'key is not provided'),
  keyNotFound: row(Code.InvalidArgument, 'key not found'),
  valueProvided: row(Code.InvalidArgument, 'value is provided'),
  leaseProvided: row(Code.InvalidArgument, 'lease is provided'),
  tooManyOps: row(Code.InvalidArgument, 'too many operations in txn request'),
  duplicateKey: row(Code.InvalidArgument, 'duplicate key given in txn request'),
  invalidSortOption: row(Code.InvalidArgument, 'invalid sort option'),
  invalidClientApiVersion: row(Code.InvalidArgument, 'invalid client api version'),
  compacted: row(Code.OutOfRange, 'mvcc: required revision has been compacted'),
  futureRevision: row(Code.OutOfRange, 'mvcc: required revision is a future revision'),
  noSpace: row(Code.ResourceExhausted, 'mvcc: database space exceeded'),
  requestTooLarge: row(Code.InvalidArgument, 'request is too large'),
  tooManyRequests: row(Code.Unknown, 'too many requests'),
  watchCanceled: row(Code.Canceled, 'watch canceled'),
  rangeStreamSort: bare(Code.Unimplemented, 'RangeStream does not support custom sort orders'),
  rangeStreamFilter: bare(Code.Unimplemented, 'RangeStream does not support revision filters'),

  // Leases
  leaseNotFound: row(Code.NotFound, 'requested lease not found'),
  leaseExists: row(Code.FailedPrecondition, 'lease already exists'),
  leaseTtlTooLarge: row(Code.OutOfRange, 'too large lease TTL'),

  // Cluster and maintenance
  memberExists: row(Code.FailedPrecondition, 'member ID already exist'),
  peerUrlExists: row(Code.FailedPrecondition, 'Peer URLs already exists'),
  memberNotEnoughStarted: row(Code.Unknown, 're-configuration failed due to not enough started members'),
  memberBadUrls: row(Code.InvalidArgument, 'given member URLs are invalid'),
  memberNotFound: row(Code.NotFound, 'member not found'),
  memberNotLearner: row(Code.FailedPrecondition, 'can only promote a learner member'),
  learnerNotReady: row(Code.FailedPrecondition, 'can only promote a learner member which is in sync with leader'),
  tooManyLearners: row(Code.FailedPrecondition, 'too many learner members in cluster'),
  unhealthy: row(Code.Unavailable, 'unhealthy cluster'),
  clusterIdMismatch: row(Code.FailedPrecondition, 'cluster ID mismatch'),
  notLeader: row(Code.FailedPrecondition, 'not leader'),
  badLeaderTransferee: row(Code.FailedPrecondition, 'bad leader transferee'),
  notSupportedForLearner: moved(Code.Unavailable, Code.FailedPrecondition, 'rpc not supported for learner'),
  notCapable: moved(Code.Unavailable, Code.FailedPrecondition, 'not capable'),
  noLeader: row(Code.Unavailable, 'no leader'),
  leaderChanged: row(Code.Unavailable, 'leader changed'),
  stopped: row(Code.Unavailable, 'server stopped'),
  timeout: row(Code.Unavailable, 'request timed out'),
  timeoutDueToLeaderFail: row(Code.Unavailable, 'request timed out, possibly due to previous leader failure'),
  timeoutDueToConnectionLost: row(Code.Unavailable, 'request timed out, possibly due to connection lost'),
  timeoutWaitAppliedIndex: row(Code.Unavailable, 'request timed out, waiting for the applied index took too long'),
  timeoutLeaderTransfer: row(Code.Unknown, 'request timed out, leader transfer took too long'),
  /** etcd has no word for it: its members die of one. */
  unknownAlarm: row(Code.InvalidArgument, 'unknown alarm type or action'),
  corrupt: row(Code.DataLoss, 'corrupt cluster'),
  wrongDowngradeVersionFormat: row(Code.InvalidArgument, 'wrong downgrade target version format'),
  invalidDowngradeTargetVersion: row(Code.InvalidArgument, 'invalid downgrade target version'),
  clusterVersionUnavailable: moved(
    Code.Unavailable,
    Code.FailedPrecondition,
    'cluster version not found during downgrade',
  ),
  downgradeInProgress: row(Code.FailedPrecondition, 'cluster has a downgrade job in progress'),
  noInflightDowngrade: row(Code.FailedPrecondition, 'no inflight downgrade job'),
  requestCanceled: {
    ...row(Code.Unknown, 'request cancelled'),
    since36: row(Code.Canceled, 'request canceled'),
  },
  contextCanceled: bare(Code.Canceled, 'context canceled'),
  contextDeadlineExceeded: bare(Code.DeadlineExceeded, 'context deadline exceeded'),

  // Authentication and authorization
  rootUserNotExist: row(Code.FailedPrecondition, 'root user does not exist'),
  rootRoleNotExist: row(Code.FailedPrecondition, 'root user does not have root role'),
  userAlreadyExists: row(Code.FailedPrecondition, 'user name already exists'),
  userNotFound: row(Code.FailedPrecondition, 'user name not found'),
  userEmpty: row(Code.InvalidArgument, 'user name is empty'),
  roleAlreadyExists: row(Code.FailedPrecondition, 'role name already exists'),
  roleNotFound: row(Code.FailedPrecondition, 'role name not found'),
  roleEmpty: row(Code.InvalidArgument, 'role name is empty'),
  authFailed: row(Code.InvalidArgument, 'authentication failed, invalid user ID or password'),
  passwordForNoPasswordUser: bare(Code.Unknown, 'auth: authentication failed, password was given for no password user'),
  permissionNotGiven: row(Code.InvalidArgument, 'permission not given'),
  permissionDenied: row(Code.PermissionDenied, 'permission denied'),
  roleNotGranted: row(Code.FailedPrecondition, 'role is not granted to the user'),
  permissionNotGranted: row(Code.FailedPrecondition, 'permission is not granted to the role'),
  authNotEnabled: row(Code.FailedPrecondition, 'authentication is not enabled'),
  invalidAuthToken: row(Code.Unauthenticated, 'invalid auth token'),
  invalidAuthManagement: row(Code.InvalidArgument, 'invalid auth management'),
  authOldRevision: row(Code.InvalidArgument, 'revision of auth store is old'),
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
