/**
 * What only the leader can do, and what is no entry: done here where this member leads, else asked of the leader over
 * its peer URLs, one after the other, until it answers or the time for requests is over. Leaders may change meanwhile.
 * Source: etcd's v3_server.go (LeaseRenew, waitLeader).
 */
import { AbandonedError } from '../../lib/caller.js';
import type { Clock } from '../../lib/clock.js';
import { EtcdError } from '../../proto/etcd-error.js';
import type { NodeId } from '../../raftpb/types.js';
import type { Leadership } from '../loop/leadership.js';
import type { Cluster } from './cluster.js';

const RETRY_MS = 50;

export interface LeaderCallsDeps {
  readonly cluster: Cluster;
  readonly leadership: Leadership;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

export interface LeaderTask<T> {
  /** Throws EtcdError('notLeader') where this member turns out not to lead. */
  readonly here: () => Promise<T>;
  readonly there: (url: string, signal: AbortSignal) => Promise<T>;
  /** The answer's meaning, where an error of `there` is the leader's last word; undefined: try again. */
  readonly refusalOf: (error: unknown) => Error | undefined;
}

/** Whose signal is asked for where there is something to wait for. */
export interface Waiting {
  readonly signal: AbortSignal;
}

export class LeaderCalls {
  #isClosed = false;
  /** Ends of those that wait. */
  readonly #waiting = new Set<() => void>();

  constructor(readonly deps: LeaderCallsDeps) {}

  /** A caller that goes away is waited for no more, nor does the leader hear from us any more: AbandonedError. */
  async run<T>(task: LeaderTask<T>, caller?: Waiting): Promise<T> {
    // The leader, of which nearly all is asked, needs neither timer nor signal.
    const isAsked = this.deps.leadership.isLeader && !this.#isClosed;
    const answer = isAsked ? await this.#here(task) : undefined;
    return answer === undefined ? this.#untilAnswered(task, caller, isAsked) : answer.value;
  }

  close(): void {
    this.#isClosed = true;
    for (const end of this.#waiting) end();
  }

  async #untilAnswered<T>(task: LeaderTask<T>, caller: Waiting | undefined, wasAsked: boolean): Promise<T> {
    const { clock, leadership, timeoutMs } = this.deps;
    const ended = new AbortController();
    const { signal } = ended;
    const end = (): void => ended.abort();
    const cancel = clock.after(timeoutMs, end);
    this.#waiting.add(end);
    caller?.signal.addEventListener('abort', end, { once: true });
    if (this.#isClosed || caller?.signal.aborted === true) end();
    try {
      if (wasAsked) await pause(clock, signal);
      while (!signal.aborted) {
        const answer = await (leadership.isLeader ? this.#here(task) : this.#ask(task, signal));
        if (answer !== undefined) return answer.value;
        await pause(clock, signal);
      }
      if (caller?.signal.aborted === true) throw new AbandonedError('the caller is gone');
      if (this.#isClosed) throw new EtcdError('stopped');
      throw new EtcdError(leadership.hasLeader ? 'timeout' : 'noLeader');
    } finally {
      cancel();
      this.#waiting.delete(end);
      caller?.signal.removeEventListener('abort', end);
    }
  }

  /** undefined where this member turns out not to lead. */
  async #here<T>({ here }: LeaderTask<T>): Promise<{ value: T } | undefined> {
    try {
      return { value: await here() };
    } catch (cause) {
      if (cause instanceof EtcdError && cause.row === 'notLeader') return undefined;
      throw cause;
    }
  }

  /** undefined when nobody gave an answer that counts. */
  async #ask<T>({ there, refusalOf }: LeaderTask<T>, signal: AbortSignal): Promise<{ value: T } | undefined> {
    for (const url of this.#urlsOf(this.deps.leadership.lead)) {
      if (signal.aborted) return undefined;
      try {
        return { value: await there(url, signal) };
      } catch (cause) {
        const refusal = refusalOf(cause);
        if (refusal !== undefined) throw refusal;
      }
    }
    return undefined;
  }

  #urlsOf(id: NodeId): readonly string[] {
    return this.deps.cluster.get(id)?.peerURLs ?? [];
  }
}

function pause(clock: Clock, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(RETRY_MS, done);
    signal.addEventListener('abort', done, { once: true });
  });
}
