/**
 * What a running cluster's members answer to one that starts: who belongs to it. Source: etcd's
 * etcdserver/cluster_util.go.
 */

import { type ClusterMember, membersFromJson } from '../../datadir/cluster-member.js';
import type { ClusterId } from '../../lib/ids.js';
import { wireErrors } from '../../proto/errors.js';
import type { DecisionWorld } from './types.js';

export interface ClusterAnswer {
  readonly clusterId: ClusterId;
  /** Ascending by id, never empty. */
  readonly members: readonly ClusterMember[];
}

/** Of all but the local member, in the order in which they are asked. */
export function remotePeerUrls(members: readonly ClusterMember[], localName: string): readonly string[] {
  return members
    .filter(({ name }) => name !== localName)
    .flatMap(({ peerURLs }) => peerURLs)
    .sort();
}

export interface AskForClusterOptions {
  readonly timeoutMs: number;
  /** Nobody need know about those that do not answer. */
  readonly quiet: boolean;
  /** False: somebody else may know better. */
  readonly accepts?: (answer: ClusterAnswer) => Promise<boolean>;
}

/**
 * Asks one after another until somebody gives an answer that is accepted; each has `timeoutMs`. A text says, in etcd's
 * words, why there is none.
 */
export async function askForCluster(
  urls: readonly string[],
  world: DecisionWorld,
  options: AskForClusterOptions,
): Promise<ClusterAnswer | string> {
  for (const url of urls) {
    const address = `${url}/members`;
    const warn = (message: string, error: string): void => {
      if (!options.quiet) world.logger.warn(message, { address, error });
    };
    let answer: Awaited<ReturnType<DecisionWorld['calls']['members']>>;
    try {
      answer = await withTimeout(world, options.timeoutMs, (signal) => world.calls.members(url, signal));
    } catch (cause) {
      warn('failed to get cluster response', `Get "${address}": ${errorText(cause)}`);
      continue;
    }
    let members: ClusterMember[];
    try {
      members = membersFromJson(answer.json);
    } catch (cause) {
      warn('failed to unmarshal cluster response', errorText(cause));
      continue;
    }
    // It has not got that far itself; whoever answers so ends the search, as in etcd.
    if (members.length === 0) return 'failed to get raft cluster member(s) from the given URLs';
    const cluster = { clusterId: answer.clusterId, members: members.sort((a, b) => (a.id < b.id ? -1 : 1)) };
    if (options.accepts === undefined || (await options.accepts(cluster))) return cluster;
  }
  return 'could not retrieve cluster information from the given URLs';
}

/** One call that may take so long. */
export async function withTimeout<T>(
  { clock }: Pick<DecisionWorld, 'clock'>,
  timeoutMs: number,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const cancel = clock.after(timeoutMs, () => controller.abort(new Error(wireErrors.contextDeadlineExceeded.message)));
  try {
    return await call(controller.signal);
  } finally {
    cancel();
  }
}

export const errorText = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
