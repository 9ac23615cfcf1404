/** What the lessor counts. Source: etcd's server/lease/metrics.go. */
import { doubling, type Scalars } from '../lib/metrics.js';

/** What is read at each scrape. */
export interface LeaseFigures {
  readonly leasesGranted: number;
  readonly leasesRevoked: number;
  readonly leasesRenewed: number;
  readonly leasesExpired: number;
}

export const LEASE_SCALARS: Scalars<LeaseFigures> = {
  etcd_debugging_lease_granted_total: ['counter', 'The total number of granted leases.', (f) => f.leasesGranted],
  etcd_debugging_lease_revoked_total: ['counter', 'The total number of revoked leases.', (f) => f.leasesRevoked],
  etcd_debugging_lease_renewed_total: [
    'counter',
    'The number of renewed leases seen by the leader.',
    (f) => f.leasesRenewed,
  ],
  etcd_debugging_server_lease_expired_total: ['counter', 'The total number of expired leases.', (f) => f.leasesExpired],
};

/** How long leases are granted for, in seconds. */
export const LEASE_TTL = {
  name: 'etcd_debugging_lease_ttl_total',
  help: 'Bucketed histogram of lease TTLs.',
  buckets: doubling(1, 24),
};
