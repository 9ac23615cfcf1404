import type { LeaseId } from '../lib/ids.js';

export class LeaseNotFoundError extends Error {
  override readonly name = 'LeaseNotFoundError';
  readonly code = 'ERR_LEASE_NOT_FOUND';
  constructor(readonly id: LeaseId) {
    super(`lease ${id} does not exist`);
  }
}

export class LeaseExistsError extends Error {
  override readonly name = 'LeaseExistsError';
  readonly code = 'ERR_LEASE_EXISTS';
  constructor(readonly id: LeaseId) {
    super(`lease ${id} exists already`);
  }
}

export class LeaseTtlTooLargeError extends Error {
  override readonly name = 'LeaseTtlTooLargeError';
  readonly code = 'ERR_LEASE_TTL_TOO_LARGE';
  constructor(
    readonly ttlSeconds: number,
    limitSeconds: number,
  ) {
    super(`TTL of ${ttlSeconds} s is above the limit of ${limitSeconds} s`);
  }
}

/** Only the leader's lessor knows deadlines. */
export class NotPrimaryError extends Error {
  override readonly name = 'NotPrimaryError';
  readonly code = 'ERR_LEASE_NOT_PRIMARY';
  constructor() {
    super('not a primary lessor');
  }
}
