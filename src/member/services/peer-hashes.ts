/** Hashes of their data that the other members give when they are asked. */
import type { Clock } from '../../lib/clock.js';
import { PeerCallError, type PeerCalls } from '../../peer/types.js';
import type { NodeId } from '../../raftpb/types.js';
import type { Cluster } from '../membership/cluster.js';

export interface PeerHashesDeps {
  readonly calls: Pick<PeerCalls, 'hashKv'>;
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

/** What another member answered, or why it did not. */
export interface PeerHash {
  readonly id: NodeId;
  readonly endpoints: readonly string[];
  readonly answer: Awaited<ReturnType<PeerCalls['hashKv']>> | undefined;
  readonly error: string;
}

export class PeerHashes {
  readonly #stopped = new AbortController();

  constructor(readonly deps: PeerHashesDeps) {}

  stop(): void {
    this.#stopped.abort();
  }

  /** All others; learners too. */
  ask(revision: number): Promise<PeerHash[]> {
    const { calls, clock, cluster, timeoutMs } = this.deps;
    const others = cluster.members.filter(({ id }) => id !== cluster.localId);
    return Promise.all(
      others.map(async ({ id, peerURLs }) => {
        let error = 'no URL';
        for (const url of peerURLs) {
          const late = new AbortController();
          const cancel = clock.after(timeoutMs, () => late.abort());
          try {
            const signal = AbortSignal.any([late.signal, this.#stopped.signal]);
            return { id, endpoints: peerURLs, answer: await calls.hashKv(url, revision, signal), error: '' };
          } catch (cause) {
            error = cause instanceof PeerCallError ? cause.body : (cause as Error).message;
          } finally {
            cancel();
          }
        }
        return { id, endpoints: peerURLs, answer: undefined, error };
      }),
    );
  }
}
