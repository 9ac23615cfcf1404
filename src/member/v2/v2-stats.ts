/** `/v2/stats`: what this member counts of itself and, while it leads, of its followers. JSON as etcd writes it. */
import type { Clock } from '../../lib/clock.js';
import { formatMs } from '../../lib/go/duration.js';
import { type Message, MessageType, type NodeId } from '../../raftpb/types.js';
import { bytesOf, jsonString } from '../../v2/json.js';
import type { V2Store } from '../../v2/store.js';
import { formatTime } from '../../v2/time.js';
import type { Leadership } from '../loop/leadership.js';
import type { Cluster } from '../membership/cluster.js';
import { FollowerFigures } from './follower-figures.js';
import { MessageRate } from './message-rate.js';

const NS_PER_MS = 1_000_000n;

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
  readonly #received: MessageRate;
  readonly #sent: MessageRate;
  readonly #followers = new Map<NodeId, FollowerFigures>();

  constructor(readonly deps: V2StatsDeps) {
    this.#startMs = deps.clock.wallMs();
    this.#leaderSinceMs = this.#startMs;
    this.#received = new MessageRate(deps.clock);
    this.#sent = new MessageRate(deps.clock);
    deps.leadership.onChange(() => {
      this.#leaderSinceMs = deps.clock.wallMs();
      this.#followers.clear();
    });
  }

  /** Of others' messages, those that carry entries are counted. */
  received(message: Message): void {
    if (message.type === MessageType.MsgApp) this.#received.count(sizeOf(message));
  }

  /** Handed to the transport, which took `tookMs` for all of them. */
  sent(messages: readonly Message[], tookMs: number): void {
    for (const message of messages) {
      if (message.type !== MessageType.MsgApp) continue;
      this.#sent.count(sizeOf(message));
      this.#follower(message.to).succeeded(tookMs);
    }
  }

  /** The transport could not reach it. */
  failed(id: NodeId): void {
    if (this.deps.leadership.isLeader) this.#follower(id).failed();
  }

  #follower(id: NodeId): FollowerFigures {
    const known = this.#followers.get(id);
    if (known !== undefined) return known;
    const figures = new FollowerFigures();
    this.#followers.set(id, figures);
    return figures;
  }

  self(): string {
    const { name, cluster, leadership, clock } = this.deps;
    const upMs = Math.max(0, clock.wallMs() - this.#leaderSinceMs);
    const leader = leadership.hasLeader ? leadership.lead.toString(16) : '';
    const state = leadership.isLeader ? 'StateLeader' : 'StateFollower';
    const info = `{"leader":"${leader}","uptime":"${formatMs(upMs)}","startTime":"${time(this.#leaderSinceMs)}"}`;
    const who = `"name":${jsonString(bytesOf(name))},"id":"${cluster.localId.toString(16)}","state":"${state}"`;
    const traffic = `${this.#received.toJson('recv')},${this.#sent.toJson('send')}`;
    return `{${who},"startTime":"${time(this.#startMs)}","leaderInfo":${info},${traffic}}`;
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
      .map(({ id }) => `"${id.toString(16)}":${this.#follower(id).toJson()}`);
    return `{"leader":"${cluster.localId.toString(16)}","followers":{${followers.join(',')}}}`;
  }
}

/** Without the few bytes around its entries. */
function sizeOf({ entries }: Message): number {
  let size = 0;
  for (const { data } of entries) size += data.length;
  return size;
}

const time = (ms: number): string => formatTime(BigInt(ms) * NS_PER_MS);
