/**
 * Whether this version may become part of a running cluster: of every member that can be reached the cluster version
 * must be one that it can work in, and one member at least must know it. Another that joins at the same time does not
 * know it yet, and is passed over. Source: etcd's etcdserver/cluster_util.go, isCompatibleWithCluster.
 */
import type { ClusterMember } from '../../datadir/cluster-member.js';
import { differenceOf } from '../../lib/emulate.js';
import type { NodeId } from '../../raftpb/types.js';
import type { MemberConfig } from '../world/types.js';
import { errorText, withTimeout } from './remote-cluster.js';
import type { DecisionWorld } from './types.js';

/** etcd's version.MinClusterVersion. */
const LOWEST = { major: 3, minor: 0 };
const ASK_TIMEOUT_MS = 10_000;

interface Version {
  readonly major: number;
  readonly minor: number;
}

export async function isCompatibleWithCluster(
  members: readonly ClusterMember[],
  localId: NodeId,
  { emulate, nextClusterVersionCompatible = false }: Pick<MemberConfig, 'emulate' | 'nextClusterVersionCompatible'>,
  world: DecisionWorld,
): Promise<boolean> {
  const others = members.filter(({ id }) => id !== localId);
  const [major = 0, minor = 0] = emulate.split('.').map(Number);
  const downgrading = differenceOf('asksDowngradeEnabled', emulate) && (await isDowngradeEnabled(others, world));
  const highest = { major, minor: downgrading || nextClusterVersionCompatible ? minor + 1 : minor };
  let reached = false;
  for (const member of others) {
    const text = await clusterVersionOf(member, world);
    if (text === undefined) continue;
    const version = readVersion(member, text, world);
    if (version === undefined) continue;
    if (!isSupported(member, { text, version }, highest, world)) return false;
    reached = true;
  }
  return reached;
}

function readVersion(member: ClusterMember, text: string, { logger }: DecisionWorld): Version | undefined {
  const version = parseVersion(text);
  if (version === undefined)
    logger.warn('failed to parse cluster version of remote member', {
      'remote-member-id': member.id.toString(16),
      'remote-member-cluster-version': text,
      error: `${text} is not in dotted-tri format`,
    });
  return version;
}

function isSupported(
  member: ClusterMember,
  { text, version }: { readonly text: string; readonly version: Version },
  highest: Version,
  { logger }: DecisionWorld,
): boolean {
  const fields = { 'remote-member-id': member.id.toString(16), 'remote-member-cluster-version': text };
  const limits = { ...fields, 'minimum-cluster-version-supported': '3.0.0' };
  if (isLess(version, LOWEST)) {
    logger.warn('cluster version of remote member is not compatible; too low', limits);
    return false;
  }
  if (isLess(highest, version)) {
    logger.warn('cluster version of remote member is not compatible; too high', limits);
    return false;
  }
  return true;
}

async function clusterVersionOf(member: ClusterMember, world: DecisionWorld): Promise<string | undefined> {
  const id = member.id.toString(16);
  let failure: unknown;
  for (const url of member.peerURLs) {
    try {
      const answer = await withTimeout(world, ASK_TIMEOUT_MS, (signal) => world.calls.version(url, signal));
      return answer.cluster;
    } catch (cause) {
      failure = cause;
      const fields = { address: `${url}/version`, 'remote-member-id': id, error: errorText(cause) };
      world.logger.warn('failed to reach the peer URL', fields);
    }
  }
  world.logger.warn('failed to get version', { 'remote-member-id': id, error: errorText(failure) });
  return undefined;
}

/** As the first one says that answers. */
async function isDowngradeEnabled(others: readonly ClusterMember[], world: DecisionWorld): Promise<boolean> {
  for (const member of others) {
    for (const url of member.peerURLs) {
      try {
        return await withTimeout(world, ASK_TIMEOUT_MS, (signal) => world.calls.downgradeEnabled(url, signal));
      } catch (cause) {
        const id = member.id.toString(16);
        const fields = { address: `${url}/downgrade/enabled`, 'remote-member-id': id, error: errorText(cause) };
        world.logger.warn('failed to get downgrade enabled status', fields);
      }
    }
  }
  return false;
}

function parseVersion(text: string): Version | undefined {
  const found = /^(\d+)\.(\d+)\.(\d+)/.exec(text);
  return found === null ? undefined : { major: Number(found[1]), minor: Number(found[2]) };
}

const isLess = (a: Version, b: Version): boolean => a.major < b.major || (a.major === b.major && a.minor < b.minor);
