/** Requests of the v2 API onto v3 keys: which operation is meant, as `v2/apply.ts` has it for v2's own store. */

import type { Event } from '../../../v2/event.js';
import { cleanPath } from '../../../v2/path.js';
import { emptyRequest, type V2Request } from '../../../v2/request.js';
import type { V2Answer } from '../answers/types.js';
import { V3Calls, type V3Face } from './calls.js';
import { V3Paths } from './paths.js';
import { StoreOverV3 } from './store.js';
import { WatcherOverV3 } from './watcher.js';

export class V2OverV3 {
  readonly #calls: V3Calls;
  readonly #paths: V3Paths;
  readonly #store: StoreOverV3;

  /** `prefix` (bytes as latin1) begins all keys. */
  constructor(face: V3Face, prefix: string) {
    this.#calls = new V3Calls(face);
    this.#paths = new V3Paths(prefix);
    this.#store = new StoreOverV3(this.#calls, this.#paths);
  }

  /** Rejects with V2Error, or with what kept the member from answering. Places in the log are not told: as etcd, 0. */
  async do(request: V2Request): Promise<V2Answer> {
    // A read with quorum does not wait, as in etcd.
    if (request.method === 'GET' && request.wait && !request.quorum) {
      const watched = { ...request, path: cleanPath(request.path) };
      const watcher = new WatcherOverV3(this.#calls, this.#paths, watched);
      return { raftIndex: 0, raftTerm: 0, result: { t: 'watcher', watcher } };
    }
    return { raftIndex: 0, raftTerm: 0, result: { t: 'event', event: await this.#carryOut(request) } };
  }

  async valueAt(path: string): Promise<string | undefined> {
    try {
      return (await this.#store.get({ ...emptyRequest, path })).node.value;
    } catch {
      return undefined;
    }
  }

  #carryOut(request: V2Request): Promise<Event> {
    const compares = request.prevIndex > 0n || request.prevValue !== '';
    switch (request.method) {
      case 'PUT':
        if (request.prevExist === false) return this.#store.create(request);
        if (compares) return this.#store.compareAndSwap(request);
        return request.prevExist === true ? this.#store.update(request) : this.#store.set(request);
      case 'POST':
        return this.#store.createInOrder(request);
      case 'DELETE':
        return compares ? this.#store.compareAndDelete(request) : this.#store.delete(request);
      default:
        return this.#store.get(request);
    }
  }
}
