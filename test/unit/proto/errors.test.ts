/**
 * Other clients compare these texts and codes: each is written out here once more, so that none changes by accident.
 */
import { describe, expect, test } from 'vitest';
import { wireError, wireErrors } from '../../../src/proto/errors.js';

/** name, code up to 3.5, code from 3.6 on, message up to 3.5 */
const catalogue: [keyof typeof wireErrors, number, number, string][] = [
  ['emptyKey', 3, 3, 'etcdserver: key is not provided'],
  ['keyNotFound', 3, 3, 'etcdserver: key not found'],
  ['valueProvided', 3, 3, 'etcdserver: value is provided'],
  ['leaseProvided', 3, 3, 'etcdserver: lease is provided'],
  ['tooManyOps', 3, 3, 'etcdserver: too many operations in txn request'],
  ['duplicateKey', 3, 3, 'etcdserver: duplicate key given in txn request'],
  ['invalidSortOption', 3, 3, 'etcdserver: invalid sort option'],
  ['invalidClientApiVersion', 3, 3, 'etcdserver: invalid client api version'],
  ['compacted', 11, 11, 'etcdserver: mvcc: required revision has been compacted'],
  ['futureRevision', 11, 11, 'etcdserver: mvcc: required revision is a future revision'],
  ['noSpace', 8, 8, 'etcdserver: mvcc: database space exceeded'],
  ['requestTooLarge', 3, 3, 'etcdserver: request is too large'],
  ['tooManyRequests', 2, 2, 'etcdserver: too many requests'],
  ['watchCanceled', 1, 1, 'etcdserver: watch canceled'],
  ['rangeStreamSort', 12, 12, 'RangeStream does not support custom sort orders'],
  ['rangeStreamFilter', 12, 12, 'RangeStream does not support revision filters'],
  ['leaseNotFound', 5, 5, 'etcdserver: requested lease not found'],
  ['leaseExists', 9, 9, 'etcdserver: lease already exists'],
  ['leaseTtlTooLarge', 11, 11, 'etcdserver: too large lease TTL'],
  ['memberExists', 9, 9, 'etcdserver: member ID already exist'],
  ['peerUrlExists', 9, 9, 'etcdserver: Peer URLs already exists'],
  ['memberNotEnoughStarted', 2, 2, 'etcdserver: re-configuration failed due to not enough started members'],
  ['memberBadUrls', 3, 3, 'etcdserver: given member URLs are invalid'],
  ['memberNotFound', 5, 5, 'etcdserver: member not found'],
  ['memberNotLearner', 9, 9, 'etcdserver: can only promote a learner member'],
  ['learnerNotReady', 9, 9, 'etcdserver: can only promote a learner member which is in sync with leader'],
  ['tooManyLearners', 9, 9, 'etcdserver: too many learner members in cluster'],
  ['unhealthy', 14, 14, 'etcdserver: unhealthy cluster'],
  ['clusterIdMismatch', 9, 9, 'etcdserver: cluster ID mismatch'],
  ['notLeader', 9, 9, 'etcdserver: not leader'],
  ['badLeaderTransferee', 9, 9, 'etcdserver: bad leader transferee'],
  ['notSupportedForLearner', 14, 9, 'etcdserver: rpc not supported for learner'],
  ['notCapable', 14, 9, 'etcdserver: not capable'],
  ['noLeader', 14, 14, 'etcdserver: no leader'],
  ['leaderChanged', 14, 14, 'etcdserver: leader changed'],
  ['stopped', 14, 14, 'etcdserver: server stopped'],
  ['timeout', 14, 14, 'etcdserver: request timed out'],
  ['timeoutDueToLeaderFail', 14, 14, 'etcdserver: request timed out, possibly due to previous leader failure'],
  ['timeoutDueToConnectionLost', 14, 14, 'etcdserver: request timed out, possibly due to connection lost'],
  ['timeoutWaitAppliedIndex', 14, 14, 'etcdserver: request timed out, waiting for the applied index took too long'],
  ['timeoutLeaderTransfer', 2, 2, 'etcdserver: request timed out, leader transfer took too long'],
  ['unknownAlarm', 3, 3, 'etcdserver: unknown alarm type or action'],
  ['corrupt', 15, 15, 'etcdserver: corrupt cluster'],
  ['wrongDowngradeVersionFormat', 3, 3, 'etcdserver: wrong downgrade target version format'],
  ['invalidDowngradeTargetVersion', 3, 3, 'etcdserver: invalid downgrade target version'],
  ['clusterVersionUnavailable', 14, 9, 'etcdserver: cluster version not found during downgrade'],
  ['downgradeInProgress', 9, 9, 'etcdserver: cluster has a downgrade job in progress'],
  ['noInflightDowngrade', 9, 9, 'etcdserver: no inflight downgrade job'],
  ['requestCanceled', 2, 1, 'etcdserver: request cancelled'],
  ['contextCanceled', 1, 1, 'context canceled'],
  ['contextDeadlineExceeded', 4, 4, 'context deadline exceeded'],
  ['rootUserNotExist', 9, 9, 'etcdserver: root user does not exist'],
  ['rootRoleNotExist', 9, 9, 'etcdserver: root user does not have root role'],
  ['userAlreadyExists', 9, 9, 'etcdserver: user name already exists'],
  ['userNotFound', 9, 9, 'etcdserver: user name not found'],
  ['userEmpty', 3, 3, 'etcdserver: user name is empty'],
  ['roleAlreadyExists', 9, 9, 'etcdserver: role name already exists'],
  ['roleNotFound', 9, 9, 'etcdserver: role name not found'],
  ['roleEmpty', 3, 3, 'etcdserver: role name is empty'],
  ['authFailed', 3, 3, 'etcdserver: authentication failed, invalid user ID or password'],
  ['passwordForNoPasswordUser', 2, 2, 'auth: authentication failed, password was given for no password user'],
  ['permissionNotGiven', 3, 3, 'etcdserver: permission not given'],
  ['permissionDenied', 7, 7, 'etcdserver: permission denied'],
  ['roleNotGranted', 9, 9, 'etcdserver: role is not granted to the user'],
  ['permissionNotGranted', 9, 9, 'etcdserver: permission is not granted to the role'],
  ['authNotEnabled', 9, 9, 'etcdserver: authentication is not enabled'],
  ['invalidAuthToken', 16, 16, 'etcdserver: invalid auth token'],
  ['invalidAuthManagement', 3, 3, 'etcdserver: invalid auth management'],
  ['authOldRevision', 3, 3, 'etcdserver: revision of auth store is old'],
];

describe('the catalogue of wire errors', () => {
  test.each(catalogue)('%s', (name, code, codeSince36, message) => {
    expect(wireError(name, { minor: 5 })).toMatchObject({ code, message });
    expect(wireError(name, { minor: 6 }).code).toBe(codeSince36);
  });

  test('is pinned completely', () => {
    expect(catalogue.map(([name]) => name)).toEqual(Object.keys(wireErrors));
  });

  test('a cancelled request is spelled differently from 3.6 on', () => {
    expect(wireError('requestCanceled', { minor: 4 }).message).toBe('etcdserver: request cancelled');
    expect(wireError('requestCanceled', { minor: 7 }).message).toBe('etcdserver: request canceled');
  });

  test('no two errors look the same to a client', () => {
    const seen = new Set(Object.values(wireErrors).map(({ code, message }) => `${code} ${message}`));
    expect(seen.size).toBe(catalogue.length);
  });
});
