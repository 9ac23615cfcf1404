/**
 * Whether two servers may talk: their versions, and the cluster they belong to. Source: etcd's rafthttp
 * checkClusterCompatibilityFromHeader.
 */
import { differenceOf, type EmulatedVersion, fullVersionOf } from '../lib/emulate.js';
import type { HttpRequest } from '../lib/http.js';
import { innerText, wireErrors } from '../proto/errors.js';
import { hex, MIN_CLUSTER_VERSION, type PeerContext } from './context.js';

/** Versions before 2.1 do not tell theirs. */
/** Whoever is refused tells these apart. */
export const INCOMPATIBLE_VERSION = 'incompatible version';
export const CLUSTER_MISMATCH = innerText(wireErrors.clusterIdMismatch);

const UNTOLD = '2.0.0';

interface MinorVersion {
  readonly major: number;
  readonly minor: number;
}

/** undefined for what is no version. */
function parseVersion(text: string | undefined): MinorVersion | undefined {
  const [, major, minor] = /^(\d{1,9})\.(\d{1,9})\.\d{1,9}(?:[-+].*)?$/.exec(text ?? UNTOLD) ?? [];
  return major === undefined ? undefined : { major: Number(major), minor: Number(minor) };
}

const isBelow = (a: MinorVersion, b: MinorVersion): boolean =>
  a.major < b.major || (a.major === b.major && a.minor < b.minor);

/** Why the request must not be answered, in the words of the 412; undefined when it may. Logs the refusal. */
export function refusalOf(request: HttpRequest, context: PeerContext): string | undefined {
  const { headers } = request;
  const { logger, local, emulate } = context;
  const serverText = headers['x-server-version'];
  const minClusterText = headers['x-min-cluster-version'];
  const fields = {
    'local-member-id': hex(local.id),
    'local-member-cluster-id': hex(local.clusterId),
    'local-member-server-version': fullVersionOf[emulate],
    'local-member-server-minimum-cluster-version': MIN_CLUSTER_VERSION,
    'remote-peer-server-name': headers['x-server-from'] ?? '',
    'remote-peer-server-version': serverText ?? UNTOLD,
    'remote-peer-server-minimum-cluster-version': minClusterText ?? UNTOLD,
  };
  const problem = versionProblem(parseVersion(serverText), parseVersion(minClusterText), emulate);
  if (problem !== undefined) {
    const versions = `remote[${fields['remote-peer-server-name']}]=${fields['remote-peer-server-version']}`;
    const error = `${problem}: ${versions}, local=${fullVersionOf[emulate]}`;
    logger.warn(differenceOf('refusesPeerVersion', emulate), { ...fields, error });
    return INCOMPATIBLE_VERSION;
  }
  const clusterId = headers['x-etcd-cluster-id'] ?? '';
  if (clusterId !== hex(local.clusterId)) {
    logger.warn('request cluster ID mismatch', { ...fields, 'remote-peer-cluster-id': clusterId });
    return CLUSTER_MISMATCH;
  }
  return undefined;
}

function versionProblem(
  server: MinorVersion | undefined,
  minCluster: MinorVersion | undefined,
  emulate: EmulatedVersion,
): string | undefined {
  const local = parseVersion(fullVersionOf[emulate]) as MinorVersion;
  if (server === undefined || isBelow(server, parseVersion(MIN_CLUSTER_VERSION) as MinorVersion))
    return 'remote version is too low';
  if (minCluster === undefined || isBelow(local, minCluster)) return 'local version is too low';
  return undefined;
}

/** Whether a server that tells this version has both streams; all have since 2.1. */
export function checkServerVersion(text: string | undefined, emulate: EmulatedVersion): boolean {
  const server = parseVersion(text);
  const local = parseVersion(fullVersionOf[emulate]) as MinorVersion;
  return server !== undefined && (!isBelow(server, local) || !isBelow(server, { major: 2, minor: 1 }));
}
