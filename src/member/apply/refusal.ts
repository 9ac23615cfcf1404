/**
 * What the stores refuse, each in its own words, as rows of the catalogue of wire errors. Refusals alone: they follow
 * from the request and the state, so that every member comes to the same one. What only one member may run into (a
 * queue that is full) is not for apply.
 */
import { AuthError } from '../../auth/errors.js';
import { LeaseExistsError, LeaseNotFoundError, LeaseTtlTooLargeError } from '../../lease/errors.js';
import { CompactedError, FutureRevisionError } from '../../mvcc/errors.js';
import { EtcdError } from '../../proto/etcd-error.js';

/** undefined for what must not happen. */
export function refusalOf(cause: unknown): EtcdError | AuthError | undefined {
  if (cause instanceof EtcdError) return cause;
  if (cause instanceof AuthError) return cause;
  if (cause instanceof CompactedError) return new EtcdError('compacted');
  if (cause instanceof FutureRevisionError) return new EtcdError('futureRevision');
  if (cause instanceof LeaseNotFoundError) return new EtcdError('leaseNotFound');
  if (cause instanceof LeaseExistsError) return new EtcdError('leaseExists');
  if (cause instanceof LeaseTtlTooLargeError) return new EtcdError('leaseTtlTooLarge');
  return undefined;
}
