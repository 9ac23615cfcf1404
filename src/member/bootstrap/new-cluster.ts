/** A cluster that begins: ids and first configuration follow from options that all its members share. */

import type { ClusterMember } from '../../datadir/cluster-member.js';
import { bootstrapMemberId, clusterId } from '../../datadir/ids.js';
import { verifyInitialCluster } from '../../datadir/initial-cluster.js';
import { goQuote } from '../../lib/go/quote.js';
import type { MemberId } from '../../lib/ids.js';
import { NONE } from '../../raftpb/types.js';
import type { MemberConfig } from '../world/types.js';
import { askForCluster, remotePeerUrls } from './remote-cluster.js';
import type { DecisionWorld, InitialConfiguration } from './types.js';

/** How long each of the others may take to say that this member has been there before; most do not run yet. */
const ASK_TIMEOUT_MS = 1000;

/**
 * Rejects in etcd's words where the member's options do not fit together, or the cluster has known it as started.
 */
export async function decideNew(config: MemberConfig, world: DecisionWorld): Promise<InitialConfiguration> {
  const { name, initialAdvertisePeerUrls: peerURLs, initialCluster: members, initialClusterToken: token } = config;
  await verifyInitialCluster({ name, peerURLs, members, token }, world);
  const configuration = initialConfiguration(config);
  const urls = remotePeerUrls(configuration.members, name);
  const running = await askForCluster(urls, world, { timeoutMs: ASK_TIMEOUT_MS, quiet: true });
  if (typeof running === 'string') return configuration;
  const known = running.members.find(({ id }) => id === configuration.memberId);
  // Only a member that has started has published where clients reach it.
  if (known === undefined || known.clientURLs.length === 0) return configuration;
  throw new Error(`member ${known.id.toString(16)} has already been bootstrapped`);
}

/** Throws when the member itself is not in it. */
export function initialConfiguration(config: MemberConfig): InitialConfiguration {
  const members = initialMembers(config);
  const local = members.find(({ name }) => name === config.name);
  if (local === undefined)
    throw new Error(`couldn't find local name ${goQuote(config.name)} in the initial cluster configuration`);
  return { memberId: local.id, clusterId: clusterId(members.map(({ id }) => id)), members };
}

/** Those that `--initial-cluster` names, ascending by id. Throws for two of the same id. */
export function initialMembers(config: MemberConfig): readonly ClusterMember[] {
  const members = new Map<MemberId, ClusterMember>();
  for (const [name, urls] of config.initialCluster) {
    const peerURLs = [...urls].sort();
    const id = bootstrapMemberId(peerURLs, config.initialClusterToken);
    if (members.has(id)) throw new Error(`member exists with identical ID ${id.toString(16)}`);
    if (id === NONE) throw new Error('cannot use 0 as member id');
    members.set(id, { id, name, peerURLs, isLearner: false, clientURLs: [] });
  }
  return [...members.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}
