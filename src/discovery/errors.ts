/**
 * What keeps a member from finding its cluster, in etcd's words (server/etcdserver/api/v2discovery and v3discovery).
 */
const texts = {
  invalidUrl: 'discovery: invalid URL',
  invalidPeerUrl: 'discovery: invalid peer URL',
  badEndpoint: 'discovery: bad discovery endpoint',
  sizeNotFound: 'discovery: size key not found',
  badSize: 'discovery: size key is bad',
  duplicateId: 'discovery: found duplicate id',
  duplicateName: 'discovery: found duplicate name',
  full: 'discovery: cluster is full',
} as const;

export type DiscoveryProblem = keyof typeof texts;

export class DiscoveryError extends Error {
  override readonly name = 'DiscoveryError';
  readonly code = 'ERR_DISCOVERY';

  constructor(
    readonly problem: DiscoveryProblem,
    options?: ErrorOptions,
  ) {
    super(texts[problem], options);
  }
}

/** The service cannot be reached, or not now; asked again later. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError';
  readonly code = 'ERR_DISCOVERY_UNAVAILABLE';
}
