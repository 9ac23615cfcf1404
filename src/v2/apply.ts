/**
 * A request onto the store: which of its operations is meant. Reads by GET and HEAD do not go through the log. As
 * etcd's applierV2store.
 */
import type { Event } from './event.js';
import type { V2Request } from './request.js';
import type { Expiry, V2Store } from './store.js';

/** undefined for SYNC, which gives no answer, and for methods that mean nothing. Throws V2Error. */
export function applyRequest(store: V2Store, request: V2Request, nowNs: bigint): Event | undefined {
  switch (request.method) {
    case 'PUT':
      return put(store, request, nowNs);
    case 'POST':
      return store.create(request.path, { ...contentOf(request), unique: true }, expiryOf(request), nowNs);
    case 'DELETE':
      return compares(request)
        ? store.compareAndDelete(request.path, request, nowNs)
        : store.delete(request.path, request, nowNs);
    case 'QGET':
    case 'GET':
    case 'HEAD':
      return store.get(request.path, { recursive: request.recursive, sorted: request.sorted, nowNs });
    case 'SYNC':
      store.deleteExpired(request.time, nowNs);
      return undefined;
    default:
      return undefined;
  }
}

function put(store: V2Store, request: V2Request, nowNs: bigint): Event {
  const { path, value, prevExist } = request;
  const expiry = expiryOf(request);
  if (prevExist === false) return store.create(path, { ...contentOf(request), unique: false }, expiry, nowNs);
  if (compares(request)) return store.compareAndSwap(path, request, value, expiry, nowNs);
  return prevExist === true
    ? store.update(path, value, expiry, nowNs)
    : store.set(path, contentOf(request), expiry, nowNs);
}

const compares = ({ prevIndex, prevValue }: V2Request): boolean => prevIndex > 0n || prevValue !== '';

const contentOf = ({ dir, value }: V2Request) => ({ dir, value });

function expiryOf({ expiration, refresh }: V2Request): Expiry {
  return { expireNs: expiration === 0n ? undefined : expiration, refresh: refresh === true };
}
