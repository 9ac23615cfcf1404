import { expect, test } from 'vitest';
import { type ClusterId, hexId, type LeaseId, type MemberId, type RequestId } from '../../../src/lib/ids.js';

test('ids are kept apart by the compiler, and bigints at run time', () => {
  const member: MemberId = 0x8e9e05c52164694dn;
  const takesLease = (lease: LeaseId): string => hexId(lease);
  const takesCluster = (cluster: ClusterId): string => hexId(cluster);
  const takesRequest = (request: RequestId): string => hexId(request);
  // @ts-expect-error: a member is no lease.
  expect(takesLease(member)).toBe('8e9e05c52164694d');
  // @ts-expect-error: a member is no cluster.
  expect(takesCluster(member)).toBe('8e9e05c52164694d');
  // @ts-expect-error: a member is no request.
  expect(takesRequest(member)).toBe('8e9e05c52164694d');
  const byMember = new Map<MemberId, string>([[member, 'm']]);
  const lease: LeaseId = member as bigint;
  // @ts-expect-error: nor is it found by one.
  expect(byMember.get(lease)).toBe('m');
});
