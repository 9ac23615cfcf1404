/**
 * Joining a cluster that runs: its members say who belongs to it, this one finds itself among them by its URLs and
 * takes over the ids. Source: etcd's membership.ValidateClusterAndAssignIDs and etcdserver's cluster_util.go.
 */
import type { ClusterMember } from '../../datadir/cluster-member.js';
import { verifyJoining } from '../../datadir/initial-cluster.js';
import { RESOLVE_TIMEOUT_MS, urlsDifference } from '../../lib/go/same-urls.js';
import type { MemberConfig } from '../world/types.js';
import { isCompatibleWithCluster } from './compatible.js';
import { initialMembers } from './new-cluster.js';
import { askForCluster, type ClusterAnswer, remotePeerUrls } from './remote-cluster.js';
import type { DecisionWorld, JoiningMember } from './types.js';

const ASK_TIMEOUT_MS = 10_000;

/** Rejects in etcd's words. */
export async function decideJoining(config: MemberConfig, world: DecisionWorld): Promise<JoiningMember> {
  const { name, initialAdvertisePeerUrls: peerURLs, initialCluster, initialClusterToken: token } = config;
  verifyJoining({ name, peerURLs, members: initialCluster, token });
  const told = initialMembers(config);
  let members: readonly ClusterMember[] = [];
  let refusal: string | undefined;
  const answer = await askForCluster(remotePeerUrls(told, name), world, {
    timeoutMs: ASK_TIMEOUT_MS,
    quiet: false,
    // etcd gives up where the first one that answers lags, and does not know yet that this one was added.
    accepts: async (cluster) => {
      const found = await matched(told, cluster, world);
      if (typeof found !== 'string') members = found;
      else refusal ??= `error validating peerURLs ${describeCluster(cluster)}: ${found}`;
      return typeof found !== 'string';
    },
  });
  if (typeof answer === 'string') throw new Error(refusal ?? `cannot fetch cluster info from peer urls: ${answer}`);
  const local = members.find((member) => member.name === name);
  if (local === undefined) throw new Error(`the member ${name} was verified to be in the initial cluster`);
  if (!(await isCompatibleWithCluster(members, local.id, config, world)))
    throw new Error('incompatible with current running cluster');
  return { memberId: local.id, clusterId: answer.clusterId, members };
}

/** The members as this one's options name them, with the ids that the cluster gave; or why they are not the same. */
async function matched(
  told: readonly ClusterMember[],
  { members: existing }: ClusterAnswer,
  world: DecisionWorld,
): Promise<readonly ClusterMember[] | string> {
  if (existing.length !== told.length) return 'member count is unequal';
  const deadlineMs = world.clock.monotonicMs() + RESOLVE_TIMEOUT_MS;
  const found = new Map<ClusterMember, ClusterMember>();
  for (const member of existing) {
    let why: string | undefined;
    let isFound = false;
    for (const candidate of told) {
      why = await urlsDifference(member.peerURLs, candidate.peerURLs, world, deadlineMs);
      if (why !== undefined) continue;
      found.set(candidate, { ...candidate, id: member.id, isLearner: member.isLearner });
      isFound = true;
      break;
    }
    if (isFound) continue;
    const who = `(${member.id.toString(16)}, [${member.peerURLs.join(' ')}])`;
    return `PeerURLs: no match found for existing member ${who}, last resolver error (${why ?? '<nil>'})`;
  }
  return told.map((member) => found.get(member) ?? member);
}

/** As Go prints the cluster. */
function describeCluster({ clusterId, members }: ClusterAnswer): string {
  const texts = members.map(
    ({ id, peerURLs, isLearner, name, clientURLs }) =>
      `&{ID:${id.toString(16)} RaftAttributes:{PeerURLs:[${peerURLs.join(' ')}] IsLearner:${isLearner}} ` +
      `Attributes:{Name:${name} ClientURLs:[${clientURLs.join(' ')}]}}`,
  );
  return `{ClusterID:${clusterId.toString(16)} Members:[${texts.join(' ')}] RemovedMemberIDs:[]}`;
}
