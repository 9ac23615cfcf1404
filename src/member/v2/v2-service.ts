/**
 * Requests of the v2 API: writes and reads with quorum through the log, other reads and watches from this member's
 * store as it is. And the leader's clockwork of expiry: when a key is due, it puts its time into the log, at which
 * every member removes what was due then.
 *
 * `etcd-diff:` etcd proposes twice a second while any key has a TTL; here it is done when one is due, looked at ten
 * times a second.
 */

import { encodeV2Request } from '../../datadir/v2-request-codec.js';
import type { Clock } from '../../lib/clock.js';
import { Later, type Soon } from '../../lib/soon.js';
import { EtcdError } from '../../proto/etcd-error.js';
import type { RawNode } from '../../raft/rawnode.js';
import { applyRequest } from '../../v2/apply.js';
import type { Event } from '../../v2/event.js';
import { emptyRequest, type V2Request } from '../../v2/request.js';
import type { V2Store } from '../../v2/store.js';
import type { Watcher } from '../../v2/watcher-hub.js';
import type { Leadership } from '../loop/leadership.js';
import type { Proposals } from '../writes/proposals.js';
import type { RequestIds } from '../writes/request-ids.js';

const NS_PER_MS = 1_000_000n;

/** With where this member stood when it was given. */
export interface V2Answer {
  readonly raftIndex: number;
  readonly raftTerm: number;
  readonly result:
    | { readonly t: 'event'; readonly event: Event }
    | { readonly t: 'watcher'; readonly watcher: Watcher };
}

export interface V2ServiceDeps {
  readonly store: V2Store;
  readonly node: Pick<RawNode, 'term'>;
  readonly applied: () => number;
  readonly proposals: Pick<Proposals, 'proposeV2'>;
  readonly ids: RequestIds;
  readonly leadership: Pick<Leadership, 'isLeader'>;
  readonly clock: Clock;
}

export class V2Service {
  #syncing = false;

  constructor(readonly deps: V2ServiceDeps) {}

  get nowNs(): bigint {
    return BigInt(this.deps.clock.wallMs()) * NS_PER_MS;
  }

  /**
   * Throws or rejects with a V2Error, or with what kept the log from taking the request or answering in time. What goes
   * by this member's store alone is answered at once. The id is given here.
   */
  do(request: V2Request): Soon<V2Answer> | Later<V2Answer> {
    const { store } = this.deps;
    switch (request.method) {
      case 'GET':
        // A read with quorum does not wait, as in etcd.
        if (request.quorum) return this.#through({ ...request, method: 'QGET' });
        if (request.wait) {
          const watcher = store.watch(request.path, { ...request, sinceIndex: request.since });
          return this.#answer({ t: 'watcher', watcher });
        }
        return this.#local(request);
      case 'HEAD':
        return this.#local(request);
      default:
        return this.#through(request);
    }
  }

  valueAt(path: string): string | undefined {
    return this.deps.store.valueAt(path);
  }

  tick(): void {
    const { store, leadership } = this.deps;
    const { nowNs } = this;
    const dueNs = store.nextExpiryNs;
    if (this.#syncing || dueNs === undefined || dueNs > nowNs || !leadership.isLeader) return;
    this.#syncing = true;
    // One that is lost is made up for at the next tick.
    this.#propose({ ...emptyRequest, method: 'SYNC', time: nowNs })
      .catch(() => {})
      .finally(() => {
        this.#syncing = false;
      });
  }

  /** Ends all watches. */
  stop(): void {
    this.deps.store.hub.close();
  }

  #local(request: V2Request): V2Answer {
    return this.#eventAnswer(applyRequest(this.deps.store, request, this.nowNs));
  }

  #through(request: V2Request): Later<V2Answer> {
    return Later.of(this.#propose(request), this.#eventAnswer, asOneTimeout);
  }

  #propose(request: V2Request): Promise<Event | undefined> {
    const id = this.deps.ids.next();
    return this.deps.proposals.proposeV2(id, encodeV2Request(request, id));
  }

  readonly #eventAnswer = (event: Event | undefined): V2Answer => {
    if (event === undefined) throw new Error('received response with no Event/Watcher');
    return this.#answer({ t: 'event', event });
  };

  #answer(result: V2Answer['result']): V2Answer {
    return { raftIndex: this.deps.applied(), raftTerm: this.deps.node.term, result };
  }
}

/** v2 has one word for both: nobody took it, and nobody answered. */
function asOneTimeout(cause: unknown): never {
  throw cause instanceof EtcdError && cause.row === 'contextDeadlineExceeded' ? new EtcdError('timeout') : cause;
}
