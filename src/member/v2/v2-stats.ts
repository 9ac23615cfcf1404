/** `/v2/stats`: what this member counts of itself and, while it leads, of its followers. JSON as etcd writes it. */
import type { Clock } from '../../lib/clock.js';
import { formatMs } from '../../lib/go/duration.js';
import { bytesOf, jsonString } from '../../v2/json.js';
import type { V2Store } from '../../v2/store.js';
import { formatTime } from '../../v2/time.js';
import type { Leadership } from '../loop/leadership.js';
import type { Cluster } from '../membership/cluster.js';

const NS_PER_MS = 1_000_000n;
const NO_LATENCY = '{"current":0,"average":0,"standardDeviation":0,"minimum":0,"maximum":0}';

export interface V2StatsDeps {
  readonly name: string;
  readonly cluster: Cluster;
  readonly store: V2Store;
  readonly leadership: Leadership;
  readonly clock: Clock;
}

export class V2Stats {
  readonly #startMs: number;
  #leaderSinceMs: number;

  constructor(readonly deps: V2StatsDeps) {
    this.#startMs = deps.clock.wallMs();
    this.#leaderSinceMs = this.#startMs;
    deps.leadership.onChange(() => {
      this.#leaderSinceMs = deps.clock.wallMs();
    });
  }

  self(): string {
    const { name, cluster, leadership, clock } = this.deps;
    const upMs = Math.max(0, clock.wallMs() - this.#leaderSinceMs);
    const leader = leadership.hasLeader ? leadership.lead.toString(16) : '';
    const state = leadership.isLeader ? 'StateLeader' : 'StateFollower';
    const info = `{"leader":"${leader}","uptime":"${formatMs(upMs)}","startTime":"${time(this.#leaderSinceMs)}"}`;
    const who = `"name":${jsonString(bytesOf(name))},"id":"${cluster.localId.toString(16)}","state":"${state}"`;
    return `{${who},"startTime":"${time(this.#startMs)}","leaderInfo":${info},"recvAppendRequestCnt":0,"sendAppendRequestCnt":0}`;
  }

  store(): string {
    const { store } = this.deps;
    return store.stats.toJson(store.hub.count);
  }

  /** undefined where this member does not lead. */
  leader(): string | undefined {
    const { cluster, leadership } = this.deps;
    if (!leadership.isLeader) return undefined;
    const followers = cluster.members
      .filter(({ id }) => id !== cluster.localId)
      .map(({ id }) => `"${id.toString(16)}":{"latency":${NO_LATENCY},"counts":{"fail":0,"success":0}}`);
    return `{"leader":"${cluster.localId.toString(16)}","followers":{${followers.join(',')}}}`;
  }
}

const time = (ms: number): string => formatTime(BigInt(ms) * NS_PER_MS);
