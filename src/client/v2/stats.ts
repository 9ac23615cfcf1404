/** Statistics of one member, as it gives them: self and store of whichever answers, leader of the leader alone. */
import type { Json } from '../../lib/go/json-shape.js';
import { expectOk, parseObject, struct } from './answers.js';
import type { Cluster } from './cluster.js';
import type { V2CallOptions } from './types.js';

/** What there is differs with the statistics. */
const anything = struct('map[string]interface {}', {});

export class StatsApi {
  constructor(readonly cluster: Cluster) {}

  self(call: V2CallOptions = {}): Promise<Json> {
    return this.#get('self', call);
  }

  store(call: V2CallOptions = {}): Promise<Json> {
    return this.#get('store', call);
  }

  /** Rejects with V2CallError (`not current leader`) where a follower is asked. */
  leader(call: V2CallOptions = {}): Promise<Json> {
    return this.#get('leader', call);
  }

  async #get(name: string, call: V2CallOptions): Promise<Json> {
    const answer = await this.cluster.send({ method: 'GET', path: `/v2/stats/${name}` }, call);
    expectOk(answer, 'membersError', 200);
    return parseObject(answer.body, anything);
  }
}
