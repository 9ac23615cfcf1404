/**
 * `POST /leases` and `/leases/internal`: followers renew leases, and ask after them, where they are kept alive: at the
 * leader. Source: etcd's leasehttp.
 */

import type { Caller } from '../../lib/caller.js';
import { collectBody, type HttpRequest, type HttpResponse } from '../../lib/http.js';
import type { LeaseId } from '../../lib/ids.js';
import { NotPrimaryError } from '../../member/services/leases.js';
import { EtcdError } from '../../proto/etcd-error.js';
import { LeaseKeepAliveRequest, LeaseKeepAliveResponse, ResponseHeader } from '../../proto/gen/etcdserverpb.js';
import { LeaseInternalRequest, LeaseInternalResponse } from '../../proto/gen/leasepb.js';
import { type HttpHandler, textError } from './types.js';

export interface PeerLease {
  /** Whole seconds, as `LeaseTimeToLive` tells them. */
  readonly ttlSeconds: number;
  readonly grantedTtlSeconds: number;
  /** Empty unless asked for. */
  readonly keys: readonly Uint8Array[];
}

export interface PeerLeaseSource {
  /** Waits until everything committed by now is applied; false when that took longer than a second. */
  caughtUp(signal: AbortSignal): Promise<boolean>;
  /**
   * The granted TTL in seconds. Rejects with the `EtcdError` leaseNotFound, or another reason (not the leader any
   * more).
   */
  renewLease(id: LeaseId, signal: AbortSignal): Promise<number>;
  /**
   * undefined when there is no such lease. Rejects with `NotPrimaryError` when this member does not keep leases alive
   * (any more).
   */
  leaseTimeToLive(id: LeaseId, options: { readonly keys: boolean }, caller: Caller): Promise<PeerLease | undefined>;
}

/** An id, and little else. As etcd 3.7. */
const MAX_BODY_BYTES = 64 * 1024;

export function peerLeasesHandler(source: PeerLeaseSource): HttpHandler {
  return (request, url) => {
    switch (url.pathname) {
      case '/leases':
        return withBody(request, (body) => renew(source, body, request.signal));
      case '/leases/internal':
        return withBody(request, (body) => timeToLive(source, body, request.signal));
      default:
        return undefined;
    }
  };
}

async function withBody(
  request: HttpRequest,
  run: (body: Uint8Array) => Promise<Uint8Array | HttpResponse>,
): Promise<HttpResponse> {
  // Without an Allow header, as etcd.
  if (request.method !== 'POST') return textError(405, 'Method Not Allowed');
  let body: Uint8Array;
  try {
    body = await collectBody(request.body, MAX_BODY_BYTES);
  } catch {
    return textError(400, 'error reading body');
  }
  const answer = await run(body);
  if (!(answer instanceof Uint8Array)) return answer;
  return { status: 200, headers: { 'Content-Type': 'application/protobuf' }, body: answer };
}

const malformed = textError(400, 'error unmarshalling request');
const tooSlow = textError(408, 'waiting for node to catch up its applied index has timed out');
const gone = textError(404, 'lease not found');

async function renew(
  source: PeerLeaseSource,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<Uint8Array | HttpResponse> {
  const request = decoded(() => LeaseKeepAliveRequest.decode(body));
  if (request === undefined) return malformed;
  if (!(await source.caughtUp(signal))) return tooSlow;
  try {
    const TTL = await source.renewLease(request.ID, signal);
    return LeaseKeepAliveResponse.encode(LeaseKeepAliveResponse.create({ ID: request.ID, TTL }));
  } catch (error) {
    if (error instanceof EtcdError && error.row === 'leaseNotFound') return gone;
    return textError(400, error instanceof Error ? error.message : String(error));
  }
}

async function timeToLive(
  source: PeerLeaseSource,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<Uint8Array | HttpResponse> {
  const request = decoded(() => LeaseInternalRequest.decode(body))?.LeaseTimeToLiveRequest;
  if (request === undefined) return malformed;
  if (!(await source.caughtUp(signal))) return tooSlow;
  try {
    const lease = await source.leaseTimeToLive(request.ID, { keys: request.keys }, signal);
    if (lease === undefined) return gone;
    return LeaseInternalResponse.encode(
      LeaseInternalResponse.create({
        LeaseTimeToLiveResponse: {
          header: ResponseHeader.create(),
          ID: request.ID,
          TTL: lease.ttlSeconds,
          grantedTTL: lease.grantedTtlSeconds,
          keys: [...lease.keys],
        },
      }),
    );
  } catch (error) {
    const status = error instanceof NotPrimaryError ? 500 : 400;
    return textError(status, error instanceof Error ? error.message : String(error));
  }
}

/** undefined for what is no such message. */
function decoded<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}
